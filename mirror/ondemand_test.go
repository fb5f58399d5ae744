package mirror_test

import (
	"errors"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror"
)

func TestOnDemandListsWithWhatVouches(t *testing.T) {
	s := newSite(t)
	unvouched := s.offer(name(3), 300)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200), unvouched)
	s.Sources[0].OnDemand = true
	r, err := s.Sync(t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) || !r.Published || r.Left != 2 || r.New != 0 || r.Failed != 1 || r.Sources[0].Left != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	f := s.file(name(1))
	if best := f.Best(); f.Held || best == nil || best.Grade != layout.GradeChannel || !best.At.IsZero() || best.Document.IsZero() {
		t.Errorf("got %+v", f)
	}
	if f := s.file(name(3)); f.Held || len(f.Evidence) != 0 {
		t.Errorf("nothing vouches for it, and it says that something does: %+v", f)
	}
	if got := s.pub.Requests("/files/" + name(1)); got != 0 {
		t.Errorf("got %d requests for a file nobody asked for", got)
	}
	s.clean()
}

func TestOnDemandWithNothingNewChangesNothing(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200))
	s.Sources[0].OnDemand = true
	s.sync(mirror.SyncOptions{})
	states := s.states()
	s.now = s.now.Add(time.Hour)
	if r := s.sync(mirror.SyncOptions{}); r.Published || r.Left != 2 {
		t.Errorf("unchanged list: got %+v", r)
	}
	s.list(s.vouched(name(2), 200), s.vouched(name(1), 100)) // other bytes, the same updates
	if r := s.sync(mirror.SyncOptions{}); r.Published || r.Left != 2 || s.states() != states {
		t.Errorf("rewritten list: got %+v, %d new states", r, s.states()-states)
	}
	before := s.file(name(1))
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 222))
	s.sync(mirror.SyncOptions{})
	if after := s.file(name(1)); after.Evidence[0] != before.Evidence[0] {
		t.Errorf("the evidence of a file that did not change was written again:\n%+v\n%+v", before, after)
	}
	if after := s.file(name(2)); after.Evidence[0].Document == before.Evidence[0].Document {
		t.Errorf("a file that did change has the old evidence: %+v", after)
	}
}

func TestOnDemandTakesBackWhoVouched(t *testing.T) {
	s := newSite(t)
	s.list(s.offer(name(1), 100))
	s.Sources[0].OnDemand, s.Sources[0].Trust = true, mirror.TrustFirstUse
	s.sync(mirror.SyncOptions{})
	if best := s.file(name(1)).Evidence; len(best) != 1 || best[0].Grade != layout.GradeFirstUse {
		t.Fatalf("got %+v", best)
	}
	s.Sources[0].Trust = mirror.TrustVouched
	s.partial()
	if f := s.file(name(1)); len(f.Evidence) != 0 {
		t.Errorf("the operator trusts nobody any more, and the catalog says: %+v", f.Evidence)
	}
}

func TestPrefetchFetchesWhatItSelects(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200), s.vouched(name(3), 300))
	s.Sources[0].OnDemand = true
	s.Sources[0].Prefetch = []layout.Selection{{Include: []string{"kb800002"}}, {Severities: []layout.Severity{layout.Critical}}}
	r := s.sync(mirror.SyncOptions{DryRun: true})
	if r.New != 1 || r.Left != 2 {
		t.Errorf("dry run: got %+v", r)
	}
	if r = s.sync(mirror.SyncOptions{}); r.New != 1 || r.Left != 2 || r.Fetched != 200 || !s.file(name(2)).Held || s.file(name(1)).Held {
		t.Errorf("got %+v", r)
	}
	s.Sources[0].Prefetch = nil
	if r = s.sync(mirror.SyncOptions{}); r.Published || r.Left != 2 || !s.file(name(2)).Held {
		t.Errorf("without the rule: got %+v", r)
	}
	s.Sources[0].OnDemand = false
	if r = s.sync(mirror.SyncOptions{}); r.New != 2 || r.Left != 0 || r.Counts.Held != 3 {
		t.Errorf("all: got %+v", r)
	}
	s.Sources[0].OnDemand = true
	if r = s.sync(mirror.SyncOptions{}); r.Published || r.Counts.Held != 3 || r.Left != 0 {
		t.Errorf("what is held stays: got %+v", r)
	}
}

func TestMetadataOnlySaysWhatIsLeft(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200))
	if r := s.sync(mirror.SyncOptions{MetadataOnly: true, DryRun: true}); r.New != 0 || r.Left != 2 {
		t.Errorf("dry run: got %+v", r)
	}
	if r := s.sync(mirror.SyncOptions{MetadataOnly: true}); r.New != 0 || r.Left != 2 || r.Counts.Held != 0 {
		t.Errorf("got %+v", r)
	}
	f := s.file(name(1))
	if f.Best() == nil || f.Best().Grade != layout.GradeChannel {
		t.Errorf("got %+v", f)
	}
	if r := s.sync(mirror.SyncOptions{}); r.New != 2 || r.Left != 0 {
		t.Errorf("got %+v", r)
	}
	if f = s.file(name(1)); f.Best().At.IsZero() {
		t.Errorf("held evidence without a time: %+v", f)
	}
}
