package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"patchferry/layout/store"
	"patchferry/layout/store/faulty"
)

// A folder below is the same one however it was come by.
func TestSubfolders(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(t *testing.T, dir string) store.FS
	}{
		{"of the system", func(t *testing.T, dir string) store.FS {
			fsys, err := store.OpenFS(dir)
			if err != nil {
				t.Fatal(err)
			}
			return fsys
		}},
		{"of a disk that may fail", func(t *testing.T, dir string) store.FS {
			fsys, err := faulty.NewDisk(dir, -1)
			if err != nil {
				t.Fatal(err)
			}
			return fsys
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			root := c.open(t, dir)
			defer root.Close()
			for _, name := range []string{"a", "a/b", "a/b/c"} {
				if err := root.Mkdir(name); err != nil {
					t.Fatal(err)
				}
			}
			below, err := store.OpenSub(store.Sub(root, "a"), "b")
			if err != nil {
				t.Fatal(err)
			}
			defer below.Close()
			deeper, err := store.OpenSub(below, "c")
			if err != nil {
				t.Fatal(err)
			}
			defer deeper.Close()
			if got, want := deeper.Path(), filepath.Join(dir, "a", "b", "c"); got != want {
				t.Errorf("the path is %s, want %s", got, want)
			}
			f, err := deeper.Create("file")
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := root.Stat("a/b/c/file"); err != nil {
				t.Errorf("the file is not where it was made: %v", err)
			}
			if _, err := below.Stat("../../a"); err == nil {
				t.Error("a name led out of the folder")
			}
			if _, err := store.OpenSub(below, "none"); c.name == "of the system" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a folder that is not there: %v, want fs.ErrNotExist", err)
			}
		})
	}
}

// TestFlush: whoever cannot flush says so at every call, and nobody says that it
// is done where it is not.
func TestFlush(t *testing.T) {
	dir := t.TempDir()
	root, err := store.OpenFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Mkdir("a"); err != nil {
		t.Fatal(err)
	}
	below, err := store.OpenSub(root, "a")
	if err != nil {
		t.Fatal(err)
	}
	first := root.Flush()
	if first != nil && !errors.Is(first, errors.ErrUnsupported) {
		t.Errorf("flush: got %v, want nil or that it cannot be had", first)
	}
	for name, fsys := range map[string]store.FS{"again": root, "of a folder": below, "of a view": store.Sub(root, "a")} {
		if err := fsys.Flush(); errors.Is(err, errors.ErrUnsupported) != (first != nil) || first == nil && err != nil {
			t.Errorf("flush %s: got %v, and at first %v", name, err, first)
		}
	}
	for name, fsys := range map[string]store.FS{"folder": below, "root": root} {
		if err := fsys.Close(); err != nil {
			t.Fatal(err)
		}
		if err := fsys.Flush(); err == nil {
			t.Errorf("flush after the %s was closed: no error", name)
		}
	}
}

// TestLinkFile: an open file gets another name, in a shard and nowhere that a
// name leads out to, and never one that is taken.
func TestLinkFile(t *testing.T) {
	dir := t.TempDir()
	root, err := store.OpenFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"objects", "objects/sha256", "objects/sha256/ab", "stage"} {
		if err := root.Mkdir(name); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(dir, "stage", "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const key = "objects/sha256/ab/abcd"
	if err := root.LinkFile(f, key); errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "linux" {
		t.Skipf("SKIP: needs a system that links open files: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	mine, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := root.Stat(key); err != nil || !os.SameFile(got, mine) {
		t.Errorf("the name leads to %v, %v, want the file", got, err)
	}
	if err := root.LinkFile(f, key); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: got %v, want fs.ErrExist", err)
	}
	if err := root.LinkFile(f, "objects/sha256/cd/cdef"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a shard that is missing: got %v, want fs.ErrNotExist", err)
	}
	if err := root.LinkFile(f, "../out"); err == nil {
		t.Error("a name led out of the folder")
	}
	if err := os.Symlink(dir, filepath.Join(dir, "objects", "sha256", "ef")); err != nil {
		t.Fatal(err)
	}
	if err := root.LinkFile(f, "objects/sha256/ef/efgh"); err == nil {
		t.Error("a link to a folder outside was followed")
	}
}
