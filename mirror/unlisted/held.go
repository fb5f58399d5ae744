package unlisted

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"patchferry/layout"
)

// held is a version that is here whole, for one who asked for it. It is not removed
// while it is open.
type held struct {
	cache *Cache
	entry *entry
	once  sync.Once
}

// hold returns a version as a Filling. c.mu is held.
func (c *Cache) hold(e *entry) *held {
	e.open++
	c.order.MoveToFront(e.place)
	c.hits.Add(1)
	if now := time.Now(); now.Sub(e.touched) >= touchAfter {
		e.touched = now
		if err := os.Chtimes(e.base+recordSuffix, now, now); err != nil {
			c.log().Debug("time of use was not noted", "url", e.URL, "err", err)
		}
	}
	return &held{cache: c, entry: e}
}

// Size implements layout.Filling, as the others do.
func (h *held) Size() int64           { return h.entry.Size }
func (h *held) ETag() string          { return h.entry.ETag }
func (h *held) Modified() time.Time   { return h.entry.Modified }
func (h *held) SHA256() layout.Digest { return h.entry.SHA256 }

// Restarted is never: an attempt that was given up had another ETag.
func (h *held) Restarted() time.Time { return time.Time{} }

// Read implements layout.Filling.
func (h *held) Read(start, end int64) (layout.FillReader, error) {
	if start < 0 || end < start || end > h.entry.Size {
		return nil, fmt.Errorf("read %s: bytes [%d, %d) of %d", h.entry.URL, start, end, h.entry.Size)
	}
	f, err := os.Open(h.entry.base + bytesSuffix)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", h.entry.URL, err)
	}
	return &heldReader{f, end}, nil
}

// Close implements layout.Filling.
func (h *held) Close() error {
	h.once.Do(func() {
		h.cache.mu.Lock()
		defer h.cache.mu.Unlock()
		h.entry.open--
		if h.cache.bytes > h.cache.quota() {
			h.cache.makeRoom(0)
		}
	})
	return nil
}

// heldReader reads what is here.
type heldReader struct {
	file *os.File
	end  int64
}

func (r *heldReader) Ready(ctx context.Context, _ int64) (int64, error) { return r.end, ctx.Err() }
func (r *heldReader) File() *os.File                                    { return r.file }
func (r *heldReader) Close() error                                      { return r.file.Close() }
