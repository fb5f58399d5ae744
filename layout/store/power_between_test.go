package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
)

// hasty is another process's view of a disk, whose power is lost (for that
// process) before it syncs any folder.
type hasty struct{ store.FS }

func (hasty) SyncDir(string) error { return nil }

// TestPowerLossBetweenProcesses: what one process has seen of another's unsynced
// names and relied on must survive with whatever relies on it.
func TestPowerLossBetweenProcesses(t *testing.T) {
	const data = "an object"
	d := layout.DigestOf([]byte(data))
	tests := []struct {
		name string
		rely func(t *testing.T, s *store.Dir) error
	}{
		{"stat, then state", func(t *testing.T, s *store.Dir) error {
			_, err := s.Stat(t.Context(), d)
			return errors.Join(err, s.Create(t.Context(), 2, []byte("state 2")))
		}},
		{"list, then binding", func(t *testing.T, s *store.Dir) error {
			for range s.List(t.Context(), layout.Digest{}) {
			}
			_, err := s.Newest(t.Context())
			return errors.Join(err, s.Bind(t.Context(), d, []byte("binding")))
		}},
		{"put again, then newest", func(t *testing.T, s *store.Dir) error {
			f, err := os.Create(filepath.Join(s.StageDir(), "again"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteString(data)
			_, err2 := s.Newest(t.Context())
			return errors.Join(err, s.Put(t.Context(), d, int64(len(data)), f), f.Close(), err2)
		}},
		{"stat, read, then binding", func(t *testing.T, s *store.Dir) error {
			_, err := s.Stat(t.Context(), d)
			_, err2 := s.Read(t.Context(), 1)
			return errors.Join(err, err2, s.Bind(t.Context(), d, []byte("binding")))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk := newDisk(t, t.TempDir(), -1)
			newScript(t, disk).open()
			first := newScript(t, hasty{disk})
			first.open()
			first.put(data, false)
			first.create("state 1")
			second, err := store.OpenDirFS(disk)
			if err := errors.Join(err, first.err); err != nil {
				t.Fatal(err)
			}
			if err := tt.rely(t, second); err != nil {
				t.Fatal(err)
			}
			left := t.TempDir()
			if err := disk.Lose(left, func() bool { return false }); err != nil {
				t.Fatal(err)
			}
			third, err := store.OpenDir(left)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = third.Close() }()
			if got := readObject(t, third, d); got != data {
				t.Errorf("object: got %q, want %q", got, data)
			}
			if doc, err := third.Read(t.Context(), 1); err != nil || !bytes.Equal(doc, []byte("state 1")) {
				t.Errorf("state 1: got %q, %v", doc, err)
			}
		})
	}
}

// TestPowerLossMakesNoHole: a state may not survive the one before it, which
// another process wrote and had no time to sync.
func TestPowerLossMakesNoHole(t *testing.T) {
	for after := range 12 {
		for way, keep := range losses(uint64(after)) {
			disk := newDisk(t, t.TempDir(), -1)
			first := newScript(t, disk)
			first.open()
			first.fs = hasty{disk}
			first.open()
			first.create("state 1")
			if first.err != nil {
				t.Fatal(first.err)
			}
			disk.StopAfter(after)
			second, err := store.OpenDirFS(disk)
			if err == nil {
				err = second.Create(t.Context(), 2, []byte("state 2"))
			}
			if err != nil && !errors.Is(err, faulty.ErrPowerLost) {
				t.Fatal(err)
			}
			left := t.TempDir()
			if err := disk.Lose(left, keep); err != nil {
				t.Fatal(err)
			}
			third, err := store.OpenDirFS(newDisk(t, left, -1))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := third.Newest(t.Context()); err != nil {
				t.Errorf("power lost after operation %d, %s: newest: %d, %v", after, way, n, err)
			}
		}
	}
}

// TestSyncFailure: after a failed sync of a folder nothing more is written,
// since nobody can tell what is durable.
func TestSyncFailure(t *testing.T) {
	disk := newDisk(t, t.TempDir(), -1)
	newScript(t, disk).open()
	failing := &failingSync{FS: disk, folder: "states"}
	s := newScript(t, failing)
	s.open()
	failing.err = fs.ErrInvalid
	s.create("state 1")
	if !errors.Is(s.err, fs.ErrInvalid) {
		t.Fatalf("create: got error %v, want the failed sync", s.err)
	}
	failing.err = nil
	for name, err := range map[string]error{
		"create": s.dir.Create(t.Context(), 2, []byte("state 2")),
		"bind":   s.dir.Bind(t.Context(), layout.Digest{1}, []byte("binding")),
		"delete": s.dir.Delete(t.Context(), layout.Digest{1}),
	} {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s after a failed sync: got error %v, want that failure", name, err)
		}
	}
}

type failingSync struct {
	store.FS
	folder string
	err    error
}

func (f *failingSync) SyncDir(name string) error {
	if name == f.folder && f.err != nil {
		return f.err
	}
	return f.FS.SyncDir(name)
}
