package trusted_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

func TestPublishBuildsOnItsBase(t *testing.T) {
	s := newSite(t)
	w := s.writer()
	first, err := w.Publish(t.Context(), nil, func(st *layout.State) error {
		st.Why, st.HeldBack = "first", []layout.HeldBack{{Update: "a:1"}}
		st.Number, st.Previous, st.Writer = 99, layout.DigestOf(nil), "me" // not for change to decide
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.Number != 1 || !first.Previous.IsZero() || len(first.Writer) != 32 || !first.At.Time().Equal(noon) {
		t.Errorf("got %+v, want state 1 with a random writer, at noon", first.State)
	}
	second, err := w.Publish(t.Context(), first, func(st *layout.State) error {
		if st.Why != "" {
			t.Errorf("the reason %q of the state before was kept", st.Why)
		}
		st.HeldBack[0].Reason = "changed"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if second.Number != 2 || second.Previous != first.Digest || second.HeldBack[0].Update != "a:1" || second.Writer == first.Writer {
		t.Errorf("got %+v, want state 2 after state 1", second.State)
	}
	if first.HeldBack[0].Reason != "" {
		t.Error("change reached into the base")
	}
	s.wantMark(2, second.Digest)
}

func TestConcurrentWritersAllWin(t *testing.T) {
	s := newSite(t)
	const writers = 8
	var wg sync.WaitGroup
	for i := range writers {
		w := s.writer()
		wg.Go(func() {
			_, err := w.Publish(t.Context(), nil, func(st *layout.State) error {
				st.HeldBack = append(st.HeldBack, layout.HeldBack{Update: fmt.Sprintf("x:%d", i)})
				return nil
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	newest, n, err := s.reader().Chain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n != writers || len(newest.HeldBack) != writers {
		t.Errorf("got %d states with %d changes in the newest, want %d of both", n, len(newest.HeldBack), writers)
	}
}

func TestLoserMayGiveUp(t *testing.T) {
	s := newSite(t)
	base := s.publish(1)
	s.publish(1)
	gone := errors.New("reason gone")
	calls := 0
	_, err := s.writer().Publish(t.Context(), base, func(st *layout.State) error {
		calls++
		if st.Number != base.Number+uint64(calls) {
			t.Errorf("call %d: got number %d", calls, st.Number)
		}
		if calls == 2 {
			return gone
		}
		return nil
	})
	if !errors.Is(err, gone) || calls != 2 {
		t.Errorf("got %v after %d calls, want the error of the second call", err, calls)
	}
	if _, n, _ := s.reader().Chain(t.Context()); n != 2 {
		t.Errorf("got %d states, want 2", n)
	}
}

// vagueStore answers the first Create with an error, after or without doing
// it.
type vagueStore struct {
	store.Store
	do  bool
	err error
}

func (v *vagueStore) Create(ctx context.Context, n uint64, doc []byte) error {
	if v.err == nil {
		return v.Store.Create(ctx, n, doc)
	}
	err := v.err
	v.err = nil
	if v.do {
		if err := v.Store.Create(ctx, n, doc); err != nil {
			return err
		}
	}
	return err
}

func TestUnclearAnswers(t *testing.T) {
	lost := errors.New("connection lost")
	for _, test := range []struct {
		name   string
		do     bool
		answer error
		want   error // nil: published
	}{
		{"written, answer lost", true, lost, nil},
		{"written, and the retry met it", true, store.ErrExists, nil},
		{"not written", false, lost, lost},
		{"claimed to exist, but does not", false, store.ErrExists, fs.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			w := s.writer()
			w.Reader.Store = &vagueStore{Store: w.Reader.Store, do: test.do, err: test.answer}
			got, err := w.Publish(t.Context(), nil, because("test"))
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			_, n, err := s.reader().Chain(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if test.want == nil && (got == nil || n != 1) || test.want != nil && n != 0 {
				t.Errorf("got %d states in the log", n)
			}
		})
	}
}

func TestNothingIsPublishedThatWouldBeRefused(t *testing.T) {
	s := newSite(t)
	w := s.writer()
	w.Signer = newKey(t, "nobody")
	_, err := w.Publish(t.Context(), nil, because("test"))
	wantCode(t, err, verify.CodeKey)
	if n, err := w.Reader.Store.Newest(t.Context()); n != 0 || err != nil {
		t.Errorf("got state %d, %v, want an empty log", n, err)
	}

	w = s.writer()
	_, err = w.Publish(t.Context(), nil, because(strings.Repeat("x", verify.MaxLine)))
	if err == nil {
		t.Error("a state that cannot be signed was published")
	}
}

func TestTimeOfTheLogDoesNotRunBackwards(t *testing.T) {
	s := newSite(t)
	base := s.publish(1)
	w := s.writer()
	w.Clock = func() time.Time { return noon.AddDate(0, 0, -3) }
	next, err := w.Publish(t.Context(), base, because("test"))
	if err != nil {
		t.Fatal(err)
	}
	if next.At != base.At {
		t.Errorf("got %s after %s", next.At, base.At)
	}
}

// plainStore hides that a store is a Stager.
type plainStore struct{ store.Store }

func TestPutDocument(t *testing.T) {
	s := newSite(t)
	for name, wrap := range map[string]func(store.Store) store.Store{
		"stager": func(st store.Store) store.Store { return st },
		"plain":  func(st store.Store) store.Store { return plainStore{st} },
	} {
		t.Run(name, func(t *testing.T) {
			st := s.open()
			w := &trusted.Writer{Reader: &trusted.Reader{Store: wrap(st), Trust: s.trust}, Signer: s.site, Stage: t.TempDir()}
			for range 2 { // the second time it is there
				ref, err := w.PutDocument(t.Context(), []byte(name))
				if err != nil {
					t.Fatal(err)
				}
				if want := (layout.ObjectRef{SHA256: layout.DigestOf([]byte(name)), Size: int64(len(name))}); ref != want {
					t.Errorf("got %v, want %v", ref, want)
				}
				if got := string(s.read(s.objectPath(ref.SHA256))); got != name {
					t.Errorf("got object %q, want %q", got, name)
				}
			}
			for _, dir := range []string{w.Stage, st.StageDir()} {
				if left := s.names(dir); len(left) != 0 {
					t.Errorf("%s still holds %v", dir, left)
				}
			}
		})
	}
}
