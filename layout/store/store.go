package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"

	"patchferry/layout"
)

// ErrExists is returned by Create and Bind when the key is already taken by
// other bytes. It means that another writer was faster, not that the store is
// broken.
var ErrExists = errors.New("store: exists")

// Store is the contract that every store keeps and one suite checks
// (storetest). All methods may be called concurrently. What is missing is
// reported as an error that matches fs.ErrNotExist. A method that returns nil
// has made its effect durable; one that returns an error may or may not have
// had its effect, but never half of it.
type Store interface {
	// Put makes the size bytes of f the object d. It does not hash: the
	// caller has (law 1, admit). f is read from its start; where f lies in
	// the store's own stage (Stager) it is linked and not copied, and the
	// caller must not write to it again. Putting an object that is there
	// already, with the same size, does nothing and returns nil.
	Put(ctx context.Context, d layout.Digest, size int64, f *os.File) error
	// Open reads n bytes of the object d from offset on; n < 0 reads to the
	// end. A range that ends beyond the object is cut; an offset beyond it
	// is an error. The caller closes the reader.
	Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error)
	// Stat returns the object's length in bytes.
	Stat(ctx context.Context, d layout.Digest) (int64, error)
	// List yields all objects greater than after in ascending order of
	// digest. Objects put or deleted meanwhile may or may not be seen. It
	// stops at the first error.
	List(ctx context.Context, after layout.Digest) iter.Seq2[Info, error]
	// Delete removes an object. Removing what is not there is not an error.
	Delete(ctx context.Context, d layout.Digest) error

	// Newest returns the number of the newest state, 0 for an empty log.
	Newest(ctx context.Context) (uint64, error)
	// Read returns the bytes of state n.
	Read(ctx context.Context, n uint64) ([]byte, error)
	// Create writes state n, n > 0, unless it exists: then ErrExists, also
	// when the bytes are equal. Only one of several concurrent writers wins.
	// The log has no holes: n-1 must exist unless n is 1.
	Create(ctx context.Context, n uint64, doc []byte) error

	// Bind writes the binding named key unless it exists: then ErrExists if
	// the bytes differ, nil if they are equal.
	Bind(ctx context.Context, key layout.Digest, doc []byte) error
	// Bound returns a binding.
	Bound(ctx context.Context, key layout.Digest) ([]byte, error)
	// Bindings yields all bindings in ascending order of key.
	Bindings(ctx context.Context) iter.Seq2[Binding, error]
	// Unbind removes a binding, missing or not.
	Unbind(ctx context.Context, key layout.Digest) error
}

// Info is one object of a listing.
type Info struct {
	Digest layout.Digest
	Size   int64 // bytes
}

// Binding is one binding of a listing.
type Binding struct {
	Key layout.Digest
	Doc []byte
}

// MaxDocument is the largest state or binding in bytes; larger ones are
// refused when written and when read.
const MaxDocument = 4 << 20

// Stager is a store that offers a directory on its own file system, so that
// Put of a file in it is a link. Where a store is no Stager, files are staged
// in the work directory.
type Stager interface {
	// StageDir returns the absolute path of the directory; it exists.
	StageDir() string
	// StageFS returns the directory as a file system. What is made durable
	// through it is so as the store's own files are.
	StageFS() (FS, error)
}

// Filer is a store that can hand out an object as a file, for sendfile.
type Filer interface {
	File(ctx context.Context, d layout.Digest) (*os.File, error)
}

// Linker is a store that can hard-link an object to a new name on its own
// file system.
type Linker interface {
	Link(ctx context.Context, d layout.Digest, path string) error
}

// Adopter is a store that takes many objects with less ado than Put: it makes
// them durable together, when something comes to rely on them.
type Adopter interface {
	// Adopt is Put of a file whose bytes its caller has made durable already. The
	// object is there when it returns, and durable once a later Create or Bind
	// has returned nil. Until then a loss of power may take it back, and so the
	// caller keeps what it was made of.
	Adopt(ctx context.Context, d layout.Digest, size int64, f *os.File) error
}
