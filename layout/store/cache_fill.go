package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"patchferry/layout"
)

const (
	// heldBack is how much of the end of an object readers do not get before
	// the whole is known to be right.
	heldBack = 64 << 10
	// stallTime is how long the store behind may give no byte.
	stallTime = time.Minute

	fillBuffer = 256 << 10
)

var errStalled = fmt.Errorf("no byte came for %s", stallTime)

// stage is how far a fill has come.
type stage int

const (
	waiting stage = iota // for the size of the object, for room, or for the error
	begun                // the file is there and grows
	right                // it is whole and right
)

// fill makes one copy. Its file has the bytes [0, written) of the object.
type fill struct {
	cancel  context.CancelCauseFunc
	openers int // who has found it and not opened it yet; of Cache.mu

	mu      sync.Mutex
	stage   stage
	name    string // of the file, once begun
	size    int64  // of the object, once begun
	written int64
	err     error         // why it failed; nothing changes any more
	changed chan struct{} // closed and made anew at each change
}

// begin starts a fill, which outlives ctx. c.mu is held.
func (c *Cache) begin(ctx context.Context, d layout.Digest) *fill {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f := &fill{cancel: cancel, changed: make(chan struct{})}
	c.fills[d] = f
	c.running.Go(func() {
		defer cancel(nil)
		err := c.fill(ctx, d, f)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // why, not merely that it was cancelled
		}
		c.end(d, f, err)
	})
	return f
}

// end tells the readers and whoever waits for room.
func (c *Cache) end(d layout.Digest, f *fill, err error) {
	c.mu.Lock()
	if c.fills[d] == f {
		delete(c.fills, d)
	}
	c.signal()
	c.mu.Unlock()
	if err != nil {
		f.update(func() { f.err = err })
	}
}

func (c *Cache) fill(ctx context.Context, d layout.Digest, f *fill) error {
	stall := time.AfterFunc(stallTime, func() { f.cancel(errStalled) })
	defer stall.Stop()
	size, err := c.Store.Stat(ctx, d)
	if err != nil {
		return err
	}
	stall.Stop() // room may take its time
	if err := c.reserve(ctx, size); err != nil {
		return err
	}
	stall.Reset(stallTime)
	if err := c.copyIn(ctx, d, size, f, stall); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.used -= size
		return err
	}
	return nil
}

// copyIn reads the object into a file, checks it and keeps it.
func (c *Cache) copyIn(ctx context.Context, d layout.Digest, size int64, f *fill, stall *time.Timer) (err error) {
	temp := fillPrefix + rand.Text()
	file, err := c.fs.Create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.update(func() { f.stage = waiting }) // for the error: nobody may open it now
			err = errors.Join(err, c.fs.Remove(temp))
		}
	}()
	f.update(func() { f.stage, f.name, f.size = begun, temp, size })
	err = c.copyObject(ctx, d, size, func(p []byte) error {
		stall.Reset(stallTime)
		n, err := file.Write(p)
		f.update(func() { f.written += int64(n) })
		return err
	})
	if err == nil {
		stall.Stop()
		f.update(func() { f.stage = right }) // readers need not wait for the disk
	}
	// Durable before it has its name: after a crash, what has a name is right.
	if err := finish(file, err); err != nil {
		return err
	}
	return c.settle(ctx, d, size, f)
}

// copyObject writes the object, from the store behind, and ends in an error
// unless it was right.
func (c *Cache) copyObject(ctx context.Context, d layout.Digest, size int64, write func([]byte) error) error {
	behind, err := c.Store.Open(ctx, d, 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = behind.Close() }() // all was read and found right, or there is another error
	checked := layout.NewVerifyReader(behind, size, d)
	buf := make([]byte, fillBuffer)
	for {
		n, err := checked.Read(buf)
		if werr := write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// settle gives the copy its name and keeps it, unless it was deleted meanwhile.
func (c *Cache) settle(ctx context.Context, d layout.Digest, size int64, f *fill) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var err error
	f.update(func() {
		if err = c.fs.Rename(f.name, d.String()); err == nil {
			f.name = d.String()
		}
	})
	if err != nil {
		return err
	}
	c.keep(copied{d, size, f})
	return nil
}

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

// visible returns up to where readers may read. f.mu is held.
func (f *fill) visible() int64 {
	if f.stage == right {
		return f.size
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
