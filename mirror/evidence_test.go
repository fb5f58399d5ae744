package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

func (s *site) prover() *mirror.Prover { return &mirror.Prover{Reader: s.Trusted, Trust: s.trust} }

// prove proves the one file that names mean.
func (s *site) prove(names ...string) *mirror.Proof {
	s.t.Helper()
	p := s.prover()
	found, err := p.Find(s.t.Context(), names...)
	if err != nil || len(found) != 1 {
		s.t.Fatalf("find %v: got %d files, %v; want 1", names, len(found), err)
	}
	proof, err := p.Prove(s.t.Context(), found[0])
	if err != nil {
		s.t.Fatal(err)
	}
	s.wantChain(proof)
	return proof
}

// wantChain checks what a proof hands on as somebody would who has only that.
func (s *site) wantChain(proof *mirror.Proof) {
	s.t.Helper()
	for _, e := range []*mirror.Edition{proof.First, proof.Newest} {
		if !bytes.Contains(e.Stored, []byte(layout.DigestOf(e.Document).String())) {
			s.t.Errorf("state %d does not name its generation", e.State.Number)
		}
		if !bytes.Contains(e.Line, []byte(`"sha256":"`+proof.File.SHA256.String()+`"`)) {
			s.t.Errorf("the line of generation %d does not name the file: %s", e.Generation.Number, e.Line)
		}
	}
	if proof.First == proof.Newest {
		return
	}
	number, before := proof.First.State.Number, proof.First.Stored
	for _, state := range append(slices.Clone(proof.Between), mirror.StoredState{Number: proof.Newest.State.Number, Bytes: proof.Newest.Stored}) {
		if number++; state.Number != number {
			s.t.Fatalf("state %d follows %d", state.Number, number-1)
		}
		if state.Bytes != nil && !bytes.Contains(state.Bytes, []byte(`"previous": "`+layout.DigestOf(before).String()+`"`)) {
			s.t.Errorf("state %d does not name the one before", number)
		}
		if before = state.Bytes; before == nil {
			return
		}
	}
}

