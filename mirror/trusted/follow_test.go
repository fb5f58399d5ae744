package trusted_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// counted counts what is asked of a store, and may be away.
type counted struct {
	store.Store
	reads, lists int
	away         error
}

func (c *counted) Read(ctx context.Context, n uint64) ([]byte, error) {
	c.reads++
	if c.away != nil {
		return nil, c.away
	}
	return c.Store.Read(ctx, n)
}

func (c *counted) Newest(ctx context.Context) (uint64, error) {
	c.lists++
	return c.Store.Newest(ctx)
}

func (c *counted) List(ctx context.Context, after layout.Digest) iter.Seq2[store.Info, error] {
	c.lists++
	return c.Store.List(ctx, after)
}

// TestFollowAsksForOneThing: who follows a log asks for one state at a time, and
// with a mark lists nothing even at first.
func TestFollowAsksForOneThing(t *testing.T) {
	s := newSite(t)
	s.publish(3)
	c := &counted{Store: s.open()}
	r := &trusted.Reader{Store: c, Trust: s.trust, Mark: s.mark}
	for _, step := range []struct{ publish, reads int }{{0, 2}, {0, 1}, {0, 1}, {2, 3}, {0, 1}} {
		want := s.publish(step.publish)
		c.reads = 0
		got, err := r.Follow(t.Context())
		if err != nil || got.Digest != want.Digest || c.reads != step.reads || c.lists != 0 {
			t.Errorf("after %d more: got %v, %v with %d reads and %d listings, want state %d with %d reads", step.publish, got, err, c.reads, c.lists, want.Number, step.reads)
		}
		s.wantMark(want.Number, want.Digest)
	}
}

func TestFollowFromNothing(t *testing.T) {
	s := newSite(t)
	r := s.reader()
	for range 2 {
		if got, err := r.Follow(t.Context()); got != nil || err != nil {
			t.Errorf("an empty log: got %v, %v", got, err)
		}
	}
	want := s.publish(4)
	s.newMark() // another machine
	if got, err := s.reader().Follow(t.Context()); err != nil || got.Digest != want.Digest {
		t.Errorf("without a mark: got %v, %v, want state 4", got, err)
	}
}

// TestFollowIsAway: what was accepted is still there, nothing older than the mark.
func TestFollowIsAway(t *testing.T) {
	s := newSite(t)
	s.publish(2)
	c := &counted{Store: s.open()}
	r := &trusted.Reader{Store: c, Trust: s.trust, Mark: s.mark}
	want, err := r.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.away = &store.AwayError{Since: noon, Cause: errors.New("connection refused")}
	if got, err := r.Follow(t.Context()); got != want || !errors.Is(err, store.ErrAway) {
		t.Errorf("got %v, %v, want the same state and %v", got, err, store.ErrAway)
	}
	s.publish(1) // which another process here has seen
	if got, err := r.Follow(t.Context()); got != nil || !errors.Is(err, store.ErrAway) {
		t.Errorf("below the mark: got %v, %v, want %v alone", got, err, store.ErrAway)
	}
	fresh := &trusted.Reader{Store: c, Trust: s.trust, Mark: s.mark}
	if got, err := fresh.Follow(t.Context()); got != nil || !errors.Is(err, store.ErrAway) {
		t.Errorf("with nothing at hand: got %v, %v, want %v alone", got, err, store.ErrAway)
	}
	c.away = nil
	if got, err := r.Follow(t.Context()); err != nil || got.Number != 3 {
		t.Errorf("when it is back: got %v, %v, want state 3", got, err)
	}
}

// TestFollowRefusesAttacks: each attack on a log of which this machine has seen
// three of five states is refused for the same reason as by Newest; so it is by a
// Reader that runs meanwhile, which goes on once all is as it was.
func TestFollowRefusesAttacks(t *testing.T) {
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			s := newSite(t)
			seen := s.publish(3)
			s.publish(2)
			s.newMark()
			if err := s.mark.Raise(t.Context(), seen.Number, seen.Digest, layout.Time{}, nil); err != nil {
				t.Fatal(err)
			}
			running := s.reader()
			before := s.states()
			attack.do(s)
			_, err := running.Follow(t.Context())
			switch attack.newest {
			case "": // of what is older than the mark, Chain finds it
				if err != nil {
					t.Error(err)
				}
			case verify.CodeFork, verify.CodeEquivocation: // found from another end
				if !errors.Is(err, verify.ErrUntrusted) {
					t.Errorf("got %v, want a refusal", err)
				}
			default:
				wantCode(t, err, attack.newest)
			}
			if attack.newest != "" {
				s.wantMark(3, seen.Digest)
			}
			s.restore(before)
			if got, err := running.Follow(t.Context()); err != nil || got.Number != 5 {
				t.Errorf("after the repair: got %v, %v, want state 5", got, err)
			}
		})
	}
}

