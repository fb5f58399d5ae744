package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// LinkFile gives an open file a name.
func (r *rootFS) LinkFile(old *os.File, new string) error {
	in, base, err := r.in(new)
	if err != nil {
		return err
	}
	if strings.Contains(base, "/") {
		return fmt.Errorf("link to %s, in a folder that is not open: %w", new, errors.ErrUnsupported)
	}
	folder, err := in.Open(".")
	if err != nil {
		return err
	}
	defer folder.Close() // it was only asked for
	// linkat(2): the way to link a file by its descriptor that needs no privilege.
	file := "/proc/self/fd/" + strconv.Itoa(int(old.Fd()))
	err = unix.Linkat(unix.AT_FDCWD, file, int(folder.Fd()), base, unix.AT_SYMLINK_FOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("link an open file: no /proc: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return &os.LinkError{Op: "linkat", Old: old.Name(), New: new, Err: err}
	}
	return nil
}
