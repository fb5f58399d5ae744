package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// signal wakes who waits for room. c.mu is held.
func (c *Cache) signal() {
	close(c.freed)
	c.freed = make(chan struct{})
}

func (c *Cache) openKept(at *list.Element) (*os.File, error) {
	cp := at.Value.(copied)
	file, err := c.fs.Open(cp.digest.String())
	if err != nil {
		return nil, err
	}
	size, err := sizeOf(file)
	if err == nil && size != cp.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// keep notes a kept copy, whose bytes are in c.used. c.mu is held.
func (c *Cache) keep(cp copied) { c.kept[cp.digest] = c.order.PushFront(cp) }

// drop removes a kept copy. Readers that have it open go on. c.mu is held.
func (c *Cache) drop(at *list.Element) error {
	cp := c.order.Remove(at).(copied)
	delete(c.kept, cp.digest)
	c.used -= cp.size
	if err := c.fs.Remove(cp.digest.String()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove from the cache: %w", err)
	}
	return nil
}

// evict drops the longest unused copies until there is room for size more
// bytes, or none are left that can go. c.mu is held.
func (c *Cache) evict(size int64) error {
	var before *list.Element
	for at := c.order.Back(); at != nil && c.used+size > c.max; at = before {
		before = at.Prev()
		if c.stays(at) {
			continue
		}
		c.stats.Evictions++
		if err := c.drop(at); err != nil {
			return err
		}
	}
	return nil
}

// stays reports whether a copy must not make room. c.mu is held.
func (c *Cache) stays(at *list.Element) bool {
	cp := at.Value.(copied)
	return c.pinned[cp.digest] || cp.fill != nil && cp.fill.openers > 0
}

// shrink makes room on a disk that is full: it drops the longest unused copy, and
// from now on the cache is no larger. It reports whether there was one.
func (c *Cache) shrink() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := c.order.Back(); at != nil; at = at.Prev() {
		if c.stays(at) {
			continue
		}
		c.stats.Evictions++
		err := c.drop(at)
		c.max = min(c.max, c.used)
		return err == nil
	}
	return false
}

// isFull reports whether an error says that the disk is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// reserve waits for room for size more bytes and takes it.
func (c *Cache) reserve(ctx context.Context, size int64) error {
	for {
		taken, freed, err := c.tryReserve(size)
		if taken || err != nil {
			return err
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryReserve reports whether the room was taken; if not, fills and copies about
// to be opened are in the way, and freed is closed when that may be over.
func (c *Cache) tryReserve(size int64) (taken bool, freed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if size > c.max {
		return false, nil, fmt.Errorf("it has %d bytes and the cache holds %d (make the cache larger)", size, c.max)
	}
	if err := c.evict(size); err != nil {
		return false, nil, err
	}
	if c.used+size > c.max {
		return false, c.freed, nil
	}
	c.used += size
	return true, nil, nil
}

func sizeOf(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}
