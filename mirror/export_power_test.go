package mirror_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
)

// nearCopy is a near side on a copy of the store and mark of another.
func (s *site) nearCopy() (copied *site, folder string) {
	s.t.Helper()
	folder = filepath.Join(s.t.TempDir(), "store")
	must(s.t, os.CopyFS(folder, os.DirFS(filepath.Dir(s.dir.StageDir()))))
	again := *s
	m := *s.Mirror
	again.Mirror = &m
	again.Work = filepath.Join(s.t.TempDir(), "work")
	again.keepMark(s)
	return &again, folder
}

func (s *site) markPath() string { return filepath.Join(s.Work, "..", "mark") }

// keepMark takes over the high-water mark of another site, which is on another
// disk than its store.
func (s *site) keepMark(from *site) {
	s.t.Helper()
	mark, err := os.ReadFile(from.markPath())
	if err == nil {
		err = os.WriteFile(s.markPath(), mark, 0o600)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
}

// on puts the near side on a file system.
func (s *site) on(disk store.FS) {
	s.t.Helper()
	dir, err := store.OpenDirFS(disk)
	must(s.t, err)
	s.t.Cleanup(func() { _ = dir.Close() })
	s.dir = dir
	s.use(dir, s.markPath())
}

// completes runs the export once more, and demands that whatever was begun ends
// with the header that was recorded, and that no seq has two.
func (s *site) completes(medium string) {
	s.t.Helper()
	before := s.ledger()
	s.onlyRecordedHeaders(medium)
	r, _ := s.export(mirror.ExportOptions{To: medium})
	want := "1 full exported"
	if strings.Contains(before, "exported") {
		want = "2 full exported, " + want
	}
	if got := s.ledger(); got != want {
		s.t.Errorf("the ledger has %q after %q and %+v, want %q", got, before, r, want)
	}
	s.clean()
	if left, err := filepath.Glob(filepath.Join(medium, "*.partial")); err != nil || len(left) > 0 {
		s.t.Errorf("left on the medium: %v, %v", left, err)
	}
}

// TestT21ExportLosesPower takes the power from the near side's store after each
// operation of an export in turn, while the medium keeps what it has. Whatever
// is left, no signed header on the medium is without its record, and the same
// command finishes.
func TestT21ExportLosesPower(t *testing.T) {
	t.Parallel()
	s := newNear(t, 1, 2)
	total := s.exportOperations(nil)
	for after := range points(total + 1) {
		for _, way := range slices.Sorted(maps.Keys(losses(0))) {
			near, folder := s.nearCopy()
			disk, err := faulty.NewDisk(folder, -1)
			must(t, err)
			near.on(disk)
			disk.StopAfter(after)
			medium := t.TempDir()
			if _, err := near.Export(t.Context(), mirror.ExportOptions{To: medium}); err != nil && !errors.Is(err, faulty.ErrPowerLost) {
				t.Fatalf("operation %d: %v, want the loss of power", after, err)
			}
			left := t.TempDir()
			must(t, disk.Lose(left, losses(uint64(after))[way]))
			live, err := store.OpenFS(left)
			must(t, err)
			near.on(live)
			near.completes(medium)
			if t.Failed() {
				t.Fatalf("power lost after operation %d of %d, of what was not synced %s", after, total, way)
			}
		}
	}
}

// exportOperations returns how many operations of a disk an export takes.
func (s *site) exportOperations(failure error) int {
	s.t.Helper()
	near, folder := s.nearCopy()
	live, err := store.OpenFS(folder)
	must(s.t, err)
	disk := &faulty.Flaky{FS: live, Err: failure}
	disk.FailAfter(-1)
	near.on(disk)
	before := disk.Operations()
	near.export(mirror.ExportOptions{To: s.t.TempDir()})
	total := disk.Operations() - before
	if total < 20 {
		s.t.Fatalf("an export makes %d operations on its store, too few to be the whole of it", total)
	}
	return total
}

// TestT21ExportMeetsABadDisk fails each operation of an export on its store in
// turn, as a bad sector does and as a disk does that is full from there on.
func TestT21ExportMeetsABadDisk(t *testing.T) {
	t.Parallel()
	s := newNear(t, 1, 2)
	for _, kind := range []struct {
		err   error
		stays bool
	}{{syscall.EIO, false}, {syscall.ENOSPC, true}} {
		total := s.exportOperations(kind.err)
		for after := range points(total) {
			near, folder := s.nearCopy()
			live, err := store.OpenFS(folder)
			must(t, err)
			disk := &faulty.Flaky{FS: live, Err: kind.err, Stays: kind.stays}
			disk.FailAfter(-1)
			near.on(disk)
			disk.FailAfter(after)
			medium := t.TempDir()
			if _, err := near.Export(t.Context(), mirror.ExportOptions{To: medium}); err != nil && !errors.Is(err, kind.err) {
				t.Errorf("got %v, want %v", err, kind.err)
			}
			disk.FailAfter(-1)
			near.on(disk)
			near.completes(medium)
			if t.Failed() {
				t.Fatalf("%v: failed at operation %d of %d", kind.err, after, total)
			}
		}
	}
}
