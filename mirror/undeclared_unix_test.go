//go:build unix

package mirror_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"patchferry/mirror"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// TestT04WhatIsNoFile puts what is no file into a bundle, beside its files or in
// the place of one. A FIFO would hold up who opens it without care for ever.
func TestT04WhatIsNoFile(t *testing.T) {
	const object = "objects/8c/8cfd8f35cd4830b77a3661910c589f0fd012d8a70dd8a946b4533161438e551e"
	instead := func(name string, put func(t *testing.T, name string)) func(*testing.T, string) {
		return func(t *testing.T, volume string) {
			name := filepath.Join(volume, filepath.FromSlash(name))
			must(t, os.Remove(name))
			put(t, name)
		}
	}
	beside := func(put func(t *testing.T, name string)) func(*testing.T, string) {
		return func(t *testing.T, volume string) { put(t, filepath.Join(volume, "objects", "more")) }
	}
	moved := func(name string) func(*testing.T, string) { // a link to the very same bytes
		return func(t *testing.T, volume string) {
			name := filepath.Join(volume, filepath.FromSlash(name))
			away := filepath.Join(t.TempDir(), "away")
			must(t, errors.Join(os.Rename(name, away), os.Symlink(away, name)))
		}
	}
	folder := func(t *testing.T, name string) { must(t, os.Mkdir(name, 0o700)) }
	fifo := func(t *testing.T, name string) { must(t, syscall.Mkfifo(name, 0o600)) }
	socket := func(t *testing.T, name string) {
		short, err := os.MkdirTemp("", "s") // the path of a socket must be short
		must(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(short) })
		l, err := net.Listen("unix", filepath.Join(short, "s"))
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		must(t, os.Rename(filepath.Join(short, "s"), name))
	}
	device := func(t *testing.T, name string) {
		if err := syscall.Mknod(name, syscall.S_IFCHR|0o600, 1<<8|3); err != nil {
			if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "mknod") {
				t.Fatal("needs the right to make a device, as PATCHFERRY_REQUIRE says")
			}
			t.Skip("SKIP: needs the right to make a device")
		}
	}
	tests := []struct {
		name  string
		spoil func(t *testing.T, volume string)
		words string
	}{
		{"folder beside", beside(folder), "objects/more is a directory that the volume does not name"},
		{"folder for a file", instead(object, folder), "is a directory, not a regular file"},
		{"link beside", beside(func(t *testing.T, name string) { must(t, os.Symlink("/etc/passwd", name)) }), "objects/more is a symbolic link that the volume does not name"},
		{"link for a file", moved(object), "is a symbolic link, not a regular file"},
		{"link for a folder", moved("objects"), "objects is a symbolic link"},
		{"link for the header", moved(bundle.HeaderFile), "HEADER.json is a symbolic link, not a regular file"},
		{"FIFO beside", beside(fifo), "objects/more is a FIFO that the volume does not name"},
		{"FIFO for a file", instead(object, fifo), "is a FIFO, not a regular file"},
		{"FIFO for the header", instead(bundle.HeaderFile, fifo), "HEADER.json is a FIFO, not a regular file"},
		{"socket", beside(socket), "objects/more is a socket that the volume does not name"},
		{"device", beside(device), "objects/more is a device that the volume does not name"},
		{"device for a file", instead(object, device), "is a device, not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			volume := copyOf(t)
			tt.spoil(t, volume)
			f := newGoldenFar(t)
			for _, dry := range []bool{true, false} {
				_, err := f.Import(t.Context(), []string{volume}, mirror.ImportOptions{Destination: "plant", DryRun: dry})
				refusal, ok := errors.AsType[*mirror.ImportError](err)
				if !ok || refusal.Code != bundle.CodeUndeclared || !strings.Contains(err.Error(), tt.words) || !errors.Is(err, verify.ErrUntrusted) {
					t.Errorf("dry run %v: got %v, want %s with %q", dry, err, bundle.CodeUndeclared, tt.words)
				}
			}
			if f.newest() != 0 || f.objects() != 0 {
				t.Errorf("it published state %d with %d objects", f.newest(), f.objects())
			}
		})
	}
}
