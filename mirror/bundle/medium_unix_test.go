//go:build unix

package bundle_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// fifo puts a FIFO that nobody writes to: who opens it without care waits for
// ever.
func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

// link moves a file away and puts a symbolic link to it in its place.
func link(t *testing.T, path string) {
	t.Helper()
	away := filepath.Join(t.TempDir(), "away")
	if err := errors.Join(os.Rename(path, away), os.Symlink(away, path)); err != nil {
		t.Fatal(err)
	}
}

// linkWithin does the same with a target within the volume.
func linkWithin(t *testing.T, path string) {
	t.Helper()
	target := "target"
	if err := errors.Join(os.Rename(path, filepath.Join(filepath.Dir(path), target)), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
}

func TestT4LinksAndDevices(t *testing.T) {
	readme := func(do func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, dir string) { do(t, at(dir, 2, bundle.ReadmeFile)) }
	}
	replace := func(with func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			with(t, path)
		}
	}
	runDamages(t, []damage{
		{"link for a file", readme(link), bundle.CodeUndeclared, "is a symbolic link, not a regular file"},
		{"link within the volume", readme(linkWithin), bundle.CodeUndeclared, "undeclared"},
		{"link besides", func(t *testing.T, dir string) {
			if err := os.Symlink("README.txt", at(dir, 1, "more")); err != nil {
				t.Fatal(err)
			}
		}, bundle.CodeUndeclared, "more: is a symbolic link"},
		{"link for a folder", func(t *testing.T, dir string) { link(t, at(dir, 1, "objects")) }, bundle.CodeUndeclared, "objects: is a symbolic link"},
		{"link for the keys", func(t *testing.T, dir string) { link(t, at(dir, 1, "keys")) }, bundle.CodeUndeclared, "keys: is a symbolic link, not a directory"},
		{"link for the header", func(t *testing.T, dir string) { link(t, at(dir, 1, bundle.HeaderFile)) }, bundle.CodeUndeclared, "HEADER.json: is a symbolic link"},
		{"link for the signatures", func(t *testing.T, dir string) { link(t, at(dir, 3, bundle.HeaderSigFile)) }, bundle.CodeUndeclared, "HEADER.json.asc: is a symbolic link"},
		{"link for a volume", func(t *testing.T, dir string) { link(t, volumeDir(dir, 2)) }, bundle.CodeUndeclared, "vol-002-of-003: is a symbolic link, not a directory"},
		{"FIFO for a file", readme(replace(fifo)), bundle.CodeUndeclared, "README.txt: is a FIFO"},
		{"FIFO for the header", func(t *testing.T, dir string) { replace(fifo)(t, at(dir, 1, bundle.HeaderFile)) }, bundle.CodeUndeclared, "HEADER.json: is a FIFO"},
		{"FIFO for the list", func(t *testing.T, dir string) { replace(fifo)(t, at(dir, 1, bundle.VolumeFile)) }, bundle.CodeUndeclared, "VOLUME.jsonl: is a FIFO"},
		{"FIFO besides", func(t *testing.T, dir string) { fifo(t, at(dir, 1, "more")) }, bundle.CodeUndeclared, "more: is a FIFO"},
	})
}

func TestT4Device(t *testing.T) {
	dir := crate{}.write(t)
	if err := syscall.Mknod(at(dir, 1, "null"), syscall.S_IFCHR|0o644, 1<<8|3); err != nil {
		if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "mknod") {
			t.Fatal("needs the right to make a device, as PATCHFERRY_REQUIRE says")
		}
		t.Skip("SKIP: needs the right to make a device")
	}
	_, err := verifyAll(t.Context(), dir)
	wantRefusal(t, err, bundle.CodeUndeclared, "null: is a device")
}

// TestT20LinkAfterCensus puts a link to the very same bytes where an object
// was.
func TestT20LinkAfterCensus(t *testing.T) {
	for name, swap := range map[string]func(*testing.T, string){"outside": link, "within": linkWithin} {
		t.Run(name, func(t *testing.T) {
			dir := crate{}.write(t)
			b, err := open(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(b.Census(t.Context()), b.Load(t.Context())); err != nil {
				t.Fatal(err)
			}
			swap(t, pathOf(dir, 4))
			for e := range b.Entries() {
				if e.SHA256 == layout.DigestOf(object(4)) {
					err = b.CopyObject(t.Context(), e, new(bytes.Buffer))
				}
			}
			wantRefusal(t, err, bundle.CodeUndeclared, "is a symbolic link, not a regular file")
		})
	}
}

// TestMediumThatCannotBeRead has no right to read a file: that refuses
// nothing, and trusts nothing.
func TestMediumThatCannotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("SKIP: needs another user than root")
	}
	dir := crate{}.write(t)
	if err := os.Chmod(pathOf(dir, 4), 0); err != nil {
		t.Fatal(err)
	}
	_, err := verifyAll(t.Context(), dir)
	wantRefusal(t, err, bundle.CodeMedium, "medium cannot be read: vol-002-of-003/objects/")
}
