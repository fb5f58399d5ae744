package mirror_test

import (
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

// inVolumes is a near side with a bulletin and files of which one is cut into
// segments, in bundles of several volumes.
func inVolumes(t testing.TB) *wire {
	t.Helper()
	w := newWire(t)
	w.plan = bundle.PlanOptions{VolumeSize: 140 << 10, MaxFile: 30_000, Cluster: 1}
	w.list(w.vouched("a.exe", 3000), w.vouched("b.exe", 60_000), w.vouched("c.exe", 20_000))
	w.press.print("MS26-001", w.clearSigned("MS26-001 KB800000 critical 2026-11-01"), nil)
	w.sync(mirror.SyncOptions{})
	return w
}

// objects returns what a store holds.
func objects(t testing.TB, s store.Store) map[layout.Digest]int64 {
	t.Helper()
	all := map[layout.Digest]int64{}
	for o, err := range s.List(t.Context(), layout.Digest{}) {
		if err != nil {
			t.Fatal(err)
		}
		all[o.Digest] = o.Size
	}
	return all
}

// onEachDisk runs a test for disks that can be flushed, and for those where each
// file and folder is synced apart.
func onEachDisk(t *testing.T, test func(t *testing.T, apart bool)) {
	t.Parallel()
	for name, apart := range map[string]bool{"flushed": false, "apart": true} {
		t.Run(name, func(t *testing.T) { test(t, apart) })
	}
}

// onDisk makes a far side whose store is on a disk that can lose its power.
func onDisk(t testing.TB, w *wire, apart bool) (*far, *faulty.Disk) {
	t.Helper()
	f := newFar(t, w)
	disk, err := faulty.NewDisk(t.TempDir(), -1)
	must(t, err)
	if apart {
		disk.SyncApart()
	}
	dir, err := store.CreateDirFS(disk)
	must(t, err)
	t.Cleanup(func() { _ = dir.Close() })
	f.moved(dir, f.markPath())
	return f, disk
}

// markPath is where the far side keeps its high-water mark, which is on another
// disk.
func (f *far) markPath() string { return filepath.Join(f.Work, "..", "mark") }

// moved puts the far side on another folder.
func (f *far) moved(dir *store.Dir, mark string) {
	f.t.Helper()
	f.dir = dir
	f.use(dir, mark)
}

// reopened is the far side after a loss of power: what is left of its disk is
// in left, and its mark is as it was.
func (f *far) reopened(left string) *far {
	f.t.Helper()
	again := *f
	m := *f.Mirror
	again.Mirror = &m
	again.Work = filepath.Join(f.t.TempDir(), "work")
	mark, err := os.ReadFile(f.markPath())
	if err == nil {
		err = os.WriteFile(again.markPath(), mark, 0o600)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
	disk, err := faulty.NewDisk(left, -1)
	must(f.t, err)
	dir, err := store.OpenDirFS(disk)
	must(f.t, err)
	f.t.Cleanup(func() { _ = dir.Close() })
	again.moved(dir, again.markPath())
	return &again
}

// losses are ways in which what was not synced is lost. That nothing is lost is
// a kill, see TestT21KilledImportLosesPower.
func losses(salt uint64) map[string]func() bool {
	rng := rand.New(rand.NewPCG(1, salt))
	return map[string]func() bool{
		"all lost": func() bool { return false },
		"some":     func() bool { return rng.IntN(2) == 0 },
	}
}

// wholeFar holds a far side to the one or the other state, runs the import once
// more, and holds it to what an import gives that nobody disturbed.
func (f *far) wholeFar(want map[layout.Digest]int64, dirs ...string) {
	f.t.Helper()
	n := f.newest()
	if n > 1 {
		f.t.Fatalf("there are %d states", n)
	}
	if n == 1 {
		f.published(want)
	}
	_, err := f.Import(f.t.Context(), dirs, mirror.ImportOptions{Destination: "plant"})
	if n == 0 && err != nil || n == 1 && !errors.Is(err, mirror.ErrAlready) {
		f.t.Fatalf("the same command again, on state %d: %v", n, err)
	}
	f.published(want)
	left, err := os.ReadDir(filepath.Join(f.dir.StageDir(), "import"))
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(left) > 0 {
		f.t.Errorf("in quarantine is still %v (%v)", left, err)
	}
}

// published holds a far side to what it has once the bundle is imported.
func (f *far) published(want map[layout.Digest]int64) {
	f.t.Helper()
	if diff := cmp.Diff([]string{"pub:a.exe", "pub:b.exe", "pub:c.exe"}, f.shown("test")); diff != "" {
		f.t.Errorf("ring test (-want +got):\n%s", diff)
	}
	if a, err := f.Audit(f.t.Context(), mirror.AuditOptions{}); err != nil {
		f.t.Errorf("audit: %v: %+v", err, a)
	}
	if diff := cmp.Diff(want, objects(f.t, f.dir)); diff != "" {
		f.t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// points returns the operations at which a disk is made to fail, of so many:
// with TEST_FULL=1 each of them; else some, other ones in each run.
func points(total int) iter.Seq[int] {
	step := 5
	if testing.Short() {
		step = 20
	}
	if os.Getenv("TEST_FULL") == "1" {
		step = 1
	}
	return func(yield func(int) bool) {
		for at := rand.IntN(step); at < total && yield(at); at += step {
		}
	}
}

// importOperations returns how many operations of a disk an import takes, and
// what the store holds after it.
func importOperations(t *testing.T, w *wire, dir string, apart bool) (int, map[layout.Digest]int64) {
	t.Helper()
	f, disk := onDisk(t, w, apart)
	before := disk.Operations()
	f.take(dir)
	return disk.Operations() - before, objects(t, f.dir)
}

// TestT21ImportLosesPower takes the power away after each operation of an import
// in turn. What is left holds the old state or the new one whole, and the same
// command finishes.
func TestT21ImportLosesPower(t *testing.T) { onEachDisk(t, importLosesPower) }

func importLosesPower(t *testing.T, apart bool) {
	w := inVolumes(t)
	dir := w.send()
	total, want := importOperations(t, w, dir, apart)
	if total < 100 {
		t.Fatalf("an import makes %d operations, too few to be the whole of it", total)
	}
	for after := range points(total + 1) {
		f, disk := onDisk(t, w, apart)
		disk.StopAfter(after)
		_, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant"})
		if err != nil && !errors.Is(err, faulty.ErrPowerLost) {
			t.Fatalf("operation %d: %v, want the loss of power", after, err)
		}
		ways := losses(uint64(after))
		for _, way := range slices.Sorted(maps.Keys(ways)) {
			left := t.TempDir()
			must(t, disk.Lose(left, ways[way]))
			f.reopened(left).wholeFar(want, dir)
			if t.Failed() {
				t.Fatalf("power lost after operation %d of %d, of what was not synced %s", after, total, way)
			}
		}
		left := t.TempDir()
		must(t, disk.LoseBytes(left))
		f.reopened(left).wholeFar(want, dir)
		if t.Failed() {
			t.Fatalf("power lost after operation %d of %d, of bytes that were not synced zeros left", after, total)
		}
	}
}

// TestT21KilledImportLosesPower kills an import after each operation, runs it
// again to its end, and takes the power away then: what the first one wrote and
// the second one found must be as durable as what the second one wrote.
func TestT21KilledImportLosesPower(t *testing.T) { onEachDisk(t, killedImportLosesPower) }

func killedImportLosesPower(t *testing.T, apart bool) {
	w := inVolumes(t)
	dir := w.send()
	total, want := importOperations(t, w, dir, apart)
	for after := range points(total) {
		f, disk := onDisk(t, w, apart)
		disk.StopAfter(after)
		if _, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant"}); err == nil {
			continue
		}
		disk.StopAfter(-1)
		again, err := store.OpenDirFS(disk)
		must(t, err)
		f.moved(again, f.markPath())
		_, err = f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant"})
		if err != nil && !errors.Is(err, mirror.ErrAlready) {
			t.Fatalf("killed after operation %d, then again: %v", after, err)
		}
		left := t.TempDir()
		must(t, disk.Lose(left, func() bool { return false }))
		g := f.reopened(left)
		if g.newest() != 1 {
			t.Fatalf("killed after operation %d: the state is gone", after)
		}
		g.published(want)
		if t.Failed() {
			t.Fatalf("killed after operation %d of %d, then again, then power lost", after, total)
		}
	}
}

// TestT21WaitingVolumesOutliveALossOfPower: an import that said what it waits
// for may rely on what it has.
func TestT21WaitingVolumesOutliveALossOfPower(t *testing.T) { onEachDisk(t, waitingVolumesOutlive) }

func waitingVolumesOutlive(t *testing.T, apart bool) {
	w := inVolumes(t)
	dir := w.send()
	_, want := importOperations(t, w, dir, apart)
	volumes, err := filepath.Glob(filepath.Join(dir, "vol-*"))
	if err != nil || len(volumes) < 2 {
		t.Fatalf("volumes %v, %v, want several", volumes, err)
	}
	f, disk := onDisk(t, w, apart)
	for i := range volumes {
		medium := part(t, dir, filepath.Base(volumes[i]))
		if i == len(volumes)-1 {
			f.wholeFar(want, medium)
			return
		}
		if e := f.refuse(mirror.ImportOptions{}, medium); e.Code != mirror.CodeWaiting {
			t.Fatalf("got %v, want it to wait", e)
		}
		left := t.TempDir()
		must(t, disk.Lose(left, func() bool { return false }))
		f = f.reopened(left)
		disk, err = faulty.NewDisk(left, -1)
		must(t, err)
		if apart {
			disk.SyncApart()
		}
		dir, err := store.OpenDirFS(disk)
		must(t, err)
		f.moved(dir, f.markPath())
	}
}

// TestT21EveryWriteOfAnImportMayFail fails each write of the store in turn, in
// every way, and kills the import there or lets it go on.
func TestT21EveryWriteOfAnImportMayFail(t *testing.T) {
	t.Parallel()
	w := inVolumes(t)
	dir := w.send()
	probe := newFar(t, w)
	counting := faulty.New(probe.dir, faulty.Fault{})
	probe.use(counting, filepath.Join(t.TempDir(), "mark"))
	probe.take(dir)
	want := objects(t, probe.dir)
	writes := counting.Writes()
	if writes < 8 { // three files, catalog, notices, a bulletin, generation, signature, state
		t.Fatalf("got %d writes", writes)
	}
	for at := 1; at <= writes; at++ {
		for _, mode := range []faulty.Mode{faulty.None, faulty.Lost, faulty.Kept, faulty.Torn} {
			for _, dies := range []bool{true, false} {
				if mode == faulty.None && !dies {
					continue
				}
				f := newFar(t, w)
				mark := filepath.Join(t.TempDir(), "mark")
				f.use(faulty.New(f.dir, faulty.Fault{At: at, Mode: mode, Dies: dies}), mark)
				_, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant"})
				if last := at == writes && (mode == faulty.None || mode == faulty.Kept); err == nil && !last {
					t.Error("the import did not notice")
				}
				f.use(f.dir, mark)
				f.wholeFar(want, dir)
				if t.Failed() {
					t.Fatalf("write %d %v, dies %t", at, mode, dies)
				}
			}
		}
	}
}