func TestFindTakesEveryName(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 200), s.offer("Listed.exe", 10))
	if _, err := s.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, mirror.ErrPartial) {
		t.Fatalf("sync: %v", err)
	}
	first := s.file(name(1))
	for _, test := range []struct {
		name  string
		names []string
		want  []string
	}{
		{"id", []string{"pub:" + name(1)}, []string{name(1)}},
		{"file name in another case", []string{"windowsxp-kb800002-X86-enu.EXE"}, []string{name(2)}},
		{"digest", []string{first.SHA256.String()}, []string{name(1)}},
		{"digest with its name", []string{"SHA256:" + first.SHA256.String()}, []string{name(1)}},
		{"SHA-1", []string{first.SHA1.String()}, []string{name(1)}},
		{"both", []string{"pub:" + name(1), name(1)}, []string{name(1)}},
		{"one of one, one of another", []string{"pub:" + name(1), name(2)}, nil},
		{"KB article", []string{"KB800001"}, []string{name(1)}},
		{"only listed", []string{"listed.exe"}, []string{"Listed.exe"}},
		{"nothing", []string{"nonsense"}, nil},
		{"empty", []string{""}, nil},
		{"a part of a name", []string{"WindowsXP"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := s.prover().Find(t.Context(), test.names...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range found {
				got = append(got, m.File.Name)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	p := s.prover()
	found, err := p.Find(t.Context(), "listed.exe")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Prove(t.Context(), found[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("prove what is only listed: got %v, want fs.ErrNotExist", err)
	}
}

func TestFindInAnEmptyStore(t *testing.T) {
	s := newSite(t)
	if _, err := s.prover().Find(t.Context(), "x"); !errors.Is(err, mirror.ErrNoEdition) {
		t.Errorf("got %v, want ErrNoEdition", err)
	}
}

// TestProveSinceWhen publishes a file in the third of eight generations and takes
// it out in the seventh.
func TestProveSinceWhen(t *testing.T) {
	s := newSite(t)
	s.Keep = -1
	var all []layout.File
	for i := 1; i <= 8; i++ {
		all = append(all, s.vouched(name(i), 100+i))
		s.list(all...)
		if i == 7 {
			s.Select.Exclude = []string{"pub:" + name(3)}
		}
		s.sync(mirror.SyncOptions{})
	}
	for _, test := range []struct {
		name          string
		first, newest uint64
	}{
		{name(1), 1, 8}, {name(5), 5, 8}, {name(8), 8, 8}, {name(3), 3, 6},
	} {
		proof := s.prove(test.name)
		if got := [2]uint64{proof.First.State.Number, proof.Newest.State.Number}; got != [2]uint64{test.first, test.newest} || proof.Pruned {
			t.Errorf("%s: got states %d, pruned %t; want %d to %d", test.name, got, proof.Pruned, test.first, test.newest)
		}
		if want := max(int(test.newest)-int(test.first)-1, 0); len(proof.Between) != want {
			t.Errorf("%s: got %d states between, want %d", test.name, len(proof.Between), want)
		}
	}

	s.Grace = -1
	plan, err := s.PlanPrune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyPrune(t.Context(), plan.ID); err != nil {
		t.Fatal(err)
	}
	proof := s.prove(name(1))
	if got := proof.First.Generation.Number; got == 1 || !proof.Pruned {
		t.Errorf("after a prune: got generation %d, pruned %t; want a later one than 1, and true", got, proof.Pruned)
	}
}

// TestProveLongChain has more states between first and newest than are
// gathered.
func TestProveLongChain(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100))
	s.sync(mirror.SyncOptions{})
	for i := range 70 {
		state, err := s.Trusted.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Writer.Publish(t.Context(), state, func(state *layout.State) error {
			state.Why = fmt.Sprint(i)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	proof := s.prove(name(1))
	if len(proof.Between) != 69 || proof.Between[0].Bytes != nil || proof.Between[68].Digest.IsZero() {
		t.Errorf("got %d states with bytes %t, want the digests of 69", len(proof.Between), proof.Between[0].Bytes != nil)
	}
}

func TestProveSaysWhatIsHeldBackAndRevoked(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100), s.vouched(name(2), 100))
	s.sync(mirror.SyncOptions{})
	state, err := s.Trusted.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Writer.Publish(t.Context(), state, func(state *layout.State) error {
		state.HeldBack = []layout.HeldBack{{Update: "pub:" + name(1), Reason: "breaks printing"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := s.prove(name(1)).HeldBack; got == nil || got.Reason != "breaks printing" {
		t.Errorf("got %+v, want the reason", got)
	}
	if got := s.prove(name(2)).HeldBack; got != nil {
		t.Errorf("another update: got %+v, want nil", got)
	}
}

// TestProveBringsBulletins has a bulletin that states the digest, one that
// announces the update, and one that does neither.
func TestProveBringsBulletins(t *testing.T) {
	p := newPublisher(t, true)
	f := p.vouched(name(1), 100)
	states := p.clearSigned("A 999999 Critical 2026-11-10 " + f.Name + " " + f.SHA256.String())
	announces := p.clearSigned("B 800001 Critical 2026-11-10")
	p.press.print("a", states, nil)
	p.press.print("b", announces, nil)
	p.press.print("c", p.clearSigned("C 111111 Critical 2026-11-10"), nil)
	p.list(f)
	p.sync(mirror.SyncOptions{})
	p.trust.Keys = verify.MergeKeyrings(p.trust.Keys, p.keys)
	if err := p.trust.Pins.Add(p.pins.All()[0]); err != nil {
		t.Fatal(err)
	}
	proof := p.prove(name(1))
	if len(proof.Bulletins) != 2 || !proof.Bulletins[0].States || proof.Bulletins[1].States {
		t.Fatalf("got %d bulletins, want the one that states the digest, then the one that announces it", len(proof.Bulletins))
	}
	if !bytes.Equal(proof.Bulletins[0].Original, states) || !bytes.Equal(proof.Bulletins[1].Original, announces) {
		t.Error("the originals are others")
	}
	purposes := map[verify.Purpose]bool{}
	for _, pin := range proof.Pins {
		purposes[pin.Purpose] = true
	}
	if len(purposes) != 3 || len(proof.Missing) != 0 {
		t.Errorf("got pins for %v, missing %v; want site, origin and bulletin, and none", purposes, proof.Missing)
	}
}

// TestProveRefuses alters one link after the other.
func TestProveRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		alter func(s *site, proof *mirror.Proof)
	}{
		{"the catalog", func(s *site, proof *mirror.Proof) { s.damage(proof.Newest.Generation.Catalog.SHA256, 20) }},
		{"the first catalog", func(s *site, proof *mirror.Proof) { s.damage(proof.First.Generation.Catalog.SHA256, 20) }},
		{"the generation", func(s *site, proof *mirror.Proof) { s.damage(layout.DigestOf(proof.Newest.Document), 20) }},
		{"the signature", func(s *site, proof *mirror.Proof) { s.damage(layout.DigestOf(proof.First.Signature), 60) }},
		{"a state between", func(s *site, _ *mirror.Proof) { s.rewriteState(2, func(b []byte) []byte { b[200] ^= 1; return b }) }},
		{"a state between, for the one before", func(s *site, proof *mirror.Proof) {
			s.rewriteState(2, func([]byte) []byte { return proof.First.Stored })
		}},
		{"a state between, for another that the site signed", func(s *site, _ *mirror.Proof) { s.rewriteState(2, s.forked) }},
		{"a state between, taken away", func(s *site, _ *mirror.Proof) { s.rewriteState(2, nil) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			for i := 1; i <= 3; i++ {
				s.list(s.vouched(name(1), 100), s.vouched(name(10+i), 100))
				s.sync(mirror.SyncOptions{})
			}
			test.alter(s, s.prove(name(1)))
			s.Trusted = &trusted.Reader{Store: s.dir, Trust: s.trust}
			p := s.prover()
			found, err := p.Find(t.Context(), name(1))
			if err == nil && len(found) == 1 {
				_, err = p.Prove(t.Context(), found[0])
			}
			if !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("got %v, want one that matches verify.ErrUntrusted", err)
			}
		})
	}
}

func TestOpenRefusesOtherBytes(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 100))
	s.sync(mirror.SyncOptions{})
	f := s.file(name(1))
	s.damage(f.SHA256, 50)
	in, err := s.prover().Open(t.Context(), layout.ObjectRef{SHA256: f.SHA256, Size: f.Size})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := io.Copy(io.Discard, in); !errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("got %v, want one that matches verify.ErrUntrusted", err)
	}
}

// forked returns another state of the same number, rightly signed.
func (s *site) forked(stored []byte) []byte {
	s.t.Helper()
	signed, err := s.trust.OpenClear(stored, verify.PurposeSite)
	if err != nil {
		s.t.Fatal(err)
	}
	other, err := s.key.ClearSign(bytes.Replace(signed.Text, []byte(`"actor": "test"`), []byte(`"actor": "else"`), 1), s.now)
	if err != nil || bytes.Equal(other, stored) {
		s.t.Fatalf("sign another state: %v", err)
	}
	return other
}

// rewriteState does to a state what only somebody with access to the disk can;
// a nil change removes it.
func (s *site) rewriteState(n uint64, change func([]byte) []byte) {
	s.t.Helper()
	path := filepath.Join(filepath.Dir(s.dir.StageDir()), filepath.FromSlash(store.StateKey(n)))
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
	if change == nil {
		return
	}
	if err := os.WriteFile(path, change(b), 0o444); err != nil {
		s.t.Fatal(err)
	}
}
