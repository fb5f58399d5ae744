package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
)

// damage changes one byte of an object on disk.
func (s *site) damage(d layout.Digest, at int64) {
	s.t.Helper()
	path := filepath.Join(filepath.Dir(s.dir.StageDir()), filepath.FromSlash(store.ObjectKey(d)))
	if err := os.Chmod(path, 0o644); err != nil {
		s.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		s.t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], at); err != nil {
		s.t.Fatal(err)
	}
}

// generations publishes n generations a week apart, each with one update of
// its own; the update before it is excluded and so leaves the catalog.
func (s *site) generations(n int) []layout.Digest {
	s.t.Helper()
	var contents []layout.Digest
	for i := range n {
		s.now = s.now.Add(7 * 24 * time.Hour)
		s.list(s.vouched(name(i), 1000+i))
		if i > 0 {
			s.Select.Exclude = append(s.Select.Exclude, "pub:"+name(i-1))
		}
		s.sync(mirror.SyncOptions{})
		contents = append(contents, s.file(name(i)).SHA256)
	}
	return contents
}

func (s *site) has(d layout.Digest) bool {
	_, err := s.dir.Stat(s.t.Context(), d)
	return err == nil
}

func TestPruneRemovesWhatNoKeptGenerationNeeds(t *testing.T) {
	s := newSite(t)
	s.Keep = -1
	contents := s.generations(7)
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Generations) != 4 || plan.Generations[0] != 7 || plan.Generations[3] != 4 {
		t.Errorf("got generations %v, want the newest four", plan.Generations)
	}
	if !s.has(contents[0]) {
		t.Error("planning removed something")
	}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); !errors.Is(err, mirror.ErrGrace) {
		t.Errorf("before the grace time: got %v", err)
	}
	s.now = s.now.Add(25 * time.Hour)
	r, err := s.ApplyPrune(t.Context(), plan.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range contents {
		if got, want := s.has(d), i >= 3; got != want {
			t.Errorf("content of generation %d: there %v, want %v", i+1, got, want)
		}
	}
	// Three generations, each with content, document, signature and catalog.
	if r.Removed != 12 || r.Spared != 0 || len(s.PrunePlans()) != 0 {
		t.Errorf("got %+v, plans %v", r, s.PrunePlans())
	}
	s.clean()
	s.list(s.vouched(name(6), 1006), s.vouched(name(100), 5))
	s.sync(mirror.SyncOptions{})
}

func TestPruneKeepsYoungGenerations(t *testing.T) {
	s := newSite(t)
	s.Keep = 41 * 24 * time.Hour // six weeks and a bit less
	s.generations(7)
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Generations) != 6 {
		t.Errorf("got generations %v, want six", plan.Generations)
	}
}

func TestPruneSparesWhatCameBack(t *testing.T) {
	s := newSite(t)
	s.Keep, s.Grace = -1, -1
	contents := s.generations(6)
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Select.Exclude = nil
	s.list(s.vouched(name(5), 1005), s.vouched(name(0), 1000)) // wanted again
	s.sync(mirror.SyncOptions{})
	r, err := s.ApplyPrune(t.Context(), plan.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !s.has(contents[0]) || r.Spared == 0 {
		t.Errorf("got %+v", r)
	}
	s.clean()
}

func TestALeaseKeepsGenerations(t *testing.T) {
	s := newSite(t)
	s.Keep, s.Grace = -1, -1
	s.generations(2)
	release, err := s.Lease(t.Context(), "exporter", "export of main", 10_000*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	contents := s.generations2(2, 8)
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last := plan.Generations[len(plan.Generations)-1]; last != 2 {
		t.Errorf("got generations %v, want down to 2", plan.Generations)
	}
	if err := release(t.Context()); err != nil {
		t.Fatal(err)
	}
	plan, err = s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Generations) != 4 {
		t.Errorf("after its end: got generations %v", plan.Generations)
	}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	if s.has(contents[0]) {
		t.Error("not removed though nothing needs it")
	}
	s.clean()
}

func TestAnExpiredLeaseKeepsNothing(t *testing.T) {
	s := newSite(t)
	s.Keep, s.Grace = -1, -1
	s.generations(1)
	if _, err := s.Lease(t.Context(), "exporter", "export of main", time.Hour); err != nil {
		t.Fatal(err)
	}
	s.generations2(1, 6)
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Generations) != 4 {
		t.Errorf("got generations %v, want the newest four", plan.Generations)
	}
}

// generations2 goes on from generations.
func (s *site) generations2(from, to int) []layout.Digest {
	s.t.Helper()
	var contents []layout.Digest
	for i := from; i < to; i++ {
		s.now = s.now.Add(7 * 24 * time.Hour)
		s.list(s.vouched(name(i), 1000+i))
		s.Select.Exclude = append(s.Select.Exclude, "pub:"+name(i-1))
		s.sync(mirror.SyncOptions{})
		contents = append(contents, s.file(name(i)).SHA256)
	}
	return contents
}

// TestEveryWriteOfAPruneMayFail kills a prune at each of its writes. What kept
// generations need is there afterwards, and whatever comes next finishes it.
func TestEveryWriteOfAPruneMayFail(t *testing.T) {
	for at := 1; ; at++ {
		s := newSite(t)
		s.Keep, s.Grace = -1, -1
		contents := s.generations(6)
		plan, err := s.PlanPrune(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mark := filepath.Join(t.TempDir(), "mark")
		broken := faulty.New(s.dir, faulty.Fault{At: at, Mode: faulty.None, Dies: true})
		s.use(broken, mark)
		_, err = s.ApplyPrune(t.Context(), plan.ID)
		if broken.Writes() < at {
			return // it has no more writes
		}
		s.use(s.dir, mark)
		s.clean()
		s.list(s.vouched(name(5), 1005), s.vouched(name(9), 9))
		s.sync(mirror.SyncOptions{})
		s.clean()
		if at > 1 && s.has(contents[0]) {
			t.Errorf("killed at write %d (%v): the next sync did not finish the prune", at, err)
		}
	}
}

// TestPruneSparesWhatAKilledSyncBrought: no generation names these objects
// yet, and the same sync would have to fetch them again.
func TestPruneSparesWhatAKilledSyncBrought(t *testing.T) {
	s := newSite(t)
	s.Grace, s.Parallel = -1, 1
	s.list(s.vouched(name(0), 10))
	s.sync(mirror.SyncOptions{})
	s.list(s.vouched(name(0), 10), s.vouched(name(1), 1000), s.vouched(name(2), 2000))
	mark := filepath.Join(t.TempDir(), "mark")
	s.use(faulty.New(s.dir, faulty.Fault{At: 2, Dies: true}), mark)
	if _, err := s.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, faulty.ErrDied) {
		t.Fatalf("got %v", err)
	}
	s.use(s.dir, mark)
	brought := layout.DigestOf(body(name(1), 1000))
	if !s.has(brought) {
		t.Fatal("the killed sync brought nothing")
	}
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(plan.Objects, brought) {
		t.Error("the plan would remove what the killed sync brought")
	}
}
