package mirror_test

import (
	"errors"
	"strconv"
	"syscall"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/verify"
)

// onFlaky makes a far side whose store is on a disk that can fail.
func onFlaky(t testing.TB, w *wire, kind error, stays bool) (*far, *faulty.Flaky) {
	t.Helper()
	f := newFar(t, w)
	live, err := store.OpenFS(t.TempDir())
	must(t, err)
	disk := &faulty.Flaky{FS: live, Err: kind, Stays: stays}
	disk.FailAfter(-1)
	dir, err := store.CreateDirFS(disk)
	must(t, err)
	t.Cleanup(func() { _ = dir.Close() })
	f.moved(dir, f.markPath())
	return f, disk
}

// TestT21ImportMeetsABadDisk fails each operation of an import in turn, as a bad
// sector does and as a disk does that is full from there on. The error says
// which it was and is never taken for a refusal of the bundle, a reader sees the
// old state or the new one, and the same command finishes.
func TestT21ImportMeetsABadDisk(t *testing.T) {
	t.Parallel()
	w := inVolumes(t)
	dir := w.send()
	for _, kind := range []struct {
		err   error
		stays bool
	}{{syscall.EIO, false}, {syscall.ENOSPC, true}} {
		t.Run(kind.err.Error(), func(t *testing.T) {
			t.Parallel()
			probe, disk := onFlaky(t, w, kind.err, kind.stays)
			before := disk.Operations()
			probe.take(dir)
			total, want := disk.Operations()-before, objects(t, probe.dir)
			if total < 150 {
				t.Fatalf("an import makes %d operations, too few to be the whole of it", total)
			}
			for after := range points(total) {
				t.Run(strconv.Itoa(after), func(t *testing.T) { // so that its files are closed
					f, disk := onFlaky(t, w, kind.err, kind.stays)
					f.meets(disk, after, kind.err, want, dir)
				})
				if t.Failed() {
					t.Fatalf("failed at operation %d of %d", after, total)
				}
			}
		})
	}
}

// meets imports while one operation fails, and again when the disk is mended.
func (f *far) meets(disk *faulty.Flaky, after int, kind error, want map[layout.Digest]int64, dir string) {
	f.t.Helper()
	disk.FailAfter(after)
	r, err := f.Import(f.t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant"})
	failed := disk.Failed()
	disk.FailAfter(-1)
	switch n := f.newest(); {
	case err == nil && n != 1:
		f.t.Errorf("it says that it is done, and there is state %d", n)
	case err != nil && (!errors.Is(err, kind) || errors.Is(err, verify.ErrUntrusted) || r.Status != mirror.StatusFailed):
		f.t.Errorf("got %v with status %s, want %v", err, r.Status, kind)
	case err != nil && !failed:
		f.t.Errorf("nothing failed, and it says %v", err)
	}
	again, err := store.OpenDirFS(disk) // as another process does: a store whose sync failed writes no more
	must(f.t, err)
	f.t.Cleanup(func() { _ = again.Close() })
	f.moved(again, f.markPath())
	f.wholeFar(want, dir)
}
