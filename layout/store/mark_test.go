package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
)

func newMark(t *testing.T, path string) *store.Mark {
	t.Helper()
	m, err := store.OpenMark(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func digestOf(s string) layout.Digest { return layout.DigestOf([]byte(s)) }

func wantMark(t *testing.T, m *store.Mark, number uint64, digest layout.Digest) {
	t.Helper()
	if n, d, err := m.State(); n != number || d != digest || err != nil {
		t.Errorf("mark: got state %d %v, %v, want %d %v", n, d, err, number, digest)
	}
}

func TestMarkState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark.json")
	m := newMark(t, path)
	wantMark(t, m, 0, layout.Digest{})
	if err := m.Check(0, layout.Digest{}); err != nil {
		t.Errorf("check of an empty log without a mark: %v", err)
	}
	if err := m.Raise(t.Context(), 5, digestOf("five"), layout.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		number uint64
		digest layout.Digest
		want   error
	}{
		{"the same", 5, digestOf("five"), nil},
		{"newer", 6, digestOf("six"), nil},
		{"older", 4, digestOf("four"), store.ErrRollback},
		{"empty log", 0, layout.Digest{}, store.ErrRollback},
		{"forked", 5, digestOf("other"), store.ErrFork},
		{"without digest", 5, layout.Digest{}, store.ErrFork},
	}
	for _, reopened := range []*store.Mark{m, newMark(t, path)} {
		for _, tt := range tests {
			if err := reopened.Check(tt.number, tt.digest); !errors.Is(err, tt.want) {
				t.Errorf("%s: got error %v, want %v", tt.name, err, tt.want)
			}
		}
	}
}

func TestMarkOnlyRises(t *testing.T) {
	m := newMark(t, filepath.Join(t.TempDir(), "mark.json"))
	for _, n := range []uint64{3, 7, 5, 7, 1} {
		if err := m.Raise(t.Context(), n, digestOf(strings.Repeat("i", int(n))), layout.Time{}, nil); err != nil {
			t.Fatalf("raise to %d: %v", n, err)
		}
	}
	wantMark(t, m, 7, digestOf("iiiiiii"))
	if err := m.Raise(t.Context(), 7, digestOf("other"), layout.Time{}, nil); !errors.Is(err, store.ErrFork) {
		t.Errorf("raise to a fork: got error %v, want %v", err, store.ErrFork)
	}
	if err := m.Raise(t.Context(), 8, layout.Digest{}, layout.Time{}, nil); err == nil {
		t.Error("raise without a digest: no error")
	}
	wantMark(t, m, 7, digestOf("iiiiiii"))
}

func TestMarkStreams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark.json")
	m := newMark(t, path)
	at := store.StreamMark{Epoch: 2, Seq: 7, Header: digestOf("2.7")}
	other := store.StreamMark{Epoch: 1, Seq: 1, Header: digestOf("1.1")}
	if err := m.CheckStream("plant", at); err != nil {
		t.Errorf("check without a mark: %v", err)
	}
	if err := m.Raise(t.Context(), 1, digestOf("one"), layout.Time{}, map[string]store.StreamMark{"plant": at}); err != nil {
		t.Fatal(err)
	}
	if err := m.Raise(t.Context(), 2, digestOf("two"), layout.Time{}, map[string]store.StreamMark{"ship": other}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		at   store.StreamMark
		want error
	}{
		{"the same", at, nil},
		{"next", store.StreamMark{Epoch: 2, Seq: 8, Header: digestOf("2.8")}, nil},
		{"next epoch", store.StreamMark{Epoch: 3, Seq: 1, Header: digestOf("3.1")}, nil},
		{"older", store.StreamMark{Epoch: 2, Seq: 6, Header: digestOf("2.6")}, store.ErrRollback},
		{"older epoch", store.StreamMark{Epoch: 1, Seq: 9, Header: digestOf("1.9")}, store.ErrRollback},
		{"forked", store.StreamMark{Epoch: 2, Seq: 7, Header: digestOf("other")}, store.ErrFork},
	}
	m = newMark(t, path)
	for _, tt := range tests {
		if err := m.CheckStream("plant", tt.at); !errors.Is(err, tt.want) {
			t.Errorf("%s: got error %v, want %v", tt.name, err, tt.want)
		}
	}
	older := map[string]store.StreamMark{"plant": other}
	if err := m.Raise(t.Context(), 0, layout.Digest{}, layout.Time{}, older); err != nil {
		t.Errorf("raise to an older position: %v", err)
	}
	forked := map[string]store.StreamMark{"plant": {Epoch: 2, Seq: 7, Header: digestOf("other")}}
	if err := m.Raise(t.Context(), 3, digestOf("three"), layout.Time{}, forked); !errors.Is(err, store.ErrFork) {
		t.Errorf("raise to a fork: got error %v, want %v", err, store.ErrFork)
	}
	wantMark(t, m, 2, digestOf("two"))
	for id, want := range map[string]store.StreamMark{"plant": at, "ship": other} {
		if got, ok, err := m.Stream(id); got != want || !ok || err != nil {
			t.Errorf("stream %s: got %v, %v, %v, want %v", id, got, ok, err, want)
		}
	}
	if _, ok, err := m.Stream("unknown"); ok || err != nil {
		t.Errorf("unknown stream: got %v, %v", ok, err)
	}
}

func TestMarkFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark.json")
	m := newMark(t, path)
	streams := map[string]store.StreamMark{"plant": {Epoch: 1, Seq: 2, Header: layout.Digest{0xab}}}
	if err := m.Raise(t.Context(), 42, layout.Digest{0xcd}, layout.Time{}, streams); err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("0", 62)
	want := `{
  "format": "patchferry-mark",
  "version": 1,
  "state": {
    "number": 42,
    "sha256": "cd` + zeros + `"
  },
  "streams": {
    "plant": {
      "epoch": 1,
      "seq": 2,
      "header": "ab` + zeros + `"
    }
  }
}
`
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("file: got %s, %v, want %s", got, err, want)
	}
}

func TestMarkDamaged(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	head := `{"format":"patchferry-mark","version":1`
	whole := head + `,"state":{"number":1,"sha256":"` + digest + `"}}`
	tests := map[string]string{
		"empty":           "",
		"cut":             whole[:len(whole)-1],
		"zeros":           strings.Repeat("\x00", 100),
		"other format":    `{"format":"patchferry-state","version":1}`,
		"newer version":   `{"format":"patchferry-mark","version":2}`,
		"unknown member":  head + `,"extra":1}`,
		"two documents":   whole + whole,
		"no digest":       head + `,"state":{"number":1}}`,
		"no number":       head + `,"state":{"sha256":"` + digest + `"}}`,
		"stream, no seq":  head + `,"streams":{"a":{"epoch":1,"header":"` + digest + `"}}}`,
		"negative number": head + `,"state":{"number":-1,"sha256":"` + digest + `"}}`,
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mark.json")
			m := newMark(t, path)
			if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := store.OpenMark(path); err == nil {
				t.Error("open: no error")
			}
			if err := m.Check(9, digestOf("nine")); err == nil {
				t.Error("check: no error")
			}
			if err := m.Raise(t.Context(), 9, digestOf("nine"), layout.Time{}, nil); err == nil {
				t.Error("raise: no error")
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != data {
				t.Errorf("the damaged file was changed to %q, %v", got, err)
			}
		})
	}
}

func TestMarkAtOnce(t *testing.T) {
	const raisers, rounds = 8, 5
	path := filepath.Join(t.TempDir(), "mark.json")
	var wg sync.WaitGroup
	for i := range raisers {
		m := newMark(t, path) // as other processes do: each by itself
		wg.Go(func() {
			for n := range rounds {
				number := uint64(n*raisers + i + 1)
				if err := m.Raise(t.Context(), number, layout.Digest{byte(number)}, layout.Time{}, nil); err != nil {
					t.Errorf("raise to %d: %v", number, err)
				}
				if err := m.Check(number-1, layout.Digest{1}); !errors.Is(err, store.ErrRollback) {
					t.Errorf("check of %d after %d: got error %v, want %v", number-1, number, err, store.ErrRollback)
				}
			}
		})
	}
	wg.Wait()
	wantMark(t, newMark(t, path), raisers*rounds, layout.Digest{raisers * rounds})
}

func TestMarkWaitsForLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark.json")
	m := newMark(t, path)
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Raise(ctx, 1, digestOf("one"), layout.Time{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("raise of a locked mark: got error %v, want %v", err, context.Canceled)
	}
	wantMark(t, m, 0, layout.Digest{})
}

