package faulty_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
	"patchferry/layout/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newDir(t *testing.T) *store.Dir {
	t.Helper()
	d, err := store.CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestNoFault(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return faulty.New(newDir(t), faulty.Fault{}) })
}

const data = "the bytes of an object"

// writes are the five kinds of write, each of which is write number 2 after the
// log was begun.
var writes = []struct {
	name string
	do   func(t *testing.T, s store.Store) error
	done func(t *testing.T, s store.Store) error // nil if the write was done
}{
	{"put", func(t *testing.T, s store.Store) error {
		f, err := os.Create(filepath.Join(t.TempDir(), "object"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if _, err := f.WriteString(data); err != nil {
			t.Fatal(err)
		}
		return s.Put(t.Context(), layout.DigestOf([]byte(data)), int64(len(data)), f)
	}, func(t *testing.T, s store.Store) error {
		_, err := s.Stat(t.Context(), layout.DigestOf([]byte(data)))
		return err
	}},
	{"create", func(t *testing.T, s store.Store) error {
		return s.Create(t.Context(), 2, []byte("state 2"))
	}, func(t *testing.T, s store.Store) error {
		_, err := s.Read(t.Context(), 2)
		return err
	}},
	{"bind", func(t *testing.T, s store.Store) error {
		return s.Bind(t.Context(), layout.Digest{1}, []byte("binding"))
	}, func(t *testing.T, s store.Store) error {
		_, err := s.Bound(t.Context(), layout.Digest{1})
		return err
	}},
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name     string
		fault    faulty.Fault
		fails    bool
		done     bool
		leftover int // bytes of torn files that are left for each
	}{
		{"before", faulty.Fault{At: 1}, false, true, 0},
		{"lost", faulty.Fault{At: 2, Mode: faulty.Lost}, true, false, 0},
		{"kept", faulty.Fault{At: 2, Mode: faulty.Kept}, true, true, 0},
		{"torn", faulty.Fault{At: 2, Mode: faulty.Torn}, true, false, 1},
		{"lost and dead", faulty.Fault{At: 2, Mode: faulty.Lost, Dies: true}, true, false, 0},
		{"kept and dead", faulty.Fault{At: 2, Mode: faulty.Kept, Dies: true}, true, true, 0},
		{"done and dead", faulty.Fault{At: 2, Dies: true}, false, true, 0},
		{"later", faulty.Fault{At: 3, Mode: faulty.Lost, Dies: true}, false, true, 0},
	}
	for _, tt := range tests {
		for _, w := range writes {
			t.Run(w.name+" "+tt.name, func(t *testing.T) {
				dir := newDir(t)
				s := faulty.New(dir, tt.fault)
				if err := s.Create(t.Context(), 1, []byte("state 1")); err != nil {
					t.Fatal(err)
				}
				if err := w.do(t, s); errors.Is(err, faulty.ErrFault) != tt.fails {
					t.Errorf("%s: got error %v, want it to fail on purpose: %v", w.name, err, tt.fails)
				}
				if err := w.done(t, dir); (err == nil) != tt.done {
					t.Errorf("looked up afterwards: got error %v, want it done: %v", err, tt.done)
				}
				if got := leftovers(t, dir); got != tt.leftover {
					t.Errorf("left in the stage: got %d files, want %d", got, tt.leftover)
				}
				if got := s.Writes(); got != 2 {
					t.Errorf("writes: got %d, want 2", got)
				}
				_, err := s.Newest(t.Context())
				if dead := tt.fault.Dies && tt.fault.At == 2; errors.Is(err, faulty.ErrDied) != dead {
					t.Errorf("newest afterwards: got error %v, want it dead: %v", err, dead)
				}
			})
		}
	}
}

func leftovers(t *testing.T, dir *store.Dir) int {
	t.Helper()
	entries, err := os.ReadDir(dir.StageDir())
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), store.TempPrefix) {
			count++
		}
	}
	return count
}

// TestDead: every method of a dead store fails, and changes nothing.
func TestDead(t *testing.T) {
	dir := newDir(t)
	s := faulty.New(dir, faulty.Fault{At: 1, Dies: true})
	if err := s.Create(t.Context(), 1, []byte("state 1")); err != nil {
		t.Fatal(err)
	}
	d := layout.DigestOf([]byte(data))
	calls := map[string]func() error{
		"stat":   func() error { _, err := s.Stat(t.Context(), d); return err },
		"open":   func() error { _, err := s.Open(t.Context(), d, 0, -1); return err },
		"file":   func() error { _, err := s.File(t.Context(), d); return err },
		"link":   func() error { return s.Link(t.Context(), d, filepath.Join(t.TempDir(), "x")) },
		"delete": func() error { return s.Delete(t.Context(), d) },
		"newest": func() error { _, err := s.Newest(t.Context()); return err },
		"read":   func() error { _, err := s.Read(t.Context(), 1); return err },
		"bound":  func() error { _, err := s.Bound(t.Context(), d); return err },
		"unbind": func() error { return s.Unbind(t.Context(), d) },
		"list": func() (got error) {
			for _, err := range s.List(t.Context(), layout.Digest{}) {
				got = err
			}
			return got
		},
		"bindings": func() (got error) {
			for _, err := range s.Bindings(t.Context()) {
				got = err
			}
			return got
		},
	}
	for _, w := range writes {
		calls[w.name] = func() error { return w.do(t, s) }
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, faulty.ErrDied) {
			t.Errorf("%s: got error %v, want death", name, err)
		}
	}
	for _, w := range writes {
		if err := w.done(t, dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s by the dead: got error %v, want nothing done", w.name, err)
		}
	}
	if got := s.Writes(); got != 1 {
		t.Errorf("writes: got %d, want 1", got)
	}
}
