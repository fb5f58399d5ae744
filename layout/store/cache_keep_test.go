package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
)

// TestCacheOrderSurvives: the longest unused copy goes first, also after a restart,
// however old the files are.
func TestCacheOrderSurvives(t *testing.T) {
	folder := t.TempDir()
	var objects [][]byte
	for i := range 5 {
		objects = append(objects, object(fmt.Sprint(i, "."), 1000))
	}
	b := newBehind(objects...)
	c := openCache(t, folder, 5000, b)
	for _, data := range objects {
		wantRead(t, c, data)
		wantKept(t, folder, data)
	}
	wantRead(t, c, objects[0]) // used again
	wantRead(t, c, objects[2])
	check(t, c.Close())
	c = openCache(t, folder, 3000, b) // 1 and 3 go
	for _, i := range []int{4, 0, 2} {
		wantRead(t, c, objects[i])
	}
	if got := b.opened.Load(); got != 5 {
		t.Errorf("read behind: got %d times, want 5: a copy that was used later is gone", got)
	}
	check(t, c.Close())

	check(t, os.WriteFile(filepath.Join(folder, "order"), []byte("torn"), 0o644))
	c = newCache(t, folder, 3000, b)
	for _, i := range []int{4, 0, 2} {
		wantRead(t, c, objects[i])
	}
	if got := b.opened.Load(); got != 5 {
		t.Errorf("read behind without an order: got %d times, want 5", got)
	}
}

// TestCacheManySmall: thousands of small objects stay within the bound, and are
// there after a restart.
func TestCacheManySmall(t *testing.T) {
	const count, size, room = 3000, 100, 2000
	folder := t.TempDir()
	var objects [][]byte
	for i := range count {
		objects = append(objects, object(fmt.Sprintf("%d.", i), size))
	}
	b := newBehind(objects...)
	c := openCache(t, folder, room*size, b)
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			for i := part; i < count; i += 8 {
				wantRead(t, c, objects[i])
			}
		})
	}
	wg.Wait()
	check(t, c.Close())
	c = newCache(t, folder, room*size, b)
	stats := c.Stats()
	if stats.Objects != room || stats.Bytes != room*size {
		t.Errorf("after a restart: got %d objects of %d bytes, want %d", stats.Objects, stats.Bytes, room)
	}
	before := b.opened.Load()
	for _, data := range objects {
		if _, err := os.Stat(filepath.Join(folder, layout.DigestOf(data).String())); err == nil {
			wantRead(t, c, data)
		}
	}
	if got := b.opened.Load() - before; got != 0 || c.Stats().Hits != room {
		t.Errorf("read behind: got %d times, %d hits, want none and %d", got, c.Stats().Hits, room)
	}
}

// smallDisk is a file system with room for so many bytes.
type smallDisk struct {
	store.FS
	mu   sync.Mutex
	left int
}

func (d *smallDisk) Create(name string) (store.File, error) {
	f, err := d.FS.Create(name)
	return &smallFile{f, d}, err
}