// TestMarkPowerLoss: a mark that was raised stays so, and is never damaged.
func TestMarkPowerLoss(t *testing.T) {
	for after, done := 0, false; !done; after++ {
		for way, keep := range losses(uint64(after)) {
			folder := t.TempDir()
			disk := newDisk(t, folder, after)
			m, err := store.OpenMarkFS(disk, "mark.json")
			raised := uint64(0)
			for n := uint64(1); n <= 3 && err == nil; n++ {
				if err = m.Raise(t.Context(), n, layout.Digest{byte(n)}, layout.Time{}, nil); err == nil {
					raised = n
				}
			}
			if err != nil && !errors.Is(err, faulty.ErrPowerLost) {
				t.Fatal(err)
			}
			done = err == nil
			left := t.TempDir()
			if err := disk.Lose(left, keep); err != nil {
				t.Fatal(err)
			}
			again, err := store.OpenMark(filepath.Join(left, "mark.json"))
			if err != nil {
				t.Fatalf("power lost after operation %d, %s: %v", after, way, err)
			}
			if n, _, err := again.State(); err != nil || n < raised || n > raised+1 {
				t.Errorf("power lost after operation %d, %s: got state %d, %v, want %d or the next", after, way, n, err, raised)
			}
			if err := again.Raise(t.Context(), 9, digestOf("nine"), layout.Time{}, nil); err != nil {
				t.Errorf("raise afterwards: %v", err)
			}
			_ = again.Close()
		}
	}
}

// TestMarkRaisedByTheDead: who finds the mark as high as it wants it may rely on
// it, also when the process that raised it died before it was durable.
func TestMarkRaisedByTheDead(t *testing.T) {
	disk := newDisk(t, t.TempDir(), -1)
	for _, fsys := range []store.FS{hasty{disk}, disk} {
		m, err := store.OpenMarkFS(fsys, "mark.json")
		check(t, err)
		check(t, m.Raise(t.Context(), 1, digestOf("one"), layout.Time{}, nil))
	}
	left := t.TempDir()
	check(t, disk.Lose(left, func() bool { return false }))
	wantMark(t, newMark(t, filepath.Join(left, "mark.json")), 1, digestOf("one"))
}

func FuzzMark(f *testing.F) {
	f.Add([]byte(`{"format":"patchferry-mark","version":1}`))
	f.Add([]byte(`{"format":"patchferry-mark","version":1,"state":{"number":1,"sha256":"` + strings.Repeat("ab", 32) + `"}}`))
	f.Add([]byte(`{"format":"patchferry-mark","version":1,"streams":{"a":{"epoch":1,"seq":1,"header":"` + strings.Repeat("ab", 32) + `"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "mark.json")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := store.OpenMark(path)
		if err != nil {
			return
		}
		defer func() { _ = m.Close() }()
		n, d, err := m.State()
		if err != nil {
			t.Fatalf("state of a mark that opened: %v", err)
		}
		if err := m.Check(n, d); err != nil {
			t.Errorf("check of the marked state: %v", err)
		}
		if n > 0 && !errors.Is(m.Check(n-1, d), store.ErrRollback) {
			t.Error("check of an older state: no rollback")
		}
	})
}

// TestMarkClock keeps the newest date, in the file and in the clock.
func TestMarkClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark.json")
	m := newMark(t, path)
	day := func(n int) layout.Time { return layout.At(time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC)) }
	system := day(10).Time()
	clock := m.Clock(func() time.Time { return system })
	if got := clock(); !got.Equal(system) || !m.Newest().IsZero() {
		t.Errorf("without a mark: got %s and %s, want the system's clock", got, m.Newest())
	}
	for n, at := range []int{20, 15} { // the second one leaves it
		if err := m.Raise(t.Context(), uint64(n+1), digestOf(strings.Repeat("i", n+1)), day(at), nil); err != nil {
			t.Fatal(err)
		}
		if got := clock(); !got.Equal(day(20).Time()) {
			t.Errorf("after %s: got %s, want the newest date", day(at), got)
		}
	}
	if again := newMark(t, path); !again.Newest().Equal(day(20).Time()) {
		t.Errorf("read again: got %s", again.Newest())
	}
	system = day(25).Time()
	if got := clock(); !got.Equal(system) {
		t.Errorf("got %s, want the system's clock, which is later", got)
	}
}
