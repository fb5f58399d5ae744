package store_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
)

func TestCacheBound(t *testing.T) {
	folder := t.TempDir()
	var objects [][]byte
	for i := range 10 {
		objects = append(objects, object(fmt.Sprint(i, "."), 100_000))
	}
	b := newBehind(objects...)
	c := newCache(t, folder, 350_000, b) // three of them
	for i, data := range objects {
		wantRead(t, c, objects[0]) // always in use: never goes
		wantKept(t, folder, objects[0])
		wantRead(t, c, data)
		wantKept(t, folder, data)
		if got := cachedBytes(t, folder); got > 350_000 {
			t.Errorf("after %d objects: the folder holds %d bytes", i+1, got)
		}
	}
	if got := b.opened.Load(); got != 10 {
		t.Errorf("read behind: got %d times, want 10", got)
	}
	wantRead(t, c, objects[9])
	if got := b.opened.Load(); got != 10 {
		t.Errorf("the newest object was not kept")
	}
	wantRead(t, c, objects[1])
	if got := b.opened.Load(); got != 11 {
		t.Errorf("the longest unused object was kept")
	}
}

// wantKept waits until the copy is kept: its last bytes leave as soon as they
// are known to be right, before the copy is durable and has its name.
func wantKept(t *testing.T, folder string, data []byte) {
	t.Helper()
	name := filepath.Join(folder, layout.DigestOf(data).String())
	for range 3000 {
		if _, err := os.Stat(name); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no copy of %d bytes was kept", len(data))
}

func cachedBytes(t *testing.T, folder string) int64 {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestCacheBoundAtOnce: fills wait for each other where there is no room for
// all of them.
func TestCacheBoundAtOnce(t *testing.T) {
	var objects [][]byte
	for i := range 8 {
		objects = append(objects, object(fmt.Sprint(i, "."), 100_000))
	}
	c := newCache(t, t.TempDir(), 150_000, newBehind(objects...))
	var wg sync.WaitGroup
	for _, data := range objects {
		wg.Go(func() { wantRead(t, c, data) })
	}
	wg.Wait()
}

func TestCacheTooLarge(t *testing.T) {
	data := object("large", 1001)
	c := newCache(t, t.TempDir(), 1000, newBehind(data))
	if _, err := readAll(t, c, layout.DigestOf(data)); err == nil || !strings.Contains(err.Error(), "make the cache larger") {
		t.Errorf("read: got error %v, want what to do", err)
	}
}
