package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// crossingDisk is the size of the disks of these tests, in bytes.
const crossingDisk = 32 << 20

// fullAfter are sizes of what is free of a disk, in bytes: from nothing to more
// than a bundle takes, and close together where the room that was reckoned with
// before is nearly enough.
func fullAfter(need int64) []int64 {
	all := []int64{0, 4 << 10, 64 << 10, need / 2}
	for free := need - 32<<10; free < need+160<<10; free += 8 << 10 {
		all = append(all, free)
	}
	return all
}

// with copies a machine onto the disk.
func (d *disk) with(machine string) (dir string) {
	d.t.Helper()
	dir = filepath.Join(d.path, "machine")
	if err := os.CopyFS(dir, os.DirFS(machine)); err != nil {
		d.t.Fatal(err)
	}
	return dir
}

// full runs a command that meets a full disk, and says so; or it has room. It
// reports which.
func (d *disk) full(dir string, args ...string) bool {
	d.t.Helper()
	r := runIn(d.t.Context(), dir, args...)
	if r.code == exitDone {
		return false
	}
	met := strings.Contains(r.stderr, "no space left on device") || strings.Contains(r.stderr, "bytes are needed") || strings.Contains(r.stderr, "the bundle needs")
	if r.code != exitFailed || !met || !strings.Contains(r.stderr, "next: make ") {
		d.t.Errorf("%v exits %d, want %d and what to do about a full disk:\n%s", args, r.code, exitFailed, r.stderr)
	}
	return true
}

// space makes room again.
func (d *disk) space() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.path, "filler")); err != nil {
		d.t.Fatal(err)
	}
}

// TestT21ImportOntoAFullDisk imports onto a disk that is full after so many
// bytes. Hosts see the old generation, or the new one where only the high-water
// mark had no room, and when there is space the same command finishes.
func TestT21ImportOntoAFullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	x := newCrossing(t)
	sizes := fullAfter(1_660_000) // files, and once more what is joined of segments
	met := 0
	for _, free := range sizes {
		t.Run(fmt.Sprintf("%d KiB free", free>>10), func(t *testing.T) {
			d := emptyDisk(t, crossingDisk)
			far := d.with(x.far)
			d.leave(free)
			full := d.full(far, "import", x.second)
			if full {
				met++
			}
			got, err := shownIn(t.Context(), far, "test")
			if err != nil || !slices.Equal(got, x.ids[1]) && !(full && slices.Equal(got, x.ids[0])) {
				t.Errorf("ring test shows %v (%v); the disk was full: %t", got, err, full)
			}
			x.on(far, "status")
			d.space()
			if r := runIn(t.Context(), far, "import", x.second); r.code != exitDone && r.code != exitAlready {
				t.Errorf("with space: exit %d: %s", r.code, r.stderr)
			}
			if got, err := shownIn(t.Context(), far, "test"); err != nil || !slices.Equal(got, x.ids[1]) {
				t.Errorf("ring test shows %v, want %v (%v)", got, x.ids[1], err)
			}
			x.on(far, "audit")
			noParts(t, far)
		})
	}
	if met < 8 || met == len(sizes) {
		t.Errorf("%d of %d disks were full", met, len(sizes))
	}
}

// TestT21ExportOntoAFullDisk does the same with an export, once with a medium
// and once with a store that is full.
func TestT21ExportOntoAFullDisk(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	x := newCrossing(t)
	for _, free := range []int64{0, 4 << 10, 500 << 10, 1 << 20, 16 << 20} {
		t.Run(fmt.Sprintf("medium with %d KiB free", free>>10), func(t *testing.T) {
			d := emptyDisk(t, crossingDisk)
			near, medium := filepath.Join(t.TempDir(), "near"), filepath.Join(d.path, "medium")
			if err := os.CopyFS(near, os.DirFS(x.near)); err != nil {
				t.Fatal(err)
			}
			x.exports(d, near, medium, free)
		})
	}
	for _, free := range []int64{0, 4 << 10, 8 << 10, 12 << 10, 16 << 10, 20 << 10, 24 << 10, 32 << 10, 48 << 10} {
		t.Run(fmt.Sprintf("store with %d KiB free", free>>10), func(t *testing.T) {
			d := emptyDisk(t, crossingDisk)
			x.exports(d, d.with(x.near), filepath.Join(t.TempDir(), "medium"), free)
		})
	}
}

// exports exports while a disk is full, and again when it has space.
func (x *crossing) exports(d *disk, near, medium string, free int64) {
	t := d.t
	t.Helper()
	if err := os.Mkdir(medium, 0o755); err != nil {
		t.Fatal(err)
	}
	d.leave(free)
	export := []string{"export", "--to", medium, "--full", "--volume-size", volumeSize}
	full := d.full(near, export...)
	d.space()
	if err := checkFinished(t.Context(), near, medium, map[string]bool{}); err != nil {
		t.Error(err)
	}
	// Where only the high-water mark had no room the bundle is exported all the
	// same, and the same command makes the next one.
	want := 1
	if !full || strings.Count(x.on(near, "bundle", "list", "--json"), `"status":"exported"`) == 3 {
		want = 2
	}
	if r := runIn(t.Context(), near, export...); r.code != exitDone {
		t.Fatalf("with space: exit %d: %s", r.code, r.stderr)
	}
	made, err := filepath.Glob(filepath.Join(medium, "main-e001-s*"))
	if err != nil || len(made) != want {
		t.Errorf("on the medium are %v (%v), want %d bundles", made, err, want)
	}
	if err := checkFinished(t.Context(), near, medium, map[string]bool{}); err != nil {
		t.Error(err)
	}
	x.recorded(near)
	x.on(near, "audit")
}
