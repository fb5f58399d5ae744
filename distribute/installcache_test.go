package distribute

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"patchferry/distribute/script"
)

// madeIn gets sets of some MiB, and returns those of them that had to be made.
func madeIn(t *testing.T, m *madeSets, mib int, keys string) string {
	t.Helper()
	var made []string
	for key := range strings.FieldsSeq(keys) {
		set, err := m.get(t.Context(), make(chan struct{}, maxMaking), key, func() ([]script.File, error) {
			made = append(made, key)
			return []script.File{{Name: key, Data: make([]byte, mib<<20)}}, nil
		})
		if err != nil || len(set.files) != 1 || set.files[0].Name != key {
			t.Fatalf("set %s: %+v, %v", key, set, err)
		}
	}
	return strings.Join(made, " ")
}

// TestMadeSetsForget: what was not asked for the longest goes first, and no more than
// has to.
func TestMadeSetsForget(t *testing.T) {
	m := new(madeSets)
	for _, tt := range []struct {
		mib        int
		keys, made string
	}{
		{10, "a b c", "a b c"},
		{10, "a b c a", ""},
		{10, "d", "d"}, // b goes
		{10, "c a d", ""},
		{10, "b", "b"}, // c goes
		{10, "a d b", ""},
		{100, "huge", "huge"}, // all go but this one
		{100, "huge", ""},
		{10, "a", "a"}, // and it goes
		{10, "a", ""},
	} {
		if got := madeIn(t, m, tt.mib, tt.keys); got != tt.made {
			t.Errorf("asked for %q: made were %q, want %q", tt.keys, got, tt.made)
		}
	}
	if m.bytes != 10<<20 || len(m.sets) != 1 {
		t.Errorf("%d bytes in %d sets, want those of one", m.bytes, len(m.sets))
	}
}

// TestMadeSetsOnce: all who ask at once get what one of them makes; what failed is tried
// again; who waits goes when his request ends, and whoever comes next makes the set.
func TestMadeSetsOnce(t *testing.T) {
	m, slots := new(madeSets), make(chan struct{}, 1)
	var count atomic.Int32
	bad := errors.New("bad")
	produce := func() ([]script.File, error) {
		if count.Add(1) == 1 {
			return nil, bad
		}
		return []script.File{{Name: "install.cmd"}}, nil
	}
	if _, err := m.get(t.Context(), slots, "a", produce); !errors.Is(err, bad) {
		t.Fatalf("got %v, want %v", err, bad)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if set, err := m.get(t.Context(), slots, "a", produce); err != nil || len(set.files) != 1 {
				t.Errorf("got %+v, %v", set, err)
			}
		})
	}
	wg.Wait()
	if n := count.Load(); n != 2 {
		t.Errorf("it was made %d times, want once after it failed", n)
	}
	slots <- struct{}{} // somebody makes another set
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.get(gone, slots, "b", produce); !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: got %v", err)
	}
	<-slots
	if _, err := m.get(t.Context(), slots, "b", produce); err != nil {
		t.Errorf("whoever comes next: got %v", err)
	}
}
