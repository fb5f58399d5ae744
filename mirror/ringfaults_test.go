package mirror_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/trusted"
)

// acts are the jobs on rings, each of which is one state.
var acts = []struct {
	name   string
	do     func(context.Context, *mirror.Mirror) error
	before string // what hosts are given before it,
	after  string // and after
}{
	{"promote", func(ctx context.Context, m *mirror.Mirror) error {
		_, err := m.Promote(ctx, mirror.Promotion{Ring: "production"})
		return err
	}, "test=1 2, pilot=1 2, production=1", "test=1 2, pilot=1 2, production=1 2"},
	{"promote one", func(ctx context.Context, m *mirror.Mirror) error {
		_, err := m.Promote(ctx, mirror.Promotion{Ring: "production", Updates: []string{id(2)}})
		return err
	}, "test=1 2, pilot=1 2, production=1", "test=1 2, pilot=1 2, production=1 2"},
	{"hold", func(ctx context.Context, m *mirror.Mirror) error {
		_, err := m.Hold(ctx, mirror.Withholding{Updates: []string{id(1)}, Reason: "bad"})
		return err
	}, "test=1 2, pilot=1 2, production=1", "test=2, pilot=2, production="},
	{"revert", func(ctx context.Context, m *mirror.Mirror) error {
		_, err := m.Revert(ctx, mirror.Reversion{Ring: "pilot", To: 2, Reason: "bad"})
		return err
	}, "test=1 2, pilot=1 2, production=1", "test=1 2, pilot=1, production=1"},
}

// twoUpdates makes a site with one update in production and two in pilot.
func twoUpdates(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.Land = "test"
	s.give(1)
	s.promote("pilot") // state 2
	s.promote("production")
	s.give(1, 2)
	s.promote("pilot") // state 5
	return s
}

// TestEveryWriteOfARingJobMayFail kills each job on rings at each of its writes,
// in every way. A reader then sees the old rings or the new ones, and the same
// command finishes.
func TestEveryWriteOfARingJobMayFail(t *testing.T) {
	for _, act := range acts {
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			probe := twoUpdates(t)
			counting := faulty.New(probe.dir, faulty.Fault{})
			probe.use(counting, filepath.Join(t.TempDir(), "mark"))
			if err := act.do(t.Context(), probe.Mirror); err != nil {
				t.Fatal(err)
			}
			for at := 1; at <= counting.Writes(); at++ {
				for _, mode := range []faulty.Mode{faulty.None, faulty.Lost, faulty.Kept, faulty.Torn} {
					s := twoUpdates(t)
					mark := filepath.Join(t.TempDir(), "mark")
					s.use(faulty.New(s.dir, faulty.Fault{At: at, Mode: mode, Dies: true}), mark)
					err := act.do(t.Context(), s.Mirror)
					s.use(s.dir, mark)
					got := s.rings()
					if got != act.before && got != act.after || err == nil && got != act.after {
						t.Errorf("write %d %v: rings are %s after %v", at, mode, got, err)
					}
					if err := act.do(t.Context(), s.Mirror); err != nil {
						t.Errorf("write %d %v: the same again: %v", at, mode, err)
					}
					if got := s.rings(); got != act.after {
						t.Errorf("write %d %v: rings are %s in the end, want %s", at, mode, got, act.after)
					}
					s.clean()
				}
			}
		})
	}
}

// overtaken is a store in which another writer is faster: before runs once, just
// before the first state is created.
type overtaken struct {
	store.Store
	once   *sync.Once
	before func()
}

func (s overtaken) Create(ctx context.Context, n uint64, doc []byte) error {
	s.once.Do(s.before)
	return s.Store.Create(ctx, n, doc)
}

// second returns another writer on the store of s, as on another machine.
func (s *site) second(on store.Store) *mirror.Mirror {
	s.t.Helper()
	mark, err := store.OpenMark(filepath.Join(s.t.TempDir(), "mark"))
	if err != nil {
		s.t.Fatal(err)
	}
	reader := &trusted.Reader{Store: on, Trust: s.trust, Mark: mark}
	return &mirror.Mirror{
		Store: on, Trusted: reader, Origin: s.key, Work: s.t.TempDir(), Clock: s.Clock,
		Writer: &trusted.Writer{Reader: reader, Signer: s.key, Actor: "other", Clock: s.Clock},
		Rings:  s.Rings, Land: s.Land, Sources: s.Sources,
	}
}