// TestRecheck finds what lies behind whoever follows.
func TestRecheck(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(s *site)
		want verify.Code
	}{
		{"newest removed", func(s *site) { s.remove(s.statePath(3)) }, verify.CodeRollback},
		{"all removed", func(s *site) {
			for n := uint64(1); n <= 3; n++ {
				s.remove(s.statePath(n))
			}
		}, verify.CodeRollback},
		{"newest is another", func(s *site) {
			s.overwrite(s.statePath(3), s.sign(s.site, layout.State{Number: 3, Previous: layout.DigestOf(s.read(s.statePath(2)))}))
		}, verify.CodeEquivocation},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.publish(3)
			r := s.reader()
			if err := r.Recheck(t.Context()); err != nil {
				t.Errorf("before anything was seen: %v", err)
			}
			if _, err := r.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := r.Recheck(t.Context()); err != nil {
				t.Errorf("of what is there: %v", err)
			}
			before := s.states()
			test.do(s)
			wantCode(t, r.Recheck(t.Context()), test.want)
			s.restore(before)
			if err := r.Recheck(t.Context()); err != nil {
				t.Errorf("after the repair: %v", err)
			}
		})
	}
}

// states returns the bytes of all states, by path.
func (s *site) states() map[string][]byte {
	all := make(map[string][]byte)
	for n := uint64(1); n <= 9; n++ {
		if _, err := os.Stat(s.statePath(n)); err == nil {
			all[s.statePath(n)] = s.read(s.statePath(n))
		}
	}
	return all
}

// restore makes the log what it was.
func (s *site) restore(states map[string][]byte) {
	for _, path := range slices.Collect(maps.Keys(s.states())) {
		s.remove(path)
	}
	for path, doc := range states {
		s.overwrite(path, doc)
	}
}

// TestNeeds: what a ring shows can be opened from the states and objects that it
// needs, and from no fewer.
func TestNeeds(t *testing.T) {
	s := newSite(t)
	gen := s.catalog(10)
	ref := s.signed(s.origin, gen)
	w := s.writer()
	_, err := w.Publish(t.Context(), nil, func(st *layout.State) error {
		st.Generation = &layout.Position{Number: 1, Created: layout.At(noon.Add(-time.Hour)), Generation: ref}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := s.reader()
	state, err := r.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := r.Shown(t.Context(), state, "production")
	if err != nil {
		t.Fatal(err)
	}
	states, objects := shown.Needs()
	want := []layout.Digest{ref.Document.SHA256, ref.Signature.SHA256, gen.Catalog.SHA256}
	if !slices.Equal(states, []uint64{1}) || len(objects) != len(want) {
		t.Errorf("got states %v and %d objects, want state 1 and %d", states, len(objects), len(want))
	}
	for _, d := range want {
		if !slices.Contains(objects, d) {
			t.Errorf("object %s is needed and not named", d)
		}
	}
}

// TestAlteredBehindACache: what a cache in front of the store finds wrong before it
// hands out a byte is refused as what the reader finds wrong itself.
func TestAlteredBehindACache(t *testing.T) {
	s := newSite(t)
	ref := s.signed(s.origin, s.catalog(10))
	doc := s.read(s.objectPath(ref.Document.SHA256))
	for name, altered := range map[string][]byte{"same size": bytes.ToUpper(doc), "cut": doc[:10]} {
		t.Run(name, func(t *testing.T) {
			s.overwrite(s.objectPath(ref.Document.SHA256), altered)
			cache, err := store.OpenCache(t.TempDir(), 1<<20, s.open())
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			r := &trusted.Reader{Store: cache, Trust: s.trust, Mark: s.mark}
			if _, err := r.Generation(t.Context(), ref); !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
}
