package mirror_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror"
)

// newRingSite makes a site whose publications land in the ring test, with one
// file published.
func newRingSite(t testing.TB, files ...layout.File) *site {
	t.Helper()
	s := newSite(t)
	s.Land = "test"
	s.list(append(files, s.vouched(name(1), 100))...)
	s.sync(mirror.SyncOptions{})
	return s
}

// give publishes the files of these numbers.
func (s *site) give(numbers ...int) {
	s.t.Helper()
	var files []layout.File
	for _, n := range numbers {
		files = append(files, s.vouched(name(n), 100+n))
	}
	s.list(files...)
	s.sync(mirror.SyncOptions{})
}

// shows returns the numbers of the files that hosts of a ring are given, in the
// newest state: "1 2".
func (s *site) shows(ring string) string {
	s.t.Helper()
	state, err := s.Trusted.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	shown, err := s.Trusted.Shown(s.t.Context(), state, ring)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for u, err := range shown.Updates(s.t.Context()) {
		if err != nil {
			s.t.Fatal(err)
		}
		number := strings.TrimPrefix(u.ID, "pub:WindowsXP-KB8000")
		all = append(all, strings.TrimLeft(strings.TrimSuffix(number, "-x86-ENU.exe"), "0"))
	}
	return strings.Join(all, " ")
}

// rings returns what every ring shows: "test=1 2, pilot=1, production=".
func (s *site) rings() string {
	s.t.Helper()
	var all []string
	for _, ring := range mirror.DefaultRings() {
		all = append(all, ring+"="+s.shows(ring))
	}
	return strings.Join(all, ", ")
}

func (s *site) wantRings(when, want string) {
	s.t.Helper()
	if got := s.rings(); got != want {
		s.t.Errorf("%s: got %s, want %s", when, got, want)
	}
}

// promote promotes, which must change something.
func (s *site) promote(ring string, updates ...string) *mirror.RingReport {
	s.t.Helper()
	r, err := s.Promote(s.t.Context(), mirror.Promotion{Ring: ring, Updates: updates})
	if err != nil || !r.Changed || r.State == 0 {
		s.t.Fatalf("promote %s %v: got %+v, %v", ring, updates, r, err)
	}
	return r
}

func id(n int) string { return "pub:" + name(n) }

func TestUpdatesGoFromRingToRing(t *testing.T) {
	s := newSite(t)
	s.Land = "test"
	s.give(1)
	s.wantRings("after the first sync", "test=1, pilot=, production=")
	s.promote("pilot")
	s.promote("production")
	s.wantRings("promoted", "test=1, pilot=1, production=1")
	s.give(1, 2, 3)
	s.wantRings("after a sync", "test=1 2 3, pilot=1, production=1")
	r := s.promote("pilot", id(2))
	if diff := cmp.Diff([]string{id(2)}, r.Updates); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	s.wantRings("one promoted", "test=1 2 3, pilot=1 2, production=1")
	s.promote("production")
	s.wantRings("with what was promoted by itself", "test=1 2 3, pilot=1 2, production=1 2")
	s.give(1, 3, 4)
	s.promote("pilot")
	s.promote("production", "KB800003")
	s.wantRings("by KB number", "test=1 2 3 4, pilot=1 2 3 4, production=1 2 3")
	s.clean()
}

func TestWhoNeverHeardOfRingsGivesWhatIsNewest(t *testing.T) {
	s := newSite(t)
	s.give(1)
	s.give(1, 2)
	s.wantRings("without rings", "test=1 2, pilot=1 2, production=1 2")
	state, err := s.Trusted.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state.Rings != nil || state.Number != 2 {
		t.Errorf("got state %d with rings %v, want 2 without", state.Number, state.Rings)
	}
	r, err := s.Promote(t.Context(), mirror.Promotion{Ring: "pilot"})
	if err != nil || r.Changed || s.states() != 2 {
		t.Errorf("promoted what is there: got %+v, %v and %d states", r, err, s.states())
	}
	s.Land = "test" // from now on
	s.give(1, 2, 3)
	s.wantRings("landing in test", "test=1 2 3, pilot=1 2, production=1 2")
	s.Land = "production" // and back
	s.give(1, 2, 3, 4)
	s.wantRings("landing in production", "test=1 2 3, pilot=1 2, production=1 2 3 4")
}

