package faulty

import (
	"io/fs"
	"os"
	"sync"

	"patchferry/layout/store"
)

// Flaky is a store.FS on which one operation that changes or syncs something
// fails with an error of the system's, such as EIO, and from then on all of
// them if it is full, until it is mended. A write that fails has written half
// of its bytes. Its methods may be called concurrently.
type Flaky struct {
	store.FS
	// Err is the error. It is not changed while the system is used.
	Err error
	// Stays lets every later operation fail, too, but Remove: a full disk.
	Stays bool

	mu     sync.Mutex
	left   int // operations until one fails; negative: none does
	ops    int
	failed bool
}

// FailAfter lets an operation fail after so many more; a negative number is
// never. What failed before is mended.
func (d *Flaky) FailAfter(operations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.failed = operations, false
}

// Operations returns how many operations there were.
func (d *Flaky) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// Failed reports whether an operation failed on purpose.
func (d *Flaky) Failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// fail accounts for one operation, and returns the error if it is to fail.
func (d *Flaky) fail(op, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	if !d.failed && d.left == 0 || d.failed && d.Stays {
		d.failed = true
		return &fs.PathError{Op: op, Path: name, Err: d.Err}
	}
	if !d.failed {
		d.left--
	}
	return nil
}

// do does one operation, or fails it.
func (d *Flaky) do(op, name string, live func() error) error {
	if err := d.fail(op, name); err != nil {
		return err
	}
	return live()
}

// Create implements store.FS.
func (d *Flaky) Create(name string) (store.File, error) {
	if err := d.fail("create", name); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return &flakyFile{f, d, name}, nil
}

// Sync implements store.FS.
func (d *Flaky) Sync(f *os.File) error {
	return d.do("sync", f.Name(), func() error { return d.FS.Sync(f) })
}

// Link implements store.FS.
func (d *Flaky) Link(old, new string) error {
	return d.do("link", new, func() error { return d.FS.Link(old, new) })
}

// LinkFile implements store.FS.
func (d *Flaky) LinkFile(old *os.File, new string) error {
	return d.do("link", new, func() error { return d.FS.LinkFile(old, new) })
}

// Rename implements store.FS.
func (d *Flaky) Rename(old, new string) error {
	return d.do("rename", new, func() error { return d.FS.Rename(old, new) })
}

// Remove implements store.FS. On a disk that is full it works.
func (d *Flaky) Remove(name string) error {
	if d.Stays {
		return d.FS.Remove(name)
	}
	return d.do("remove", name, func() error { return d.FS.Remove(name) })
}

// Mkdir implements store.FS.
func (d *Flaky) Mkdir(name string) error {
	return d.do("mkdir", name, func() error { return d.FS.Mkdir(name) })
}

// SyncDir implements store.FS.
func (d *Flaky) SyncDir(name string) error {
	return d.do("sync", name, func() error { return d.FS.SyncDir(name) })
}

// Flush implements store.FS.
func (d *Flaky) Flush() error {
	return d.do("sync", d.Path(), d.FS.Flush)
}

type flakyFile struct {
	store.File
	disk *Flaky
	name string
}

func (f *flakyFile) Write(p []byte) (int, error) {
	if err := f.disk.fail("write", f.name); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *flakyFile) Sync() error {
	return f.disk.do("sync", f.name, f.File.Sync)
}
