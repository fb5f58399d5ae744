package unlisted

import (
	"container/list"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// Defaults of the fields of Cache.
const (
	DefaultQuota      = 50 << 30
	DefaultRevalidate = 5 * time.Minute
)

// DefaultChanging returns the names, as patterns, of what changes in place whatever
// its path looks like.
func DefaultChanging() []string {
	return []string{
		"wsusscn*.cab", "mpam-*.exe", "mpas-*.exe", "nis_full*.exe",
		"authrootstl.cab", "authrootseq.txt", "pinrulesstl.cab", "disallowedcertstl.cab", "*.crl", "*.stl",
	}
}

// Cache keeps the files. Its fields are set before the first use; zero ones have the
// documented defaults. It may be used by any number of goroutines, its folder by one
// Cache at a time.
type Cache struct {
	// Publisher returns what fetches from a host and the host's URL with the path "/",
	// nil where no operator allows it. The host is as somebody sent it.
	Publisher func(host string) (fill.Origin, *url.URL)
	// Revoked, where it is set, says which contents nobody is to have. It must be quick.
	Revoked func(layout.Digest) bool
	// Quota bounds the bytes of all that is kept here, in part or whole. The longest
	// unused file that nobody reads makes room. 0 is DefaultQuota.
	Quota int64
	// Revalidate is how long a file that may change in place is handed out before its
	// origin is asked again. 0 is DefaultRevalidate.
	Revalidate time.Duration
	// Changing are patterns of file names (path.Match, whatever the case) that change
	// in place; nil is DefaultChanging.
	Changing []string
	// Fills fetches into the folder. Open makes it; its fields may be set before the
	// first use, but for its Quota, which is the one above.
	Fills *fill.Pool
	Log   *slog.Logger // nil is silent

	dir     string
	ready   sync.Once
	closing chan struct{} // closed by Close
	running sync.WaitGroup

	mu    sync.Mutex
	names map[layout.Digest]*name
	order *list.List // of *entry that are whole, the last used first
	bytes int64      // of these

	hits, looks, stale, evicted atomic.Int64
}

// Stats counts what a Cache did since it was opened, and says what it has.
type Stats struct {
	Files   int        // whole
	Bytes   int64      // of these
	Quota   int64      // bytes
	Hits    int64      // requests that whole files answered
	Looks   int64      // questions to origins whether a file is still the newest
	Stale   int64      // answers with the last version because the origin was away
	Evicted int64      // files that made room
	Fills   fill.Stats // what was fetched, and what is here in part
}

// Names of folders.
const (
	fillsDir = "fills"
	filesDir = "files"
)

// Open takes the folder dir, which is made if it is missing, and finds there what an
// earlier Cache left; what is damaged or of no use is removed. A folder that another
// Cache uses is an error.
func Open(dir string) (*Cache, error) {
	if err := os.MkdirAll(filepath.Join(dir, filesDir), 0o755); err != nil {
		return nil, fmt.Errorf("open the cache of unlisted files: %w", err)
	}
	pool, err := fill.Open(filepath.Join(dir, fillsDir))
	if err != nil {
		return nil, fmt.Errorf("open the cache of unlisted files: %w", err)
	}
	c := &Cache{Fills: pool, dir: dir, closing: make(chan struct{}), names: make(map[layout.Digest]*name), order: list.New()}
	if err := c.find(); err != nil {
		return nil, fmt.Errorf("open the cache of unlisted files %s: %w", dir, errors.Join(err, pool.Close()))
	}
	return c, nil
}

// Close ends all fills, keeps what is here, and lets the folder go. It is called once.
func (c *Cache) Close() error {
	close(c.closing)
	c.running.Wait()
	return c.Fills.Close()
}

// Stats returns the counts so far.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Files: c.order.Len(), Bytes: c.bytes, Quota: c.quota(), Hits: c.hits.Load(), Looks: c.looks.Load(),
		Stale: c.stale.Load(), Evicted: c.evicted.Load(), Fills: c.Fills.Stats(),
	}
}

func (c *Cache) quota() int64              { return orElse(c.Quota, DefaultQuota) }
func (c *Cache) revalidate() time.Duration { return orElse(c.Revalidate, DefaultRevalidate) }

func (c *Cache) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