func TestAPickedUpdateStaysAsItWasTested(t *testing.T) {
	s := newRingSite(t)
	s.promote("pilot", id(1))
	before := s.file(name(1)).SHA256
	s.pub.Put("/files/"+name(1), body("revised", 300))
	f := layout.File{Name: name(1), URL: s.pub.URL("/files/" + name(1)), Size: 300}
	f.SHA256 = layout.DigestOf(body("revised", 300))
	s.list(f)
	s.sync(mirror.SyncOptions{})
	if got := s.file(name(1)).SHA256; got == before {
		t.Fatal("the update was not revised")
	}
	if got := s.digestIn("pilot", id(1)); got != before {
		t.Errorf("pilot has %s, want %s as it was promoted", got, before)
	}
	if got := s.digestIn("test", id(1)); got == before {
		t.Error("test still has the old file")
	}
	s.promote("pilot", id(1))
	if got := s.digestIn("pilot", id(1)); got == before {
		t.Error("pilot still has the old file after it was promoted again")
	}
}

// digestIn returns the content of an update's only file as a ring shows it.
func (s *site) digestIn(ring, update string) (d layout.Digest) {
	s.t.Helper()
	state, err := s.Trusted.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	shown, err := s.Trusted.Shown(s.t.Context(), state, ring)
	if err != nil {
		s.t.Fatal(err)
	}
	for u, err := range shown.Updates(s.t.Context()) {
		if err != nil {
			s.t.Fatal(err)
		}
		if u.ID == update {
			d = u.Files[0].SHA256
		}
	}
	return d
}

func TestABadUpdateIsTakenBack(t *testing.T) {
	s := newSite(t)
	s.Land = "test"
	s.give(1)
	s.promote("pilot")
	s.promote("production") // state 3
	s.give(1, 2)
	s.promote("pilot")
	s.promote("production")
	s.wantRings("before", "test=1 2, pilot=1 2, production=1 2")
	r, err := s.Revert(t.Context(), mirror.Reversion{Ring: "production", To: 3, Reason: "2 does not boot"})
	if err != nil || !r.Changed || r.State != 7 || r.Shows != 1 {
		t.Fatalf("revert: got %+v, %v", r, err)
	}
	s.wantRings("reverted", "test=1 2, pilot=1 2, production=1")
	s.give(1, 2, 3)
	s.wantRings("a sync later", "test=1 2 3, pilot=1 2, production=1")
	state, err := s.Trusted.State(t.Context(), 7)
	if err != nil || state.Actor != "test" || state.Why != "revert production to state 3: 2 does not boot" {
		t.Errorf("state 7 says %q by %q, %v", state.Why, state.Actor, err)
	}
	again, err := s.Revert(t.Context(), mirror.Reversion{Ring: "production", To: 3, Reason: "again"})
	if err != nil || again.Changed {
		t.Errorf("the same revert again: got %+v, %v", again, err)
	}
}

func TestHoldAndRelease(t *testing.T) {
	s := newSite(t)
	s.give(1, 2)
	hold := mirror.Withholding{Updates: []string{"KB800002"}, Reason: "blue screens"}
	r, err := s.Hold(t.Context(), hold)
	if err != nil || r.State != 2 || r.Generation != 2 {
		t.Fatalf("hold: got %+v, %v", r, err)
	}
	s.wantRings("held", "test=1, pilot=1, production=1")
	if got := s.newestGeneration().HeldBack; len(got) != 1 || got[0].Update != id(2) || got[0].Reason != "blue screens" || got[0].Actor != "test" {
		t.Errorf("the generation carries %+v", got)
	}
	if r, err := s.Hold(t.Context(), hold); err != nil || r.Changed {
		t.Errorf("held again: got %+v, %v", r, err)
	}
	s.give(1, 2, 3)
	s.wantRings("a sync later", "test=1 3, pilot=1 3, production=1 3")
	if got := s.newestGeneration().HeldBack; len(got) != 1 {
		t.Errorf("the next generation carries %+v", got)
	}
	if _, err := s.Release(t.Context(), mirror.Withholding{Updates: []string{id(2)}}); err != nil {
		t.Fatal(err)
	}
	s.wantRings("released", "test=1 2 3, pilot=1 2 3, production=1 2 3")
	if got := s.newestGeneration().HeldBack; len(got) != 0 {
		t.Errorf("the generation carries %+v after the release", got)
	}
	r, err = s.Hold(t.Context(), mirror.Withholding{Updates: []string{id(1)}, Ring: "pilot", Reason: "only there"})
	if err != nil || r.Generation != 0 {
		t.Errorf("a hold of one ring made generation %d, %v", r.Generation, err)
	}
	s.wantRings("held in pilot", "test=1 2 3, pilot=2 3, production=1 2 3")
	s.clean()
}

