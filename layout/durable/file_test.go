package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"patchferry/layout/durable"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestWriting has each way of writing leave the file whole, with its mode, and nothing
// beside it.
func TestWriting(t *testing.T) {
	for name, write := range map[string]func(string, fs.FileMode, []byte) error{
		"new":     durable.WriteNew,
		"replace": durable.Replace,
		"rewrite": func(name string, mode fs.FileMode, b []byte) error { return durable.Rewrite(name, mode, b, false) },
		"synced":  func(name string, mode fs.FileMode, b []byte) error { return durable.Rewrite(name, mode, b, true) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			if err := write(file, 0o600, []byte("one")); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 || read(t, file) != "one" {
				t.Errorf("got %q, %v, %v", read(t, file), info.Mode(), err)
			}
			err, want := write(file, 0o600, []byte("other")), "other"
			if name == "new" {
				want = "one"
				if !errors.Is(err, fs.ErrExist) {
					t.Errorf("a file that exists: got %v", err)
				}
			} else if err != nil {
				t.Error(err)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 1 || read(t, file) != want {
				t.Errorf("got %q and %d files, %v", read(t, file), len(left), err)
			}
		})
	}
}

// TestRewriteGoesOn finds what a killed writer left.
func TestRewriteGoesOn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file+durable.NewSuffix, []byte("the beginning of something long"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.Rewrite(file, 0o600, []byte("new"), false); err != nil || read(t, file) != "new" {
		t.Errorf("got %q, %v", read(t, file), err)
	}
}

// TestRewriteFails keeps the old file, and leaves nothing beside it.
func TestRewriteFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := durable.Rewrite(file, 0o600, []byte("new"), true); err == nil {
		t.Error("a folder was replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("got %d files, %v", len(left), err)
	}
}

func TestRemove(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	for range 2 { // there, and missing
		if err := durable.Remove(file); err != nil {
			t.Error(err)
		}
		_ = os.WriteFile(file, nil, 0o600)
	}
	if err := durable.Remove(file); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestBoot: Linux says which start of the kernel this is, and says the same again.
func TestBoot(t *testing.T) {
	want := ""
	if runtime.GOOS == "linux" {
		want = strings.TrimSpace(read(t, "/proc/sys/kernel/random/boot_id"))
	}
	if got := durable.Boot(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
