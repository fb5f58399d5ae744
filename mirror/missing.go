package mirror

import (
	"errors"
	"io/fs"
)

// isMissing reports whether a store said that it does not have something.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
