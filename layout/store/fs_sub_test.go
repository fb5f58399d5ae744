package store_test

import (
	"errors"
	"io/fs"
	"path/filepath"
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