// TestARingJobIsOvertaken lets another writer publish between the plan of a job
// and its state.
func TestARingJobIsOvertaken(t *testing.T) {
	hold := func(m *mirror.Mirror) error {
		_, err := m.Hold(t.Context(), mirror.Withholding{Updates: []string{id(2)}, Reason: "bad"})
		return err
	}
	for _, test := range []struct {
		name  string
		other func(*site) error
		job   func(*mirror.Mirror) error
		want  string // in the error; empty: it is applied again
		rings string
	}{
		{
			name:  "promote by a sync that lands in the ring it comes from",
			other: func(s *site) error { s.give(1, 2, 3); return nil },
			job: func(m *mirror.Mirror) error {
				_, err := m.Promote(t.Context(), mirror.Promotion{Ring: "production", From: "test"})
				return err
			},
			want: "ring test was moved by somebody else meanwhile", rings: "test=1 2 3, pilot=1 2, production=1",
		},
		{
			name:  "promote by a sync that lands elsewhere",
			other: func(s *site) error { s.give(1, 2, 3); return nil },
			job: func(m *mirror.Mirror) error {
				_, err := m.Promote(t.Context(), mirror.Promotion{Ring: "production"})
				return err
			},
			rings: "test=1 2 3, pilot=1 2, production=1 2",
		},
		{
			name:  "revert by a promotion",
			other: func(s *site) error { s.give(1, 2, 3); s.promote("pilot"); return nil },
			job: func(m *mirror.Mirror) error {
				_, err := m.Revert(t.Context(), mirror.Reversion{Ring: "pilot", To: 2, Reason: "bad"})
				return err
			},
			want: "ring pilot was moved by somebody else meanwhile", rings: "test=1 2 3, pilot=1 2 3, production=1",
		},
		{
			name:  "hold by a sync that makes a generation",
			other: func(s *site) error { s.give(1, 2, 3); return nil },
			job:   hold, rings: "test=1 3, pilot=1, production=1",
		},
		{
			name:  "hold by the same hold",
			other: func(s *site) error { return hold(s.Mirror) },
			job:   hold, rings: "test=1, pilot=1, production=1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := twoUpdates(t)
			other := errors.New("the other writer never came")
			m := s.second(overtaken{s.dir, new(sync.Once), func() { other = test.other(s) }})
			err := test.job(m)
			if other != nil {
				t.Fatal(other)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			s.wantRings("in the end", test.rings)
			s.clean()
		})
	}
}

// TestASyncIsOvertakenByAPromotion: the sync lands in its ring all the same, and
// the promotion stays.
func TestASyncIsOvertakenByAPromotion(t *testing.T) {
	s := twoUpdates(t)
	m := s.second(overtaken{s.dir, new(sync.Once), func() { s.promote("production") }})
	s.pub.Put("/list", s.encode("pub", s.vouched(name(1), 101), s.vouched(name(2), 102), s.vouched(name(3), 103)))
	if _, err := m.Sync(t.Context(), mirror.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	s.wantRings("in the end", "test=1 2 3, pilot=1 2, production=1 2")
	s.clean()
}

// TestOneRingJobAtATime: on one machine the lock keeps others out.
func TestOneRingJobAtATime(t *testing.T) {
	s := twoUpdates(t)
	var second error
	s.Before = func(ctx context.Context, _ *mirror.Proposed) error {
		_, second = s.Promote(ctx, mirror.Promotion{Ring: "production"})
		return nil
	}
	s.give(1, 2, 3)
	if !errors.Is(second, mirror.ErrLocked) {
		t.Errorf("promote during a sync: got %v, want ErrLocked", second)
	}
}

// TestAReaderSeesOldOrNew reads what the rings show again and again while they
// are moved to and fro.
func TestAReaderSeesOldOrNew(t *testing.T) {
	s := twoUpdates(t)
	reader := s.second(s.dir).Trusted
	moved := make(chan error, 1)
	go func() {
		var err error
		for range 20 {
			_, promoted := s.Promote(t.Context(), mirror.Promotion{Ring: "production"})
			_, reverted := s.Revert(t.Context(), mirror.Reversion{Ring: "production", To: 3, Reason: "again"})
			err = errors.Join(err, promoted, reverted)
		}
		moved <- err
	}()
	for {
		select {
		case err := <-moved:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		state, err := reader.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shown, err := reader.Shown(t.Context(), state, "production")
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for u, err := range shown.Updates(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, u.ID)
		}
		if got := strings.Join(ids, " "); got != id(1) && got != id(1)+" "+id(2) {
			t.Fatalf("production shows %q", got)
		}
	}
}
