package mirror_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// freshKey makes a key that can take the place of the origin's.
func freshKey(t testing.TB, at time.Time) *verify.SecretKey {
	t.Helper()
	key, err := verify.GenerateKey("origin", at)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rotate puts a new key in the place of the origin's, as key rotate does, and
// returns the old one.
func (s *site) rotate() (old *verify.SecretKey) {
	s.t.Helper()
	old = s.Origin.(*verify.SecretKey)
	fresh := freshKey(s.t, s.now)
	s.now = s.now.Add(time.Minute)
	if _, err := s.Rotate(s.t.Context(), old, fresh, false); err != nil {
		s.t.Fatal(err)
	}
	s.Origin = fresh
	s.now = s.now.Add(time.Minute)
	return old
}

// reopen reads the store as another run of the program does.
func (s *site) reopen() {
	s.t.Helper()
	was := s.Trusted
	s.Trusted = &trusted.Reader{Store: was.Store, Trust: was.Trust, Mark: was.Mark}
	s.Writer = &trusted.Writer{Reader: s.Trusted, Signer: s.key, Actor: "test", Clock: s.Clock}
}

// send exports the newest generation, and returns the folder of the bundle.
func (s *site) send(opt mirror.ExportOptions) string {
	s.t.Helper()
	if opt.To == "" {
		opt.To = s.t.TempDir()
	}
	r, err := s.Export(s.t.Context(), opt)
	if err != nil {
		s.t.Fatalf("export: %v", err)
	}
	s.now = s.now.Add(time.Hour)
	return r.Dir
}

// newPlant makes a far side that pins a key of a near side.
func newPlant(t testing.TB, s *site, origin *verify.SecretKey) *far {
	t.Helper()
	return newFar(t, &wire{publisher: &publisher{site: &site{t: t, key: origin, now: s.now}}})
}

// follow moves the clock of the far side to that of the near side.
func (f *far) follow(s *site) { f.now = s.now }

func TestRotationReachesAFarSide(t *testing.T) {
	s := newNear(t, 1)
	f := newPlant(t, s, s.key)
	f.take(s.send(mirror.ExportOptions{}))
	old := s.rotate()
	s.reopen()
	s.holds(1, 2)
	lost := s.send(mirror.ExportOptions{}) // its bundle never comes
	s.holds(1, 2, 3)
	dir := s.send(mirror.ExportOptions{})
	f.follow(s)
	r := f.take(dir)
	fresh := s.Origin.(*verify.SecretKey).Fingerprint().String()
	if len(r.Rotations) != 1 || r.Rotations[0].Old != old.Fingerprint().String() || r.Rotations[0].New != fresh || !slices.Equal(r.Signers, []string{fresh}) {
		t.Errorf("imported %+v, signed by %v; want the rotation, and the new key alone", r.Rotations, r.Signers)
	}
	if !slices.Equal(r.Missed, []uint64{2}) {
		t.Errorf("missed %v, want 2", r.Missed)
	}
	e := f.refuse(mirror.ImportOptions{}, lost)
	if e.Code != mirror.CodeRollback {
		t.Errorf("the lost bundle, found later: got %v, want rollback", e)
	}
	for _, step := range []string{"at once", "by another run"} {
		if a, err := f.Audit(t.Context(), mirror.AuditOptions{}); err != nil {
			t.Errorf("audit %s: %v, %+v", step, err, a)
		}
		if got := len(f.shown("test")); got != 3 {
			t.Errorf("%s the ring shows %d updates, want 3", step, got)
		}
		f.Trusted = &trusted.Reader{Store: f.Trusted.Store, Trust: f.trust, Mark: f.Trusted.Mark}
	}
	s.holds(1, 2, 3, 4)
	again := s.send(mirror.ExportOptions{})
	f.follow(s)
	f.Writer.Reader = f.Trusted
	if r := f.take(again); len(r.Rotations) != 0 || r.Seq != 4 {
		t.Errorf("got %+v, want seq 4 and nothing new of keys", r)
	}
	if all, err := mirror.Rotations(t.Context(), f.Trusted); err != nil || len(all) != 1 || all[0].New != fresh {
		t.Errorf("in force: %v, %v", all, err)
	}
	s.clean()
}

// TestARetiredKeySignsNothingMore holds what a thief of the old key can do
// against a far side that has accepted the rotation.
func TestARetiredKeySignsNothingMore(t *testing.T) {
	s := newNear(t, 1)
	f := newPlant(t, s, s.key)
	before := s.send(mirror.ExportOptions{Stream: mirror.OutboundStream{Name: "labs"}}) // the second stream, on its way for long
	old := s.rotate()
	f.follow(s)
	f.take(s.send(mirror.ExportOptions{}))
	f.follow(s)
	e := f.refuse(mirror.ImportOptions{AcceptStream: "labs"}, before)
	if e.Code != mirror.CodeKey || !strings.Contains(e.Error(), "a bundle that was made before is not taken after it") {
		t.Errorf("a bundle by the old key: got %v", e)
	}
	s.holds(1, 2)
	dir := s.send(mirror.ExportOptions{Stream: mirror.OutboundStream{Name: "labs"}, Full: true})
	f.follow(s)
	if r, err := f.Import(t.Context(), []string{dir}, mirror.ImportOptions{Destination: "plant", AcceptStream: "labs"}); err != nil || len(r.Rotations) != 0 {
		t.Errorf("the next one of that stream: %v, %+v", err, r)
	}
	// On the near side itself nothing that the old key signs gets in, or out.
	fresh := s.Origin
	s.Origin = old
	s.list(s.vouched("stolen.exe", 10))
	if _, err := s.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, verify.ErrUntrusted) || !strings.Contains(err.Error(), "out of force since rotation 1") {
		t.Errorf("a sync with the old key: got %v, want a refusal", err)
	}
	if _, err := s.Export(t.Context(), mirror.ExportOptions{To: t.TempDir()}); !errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("an export with the old key: got %v, want a refusal", err)
	}
	if _, err := s.Rotate(t.Context(), old, freshKey(t, s.now), false); !errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("a rotation from the old key: got %v, want a refusal", err)
	}
	if _, err := s.Rotate(t.Context(), fresh.(*verify.SecretKey), old, false); !errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("a rotation back to the old key: got %v, want a refusal", err)
	}
}

