package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"patchferry/layout"
)

const (
	fillPrefix = ".fill-"
	cacheLock  = "lock"
)

// Cache is a store that keeps copies of the objects of another one, which is
// slow and not trusted, in a folder of a local disk. Everything but the reading of
// objects goes to the store behind.
//
// An object is read from behind once, however many ask for it meanwhile; they
// read from the copy as it grows, all but its last 64 KiB, which are held back
// until the SHA-256 of the whole is right. Only then is the copy kept. A read
// that meets other bytes ends in a *layout.MismatchError and the next one tries
// again. A fill goes on when those who wanted it have left, and ends in an
// error when no byte comes for a minute.
//
// The copies kept and being made never exceed the bound; the longest unused
// one goes first (after a restart: the oldest). An object that is larger than the bound
// cannot be read, so the bound is chosen well above the largest file.
//
// An object that another machine deletes behind can be read until it goes. Stat
// always asks behind.
//
// A Cache may be used by any number of goroutines, its folder by one Cache at a
// time. It is a Filer.
type Cache struct {
	Store // the store behind

	fs   FS
	lock *flock.Flock
	max  int64 // bytes

	mu     sync.Mutex
	kept   map[layout.Digest]*list.Element // of order
	order  list.List                       // of copy, the last used one first
	used   int64                           // bytes of kept copies and of fills
	fills  map[layout.Digest]*fill
	freed  chan struct{} // closed and made anew when room may have come free
	closed bool

	running sync.WaitGroup
}

var (
	_ Store = (*Cache)(nil)
	_ Filer = (*Cache)(nil)
)

// copied is one kept copy. It stays while somebody who waited for its fill has
// yet to open it.
type copied struct {
	digest layout.Digest
	size   int64 // bytes
	fill   *fill // nil: of an earlier run
}

// OpenCache opens a cache of at most maxBytes in the folder path, which is made
// if it is missing, in front of behind. Copies kept there before are used
// again. A folder that another cache uses is an error.
func OpenCache(path string, maxBytes int64, behind Store) (*Cache, error) {
	if err := makeFolder(path); err != nil {
		return nil, fmt.Errorf("open cache %s: %w", path, err)
	}
	fsys, err := OpenFS(path)
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	c := &Cache{
		Store: behind,
		fs:    fsys,
		lock:  flock.New(filepath.Join(fsys.Path(), cacheLock)),
		max:   maxBytes,
		kept:  make(map[layout.Digest]*list.Element),
		fills: make(map[layout.Digest]*fill),
		freed: make(chan struct{}),
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("open cache %s: %w", path, errors.Join(err, c.lock.Close(), fsys.Close()))
	}
	return c, nil
}

// load finds the copies of an earlier run and removes what it did not finish.
func (c *Cache) load() error {
	locked, err := c.lock.TryLock()
	if err != nil {
		return err
	}
	if !locked {
		return errors.New("another process uses it (give each its own folder)")
	}
	entries, err := c.fs.ReadDir(".")
	if err != nil {
		return err
	}
	var found []fs.FileInfo
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fillPrefix) {
			if err := c.fs.Remove(e.Name()); err != nil {
				return err
			}
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			found = append(found, info)
		}
	}
	slices.SortStableFunc(found, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range found {
		if d, err := layout.ParseDigest(info.Name()); err == nil && d.String() == info.Name() {
			c.keep(copied{digest: d, size: info.Size()})
			c.used += info.Size()
		}
	}
	return c.evict(0)
}

// Close ends the fills under way, but keeps what is whole and right already, and
// lets the folder go. The store behind stays
// open. Readers of kept copies stay open; others end in an error.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.fills {
		f.close()
	}
	c.mu.Unlock()
	c.running.Wait()
	return errors.Join(c.lock.Close(), c.fs.Close())
}

// Open implements Store. ctx also ends the reader's waiting for bytes to come.
func (c *Cache) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	r, err := c.open(ctx, d, offset, n)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", d, err)
	}
	return r, nil
}

func (c *Cache) open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	file, fill, err := c.find(ctx, d)
	if err != nil {
		return nil, err
	}
	var size int64
	if fill == nil {
		size, err = sizeOf(file)
	} else {
		file, size, err = c.openFill(ctx, fill, begun)
	}
	if err == nil {
		n, err = cutRange(size, offset, n)
	}
	if err != nil {
		return nil, errors.Join(err, closeFile(file))
	}
	if fill == nil {
		return &section{io.NewSectionReader(file, offset, n), file}, nil
	}
	return fill.follow(ctx, file, offset, offset+n), nil
}

// File implements Filer. It waits until the whole object is there and right.
// The caller closes the file, which is read-only.
func (c *Cache) File(ctx context.Context, d layout.Digest) (*os.File, error) {
	file, fill, err := c.find(ctx, d)
	if err == nil && fill != nil {
		file, _, err = c.openFill(ctx, fill, right)
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", d, err)
	}
	return file, nil
}

// Delete implements Store.
func (c *Cache) Delete(ctx context.Context, d layout.Digest) error {
	if err := c.Store.Delete(ctx, d); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.fills[d]; f != nil {
		f.cancel(fmt.Errorf("deleted: %w", fs.ErrNotExist))
		delete(c.fills, d) // who asks now begins anew
	}
	if at := c.kept[d]; at != nil {
		return c.drop(at)
	}
	return nil
}

// find returns the kept copy of an object, or the fill that makes it, which it
// begins if need be; then the caller owes an openFill.
func (c *Cache) find(ctx context.Context, d layout.Digest) (*os.File, *fill, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, fmt.Errorf("cache: %w", os.ErrClosed)
	}
	if at := c.kept[d]; at != nil {
		file, err := c.openKept(at)
		if err == nil {
			c.order.MoveToFront(at)
			return file, nil, nil
		}
		// Somebody removed or cut the copy: it is made again.
		if err := c.drop(at); err != nil {
			return nil, nil, err
		}
	}
	f := c.fills[d]
	if f == nil {
		f = c.begin(ctx, d)
	}
	f.openers++
	return nil, f, nil
}

// openFill waits until a fill has come to a stage and opens its file.
func (c *Cache) openFill(ctx context.Context, f *fill, at stage) (*os.File, int64, error) {
	file, size, err := f.open(ctx, at, c.fs.Open)
	c.mu.Lock()
	defer c.mu.Unlock()
	f.openers--
	c.signal()
	return file, size, err
}

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
		if f := at.Value.(copied).fill; f != nil && f.openers > 0 {
			continue
		}
		if err := c.drop(at); err != nil {
			return err
		}
	}
	return nil
}

// reserve waits for room for size more bytes and takes it.
func (c *Cache) reserve(ctx context.Context, size int64) error {
	if size > c.max {
		return fmt.Errorf("it has %d bytes and the cache holds %d (make the cache larger)", size, c.max)
	}
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
