package store_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
)

// ledger is what a writer may rely on: for each key the values that it may have
// after a loss of power. A write that returned nil leaves one, a write that did
// not leaves the old and the new one; "" is none. What was adopted may be lost
// until there is a state after it.
type ledger struct {
	made     bool
	adopted  map[layout.Digest]string // since the last state
	objects  map[layout.Digest][]string
	bindings map[layout.Digest][]string
	states   []string
	tried    string // the state after those, if one was tried
}

// write does one write to a key of the ledger.
func write(values map[layout.Digest][]string, key layout.Digest, value string, do func() error) error {
	if _, ok := values[key]; !ok {
		values[key] = []string{""}
	}
	values[key] = append(values[key], value)
	err := do()
	if err == nil {
		values[key] = []string{value}
	}
	return err
}

// script is one writer's work on a disk, until an error.
type script struct {
	t      *testing.T
	fs     store.FS
	dir    *store.Dir
	ledger ledger
	err    error
}

func (s *script) open() {
	if s.err != nil {
		return
	}
	if s.dir, s.err = store.CreateDirFS(s.fs); s.err == nil {
		s.ledger.made = true
	}
}

// put puts data from the stage, or from another folder.
func (s *script) put(data string, staged bool) {
	if s.err != nil {
		return
	}
	folder := s.t.TempDir()
	if staged {
		folder = s.dir.StageDir()
	}
	f, err := os.Create(filepath.Join(folder, fmt.Sprintf("download-%.8s", data)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(data); err != nil {
		s.t.Fatal(err)
	}
	d := layout.DigestOf([]byte(data))
	s.err = write(s.ledger.objects, d, data, func() error {
		return s.dir.Put(s.t.Context(), d, int64(len(data)), f)
	})
}

// adopt puts durable data from the stage.
func (s *script) adopt(data string) {
	if s.err != nil {
		return
	}
	f, err := os.Create(filepath.Join(s.dir.StageDir(), fmt.Sprintf("adopted-%.8s", data)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(data); err != nil {
		s.t.Fatal(err)
	}
	if s.err = s.fs.Sync(f); s.err != nil {
		return
	}
	d := layout.DigestOf([]byte(data))
	if _, ok := s.ledger.objects[d]; !ok {
		s.ledger.objects[d] = []string{""}
	}
	s.ledger.objects[d] = append(s.ledger.objects[d], data)
	if s.err = s.dir.Adopt(s.t.Context(), d, int64(len(data)), f); s.err == nil {
		s.ledger.adopted[d] = data
	}
}

func (s *script) remove(data string) {
	if s.err != nil {
		return
	}
	d := layout.DigestOf([]byte(data))
	s.err = write(s.ledger.objects, d, "", func() error { return s.dir.Delete(s.t.Context(), d) })
}

func (s *script) bind(key, doc string) {
	if s.err != nil {
		return
	}
	k := layout.DigestOf([]byte(key))
	s.err = write(s.ledger.bindings, k, doc, func() error { return s.dir.Bind(s.t.Context(), k, []byte(doc)) })
}

func (s *script) unbind(key string) {
	if s.err != nil {
		return
	}
	k := layout.DigestOf([]byte(key))
	s.err = write(s.ledger.bindings, k, "", func() error { return s.dir.Unbind(s.t.Context(), k) })
}

func (s *script) create(doc string) {
	if s.err != nil {
		return
	}
	s.ledger.tried = doc
	s.err = s.dir.Create(s.t.Context(), uint64(len(s.ledger.states)+1), []byte(doc))
	if s.err == nil {
		s.ledger.states, s.ledger.tried = append(s.ledger.states, doc), ""
		s.ledger.settled()
	}
}

// settled notes that what was adopted cannot be lost any more.
func (l *ledger) settled() {
	for d, data := range l.adopted {
		l.objects[d] = []string{data}
	}
	clear(l.adopted)
}

// run does the whole script.
func (s *script) run() {
	s.open()
	s.put("first object", true)
	s.put("second object", false)
	s.bind("key", "binding of first object")
	s.create("state 1")
	s.put("first object", false)
	s.put("third object", true)
	s.adopt("fourth object")
	s.adopt("fifth object")
	s.adopt("third object")
	for n := range 6 { // in so many shards that they are settled together
		s.adopt(fmt.Sprint("many ", n))
	}
	s.create("state 2")
	s.remove("second object")
	s.unbind("key")
	s.bind("key", "another binding")
	s.open()
	s.put("second object", true)
	s.create("state 3")
	s.bind("other key", "last binding")
}

func newScript(t *testing.T, fsys store.FS) *script {
	return &script{t: t, fs: fsys, ledger: ledger{
		objects:  make(map[layout.Digest][]string),
		bindings: make(map[layout.Digest][]string),
		adopted:  make(map[layout.Digest]string),
	}}
}

// check opens what is left and holds it to the ledger.
func (l *ledger) check(t *testing.T, folder string) {
	t.Helper()
	open := store.OpenDirFS
	if !l.made {
		open = store.CreateDirFS // the same command again
	}
	dir, err := open(newDisk(t, folder, -1))
	if err != nil {
		t.Fatalf("open what is left: %v", err)
	}
	l.checkStates(t, dir)

	objects := make(map[layout.Digest]string)
	for info, err := range dir.List(t.Context(), layout.Digest{}) {
		if err != nil {
			t.Fatal(err)
		}
		objects[info.Digest] = readObject(t, dir, info.Digest)
	}
	checkValues(t, "object", objects, l.objects)

	bindings := make(map[layout.Digest]string)
	for b, err := range dir.Bindings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		bindings[b.Key] = string(b.Doc)
	}
	checkValues(t, "binding", bindings, l.bindings)
}

func (l *ledger) checkStates(t *testing.T, dir *store.Dir) {
	t.Helper()
	n, err := dir.Newest(t.Context())
	if err != nil {
		t.Fatalf("newest: %v", err)
	}
	var got []string
	for i := range n {
		doc, err := dir.Read(t.Context(), i+1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(doc))
	}
	with := append(slices.Clone(l.states), l.tried)
	if slices.Equal(got, l.states) {
		return
	}
	if l.tried == "" || !slices.Equal(got, with) {
		t.Errorf("states: got %q, want %q or with %q", got, l.states, l.tried)
	}
	l.settled() // the state is there, and so must be what it relies on
}

func checkValues(t *testing.T, what string, got map[layout.Digest]string, want map[layout.Digest][]string) {
	t.Helper()
	for key := range want {
		if !slices.Contains(want[key], got[key]) {
			t.Errorf("%s %v: got %q, want one of %q", what, key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s %v: got %q, which was never written", what, key, got[key])
		}
	}
}

func readObject(t *testing.T, s store.Store, d layout.Digest) string {
	t.Helper()
	r, err := s.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if layout.DigestOf(data) != d {
		t.Errorf("object %v is torn: %q", d, data)
	}
	return string(data)
}

// losses are the ways in which what was not synced is lost, some at random.
func losses(salt uint64) map[string]func() bool {
	ways := map[string]func() bool{
		"all lost": func() bool { return false },
		"all kept": func() bool { return true },
	}
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, salt))
		ways[fmt.Sprintf("seed %d", seed)] = func() bool { return rng.IntN(2) == 0 }
	}
	return ways
}

// TestPowerLoss takes the power away after each operation of the script in
// turn, with several choices of what is lost. The store must open, hold what
// was reported as written, and let work go on. Where a disk can be flushed a Dir
// does it, and else syncs each folder.
func TestPowerLoss(t *testing.T) {
	for name, apart := range map[string]bool{"flushed": false, "apart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := newDisk(t, t.TempDir(), -1)
			if apart {
				disk.SyncApart()
			}
			whole := newScript(t, disk)
			whole.run()
			if whole.err != nil {
				t.Fatalf("script without a loss: %v", whole.err)
			}
			total := disk.Operations()
			if total < 60 {
				t.Fatalf("the script makes %d operations, too few to be the whole of it", total)
			}
			for after := range total + 1 {
				powerLoss(t, after, apart)
				if t.Failed() {
					t.Fatalf("power lost after operation %d of %d", after, total)
				}
			}
		})
	}
}