func (d *smallDisk) Remove(name string) error {
	info, err := d.FS.Stat(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left += int(info.Size())
	return d.FS.Remove(name)
}

type smallFile struct {
	store.File
	disk *smallDisk
}

func (f *smallFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := min(len(p), f.disk.left)
	f.disk.left -= n
	n, err := f.File.Write(p[:n])
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

// TestCacheDiskFull: a disk with less room than the bound lowers it; reads go on as
// long as there are copies to drop, and then say why not.
func TestCacheDiskFull(t *testing.T) {
	folder := t.TempDir()
	live, err := store.OpenFS(folder)
	check(t, err)
	var objects [][]byte
	for i := range 8 {
		objects = append(objects, object(fmt.Sprint(i, "."), 100_000))
	}
	large := object("large", 400_000)
	b := newBehind(append(objects, large)...)
	c, err := store.OpenCacheFS(&smallDisk{FS: live, left: 350_000}, 1<<30, b)
	check(t, err)
	for _, data := range objects {
		wantRead(t, c, data)
		wantKept(t, folder, data)
	}
	if got := c.Stats(); got.Max > 400_000 || got.Bytes > 350_000 || got.Failed != 0 {
		t.Errorf("got %+v, want a bound that fits the disk", got)
	}
	if _, err := readAll(t, c, layout.DigestOf(large)); err == nil {
		t.Error("read of what has no room: no error")
	}
	check(t, c.Close())
}

// TestCachePowerLoss: whenever the power fails in a fill, what has a name
// afterwards is whole and right, and the cache opens.
func TestCachePowerLoss(t *testing.T) {
	data := object("power", 300_000)
	d := layout.DigestOf(data)
	for after, done := 0, false; !done; after++ {
		for way, keep := range losses(uint64(after)) {
			disk := newDisk(t, t.TempDir(), after)
			c, err := store.OpenCacheFS(disk, 1<<20, newBehind(data))
			if err == nil {
				err = c.Keep(t.Context(), nil, []layout.Digest{d})
				err = errors.Join(err, c.Close())
			}
			if done = err == nil; !done && !errors.Is(err, faulty.ErrPowerLost) {
				t.Fatal(err)
			}
			left := t.TempDir()
			check(t, disk.Lose(left, keep))
			b := newBehind(data)
			again := openCache(t, left, 1<<20, b)
			wantRead(t, again, data)
			if got := b.opened.Load(); done && got != 0 {
				t.Errorf("%s: what was kept is gone", way)
			}
			check(t, again.Close())
		}
	}
}

// TestCacheKeep: what is kept never makes room, and is there after a restart while
// the store behind is away, states too.
func TestCacheKeep(t *testing.T) {
	folder := t.TempDir()
	kept, other, next := object("kept", 1000), object("other", 1000), object("next", 1000)
	l := &line{Store: newDir(t)}
	for n := uint64(1); n <= 3; n++ {
		check(t, l.Create(t.Context(), n, fmt.Appendf(nil, "state %d", n)))
	}
	put := func(data []byte) layout.Digest {
		f, err := os.CreateTemp(t.TempDir(), "")
		check(t, err)
		defer func() { _ = f.Close() }()
		_, err = f.Write(data)
		check(t, err)
		check(t, l.Put(t.Context(), layout.DigestOf(data), int64(len(data)), f))
		return layout.DigestOf(data)
	}
	d := put(kept)
	put(other)
	contact := contactTo(t, l)
	c := openCache(t, folder, 2000, contact)
	check(t, c.Keep(t.Context(), []uint64{2, 3}, []layout.Digest{d}))
	for i := range 5 {
		small := object(fmt.Sprint("many", i), 1000)
		put(small)
		wantRead(t, c, small)
		wantKept(t, folder, small)
	}
	check(t, c.Close())

	l.cut = errors.New("connection refused")
	c = openCache(t, folder, 2000, contact)
	wantRead(t, c, kept)
	for n, want := range map[uint64]string{1: "", 2: "state 2", 3: "state 3", 4: ""} {
		got, err := c.Read(t.Context(), n)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("state %d while it is away: got %q, %v, want %q", n, got, err, want)
		}
		if want == "" {
			wantAway(t, "a state that was not kept", err)
		}
	}
	if err := c.Keep(t.Context(), []uint64{4}, []layout.Digest{layout.DigestOf(next)}); !errors.Is(err, store.ErrAway) {
		t.Errorf("keep of what cannot be had: got error %v, want %v", err, store.ErrAway)
	}
	wantRead(t, c, kept) // still

	l.cut = nil
	time.Sleep(time.Second)
	if _, err := c.Read(t.Context(), 9); err == nil || errors.Is(err, store.ErrAway) {
		t.Errorf("read of what is missing: got error %v, want that it is", err)
	}
	check(t, c.Keep(t.Context(), []uint64{3}, []layout.Digest{put(next)}))
	wantRead(t, c, other)
	wantKept(t, folder, other)
	if _, err := os.Stat(filepath.Join(folder, d.String())); err == nil {
		t.Error("what is no longer kept did not make room")
	}
	names, err := filepath.Glob(filepath.Join(folder, "state-*"))
	if err != nil || len(names) != 1 || !strings.HasSuffix(names[0], "0000000003.asc") {
		t.Errorf("states: got %q, %v, want the third alone", names, err)
	}
	check(t, c.Close())
}
