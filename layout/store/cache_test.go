package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/storetest"
)

func newCache(t *testing.T, folder string, maxBytes int64, behind store.Store) *store.Cache {
	t.Helper()
	c, err := store.OpenCache(folder, maxBytes, behind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

func TestCacheSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return newCache(t, t.TempDir(), 64<<20, newDir(t))
	})
}

// readAll reads an object, or as much of it as there is before an error.
func readAll(t *testing.T, s store.Store, d layout.Digest) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func wantRead(t *testing.T, s store.Store, want []byte) {
	t.Helper()
	got, err := readAll(t, s, layout.DigestOf(want))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read: got %d bytes, %v, want %d", len(got), err, len(want))
	}
}

func object(name string, size int) []byte {
	return bytes.Repeat([]byte(name), size/len(name)+1)[:size]
}

func TestCacheReadsOnceBehind(t *testing.T) {
	const readers = 16
	data := object("cold", 1<<20)
	b := newBehind(data)
	b.stopAt = 100_000
	c := newCache(t, t.TempDir(), 2<<20, b)
	var wg sync.WaitGroup
	var first sync.WaitGroup
	first.Add(readers)
	for i := range readers {
		wg.Go(func() {
			offset := int64(i * 1000)
			r, err := c.Open(t.Context(), layout.DigestOf(data), offset, -1)
			if err != nil {
				t.Error(err)
				first.Done()
				return
			}
			head := make([]byte, 100) // comes before the store behind goes on
			_, err = io.ReadFull(r, head)
			first.Done()
			rest, err2 := io.ReadAll(r)
			if err := errors.Join(err, err2, r.Close()); err != nil {
				t.Error(err)
			}
			if got := append(head, rest...); !bytes.Equal(got, data[offset:]) {
				t.Errorf("from %d on: got %d other bytes", offset, len(got))
			}
		})
	}
	first.Wait()
	close(b.more)
	wg.Wait()
	wantRead(t, c, data)
	f, err := c.File(t.Context(), layout.DigestOf(data))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil || !bytes.Equal(got, data) {
		t.Errorf("file: got %d bytes, %v, want %d", len(got), err, len(data))
	}
	if got := b.opened.Load(); got != 1 {
		t.Errorf("read behind: got %d times, want once", got)
	}
}

func TestCacheRefusesDamage(t *testing.T) {
	tests := []struct {
		name   string
		size   int
		damage func([]byte) []byte
	}{
		{"last byte", 300_000, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"first byte", 300_000, func(b []byte) []byte { b[0] ^= 1; return b }},
		{"small", 10, func(b []byte) []byte { b[5] ^= 1; return b }},
		{"cut", 300_000, func(b []byte) []byte { return b[:200_000] }},
		{"cut to nothing", 300_000, func(b []byte) []byte { return nil }},
		{"longer", 300_000, func(b []byte) []byte { return append(b, 'x') }},
		{"not empty", 0, func(b []byte) []byte { return []byte("x") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := object("sound", tt.size)
			d := layout.DigestOf(data)
			b := newBehind(data)
			b.objects[d] = tt.damage(bytes.Clone(data))
			c := newCache(t, t.TempDir(), 1<<20, b)
			for range 2 {
				got, err := readAll(t, c, d)
				var mismatch *layout.MismatchError
				if !errors.As(err, &mismatch) {
					t.Errorf("read: got error %v, want a mismatch", err)
				}
				if len(b.objects[d]) > 0 && len(got) >= len(b.objects[d]) {
					t.Errorf("read: got all %d bytes of what is damaged", len(got))
				}
				if f, err := c.File(t.Context(), d); !errors.As(err, &mismatch) || f != nil {
					t.Errorf("file: got %v, error %v, want a mismatch", f, err)
				}
			}
			if b.opened.Load() != 4 {
				t.Errorf("read behind: got %d times, want 4: a damaged copy was kept", b.opened.Load())
			}
			b.objects[d] = data // repaired
			wantRead(t, c, data)
		})
	}
}

