package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
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
	// spoiledFor is how long it is remembered that bytes of an object left here
	// that nobody can vouch for.
	spoiledFor = 24 * time.Hour

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
	over    int64         // Cache.StreamOver
	openers int           // who has found it and not opened it yet; of Cache.mu
	ended   chan struct{} // closed when nothing changes any more

	mu      sync.Mutex
	stage   stage
	name    string // of the file, once begun
	size    int64  // of the object, once begun
	written int64
	handed  bool          // bytes left before the whole was found right
	err     error         // why it failed; nothing changes any more
	changed chan struct{} // closed and made anew at each change
}

// begin starts a fill, which outlives ctx. c.mu is held.
func (c *Cache) begin(ctx context.Context, d layout.Digest) *fill {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f := &fill{cancel: cancel, over: c.StreamOver, ended: make(chan struct{}), changed: make(chan struct{})}
	c.fills[d] = f
	c.stats.Misses++
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
	defer close(f.ended)
	handed := f.is(func() bool { return f.handed })
	c.mu.Lock()
	if c.fills[d] == f {
		delete(c.fills, d)
	}
	c.signal()
	if err != nil {
		c.count(err)
	}
	if err != nil && handed {
		c.spoil(d)
	}
	c.mu.Unlock()
	if err != nil {
		f.update(func() { f.err = err }) // who hears of it finds all of the above
	}
}

// count counts a fill that failed. c.mu is held.
func (c *Cache) count(err error) {
	if _, wrong := errors.AsType[*layout.MismatchError](err); wrong {
		c.stats.Wrong++
		return
	}
	c.stats.Failed++
}

// spoil remembers that bytes of an object left that were never found right. c.mu
// is held.
func (c *Cache) spoil(d layout.Digest) {
	now := time.Now()
	if before, ok := c.spoiled[d]; ok && before.Unix() >= now.Unix() {
		now = before.Add(time.Second) // each time another
	}
	c.spoiled[d] = now
	f, err := c.fs.Create(fmt.Sprintf("%s%s-%d", spoiledPrefix, d, now.Unix()))
	if err == nil {
		_ = f.Close() // empty; without it, a restart forgets
	}
}

// Spoiled returns when bytes of an object last left this cache that were never
// found right, because a fill failed half-way, within the last day; else the zero
// time. A download that began before must not go on with what is read now.
func (c *Cache) Spoiled(d layout.Digest) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.spoiled[d]
	if !ok || time.Since(at) > spoiledFor {
		return time.Time{}
	}
	return at
}

func (c *Cache) fill(ctx context.Context, d layout.Digest, f *fill) error {
	stall := time.AfterFunc(stallTime, func() { f.cancel(errStalled) })
	defer stall.Stop()
	behind, size, err := c.openBehind(ctx, d)
	if err != nil {
		return err
	}
	defer func() { _ = behind.Close() }() // all was read and found right, or there is another error
	taken, _, err := c.tryReserve(size)
	if err == nil && !taken {
		// Room may take its time, and nobody keeps an answer open for so long.
		stall.Stop()
		if err = errors.Join(behind.Close(), c.reserve(ctx, size)); err == nil {
			stall.Reset(stallTime)
			behind, err = c.reopen(ctx, d, size)
		}
	}
	if err != nil {
		return err
	}
	stall.Reset(stallTime)
	if err := c.copyIn(ctx, d, size, f, behind, stall); err != nil {
		c.letRoom(size)
		return err
	}
	return nil
}

// openBehind opens the object in the store behind and returns its size.
func (c *Cache) openBehind(ctx context.Context, d layout.Digest) (io.ReadCloser, int64, error) {
	r, err := c.Store.Open(ctx, d, 0, -1)
	if err != nil {
		return nil, 0, err
	}
	size := sizeBehind(r)
	if size < 0 {
		size, err = c.Store.Stat(ctx, d)
	}
	if err == nil {
		err = c.checkSize(d, size)
	}
	if err != nil {
		return nil, 0, errors.Join(err, r.Close())
	}
	return r, size, nil
}

// checkSize refuses an object that is not as large as it must be.
func (c *Cache) checkSize(d layout.Digest, size int64) error {
	if c.Expect == nil {
		return nil
	}
	want := c.Expect(d)
	if want < 0 || want == size {
		return nil
	}
	return &layout.MismatchError{What: "size", Want: strconv.FormatInt(want, 10), Got: strconv.FormatInt(size, 10)}
}

// reopen opens it again, once the room was taken, which is let go after an error.
func (c *Cache) reopen(ctx context.Context, d layout.Digest, size int64) (io.ReadCloser, error) {
	r, err := c.Store.Open(ctx, d, 0, -1)
	if err != nil {
		c.letRoom(size)
		return io.NopCloser(nil), err
	}
	return r, nil
}

// letRoom gives back what was taken.
func (c *Cache) letRoom(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used -= size
}

// copyIn reads the object into a file, checks it and keeps it.
func (c *Cache) copyIn(ctx context.Context, d layout.Digest, size int64, f *fill, behind io.Reader, stall *time.Timer) (err error) {
	temp := fillPrefix + rand.Text()
	file, err := c.createTemp(temp)
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
	err = copyChecked(ctx, layout.NewVerifyReader(behind, size, d), func(p []byte) error {
		stall.Reset(stallTime)
		return c.grow(file, f, p)
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

// createTemp makes a file, also on a disk that is full of copies.
func (c *Cache) createTemp(name string) (File, error) {
	for {
		file, err := c.fs.Create(name)
		if err == nil || !isFull(err) || !c.shrink() {
			return file, err
		}
	}
}

// grow adds bytes to the file of a fill. Where the disk is full it makes room.
func (c *Cache) grow(file File, f *fill, p []byte) error {
	for {
		n, err := file.Write(p)
		f.update(func() { f.written += int64(n) })
		c.mu.Lock()
		c.stats.Filled += int64(n)
		c.mu.Unlock()
		if err == nil || !isFull(err) || !c.shrink() {
			return err
		}
		p = p[n:]
	}
}

// copyChecked writes the object, and ends in an error unless it was right.
func copyChecked(ctx context.Context, checked io.Reader, write func([]byte) error) error {
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
