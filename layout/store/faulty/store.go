package faulty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"patchferry/layout"
	"patchferry/layout/store"
)

// Mode is how a write fails.
type Mode int

// The modes.
const (
	// None: the write succeeds.
	None Mode = iota
	// Lost: the write is not done and an error returned.
	Lost
	// Kept: the write is done and an error returned all the same.
	Kept
	// Torn: as Lost, but half of the bytes are left in the stage under a name
	// of the store's own, as by a process that was killed. In a store without
	// a stage, and for a write that has no bytes, it is Lost.
	Torn
)

func (m Mode) String() string {
	switch m {
	case None:
		return "none"
	case Lost:
		return "lost"
	case Kept:
		return "kept"
	case Torn:
		return "torn"
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// Fault says which write fails and how. The zero Fault is none.
type Fault struct {
	// At is the number of the write, counted from 1: a Put, Delete, Create,
	// Bind or Unbind, successful or not. 0 is none of them.
	At int
	// Mode is what becomes of it.
	Mode Mode
	// Dies lets every later call fail, as if the process were gone. With Mode
	// None it dies just after the write succeeded.
	Dies bool
}

var (
	// ErrFault is the error of the write that the Fault names.
	ErrFault = errors.New("faulty: write failed on purpose")
	// ErrDied is the error of every call after the Fault was deadly.
	ErrDied = errors.New("faulty: died on purpose")
)

// Store is a store that fails one write. It is a Stager, a Filer, a Linker and
// an Adopter if the store behind it is; if that is not, StageDir is the system's
// folder for temporary files, Adopt is Put, and the other two fail with
// errors.ErrUnsupported.
type Store struct {
	behind store.Store
	fault  Fault

	mu     sync.Mutex
	writes int
	dead   bool
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Stager = (*Store)(nil)
	_ store.Filer  = (*Store)(nil)
	_ store.Linker = (*Store)(nil)

	_ store.Adopter = (*Store)(nil)
)

// New returns a store that does what s does, but for the fault.
func New(s store.Store, fault Fault) *Store {
	return &Store{behind: s, fault: fault}
}

// Writes returns how many writes there were. A test learns from a run without
// a fault how many there are to fail in turn.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *Store) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return ErrDied
	}
	return nil
}

// write does one write, or fails it. torn returns the bytes to leave half of.
func (s *Store) write(what string, do func() error, torn func() ([]byte, error)) error {
	s.mu.Lock()
	if s.dead {
		s.mu.Unlock()
		return ErrDied
	}
	s.writes++
	n, mode := s.writes, None
	if n == s.fault.At {
		mode, s.dead = s.fault.Mode, s.fault.Dies
	}
	s.mu.Unlock()

	failed := fmt.Errorf("%s, write %d, %s: %w", what, n, mode, ErrFault)
	switch mode {
	case Lost:
		return failed
	case Kept:
		return errors.Join(failed, do())
	case Torn:
		return errors.Join(failed, s.tear(torn))
	}
	return do()
}

// tear leaves half of the bytes of a write in the stage.
func (s *Store) tear(torn func() ([]byte, error)) error {
	stager, ok := s.behind.(store.Stager)
	if !ok {
		return nil
	}
	data, err := torn()
	if err != nil || data == nil {
		return err
	}
	name := filepath.Join(stager.StageDir(), fmt.Sprintf("%storn%d", store.TempPrefix, s.Writes()))
	return os.WriteFile(name, data[:len(data)/2], 0o644)
}

func noBytes() ([]byte, error) { return nil, nil }

func bytesOf(doc []byte) func() ([]byte, error) {
	return func() ([]byte, error) { return doc, nil }
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	return s.write("put",
		func() error { return s.behind.Put(ctx, d, size, f) },
		func() ([]byte, error) { return io.ReadAll(io.NewSectionReader(f, 0, size)) })
}

// Adopt implements store.Adopter.
func (s *Store) Adopt(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	adopter, ok := s.behind.(store.Adopter)
	if !ok {
		return s.Put(ctx, d, size, f)
	}
	return s.write("adopt",
		func() error { return adopter.Adopt(ctx, d, size, f) },
		func() ([]byte, error) { return io.ReadAll(io.NewSectionReader(f, 0, size)) })
}

// Open implements store.Store.
func (s *Store) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	return s.behind.Open(ctx, d, offset, n)
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	if err := s.alive(); err != nil {
		return 0, err
	}
	return s.behind.Stat(ctx, d)
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, after layout.Digest) iter.Seq2[store.Info, error] {
	return whileAlive(s, s.behind.List(ctx, after))
}

// whileAlive ends a listing with ErrDied where the store dies under it.
func whileAlive[T any](s *Store, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := s.alive(); err != nil {
			yield(none, err)
			return
		}
		for v, err := range all {
			if dead := s.alive(); dead != nil {
				yield(none, dead)
				return
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, d layout.Digest) error {
	return s.write("delete", func() error { return s.behind.Delete(ctx, d) }, noBytes)
}

// Newest implements store.Store.
func (s *Store) Newest(ctx context.Context) (uint64, error) {
	if err := s.alive(); err != nil {
		return 0, err
	}
	return s.behind.Newest(ctx)
}

// Read implements store.Store.
func (s *Store) Read(ctx context.Context, n uint64) ([]byte, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	return s.behind.Read(ctx, n)
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, n uint64, doc []byte) error {
	return s.write("create", func() error { return s.behind.Create(ctx, n, doc) }, bytesOf(doc))
}

// Bind implements store.Store.
func (s *Store) Bind(ctx context.Context, key layout.Digest, doc []byte) error {
	return s.write("bind", func() error { return s.behind.Bind(ctx, key, doc) }, bytesOf(doc))
}

// Bound implements store.Store.
func (s *Store) Bound(ctx context.Context, key layout.Digest) ([]byte, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	return s.behind.Bound(ctx, key)
}

// Bindings implements store.Store.
func (s *Store) Bindings(ctx context.Context) iter.Seq2[store.Binding, error] {
	return whileAlive(s, s.behind.Bindings(ctx))
}

// Unbind implements store.Store.
func (s *Store) Unbind(ctx context.Context, key layout.Digest) error {
	return s.write("unbind", func() error { return s.behind.Unbind(ctx, key) }, noBytes)
}

// StageDir implements store.Stager.
func (s *Store) StageDir() string {
	if stager, ok := s.behind.(store.Stager); ok {
		return stager.StageDir()
	}
	return filepath.Clean(os.TempDir())
}

// StageFS implements store.Stager. What is written there is no write of the
// store, and never fails; see Disk.
func (s *Store) StageFS() (store.FS, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if stager, ok := s.behind.(store.Stager); ok {
		return stager.StageFS()
	}
	return store.OpenFS(s.StageDir())
}

// File implements store.Filer.
func (s *Store) File(ctx context.Context, d layout.Digest) (*os.File, error) {
	filer, ok := s.behind.(store.Filer)
	if !ok {
		return nil, fmt.Errorf("file of object: %w", errors.ErrUnsupported)
	}
	if err := s.alive(); err != nil {
		return nil, err
	}
	return filer.File(ctx, d)
}

// Link implements store.Linker.
func (s *Store) Link(ctx context.Context, d layout.Digest, path string) error {
	linker, ok := s.behind.(store.Linker)
	if !ok {
		return fmt.Errorf("link object: %w", errors.ErrUnsupported)
	}
	if err := s.alive(); err != nil {
		return err
	}
	return linker.Link(ctx, d, path)
}
