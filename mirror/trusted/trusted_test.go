package trusted_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// site is a machine with keys, pins and a store in a folder.
type site struct {
	t            *testing.T
	path         string
	site, origin *verify.SecretKey
	trust        *verify.Trust
	mark         *store.Mark
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, path: filepath.Join(t.TempDir(), "store")}
	s.newMark()
	s.site, s.origin = newKey(t, "site"), newKey(t, "origin")
	s.trust = &verify.Trust{
		Keys:  verify.MergeKeyrings(s.site.Public(), s.origin.Public()),
		Pins:  &verify.Pins{},
		Clock: now,
	}
	for key, purpose := range map[*verify.SecretKey]verify.Purpose{s.site: verify.PurposeSite, s.origin: verify.PurposeOrigin} {
		if err := s.trust.Pins.Add(verify.Pin{Fingerprint: key.Fingerprint(), Purpose: purpose}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// newMark forgets what was seen.
func (s *site) newMark() {
	s.t.Helper()
	mark, err := store.OpenMark(filepath.Join(s.t.TempDir(), "mark.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := mark.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.mark = mark
}

func (s *site) wantMark(number uint64, digest layout.Digest) {
	s.t.Helper()
	n, d, err := s.mark.State()
	if err != nil || n != number || d != digest {
		s.t.Errorf("the mark is at %d %s (%v), want %d %s", n, d, err, number, digest)
	}
}

func newKey(t *testing.T, name string) *verify.SecretKey {
	t.Helper()
	key, err := verify.GenerateKey(name, noon.AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// open opens the store anew, as another run of the program does.
func (s *site) open() *store.Dir {
	s.t.Helper()
	dir, err := store.CreateDir(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := dir.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return dir
}

func (s *site) reader() *trusted.Reader {
	return &trusted.Reader{Store: s.open(), Trust: s.trust, Mark: s.mark}
}

func (s *site) writer() *trusted.Writer {
	return &trusted.Writer{Reader: s.reader(), Signer: s.site, Actor: "tester", Clock: now}
}

// publish adds n states to the log.
func (s *site) publish(n int) *trusted.State {
	s.t.Helper()
	w := s.writer()
	state, err := w.Reader.Newest(s.t.Context())
	for i := 0; err == nil && i < n; i++ {
		state, err = w.Publish(s.t.Context(), state, because(fmt.Sprintf("change %d", i)))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

func because(why string) func(*layout.State) error {
	return func(s *layout.State) error {
		s.Why = why
		return nil
	}
}

func (s *site) statePath(n uint64) string {
	return filepath.Join(s.path, filepath.FromSlash(store.StateKey(n)))
}

func (s *site) objectPath(d layout.Digest) string {
	return filepath.Join(s.path, filepath.FromSlash(store.ObjectKey(d)))
}

// overwrite does what only somebody with access to the disk can.
func (s *site) overwrite(path string, b []byte) {
	s.t.Helper()
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o444); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) remove(path string) {
	s.t.Helper()
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) read(path string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// sign makes a state document by a key.
func (s *site) sign(key *verify.SecretKey, state layout.State) []byte {
	s.t.Helper()
	state.Format, state.Version, state.Writer, state.At = layout.FormatState, layout.Version, "0", layout.At(noon)
	text, err := state.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	doc, err := key.ClearSign(text, noon)
	if err != nil {
		s.t.Fatal(err)
	}
	return doc
}

// wantCode checks that err is a refusal with the code.
func wantCode(t *testing.T, err error, want verify.Code) {
	t.Helper()
	refusal, ok := errors.AsType[*verify.TrustError](err)
	if !ok || !errors.Is(err, verify.ErrUntrusted) {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
	if refusal.Code != want {
		t.Errorf("got code %s (%v), want %s", refusal.Code, err, want)
	}
}

func TestEmptyLog(t *testing.T) {
	s := newSite(t)
	state, err := s.reader().Newest(t.Context())
	if state != nil || err != nil {
		t.Errorf("got %v, %v, want nil, nil", state, err)
	}
	state, n, err := s.reader().Chain(t.Context())
	if state != nil || n != 0 || err != nil {
		t.Errorf("chain: got %v, %d, %v, want nothing", state, n, err)
	}
}

func TestNewestFollowsTheLog(t *testing.T) {
	s := newSite(t)
	r := s.reader()
	for want := uint64(1); want <= 3; want++ {
		s.publish(1)
		got, err := r.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Number != want || got.Actor != "tester" || got.Signed.Fingerprint != s.site.Fingerprint() {
			t.Errorf("got %+v, want state %d by tester", got.State, want)
		}
		if got.Digest != layout.DigestOf(s.read(s.statePath(want))) {
			t.Errorf("state %d: the digest is not that of the stored bytes", want)
		}
		s.wantMark(want, got.Digest)
	}
	if _, n, err := r.Chain(t.Context()); err != nil || n != 3 {
		t.Errorf("chain: got %d, %v, want 3 states", n, err)
	}
}

// attack is something that whoever can write to the storage can do to a log
// of five states, of which the first three were seen here.
var attacks = []struct {
	name   string
	do     func(s *site)
	newest verify.Code // refusal by a new Reader with the mark
	chain  verify.Code
}{
	{"newer states removed", func(s *site) {
		s.remove(s.statePath(5))
		s.remove(s.statePath(4))
		s.remove(s.statePath(3))
	}, verify.CodeRollback, verify.CodeRollback},
	{"all states removed", func(s *site) {
		for n := uint64(1); n <= 5; n++ {
			s.remove(s.statePath(n))
		}
	}, verify.CodeRollback, verify.CodeRollback},
	{"newest forged", func(s *site) {
		forger := newKey(s.t, "site")
		s.overwrite(s.statePath(5), s.sign(forger, layout.State{Number: 5, Previous: layout.DigestOf(s.read(s.statePath(4)))}))
	}, verify.CodeKey, verify.CodeKey},
	{"newest signed by the origin's key", func(s *site) {
		s.overwrite(s.statePath(5), s.sign(s.origin, layout.State{Number: 5, Previous: layout.DigestOf(s.read(s.statePath(4)))}))
	}, verify.CodeKey, verify.CodeKey},
	{"newest not signed", func(s *site) {
		s.overwrite(s.statePath(5), []byte(`{"format":"patchferry-state"}`+"\n"))
	}, verify.CodeSignature, verify.CodeSignature},
	{"text after the newest", func(s *site) {
		s.overwrite(s.statePath(5), append(s.read(s.statePath(5)), '\n'))
	}, verify.CodeSignature, verify.CodeSignature},
	{"older state in the place of the newest", func(s *site) {
		s.overwrite(s.statePath(5), s.read(s.statePath(2)))
	}, verify.CodeFormat, verify.CodeFormat},
	{"older state appended", func(s *site) {
		s.overwrite(s.statePath(6), s.read(s.statePath(3)))
	}, verify.CodeFormat, verify.CodeFormat},
	{"another document of the site", func(s *site) {
		doc, err := s.site.ClearSign([]byte("{\"format\":\"patchferry-receipt\"}\n"), noon)
		if err != nil {
			s.t.Fatal(err)
		}
		s.overwrite(s.statePath(5), doc)
	}, verify.CodeFormat, verify.CodeFormat},
	{"seen state replaced, newer ones removed", func(s *site) {
		s.overwrite(s.statePath(3), s.sign(s.site, layout.State{Number: 3, Previous: layout.DigestOf(s.read(s.statePath(2)))}))
		s.remove(s.statePath(5))
		s.remove(s.statePath(4))
	}, verify.CodeEquivocation, verify.CodeEquivocation},
	{"log rewritten from the seen state on", func(s *site) {
		for n := uint64(3); n <= 5; n++ {
			s.overwrite(s.statePath(n), s.sign(s.site, layout.State{Number: n, Previous: layout.DigestOf(s.read(s.statePath(n - 1)))}))
		}
	}, verify.CodeFork, verify.CodeEquivocation},
	{"state between seen and newest replaced", func(s *site) {
		s.overwrite(s.statePath(4), s.sign(s.site, layout.State{Number: 4, Previous: layout.DigestOf(s.read(s.statePath(3)))}))
	}, verify.CodeFork, verify.CodeFork},
	{"newest follows a state that is not there", func(s *site) {
		s.overwrite(s.statePath(4), s.sign(s.site, layout.State{Number: 4, Previous: layout.DigestOf([]byte("x"))}))
		s.remove(s.statePath(5))
	}, verify.CodeFork, verify.CodeFork},
	{"old state altered", func(s *site) {
		doc := s.read(s.statePath(1))
		s.overwrite(s.statePath(1), bytes.Replace(doc, []byte("change 0"), []byte("change 9"), 1))
	}, "", verify.CodeSignature},
}

func TestAttacksOnTheLogAreRefused(t *testing.T) {
	for _, test := range attacks {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			seen := s.publish(3)
			s.publish(2)
			s.newMark()
			if err := s.mark.Raise(t.Context(), seen.Number, seen.Digest, layout.Time{}, nil); err != nil {
				t.Fatal(err)
			}
			test.do(s)

			newest, err := s.reader().Newest(t.Context())
			if test.newest == "" {
				if err != nil || newest.Number != 5 {
					t.Errorf("newest: got %v, %v, want state 5", newest, err)
				}
			} else {
				wantCode(t, err, test.newest)
				s.wantMark(3, seen.Digest)
			}
			_, _, err = s.reader().Chain(t.Context())
			wantCode(t, err, test.chain)
		})
	}
}

func TestChainFindsAHole(t *testing.T) {
	s := newSite(t)
	s.publish(4)
	r := s.reader()
	r.Store = withoutState{r.Store, 2}
	_, _, err := r.Chain(t.Context())
	wantCode(t, err, verify.CodeRollback)
}

// withoutState hides one state of a store.
type withoutState struct {
	store.Store
	number uint64
}

func (w withoutState) Read(ctx context.Context, n uint64) ([]byte, error) {
	if n == w.number {
		return nil, fmt.Errorf("read state %d: %w", n, os.ErrNotExist)
	}
	return w.Store.Read(ctx, n)
}

func TestReaderWithoutMarkRemembersWhatItSaw(t *testing.T) {
	s := newSite(t)
	s.publish(3)
	older := s.open()
	s.publish(2)
	r := &trusted.Reader{Store: s.open(), Trust: s.trust}
	if _, err := r.Newest(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.remove(s.statePath(5))
	s.remove(s.statePath(4))
	r.Store = older
	_, err := r.Newest(t.Context())
	wantCode(t, err, verify.CodeRollback)
}

func TestMarkRisesWithStreams(t *testing.T) {
	s := newSite(t)
	w := s.writer()
	follow := func(seq uint64, header string) func(*layout.State) error {
		return func(st *layout.State) error {
			st.Streams = map[string]layout.Stream{"main": {ID: "id-1", Epoch: 1, Seq: seq, Header: layout.DigestOf([]byte(header))}}
			return nil
		}
	}
	first, err := w.Publish(t.Context(), nil, follow(7, "a"))
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := s.mark.Stream("id-1")
	if err != nil || !ok || got.Seq != 7 || got.Header != layout.DigestOf([]byte("a")) {
		t.Errorf("got %+v, %t, %v, want seq 7", got, ok, err)
	}
	_, err = w.Publish(t.Context(), first, follow(7, "b"))
	wantCode(t, err, verify.CodeEquivocation)
	_, err = w.Publish(t.Context(), first, follow(6, "c"))
	wantCode(t, err, verify.CodeRollback)
	if _, n, err := s.reader().Chain(t.Context()); n != 1 || err != nil {
		t.Errorf("got %d states, %v, want the first alone", n, err)
	}
}
