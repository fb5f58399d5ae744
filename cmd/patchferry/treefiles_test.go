package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sameTree holds two folders to be the same, but for what patchferry tree keeps for
// itself.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	wanted, found := contents(t, want), contents(t, got)
	for name, b := range wanted {
		if !bytes.Equal(found[name], b) || found[name] == nil {
			t.Errorf("%s: got %d bytes, want %d", name, len(found[name]), len(b))
		}
	}
	for name := range found {
		if wanted[name] == nil {
			t.Errorf("%s is there, and is not in the tree", name)
		}
	}
}

// contents reads all files of a folder but those whose names begin with a dot.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		files[filepath.ToSlash(rel)] = append([]byte{}, b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("%s has no files", dir)
	}
	return files
}
