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
	"sync"
	"time"

	"github.com/gofrs/flock"

	"patchferry/layout"
)

const (
	fillPrefix = ".fill-"
	cacheLock  = "lock"

	// wholeUpTo is the size in bytes up to which File waits for the whole: to send
	// it then costs less than to follow it.
	wholeUpTo = 1 << 20
)

// Cache is a store that keeps copies of the objects of another one, which is
// slow and not trusted, in a folder of a local disk. Everything but the reading of
// objects goes to the store behind.
//
// An object is read from behind once, from its beginning to its end, however many
// ask for it meanwhile and for whatever part of it: with one request, where the store
// behind has readers that know their size (Sized). Those who ask read from the copy as
// it grows, all but its last 64 KiB, which are held back until the SHA-256 of the
// whole is right. Only then is the copy kept. A read that meets other bytes ends in a
// *layout.MismatchError and the next one tries again. A fill goes on when those who
// wanted it have left, and ends in an error when no byte comes for a minute.
//
// The copies kept and being made never exceed the bound; the longest unused one goes
// first, also after a restart (after a crash, as it was a minute or so before). An
// object that is larger than the bound cannot be read, so the bound is chosen well
// above the largest file. A disk that is full before the bound is reached lowers it
// until the cache is opened again.
//
// An object that another machine deletes behind can be read until it goes. Stat
// asks behind only for what is neither kept nor being read.
//
// A Cache may be used by any number of goroutines, its folder by one Cache at a
// time. It is a Filer.
type Cache struct {
	Store // the store behind
	// StreamOver is the size, in bytes, over which objects are read while their
	// copies grow. Of those up to it nobody gets a byte before the whole was found
	// right. It is set before the first use.
	StreamOver int64
	// Expect, where it is set, says how large an object must be, in bytes, a negative
	// number where nobody knows. One of another size is a *layout.MismatchError before
	// anything makes room for it. It is set before the first use and must be quick.
	Expect func(layout.Digest) int64

	fs   FS
	lock *flock.Flock

	mu      sync.Mutex
	max     int64                           // bytes
	kept    map[layout.Digest]*list.Element // of order
	order   list.List                       // of copied, the last used one first
	used    int64                           // bytes of kept copies and of fills
	pinned  map[layout.Digest]bool          // these stay; see Keep
	states  map[uint64]bool                 // whose bytes are kept; see Keep
	fills   map[layout.Digest]*fill
	spoiled map[layout.Digest]time.Time // see Spoiled
	stats   CacheStats
	saved   time.Time     // when the order was last written
	freed   chan struct{} // closed and made anew when room may have come free
	closed  bool

	running sync.WaitGroup
}

var (
	_ Store = (*Cache)(nil)
	_ Filer = (*Cache)(nil)
)

// CacheStats counts what a cache did since it was opened, and says what it has.
type CacheStats struct {
	Hits      uint64 // reads of kept copies
	Misses    uint64 // objects that were not kept, each read behind once
	Filled    int64  // bytes read behind
	Evictions uint64 // copies that made room
	Wrong     uint64 // fills that were not what they should be
	Failed    uint64 // fills that failed for another reason
	Objects   int    // copies kept
	Bytes     int64  // of copies kept and being made
	Max       int64  // the bound, in bytes
}

// Stats returns the counts so far.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Objects, s.Bytes, s.Max = len(c.kept), c.used, c.max
	return s
}

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
	c, err := OpenCacheFS(fsys, maxBytes, behind)
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	return c, nil
}

// OpenCacheFS is OpenCache on a file system. Close of the Cache closes it.
func OpenCacheFS(fsys FS, maxBytes int64, behind Store) (*Cache, error) {
	c := &Cache{
		Store:   behind,
		fs:      fsys,
		lock:    flock.New(filepath.Join(fsys.Path(), cacheLock)),
		max:     maxBytes,
		kept:    make(map[layout.Digest]*list.Element),
		pinned:  make(map[layout.Digest]bool),
		states:  make(map[uint64]bool),
		fills:   make(map[layout.Digest]*fill),
		spoiled: make(map[layout.Digest]time.Time),
		saved:   time.Now(),
		freed:   make(chan struct{}),
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("open cache %s: %w", fsys.Path(), errors.Join(err, c.lock.Close()))
	}
	return c, nil
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
	return errors.Join(c.saveOrder(), c.lock.Close(), c.fs.Close())
}

// Open implements Store. It returns when the first byte can be read, and ctx also
// ends the reader's waiting for those that come after.
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
	if err == nil && fill != nil && n > 0 {
		err = fill.wait(ctx, func() bool { return fill.visible() > offset })
	}
	if err != nil {
		return nil, errors.Join(err, closeFile(file))
	}
	if fill == nil {
		return &section{io.NewSectionReader(file, offset, n), file}, nil
	}
	return fill.follow(ctx, file, offset, offset+n), nil
}

// File implements Filer. Of an object of up to 1 MiB, or StreamOver, it waits until
// the whole is there and right; of a larger one that is still being read it returns
// errors.ErrUnsupported, and Open reads what there is.
// The caller closes the file, which is read-only.
func (c *Cache) File(ctx context.Context, d layout.Digest) (*os.File, error) {
	file, fill, err := c.find(ctx, d)
	if err == nil && fill != nil {
		file, err = c.fileOf(ctx, fill)
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", d, err)
	}
	return file, nil
}

func (c *Cache) fileOf(ctx context.Context, f *fill) (*os.File, error) {
	file, size, err := c.openFill(ctx, f, begun)
	if err != nil {
		return nil, err
	}
	whole := func() bool { return f.stage == right }
	if size > max(c.StreamOver, wholeUpTo) && !f.is(whole) {
		return nil, errors.Join(errors.ErrUnsupported, file.Close())
	}
	if err := f.wait(ctx, whole); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Stat implements Store.
func (c *Cache) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	c.mu.Lock()
	at, f := c.kept[d], c.fills[d]
	c.mu.Unlock()
	if at != nil {
		return at.Value.(copied).size, nil
	}
	if f == nil {
		return c.Store.Stat(ctx, d)
	}
	var size int64
	err := f.wait(ctx, func() bool { size = f.size; return f.stage >= begun })
	if err != nil {
		return 0, fmt.Errorf("size of object %s: %w", d, err)
	}
	return size, nil
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
	for {
		at, f, err := c.look(ctx, d)
		if err != nil || f != nil {
			return nil, f, err
		}
		file, err := c.openKept(at)
		if err == nil {
			return file, nil, nil
		}
		// It made room just now, or somebody removed or cut it: it is made again.
		if err := c.forget(d, at); err != nil {
			return nil, nil, err
		}
	}
}

// look is find, but for the opening of the copy.
func (c *Cache) look(ctx context.Context, d layout.Digest) (*list.Element, *fill, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, fmt.Errorf("cache: %w", os.ErrClosed)
	}
	if at := c.kept[d]; at != nil {
		c.order.MoveToFront(at)
		c.stats.Hits++
		c.saveSometimes()
		return at, nil, nil
	}
	f := c.fills[d]
	if f == nil {
		f = c.begin(ctx, d)
	}
	f.openers++
	return nil, f, nil
}

// forget drops a copy that could not be opened, unless it is another one by now.
func (c *Cache) forget(d layout.Digest, at *list.Element) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Hits--
	if c.kept[d] != at {
		return nil
	}
	return c.drop(at)
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
