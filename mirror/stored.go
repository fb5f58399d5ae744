package mirror

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
)

// stored is where a file is that came here since the catalog was made, and what
// hosts were told of it.
type stored struct {
	sha256    layout.Digest
	size      int64
	tag       string // empty: the digest
	modified  time.Time
	restarted time.Time
}

func storedOf(b *layout.Binding) stored {
	return stored{sha256: b.SHA256, size: b.Size, tag: b.Tag, modified: b.Modified.Time(), restarted: b.Restarted.Time()}
}

// restartedFor is how long it is told that bytes were handed out and then discarded
// (layout.Filling).
const restartedFor = 24 * time.Hour

// storedFile is a Filling of an object.
type storedFile struct {
	stored
	open func() (*os.File, error)
	late bool // restarted is no news any more

	mu    sync.Mutex
	first *os.File // for the first reader
}

// openStored opens an object of the store.
func (m *Mirror) openStored(ctx context.Context, s stored) (*storedFile, error) {
	files, ok := m.Store.(store.Filer)
	if !ok {
		return nil, errors.New("the store hands out no files")
	}
	open := func() (*os.File, error) { return files.File(context.WithoutCancel(ctx), s.sha256) }
	first, err := files.File(ctx, s.sha256)
	if err != nil {
		return nil, err
	}
	return &storedFile{stored: s, open: open, first: first, late: m.now().Sub(s.restarted) >= restartedFor}, nil
}

// Size implements layout.Filling.
func (s *storedFile) Size() int64 { return s.size }

// ETag implements layout.Filling.
func (s *storedFile) ETag() string {
	if s.tag != "" {
		return `"` + s.tag + `"`
	}
	return `"` + s.sha256.String() + `"`
}

// Modified implements layout.Filling.
func (s *storedFile) Modified() time.Time { return s.modified }

// SHA256 implements layout.Filling.
func (s *storedFile) SHA256() layout.Digest { return s.sha256 }

// Restarted implements layout.Filling.
func (s *storedFile) Restarted() time.Time {
	if s.late {
		return time.Time{}
	}
	return s.restarted
}

// Read implements layout.Filling.
func (s *storedFile) Read(_, end int64) (layout.FillReader, error) {
	s.mu.Lock()
	f := s.first
	s.first = nil
	s.mu.Unlock()
	var err error
	if f == nil {
		f, err = s.open()
	}
	if err != nil {
		return nil, err
	}
	return &storedReader{file: f, end: end}, nil
}

// Close implements layout.Filling.
func (s *storedFile) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		return nil
	}
	err := s.first.Close()
	s.first = nil
	return err
}

// storedReader reads a part of an object.
type storedReader struct {
	file *os.File
	end  int64
}

// Ready implements layout.FillReader: all of it is here.
func (r *storedReader) Ready(context.Context, int64) (int64, error) { return r.end, nil }

// File implements layout.FillReader.
func (r *storedReader) File() *os.File { return r.file }

// Close implements io.Closer.
func (r *storedReader) Close() error { return r.file.Close() }