func TestRotateMakesNoSenseWhile(t *testing.T) {
	s := newNear(t, 1)
	key := s.Origin.(*verify.SecretKey)
	refuse := func(fresh *verify.SecretKey, words string) {
		t.Helper()
		_, err := s.Rotate(t.Context(), key, fresh, false)
		if senseless, ok := errors.AsType[*mirror.ExportError](err); !ok || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v (%v), want %q", err, senseless, words)
		}
	}
	refuse(key, "is the origin's key already")
	if _, err := s.Export(t.Context(), mirror.ExportOptions{To: t.TempDir(), Unsigned: true}); err != nil {
		t.Fatal(err)
	}
	refuse(freshKey(t, s.now), "seq 1 of stream main was begun and is not finished")
	s.send(mirror.ExportOptions{Abandon: true})
	number := s.newest()
	r, err := s.Rotate(t.Context(), key, freshKey(t, s.now), true)
	if err != nil || !r.DryRun || r.Number != 1 || s.newest() != number {
		t.Errorf("a dry run: %v, %+v, state %d after %d", err, r, s.newest(), number)
	}
	stranger := freshKey(t, s.now)
	if _, err := s.Rotate(t.Context(), stranger, freshKey(t, s.now), false); err == nil || !strings.Contains(err.Error(), "is not pinned for origin here") {
		t.Errorf("a rotation of a key that is none of ours: got %v", err)
	}
}

func (s *site) newest() uint64 {
	s.t.Helper()
	n, err := s.dir.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestTwoRotationsAndALaterPin(t *testing.T) {
	s := newNear(t, 1)
	root := s.key
	early := newPlant(t, s, root)
	early.take(s.send(mirror.ExportOptions{}))
	s.rotate()
	second := s.Origin.(*verify.SecretKey)
	s.rotate()
	third := s.Origin.(*verify.SecretKey)
	s.holds(1, 2)
	dir := s.send(mirror.ExportOptions{Full: true})
	early.follow(s)
	if r := early.take(dir); len(r.Rotations) != 2 {
		t.Errorf("a far side that pinned the first key reports %v, want two rotations", r.Rotations)
	}
	for _, pinned := range []*verify.SecretKey{root, second, third} {
		f := newPlant(t, s, pinned)
		f.follow(s)
		if r := f.take(dir); !slices.Equal(r.Signers, []string{third.Fingerprint().String()}) {
			t.Errorf("signed by %v, want the third key", r.Signers)
		}
		if _, err := f.Audit(t.Context(), mirror.AuditOptions{}); err != nil {
			t.Errorf("audit: %v", err)
		}
	}
	b, err := bundle.Open(t.Context(), []string{dir}, &mirror.OriginVerifier{Trust: s.trust}, bundle.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if r, err := b.Verify(t.Context()); err != nil || r.Rotations != 2 {
		t.Errorf("verify: %v, %+v", err, r)
	}
}

// TestEvidenceHoldsTheRotation proves a file that the old key published, and
// one that came with the new key.
func TestEvidenceHoldsTheRotation(t *testing.T) {
	s := newNear(t, 1)
	old := s.rotate()
	s.reopen()
	if proof := s.prove(name(1)); len(proof.Rotations) != 0 || proof.Newest.Signed.Fingerprint != old.Fingerprint() {
		t.Errorf("before the new key has signed anything: %+v, signed by %s", proof.Rotations, proof.Newest.Signed.Fingerprint)
	}
	s.holds(1, 2)
	proof := s.prove(name(1))
	fresh := proof.Newest.Signed.Fingerprint
	if len(proof.Rotations) != 1 || fresh == old.Fingerprint() || proof.First.Signed.Fingerprint != old.Fingerprint() {
		t.Fatalf("got %+v, signed by %s and first by %s", proof.Rotations, fresh, proof.First.Signed.Fingerprint)
	}
	r := proof.Rotations[0]
	if r.Old != old.Fingerprint().String() || r.New != fresh.String() {
		t.Errorf("got %+v, want %s in the place of %s", r.RotationReport, fresh, old.Fingerprint())
	}
	trust, err := s.trust.Follow([]verify.Rotation{{Document: r.Document, Signature: r.Signature}})
	if err != nil || len(trust.Followed()) != 1 {
		t.Errorf("what the proof hands on cannot be followed: %v", err)
	}
	for _, f := range []verify.Fingerprint{old.Fingerprint(), fresh} {
		if !slices.ContainsFunc(proof.Pins, func(p verify.Pin) bool { return p.Fingerprint == f && p.Purpose == verify.PurposeOrigin }) {
			t.Errorf("%s is not among the keys to compare: %v", f, proof.Pins)
		}
	}
	if len(proof.Missing) > 0 {
		t.Errorf("the certificates of %v are not handed on", proof.Missing)
	}
}