func (s *site) newestGeneration() *layout.Generation {
	s.t.Helper()
	state, err := s.Trusted.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	gen, err := s.Trusted.Generation(s.t.Context(), state.Generation.Generation)
	if err != nil {
		s.t.Fatal(err)
	}
	return gen
}

func TestRevokeTakesFilesBackInEveryRing(t *testing.T) {
	s := newRingSite(t)
	s.promote("pilot")
	old := s.file(name(1)).SHA256
	s.pub.Put("/files/"+name(1), body("revised", 300))
	s.list(layout.File{Name: name(1), URL: s.pub.URL("/files/" + name(1)), Size: 300, SHA256: layout.DigestOf(body("revised", 300))})
	s.sync(mirror.SyncOptions{})
	dry, err := s.Revoke(t.Context(), mirror.Withholding{Updates: []string{id(1)}, Reason: "malware", DryRun: true})
	if err != nil || !dry.Changed || dry.State != 0 || s.states() != 3 {
		t.Fatalf("dry run: got %+v, %v", dry, err)
	}
	r, err := s.Revoke(t.Context(), mirror.Withholding{Updates: []string{id(1)}, Reason: "malware"})
	if err != nil || r.State != 4 || len(r.Files) != 2 {
		t.Fatalf("revoke: got %+v, %v; both editions have a file", r, err)
	}
	state, err := s.Trusted.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, ring := range mirror.DefaultRings() {
		shown, err := s.Trusted.Shown(t.Context(), state, ring)
		if err != nil || len(shown.Revoked) != 2 {
			t.Errorf("ring %s: got %d revocations, %v", ring, len(shown.Revoked), err)
		}
	}
	if gen := s.newestGeneration(); !slices.ContainsFunc(gen.Revocations, func(r layout.Revoked) bool { return r.SHA256 == old && r.Reason == "malware" }) {
		t.Errorf("the generation revokes %+v", gen.Revocations)
	}
	s.give(2)
	if gen := s.newestGeneration(); len(gen.Revocations) != 2 {
		t.Errorf("after a sync the generation revokes %+v", gen.Revocations)
	}
	if r, err := s.Revoke(t.Context(), mirror.Withholding{Updates: []string{id(1)}, Reason: "again"}); err != nil || r.Changed {
		t.Errorf("revoked again: got %+v, %v", r, err)
	}
	s.clean()
}

