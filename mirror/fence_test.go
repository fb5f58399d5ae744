package mirror_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
)

// pruneSite returns a site with a plan to prune, which names the content of
// name(0), and a publisher that offers that content again.
func pruneSite(t *testing.T) (s *site, plan *mirror.PrunePlan, old layout.Digest) {
	t.Helper()
	s = newSite(t)
	s.Keep, s.Grace = -1, -1
	old = s.generations(6)[0]
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Select.Exclude = nil
	s.list(s.vouched(name(5), 1005), s.vouched(name(0), 1000))
	return s, plan, old
}

// whole makes sure that the store has what its newest generation needs.
func (s *site) whole(old layout.Digest) {
	s.t.Helper()
	s.clean()
	if f := s.file(name(0)); !f.Held || f.SHA256 != old || !s.has(old) {
		s.t.Errorf("the file that came back: held %v, there %v", f.Held, s.has(old))
	}
}

// TestASyncLosesToAWholePrune: between its look at the store and its state
// another machine prunes, from the announcement to the end, what it found.
func TestASyncLosesToAWholePrune(t *testing.T) {
	s, plan, old := pruneSite(t)
	other := s.second(overtaken{s.dir, new(sync.Once), func() {
		if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
			t.Error(err)
		}
	}})
	_, err := other.Sync(t.Context(), mirror.SyncOptions{})
	if err == nil || !strings.Contains(err.Error(), "a prune began meanwhile") {
		t.Errorf("got %v, want that a prune began meanwhile", err)
	}
	if _, err := other.Sync(t.Context(), mirror.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	s.whole(old)
}

// atDelete calls a function before the first object but one is deleted.
type atDelete struct {
	store.Store
	but    layout.Digest
	once   *sync.Once
	before func()
}

func (s atDelete) Delete(ctx context.Context, d layout.Digest) error {
	if d != s.but {
		s.once.Do(s.before)
	}
	return s.Store.Delete(ctx, d)
}

// TestNobodyBeginsWhileAnotherMachineDeletes lets another machine sync in the
// middle of a prune: it is told to wait; once the prune counts as dead it takes
// it over and brings back what was removed; and the first, which only slept,
// removes nothing more.
func TestNobodyBeginsWhileAnotherMachineDeletes(t *testing.T) {
	s, plan, old := pruneSite(t)
	other := s.second(s.dir)
	slept := false
	s.Store = atDelete{s.dir, old, new(sync.Once), func() {
		_, err := other.Sync(t.Context(), mirror.SyncOptions{})
		if !errors.Is(err, mirror.ErrLocked) || !strings.Contains(err.Error(), plan.ID) {
			t.Errorf("while another machine deletes: got %v, want ErrLocked by prune %s", err, plan.ID)
		}
		slept = true
		s.now = s.now.Add(61 * time.Minute)
		if _, err := other.Sync(t.Context(), mirror.SyncOptions{}); err != nil {
			t.Errorf("once the prune counts as dead: %v", err)
		}
	}}
	_, err := s.ApplyPrune(t.Context(), plan.ID)
	if !slept || err == nil {
		t.Errorf("the prune that was taken over: got %v, want an error", err)
	}
	s.Store = s.dir
	for _, d := range plan.Objects {
		if d != old && s.has(d) {
			t.Errorf("object %s is still there: the prune was not taken over", d)
		}
	}
	s.whole(old)
}

