package store

import (
	"context"
	"errors"
	"io"
	"os"
)

// update changes the fill and wakes its readers.
func (f *fill) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// close ends a fill, unless all that is left to do is to keep the copy.
func (f *fill) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stage != right {
		f.cancel(os.ErrClosed)
	}
}

// wait returns nil as soon as ready, which is asked at each change with f.mu
// held, or the error that ended the fill or ctx.
func (f *fill) wait(ctx context.Context, ready func() bool) error {
	for {
		f.mu.Lock()
		changed, isReady, err := f.changed, ready(), f.err
		f.mu.Unlock()
		if isReady {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// open waits for a stage and opens the file. A fill that has failed cannot be
// opened any more.
func (f *fill) open(ctx context.Context, at stage, open func(name string) (*os.File, error)) (file *os.File, size int64, err error) {
	var openErr error
	err = f.wait(ctx, func() bool {
		if f.err != nil || f.stage < at {
			return false
		}
		file, openErr = open(f.name) // f.mu is held, so that the name is right
		size = f.size
		return true
	})
	return file, size, errors.Join(err, openErr)
}

// is asks with f.mu held.
func (f *fill) is(what func() bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return what()
}

// visible returns up to where readers may read. f.mu is held.
func (f *fill) visible() int64 {
	if f.stage == right {
		return f.size
	}
	if f.size <= f.over {
		return 0
	}
	return min(f.written, f.size-heldBack) // may be negative: nothing yet
}

// follow returns a reader of [offset, end) of the growing file. It closes file.
// Where that is the end of the object, it ends in EOF only if the whole was
// right, also when there are no bytes to hold back.
func (f *fill) follow(ctx context.Context, file *os.File, offset, end int64) io.ReadCloser {
	read := func(p []byte) (int, error) {
		if offset >= end {
			return 0, f.eof(ctx, end)
		}
		limit := end
		err := f.wait(ctx, func() bool {
			limit = min(end, f.visible())
			f.handed = f.handed || limit > offset && f.stage != right
			return limit > offset
		})
		if err != nil {
			return 0, err
		}
		n, err := file.ReadAt(p[:min(int64(len(p)), limit-offset)], offset)
		offset += int64(n)
		if err == io.EOF && n > 0 {
			err = nil
		}
		return n, err
	}
	return &follower{readerFunc(read), file}
}

func (f *fill) eof(ctx context.Context, end int64) error {
	err := f.wait(ctx, func() bool { return end < f.size || f.stage == right })
	if err != nil {
		return err
	}
	return io.EOF
}

type follower struct {
	io.Reader
	io.Closer
}