// TestRevokeNamesWhoSharesTheFile: the same bytes in another update go with it.
func TestRevokeNamesWhoSharesTheFile(t *testing.T) {
	s := newSite(t)
	one, two := s.vouched(name(1), 100), s.vouched(name(2), 100)
	s.pub.Put("/files/"+name(2), body(name(1), 100))
	two.SHA256 = one.SHA256
	s.list(one, two)
	s.sync(mirror.SyncOptions{})
	r, err := s.Revoke(t.Context(), mirror.Withholding{Updates: []string{id(1)}, Reason: "bad"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{id(2)}, r.Shared); diff != "" {
		t.Errorf("shared (-want +got):\n%s", diff)
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	s := newRingSite(t)
	s.promote("pilot")
	s.give(1, 2)
	if _, err := s.Hold(t.Context(), mirror.Withholding{Updates: []string{id(2)}, Reason: "waiting"}); err != nil {
		t.Fatal(err)
	}
	states := s.states()
	promote := func(p mirror.Promotion) error { _, err := s.Promote(t.Context(), p); return err }
	revert := func(r mirror.Reversion) error { _, err := s.Revert(t.Context(), r); return err }
	hold := func(w mirror.Withholding) error { _, err := s.Hold(t.Context(), w); return err }
	release := func(w mirror.Withholding) error { _, err := s.Release(t.Context(), w); return err }
	revoke := func(w mirror.Withholding) error { _, err := s.Revoke(t.Context(), w); return err }
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"an unknown ring", promote(mirror.Promotion{Ring: "nowhere"}), `no ring is called "nowhere"; there are test, pilot, production`},
		{"from an unknown ring", promote(mirror.Promotion{Ring: "pilot", From: "nowhere"}), `no ring is called "nowhere"`},
		{"the first ring", promote(mirror.Promotion{Ring: "test"}), "none is before it"},
		{"from itself", promote(mirror.Promotion{Ring: "pilot", From: "pilot"}), "from itself"},
		{"from an empty ring", promote(mirror.Promotion{Ring: "test", From: "production"}), "ring production shows nothing yet"},
		{"an update that is not there", promote(mirror.Promotion{Ring: "production", Updates: []string{id(2)}}), "ring pilot does not have " + id(2)},
		{"an update that is held back", promote(mirror.Promotion{Ring: "pilot", Updates: []string{id(2)}}), "held back: waiting"},
		{"a reason of two lines", promote(mirror.Promotion{Ring: "pilot", Reason: "a\nb"}), "not one line"},
		{"a reason without end", promote(mirror.Promotion{Ring: "pilot", Reason: strings.Repeat("a", 1001)}), "1001 bytes"},
		{"a revert without a reason", revert(mirror.Reversion{Ring: "pilot", To: 1}), "reason is needed"},
		{"a revert to the future", revert(mirror.Reversion{Ring: "pilot", To: states + 1, Reason: "x"}), "there is no state"},
		{"a revert to nothing", revert(mirror.Reversion{Ring: "pilot", To: 1, Reason: "x"}), "ring pilot showed nothing in state 1"},
		{"a hold without a reason", hold(mirror.Withholding{Updates: []string{id(1)}}), "reason is needed"},
		{"a hold of nothing", hold(mirror.Withholding{Reason: "x"}), "no update is named"},
		{"a hold in an unknown ring", hold(mirror.Withholding{Updates: []string{id(1)}, Ring: "x", Reason: "x"}), "no ring is called"},
		{"a hold of what is not there", hold(mirror.Withholding{Updates: []string{"KB1"}, Reason: "x"}), "no ring has an update KB1"},
		{"a release of what is not held", release(mirror.Withholding{Updates: []string{id(1)}}), "is not held back here"},
		{"a release in one ring", release(mirror.Withholding{Updates: []string{id(2)}, Ring: "pilot"}), "from all rings, not from pilot alone"},
		{"a revocation in one ring", revoke(mirror.Withholding{Updates: []string{id(1)}, Ring: "pilot", Reason: "x"}), "revoked in all rings"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var senseless *mirror.RingError
			if !errors.As(test.err, &senseless) || !strings.Contains(test.err.Error(), test.want) {
				t.Errorf("got %v, want a RingError with %q", test.err, test.want)
			}
		})
	}
	if s.states() != states {
		t.Errorf("%d states were written", s.states()-states)
	}
	var senseless *mirror.RingError
	empty := newSite(t)
	if _, err := empty.Promote(t.Context(), mirror.Promotion{Ring: "pilot"}); !errors.As(err, &senseless) || !strings.HasPrefix(senseless.Next, "patchferry sync") {
		t.Errorf("on an empty store: got %v", err)
	}
}

func TestPruneKeepsWhatRingsShowAndShowedBefore(t *testing.T) {
	s := newSite(t)
	s.Land, s.Keep, s.Grace = "test", -1, -1
	first := s.generations(1)
	s.promote("pilot")
	second := s.generations2(1, 2)
	s.promote("pilot")
	late := s.generations2(2, 9)
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	if !s.has(second[0]) || !s.has(first[0]) {
		t.Errorf("what pilot shows is there: %v, what it showed before: %v", s.has(second[0]), s.has(first[0]))
	}
	if s.has(late[0]) {
		t.Error("nothing was pruned")
	}
	s.clean()
	if _, err := s.Revert(t.Context(), mirror.Reversion{Ring: "pilot", To: 2, Reason: "the second is bad"}); err != nil {
		t.Errorf("revert to what was shown before: %v", err)
	}
	var senseless *mirror.RingError
	_, err = s.Revert(t.Context(), mirror.Reversion{Ring: "test", To: 5, Reason: "x"})
	if !errors.As(err, &senseless) || !strings.Contains(err.Error(), "was pruned") {
		t.Errorf("revert to what was pruned: got %v", err)
	}
}
