package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
)

func wantNewest(t *testing.T, s store.Store, want uint64) {
	t.Helper()
	if got, err := s.Newest(t.Context()); err != nil || got != want {
		t.Errorf("newest: got %d, %v, want %d", got, err, want)
	}
}

func wantState(t *testing.T, s store.Store, n uint64, want []byte) {
	t.Helper()
	if got, err := s.Read(t.Context(), n); err != nil || !bytes.Equal(got, want) {
		t.Errorf("state %d: got %.20q, %v, want %.20q", n, got, err, want)
	}
}

func testLog(t *testing.T, s store.Store) {
	wantNewest(t, s, 0)
	for n := range uint64(12) {
		_, err := s.Read(t.Context(), n)
		wantIs(t, fmt.Sprintf("read state %d too early", n), err, fs.ErrNotExist)
	}
	for n := uint64(1); n <= 12; n++ {
		wantNil(t, "create", s.Create(t.Context(), n, fmt.Appendf(nil, "state %d", n)))
		wantNewest(t, s, n)
	}
	for n := uint64(1); n <= 12; n++ {
		err := s.Create(t.Context(), n, []byte("other"))
		wantIs(t, "create with other bytes", err, store.ErrExists)
		err = s.Create(t.Context(), n, fmt.Appendf(nil, "state %d", n))
		wantIs(t, "create with equal bytes", err, store.ErrExists)
		wantState(t, s, n, fmt.Appendf(nil, "state %d", n))
	}
	wantNewest(t, s, 12)
}

func testLogHoles(t *testing.T, s store.Store) {
	for _, n := range []uint64{0, 2, 3, 1 << 40, 1<<64 - 1} {
		if err := s.Create(t.Context(), n, []byte("x")); err == nil || errors.Is(err, store.ErrExists) {
			t.Errorf("create state %d of an empty log: got error %v, want another", n, err)
		}
	}
	wantNewest(t, s, 0)
	wantNil(t, "create", s.Create(t.Context(), 1, []byte("x")))
	if err := s.Create(t.Context(), 3, []byte("x")); err == nil {
		t.Error("create state 3 after 1: no error")
	}
	wantNewest(t, s, 1)
}

func testCreateAtOnce(t *testing.T, s store.Store) {
	const rounds, writers = 5, 16
	for n := uint64(1); n <= rounds; n++ {
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() { errs[i] = s.Create(t.Context(), n, fmt.Appendf(nil, "state %d by %d", n, i)) })
		}
		wg.Wait()
		winner := slices.Index(errs, nil)
		if winner < 0 {
			t.Fatalf("state %d: no writer won: %v", n, errs)
		}
		for i, err := range errs {
			if i != winner {
				wantIs(t, fmt.Sprintf("state %d: writer %d after writer %d won", n, i, winner), err, store.ErrExists)
			}
		}
		wantState(t, s, n, fmt.Appendf(nil, "state %d by %d", n, winner))
		wantNewest(t, s, n)
	}
}

func testDocumentLimit(t *testing.T, s store.Store) {
	key := layout.DigestOf([]byte("key"))
	tooLarge := make([]byte, store.MaxDocument+1)
	if err := s.Create(t.Context(), 1, tooLarge); err == nil {
		t.Error("create of a document over the limit: no error")
	}
	if err := s.Bind(t.Context(), key, tooLarge); err == nil {
		t.Error("bind of a document over the limit: no error")
	}
	wantNewest(t, s, 0)
	_, err := s.Bound(t.Context(), key)
	wantIs(t, "bound", err, fs.ErrNotExist)

	largest := object(1, store.MaxDocument)
	wantNil(t, "create", s.Create(t.Context(), 1, largest))
	wantNil(t, "bind", s.Bind(t.Context(), key, largest))
	wantState(t, s, 1, largest)
	if got, err := s.Bound(t.Context(), key); err != nil || !bytes.Equal(got, largest) {
		t.Errorf("bound: got %d bytes, %v, want %d", len(got), err, len(largest))
	}
}

func testBind(t *testing.T, s store.Store) {
	key := layout.DigestOf([]byte("key"))
	_, err := s.Bound(t.Context(), key)
	wantIs(t, "bound too early", err, fs.ErrNotExist)
	wantNil(t, "unbind of nothing", s.Unbind(t.Context(), key))

	wantNil(t, "bind", s.Bind(t.Context(), key, []byte("first")))
	wantNil(t, "bind equal bytes", s.Bind(t.Context(), key, []byte("first")))
	wantIs(t, "bind other bytes", s.Bind(t.Context(), key, []byte("other")), store.ErrExists)
	if got, err := s.Bound(t.Context(), key); err != nil || string(got) != "first" {
		t.Errorf("bound: got %q, %v, want %q", got, err, "first")
	}

	for range 2 {
		wantNil(t, "unbind", s.Unbind(t.Context(), key))
		_, err = s.Bound(t.Context(), key)
		wantIs(t, "bound after unbind", err, fs.ErrNotExist)
	}
	wantNil(t, "bind again", s.Bind(t.Context(), key, []byte("other")))
	if got, err := s.Bound(t.Context(), key); err != nil || string(got) != "other" {
		t.Errorf("bound: got %q, %v, want %q", got, err, "other")
	}
}

func testBindAtOnce(t *testing.T, s store.Store) {
	const writers = 16
	key := layout.DigestOf([]byte("key"))
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = s.Bind(t.Context(), key, fmt.Appendf(nil, "by %d", i)) })
	}
	wg.Wait()
	winner := slices.Index(errs, nil)
	if winner < 0 {
		t.Fatalf("no writer won: %v", errs)
	}
	for i, err := range errs {
		if i != winner {
			wantIs(t, fmt.Sprintf("writer %d after writer %d won", i, winner), err, store.ErrExists)
		}
	}
	want := fmt.Sprintf("by %d", winner)
	if got, err := s.Bound(t.Context(), key); err != nil || string(got) != want {
		t.Errorf("bound: got %q, %v, want %q", got, err, want)
	}
}

func testBindings(t *testing.T, s store.Store) {
	const count = 50
	var want []store.Binding
	for i := range count {
		b := store.Binding{Key: layout.DigestOf(object(i, 5)), Doc: fmt.Appendf(nil, "{%d}", i)}
		wantNil(t, "bind", s.Bind(t.Context(), b.Key, b.Doc))
		want = append(want, b)
	}
	wantNil(t, "unbind", s.Unbind(t.Context(), want[count-1].Key))
	want = want[:count-1]
	slices.SortFunc(want, func(a, b store.Binding) int { return bytes.Compare(a.Key[:], b.Key[:]) })

	var got []store.Binding
	for b, err := range s.Bindings(t.Context()) {
		wantNil(t, "bindings", err)
		got = append(got, b)
	}
	equal := func(a, b store.Binding) bool { return a.Key == b.Key && bytes.Equal(a.Doc, b.Doc) }
	if !slices.EqualFunc(got, want, equal) {
		t.Errorf("bindings: got %d, not the %d that were bound in order", len(got), len(want))
	}
	if objects := list(t, s, layout.Digest{}); len(objects) != 0 {
		t.Errorf("list: got %d objects, want none", len(objects))
	}
}
