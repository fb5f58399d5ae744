package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"patchferry/layout"
)

// resumed reads an object behind from its beginning to its end. A read that breaks
// off is taken up again where it stopped, as long as bytes come in between.
type resumed struct {
	store  Store
	digest layout.Digest

	r     io.ReadCloser // nil: to be opened
	read  int64         // bytes so far
	size  int64
	tries int // in a row without a byte
}

// open begins to read and returns the size of the object.
func (r *resumed) open(ctx context.Context) (int64, error) {
	if err := r.reopen(ctx); err != nil {
		return 0, err
	}
	if r.size = sizeBehind(r.r); r.size >= 0 {
		return r.size, nil
	}
	size, err := r.store.Stat(ctx, r.digest)
	r.size = size
	return size, err
}

func (r *resumed) reopen(ctx context.Context) error {
	opened, err := r.store.Open(ctx, r.digest, r.read, -1)
	if err == nil {
		r.r = opened
	}
	return err
}

// reader returns the reading as a reader.
func (r *resumed) reader(ctx context.Context) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.next(ctx, p)
		if err == nil || err == io.EOF || !r.again(ctx, n, err) {
			return n, err
		}
		return n, nil // the next read takes it up
	})
}

func (r *resumed) next(ctx context.Context, p []byte) (int, error) {
	if r.r == nil {
		if err := r.reopen(ctx); err != nil {
			return 0, err
		}
	}
	n, err := r.r.Read(p)
	r.read += int64(n)
	return n, err
}

// again reports whether to go on after an error that came with n bytes.
func (r *resumed) again(ctx context.Context, n int, err error) bool {
	_, wrong := errors.AsType[*layout.MismatchError](err)
	if wrong || errors.Is(err, fs.ErrNotExist) || r.read >= r.size {
		return false
	}
	if n > 0 {
		r.tries = 0
	}
	if r.tries++; r.tries > resumes {
		return false
	}
	_ = r.close() // it is broken
	select {
	case <-time.After(time.Duration(r.tries) * resumePause):
		return true
	case <-ctx.Done():
		return false
	}
}

// close lets the reader go that is open.
func (r *resumed) close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return err
}
