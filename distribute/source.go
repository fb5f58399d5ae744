package distribute

import (
	"context"
	"io"
	"os"
	"time"

	"patchferry/layout"
)

// Source is where the bytes of files come from; a store.Store is one. Both
// methods may be called concurrently. A missing object is an error that
// matches fs.ErrNotExist.
type Source interface {
	// Open reads n bytes of the object from offset on; n < 0 reads to the
	// end. The caller closes the reader.
	Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error)
	// Stat returns the length of the object in bytes.
	Stat(ctx context.Context, d layout.Digest) (int64, error)
}

// filer is a Source that can hand out an object as a file, which the kernel
// then sends by itself. One that cannot do so for this object returns an error
// that matches errors.ErrUnsupported, and Open is used.
type filer interface {
	File(ctx context.Context, d layout.Digest) (*os.File, error)
}

// spoiler is a Source that may hand out bytes before it knows that they are right,
// and remembers when they turned out not to be: within the last day, or the zero time.
type spoiler interface {
	Spoiled(d layout.Digest) time.Time
}
