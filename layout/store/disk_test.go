package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
)

// brokenFS fails every operation of one kind.
type brokenFS struct {
	store.FS
	op  string
	err error
}

func (b *brokenFS) fail(op string) error {
	if b.op == op {
		return &fs.PathError{Op: op, Path: "disk", Err: b.err}
	}
	return nil
}

func (b *brokenFS) Create(name string) (store.File, error) {
	if err := b.fail("create"); err != nil {
		return nil, err
	}
	f, err := b.FS.Create(name)
	return brokenFile{f, b}, err
}

type brokenFile struct {
	store.File
	fs *brokenFS
}

// Write writes half and says that it could not write all.
func (f brokenFile) Write(p []byte) (int, error) {
	if err := f.fs.fail("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f brokenFile) Sync() error { return errors.Join(f.fs.fail("sync"), f.File.Sync()) }

// TestDirBrokenDisk: a full, broken or read-only disk gives an error that says
// so; nothing half written has a name, and when it works again all goes on.
func TestDirBrokenDisk(t *testing.T) {
	for _, op := range []string{"create", "write", "sync"} {
		for _, errno := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
			t.Run(fmt.Sprint(op, " ", errno), func(t *testing.T) {
				folder := t.TempDir()
				openDir(t, store.CreateDir, folder)
				real, err := store.OpenFS(folder)
				check(t, err)
				disk := &brokenFS{FS: real, op: op, err: errno}
				d, err := store.OpenDirFS(disk)
				check(t, err)
				defer func() { _ = d.Close() }()
				data := []byte("an object that is copied")
				file := filepath.Join(t.TempDir(), "file")
				check(t, os.WriteFile(file, data, 0o644))
				f, err := os.Open(file)
				check(t, err)
				defer func() { _ = f.Close() }()
				writes := map[string]func() error{
					"put":    func() error { return d.Put(t.Context(), layout.DigestOf(data), int64(len(data)), f) },
					"create": func() error { return d.Create(t.Context(), 1, []byte("state")) },
					"bind":   func() error { return d.Bind(t.Context(), layout.Digest{1}, []byte("binding")) },
				}
				for name, write := range writes {
					if err := write(); !errors.Is(err, errno) {
						t.Errorf("%s: got error %v, want %v", name, err, errno)
					}
				}
				wantEmpty(t, d)
				disk.op = ""
				for name, write := range writes {
					if err := write(); err != nil {
						t.Errorf("%s when the disk works again: %v", name, err)
					}
				}
				if got := readObject(t, d, layout.DigestOf(data)); got != string(data) {
					t.Errorf("object: got %q, want %q", got, data)
				}
			})
		}
	}
}

func wantEmpty(t *testing.T, d *store.Dir) {
	t.Helper()
	if n, err := d.Newest(t.Context()); n != 0 || err != nil {
		t.Errorf("newest: got %d, %v, want 0", n, err)
	}
	for info, err := range d.List(t.Context(), layout.Digest{}) {
		t.Errorf("list: got %v, %v, want nothing", info, err)
	}
	for b, err := range d.Bindings(t.Context()) {
		t.Errorf("bindings: got %v, %v, want nothing", b, err)
	}
	entries, err := os.ReadDir(d.StageDir())
	check(t, err)
	for _, e := range entries {
		t.Errorf("left in the stage: %s", e.Name())
	}
}

// TestDirReadOnly: a store on a disk that cannot be written is read all the
// same.
func TestDirReadOnly(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("SKIP: this user may write everywhere")
	}
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	data := []byte("object")
	check(t, putStaged(t, d, data))
	check(t, d.Create(t.Context(), 1, []byte("state")))
	for _, name := range []string{"", "stage", "states", "bindings", "objects", "objects/sha256"} {
		check(t, os.Chmod(filepath.Join(folder, name), 0o555))
		defer func() { _ = os.Chmod(filepath.Join(folder, name), 0o755) }()
	}
	d = openDir(t, store.OpenDir, folder)
	if got := readObject(t, d, layout.DigestOf(data)); got != string(data) {
		t.Errorf("object: got %q, want %q", got, data)
	}
	if n, err := d.Newest(t.Context()); n != 1 || err != nil {
		t.Errorf("newest: got %d, %v, want 1", n, err)
	}
	if err := d.Create(t.Context(), 2, []byte("state")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("create: got error %v, want %v", err, fs.ErrPermission)
	}
}

// TestDirLargeDocument: a state or binding over the limit, which only somebody
// else can have written, is not read.
func TestDirLargeDocument(t *testing.T) {
	folder := t.TempDir()
	d := openDir(t, store.CreateDir, folder)
	key := layout.Digest{1}
	for _, name := range []string{store.StateKey(1), store.BindingKey(key)} {
		name = filepath.Join(folder, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		check(t, os.WriteFile(name, make([]byte, store.MaxDocument+1), 0o644))
	}
	if _, err := d.Read(t.Context(), 1); err == nil {
		t.Error("read of a state over the limit: no error")
	}
	if _, err := d.Bound(t.Context(), key); err == nil {
		t.Error("a binding over the limit: no error")
	}
	for b, err := range d.Bindings(t.Context()) {
		if err == nil {
			t.Errorf("bindings: got one of %d bytes", len(b.Doc))
		}
	}
}