// TestAPruneIsPlannedAnewAfterAnotherWriter lets another machine bring back a
// planned object between the look of a prune at what is needed and its
// announcement.
func TestAPruneIsPlannedAnewAfterAnotherWriter(t *testing.T) {
	s, plan, old := pruneSite(t)
	other := s.second(s.dir)
	on := overtaken{s.dir, new(sync.Once), func() {
		if _, err := other.Sync(t.Context(), mirror.SyncOptions{}); err != nil {
			t.Error(err)
		}
	}}
	s.use(on, t.TempDir()+"/mark")
	r, err := s.ApplyPrune(t.Context(), plan.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r.Spared == 0 || r.Removed == 0 {
		t.Errorf("got %+v, want some spared and some removed", r)
	}
	s.whole(old)
}

// TestALongPruneGoesOn lets each object take longer than a removal is anybody's.
func TestALongPruneGoesOn(t *testing.T) {
	s, plan, old := pruneSite(t)
	s.Store = slowDelete{s.dir, func() { s.now = s.now.Add(25 * time.Minute) }}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	s.Store = s.dir
	if s.has(old) {
		t.Error("it did not end")
	}
	s.clean()
}

type slowDelete struct {
	store.Store
	before func()
}

func (s slowDelete) Delete(ctx context.Context, d layout.Digest) error {
	s.before()
	return s.Store.Delete(ctx, d)
}

// TestADryRunMeetsAPrune: what publishes nothing ends no prune, and takes what
// it names for gone.
func TestADryRunMeetsAPrune(t *testing.T) {
	s, plan, old := pruneSite(t)
	s.Store = atDelete{s.dir, old, new(sync.Once), func() {
		reader := s.second(s.dir)
		reader.Writer = nil
		r, err := reader.Sync(t.Context(), mirror.SyncOptions{DryRun: true})
		if err != nil || r.New != 1 {
			t.Errorf("got %+v, %v; want one file to fetch", r, err)
		}
		if _, err := reader.PlanPrune(t.Context()); err != nil {
			t.Errorf("plan: %v", err)
		}
	}}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	if s.has(old) {
		t.Error("the prune removed nothing")
	}
}

// TestADeadPruneOnABucket kills a machine in the middle of a prune on a bucket:
// another one waits, takes it over when it counts as dead, and brings back what
// was removed and is wanted again.
func TestADeadPruneOnABucket(t *testing.T) {
	s, plan, old := pruneSite(t)
	bucket := emptyBucket(t)
	if _, err := s.Migrate(t.Context(), bucket, mirror.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.use(bucket, t.TempDir()+"/mark")
	other := s.second(bucket)
	ctx, die := context.WithCancel(t.Context())
	defer die()
	s.Progress = func(e mirror.Event) {
		if e.Kind == mirror.EventObject {
			die()
		}
	}
	if _, err := s.ApplyPrune(ctx, plan.ID); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it died", err)
	}
	if _, err := other.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, mirror.ErrLocked) {
		t.Errorf("while it may be alive: got %v, want ErrLocked", err)
	}
	s.now = s.now.Add(61 * time.Minute)
	if _, err := other.Sync(t.Context(), mirror.SyncOptions{}); err != nil {
		t.Fatalf("once it counts as dead: %v", err)
	}
	if r, err := other.Audit(t.Context(), mirror.AuditOptions{}); err != nil {
		t.Errorf("audit: %v: %+v", err, r)
	}
	if size, err := bucket.Stat(t.Context(), old); err != nil || size != 1000 {
		t.Errorf("the file that came back: %d bytes, %v", size, err)
	}
	for _, d := range plan.Objects {
		if _, err := bucket.Stat(t.Context(), d); err == nil && d != old {
			t.Errorf("object %s is still there", d)
		}
	}
}

// TestALeaseOnABucket: what a lease asks for stays until its holder, who is dead,
// is forgotten.
func TestALeaseOnABucket(t *testing.T) {
	s := newSite(t)
	s.Keep, s.Grace = -1, -1
	bucket := emptyBucket(t)
	s.use(bucket, t.TempDir()+"/mark")
	s.generations2(1, 2)
	if _, err := s.Lease(t.Context(), "exporter", "export of main", 8*7*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	s.generations2(2, 8)
	for _, want := range []int{7, 4} {
		plan, err := s.PlanPrune(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Generations) != want {
			t.Errorf("%d generations are kept, want %d", len(plan.Generations), want)
		}
		s.now = s.now.Add(3 * 7 * 24 * time.Hour) // past the end of the lease
	}
}
