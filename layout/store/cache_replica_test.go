package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
)

// openCache opens a cache that the test closes.
func openCache(t *testing.T, folder string, maxBytes int64, behind store.Store) *store.Cache {
	t.Helper()
	c, err := store.OpenCache(folder, maxBytes, behind)
	check(t, err)
	return c
}

// TestCacheOneRequest: fifty readers of one cold object, from the beginning, in the
// middle and for its size, are one request and each byte once.
func TestCacheOneRequest(t *testing.T) {
	data := object("cold", 3<<20)
	d := layout.DigestOf(data)
	b := newBehind(data)
	b.sized = true
	c := newCache(t, t.TempDir(), 8<<20, b)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			offset := int64(i) * int64(len(data)) / 50
			r, err := c.Open(t.Context(), d, offset, 1000)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data[offset:offset+1000]) {
				t.Errorf("from %d on: got %d bytes, %v", offset, len(got), err)
			}
			if size, err := c.Stat(t.Context(), d); err != nil || size != int64(len(data)) {
				t.Errorf("stat: got %d, %v, want %d", size, err, len(data))
			}
		})
	}
	wg.Wait()
	wantRead(t, c, data)
	stats := c.Stats()
	if b.opened.Load() != 1 || b.stats.Load() != 0 || stats.Filled != int64(len(data)) || stats.Misses != 1 {
		t.Errorf("behind: got %d reads and %d questions for the size, %+v, want one read of %d bytes", b.opened.Load(), b.stats.Load(), stats, len(data))
	}
}

// TestCacheWaitsInOrder: of a fill the beginning can be read first; who wants more
// than has come, or the end, waits until then.
func TestCacheWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const came = 2 << 20
		data := object("order", 3<<20)
		d := layout.DigestOf(data)
		b := newBehind(data)
		b.stopAt = came
		c := openCache(t, t.TempDir(), 8<<20, b)
		var mu sync.Mutex
		var read []int64
		for _, offset := range []int64{3<<20 - 10, 2<<20 + 5, 0, 1 << 20} {
			go func() {
				r, err := c.Open(t.Context(), d, offset, 10)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[offset:offset+10]) {
					t.Errorf("from %d on: got %q, %v", offset, got, err)
				}
				check(t, r.Close())
				mu.Lock()
				defer mu.Unlock()
				read = append(read, offset)
			}()
		}
		synctest.Wait()
		if len(read) != 2 || read[0]+read[1] != 1<<20 {
			t.Errorf("of the first %d bytes: got those at %d read, want 0 and %d", came, read, 1<<20)
		}
		if f, err := c.File(t.Context(), d); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("file of a large object that is being read: got %v, error %v, want %v", f, err, errors.ErrUnsupported)
		}
		close(b.more)
		synctest.Wait()
		if len(read) != 4 {
			t.Errorf("of the whole: got those at %d read, want four", read)
		}
		check(t, c.Close())
	})
}

// TestCacheStreamOver: of an object that is not larger nobody gets a byte before
// the whole was found right.
func TestCacheStreamOver(t *testing.T) {
	for name, right := range map[string]bool{"right": true, "wrong": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data := object("whole", 3<<20)
				d := layout.DigestOf(data)
				b := newBehind(data)
				b.stopAt = 2 << 20
				if !right {
					b.objects[d] = append(bytes.Clone(data[:len(data)-1]), '!')
				}
				c := openCache(t, t.TempDir(), 8<<20, b)
				c.StreamOver = 3 << 20
				opened := make(chan error, 1)
				go func() {
					r, err := c.Open(t.Context(), d, 0, 10)
					if err == nil {
						err = r.Close()
					}
					opened <- err
				}()
				synctest.Wait()
				if len(opened) > 0 {
					t.Errorf("open of what is half there: got %v, want that it waits", <-opened)
				}
				close(b.more)
				var mismatch *layout.MismatchError
				if err := <-opened; right && err != nil || !right && !errors.As(err, &mismatch) {
					t.Errorf("open: got error %v", err)
				}
				if !c.Spoiled(d).IsZero() {
					t.Error("spoiled: got a time, and nobody got a byte")
				}
				check(t, c.Close())
			})
		})
	}
}

// TestCacheSpoiled: bytes that left and were never found right are remembered for a
// day, also after a restart.
func TestCacheSpoiled(t *testing.T) {
	folder := t.TempDir()
	data := object("spoiled", 300_000)
	d := layout.DigestOf(data)
	b := newBehind(data)
	b.objects[d] = append(bytes.Clone(data[:len(data)-1]), '!')
	b.stopAt = 200_000
	c := openCache(t, folder, 1<<20, b)
	r, err := c.Open(t.Context(), d, 0, -1)
	check(t, err)
	_, err = io.ReadFull(r, make([]byte, 1000))
	check(t, err)
	close(b.more)
	var mismatch *layout.MismatchError
	if _, err := io.ReadAll(r); !errors.As(err, &mismatch) {
		t.Fatalf("read: got error %v, want a mismatch", err)
	}
	check(t, r.Close())
	b.objects[d] = data
	wantRead(t, c, data)
	first := c.Spoiled(d)
	if first.IsZero() || c.Stats().Wrong != 1 {
		t.Errorf("spoiled: got %v, %+v, want when", first, c.Stats())
	}
	check(t, c.Close())
	c = openCache(t, folder, 1<<20, b)
	if again := c.Spoiled(d); again.Unix() != first.Unix() {
		t.Errorf("spoiled after a restart: got %v, want %v", again, first)
	}
	check(t, c.Close())

	past := time.Now().Add(-25 * time.Hour).Unix()
	old := filepath.Join(folder, fmt.Sprintf("spoiled-%s-%d", d, first.Unix()))
	check(t, os.Rename(old, filepath.Join(folder, fmt.Sprintf("spoiled-%s-%d", d, past))))
	c = newCache(t, folder, 1<<20, b)
	if again := c.Spoiled(d); !again.IsZero() {
		t.Errorf("spoiled after a day: got %v", again)
	}
}

// TestCacheExpect: an object of another size than it must have drops no copy, and
// nothing of it is read.
func TestCacheExpect(t *testing.T) {
	folder := t.TempDir()
	small, data := object("small", 1000), object("large", 3000)
	d := layout.DigestOf(data)
	b := newBehind(small, data)
	b.sized = true
	b.objects[d] = object("larger", 4000)
	c := openCache(t, folder, 4000, b)
	c.Expect = func(asked layout.Digest) int64 {
		if asked == d {
			return 3000
		}
		return -1
	}
	wantRead(t, c, small)
	wantKept(t, folder, small)
	var mismatch *layout.MismatchError
	if _, err := readAll(t, c, d); !errors.As(err, &mismatch) || mismatch.What != "size" {
		t.Errorf("read: got error %v, want a mismatch of the size", err)
	}
	wantKept(t, folder, small)
	b.objects[d] = data
	wantRead(t, c, data)
	if got := c.Stats(); got.Filled != 4000 || got.Wrong != 1 || got.Evictions != 0 {
		t.Errorf("got %+v, want 4000 bytes and no copy dropped", got)
	}
	check(t, c.Close())
}