func powerLoss(t *testing.T, after int, apart bool) {
	disk := newDisk(t, t.TempDir(), after)
	if apart {
		disk.SyncApart()
	}
	s := newScript(t, disk)
	s.run()
	if s.err != nil && !errors.Is(s.err, faulty.ErrPowerLost) {
		t.Fatalf("script: got error %v, want the loss of power", s.err)
	}
	ways := losses(uint64(after))
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		left := t.TempDir()
		if err := disk.Lose(left, ways[way]); err != nil {
			t.Fatal(err)
		}
		s.ledger.check(t, left)
		goOn(t, left)
		if t.Failed() {
			t.Logf("what was not synced: %s", way)
			return
		}
	}
}

// goOn publishes one more state, with an object and a binding, on what is left.
func goOn(t *testing.T, folder string) {
	t.Helper()
	s := newScript(t, newDisk(t, folder, -1))
	s.open()
	if s.err != nil {
		t.Fatalf("go on: %v", s.err)
	}
	n, err := s.dir.Newest(t.Context())
	if err != nil {
		t.Fatalf("go on: %v", err)
	}
	for i := range n {
		doc, err := s.dir.Read(t.Context(), i+1)
		if err != nil {
			t.Fatalf("go on: %v", err)
		}
		s.ledger.states = append(s.ledger.states, string(doc))
	}
	s.put("first object", true)
	s.create("one more")
	s.bind("one more", "binding")
	if s.err != nil {
		t.Fatalf("go on: %v", s.err)
	}
	s.ledger.checkStates(t, s.dir)
	readObject(t, s.dir, layout.DigestOf([]byte("first object")))
}

func newDisk(t *testing.T, folder string, operations int) *faulty.Disk {
	t.Helper()
	disk, err := faulty.NewDisk(folder, operations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	return disk
}