func TestCacheRestart(t *testing.T) {
	folder := t.TempDir()
	old, young := object("old", 1000), object("young", 1000)
	b := newBehind(old, young)
	c, err := store.OpenCache(folder, 10_000, b)
	if err != nil {
		t.Fatal(err)
	}
	wantRead(t, c, old)
	waitForFile(t, filepath.Join(folder, layout.DigestOf(old).String()))
	wantRead(t, c, young)
	if _, err := store.OpenCache(folder, 10_000, b); err == nil {
		t.Error("open of a cache in use: no error")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, c, layout.DigestOf(old)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read of a closed cache: got error %v, want %v", err, os.ErrClosed)
	}

	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(folder, layout.DigestOf(old).String()), past, past); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(folder, ".fill-leftover")
	if err := os.WriteFile(leftover, make([]byte, 5000), 0o644); err != nil {
		t.Fatal(err)
	}
	c = newCache(t, folder, 1500, b) // now there is room for one
	wantRead(t, c, young)
	if got := b.opened.Load(); got != 2 {
		t.Errorf("read behind: got %d times, want 2: the kept copy was not used", got)
	}
	if _, err := os.Stat(leftover); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover of a crash is still there: %v", err)
	}
	if got := cachedBytes(t, folder); got > 1500 {
		t.Errorf("the folder holds %d bytes", got)
	}
}

func TestCacheCopyLost(t *testing.T) {
	folder := t.TempDir()
	data := object("lost", 1000)
	name := filepath.Join(folder, layout.DigestOf(data).String())
	b := newBehind(data)
	c := newCache(t, folder, 10_000, b)
	wantRead(t, c, data)
	waitForFile(t, name)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	wantRead(t, c, data)
	waitForFile(t, name)
	if err := errors.Join(os.Chmod(name, 0o644), os.Truncate(name, 500)); err != nil {
		t.Fatal(err)
	}
	wantRead(t, c, data)
	if got := b.opened.Load(); got != 3 {
		t.Errorf("read behind: got %d times, want 3", got)
	}
}

// waitForFile waits until a copy has its name, which is a little after its
// bytes were read.
func waitForFile(t *testing.T, name string) {
	t.Helper()
	for {
		if _, err := os.Stat(name); err == nil {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the copy was not kept")
		}
	}
}

func TestCacheDeleteWhileFilling(t *testing.T) {
	data := object("gone", 300_000)
	d := layout.DigestOf(data)
	b := newBehind(data)
	b.stopAt = 200_000
	c := newCache(t, t.TempDir(), 1<<20, b)
	r, err := c.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	delete(b.objects, d)
	if _, err := io.ReadAll(r); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read of what is deleted: got error %v, want %v", err, fs.ErrNotExist)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := readAll(t, c, d); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read after it was deleted: got error %v, want %v", err, fs.ErrNotExist)
	}
}

// TestCachePutAgain: a fill of an object that was deleted, and does not notice
// yet, is nothing to those who ask for it when it was put again.
func TestCachePutAgain(t *testing.T) {
	data := object("again", 300_000)
	d := layout.DigestOf(data)
	b := newBehind(data)
	b.stopAt, b.deaf = 200_000, true
	c := newCache(t, t.TempDir(), 1<<20, b)
	open := func() io.ReadCloser {
		r, err := c.Open(t.Context(), d, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := open()
	if err := c.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	after := open()
	close(b.more)
	if _, err := io.ReadAll(before); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read of what was deleted: got error %v, want %v", err, fs.ErrNotExist)
	}
	if got, err := io.ReadAll(after); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read of what was put again: got %d bytes, %v, want %d", len(got), err, len(data))
	}
	if err := errors.Join(before.Close(), after.Close()); err != nil {
		t.Error(err)
	}
}

func TestCacheReaderLeaves(t *testing.T) {
	data := object("left", 300_000)
	d := layout.DigestOf(data)
	b := newBehind(data)
	b.stopAt = 100_000
	c := newCache(t, t.TempDir(), 1<<20, b)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := c.Open(ctx, d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("read by who has left: got error %v, want %v", err, context.Canceled)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	close(b.more)
	wantRead(t, c, data)
	if got := b.opened.Load(); got != 1 {
		t.Errorf("read behind: got %d times, want once: the fill did not go on", got)
	}
}

func TestCacheStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := object("slow", 300_000)
		b := newBehind(data)
		b.stopAt = 100_000
		c, err := store.OpenCache(t.TempDir(), 1<<20, b)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = readAll(t, c, layout.DigestOf(data))
		if err == nil || !strings.Contains(err.Error(), "no byte came") {
			t.Errorf("read: got error %v, want that no byte came", err)
		}
		if got := time.Since(start); got != time.Minute {
			t.Errorf("it ended after %v, want a minute", got)
		}
		close(b.more)
		wantRead(t, c, data)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
