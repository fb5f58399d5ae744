package store

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// FS is the part of a file system that Dir and Mark stand on. It is small so
// that a test can put one in its place that forgets, as a disk does when the
// power fails, whatever was not synced (faulty.Disk).
//
// Names are slash-separated, relative to the root, and never leave it. What is
// missing is fs.ErrNotExist, what is in the way fs.ErrExist. All methods may be
// called concurrently.
//
// What survives a loss of power is what POSIX promises and no more: the bytes
// of a file after Sync of that file, the names in a folder after SyncDir of
// that folder, and both after Flush.
type FS interface {
	// Path returns the absolute path of the root.
	Path() string
	// Open opens a file for reading.
	Open(name string) (*os.File, error)
	// Create makes a new file for writing, mode 0644. It never opens one that
	// exists.
	Create(name string) (File, error)
	// Sync makes the bytes of f durable, a file below the root that was not
	// opened through this interface.
	Sync(f *os.File) error
	// Link gives the file old a second name, unless that is taken.
	Link(old, new string) error
	// LinkFile is Link of a file that is open, wherever on the file system it has
	// its name, without a walk to it. Where that cannot be had the error matches
	// errors.ErrUnsupported.
	LinkFile(old *os.File, new string) error
	// Rename gives the file or folder old another name, a file in place of the
	// one that had it.
	Rename(old, new string) error
	// Remove removes a file, or a folder with nothing in it.
	Remove(name string) error
	// Mkdir makes a folder, mode 0755.
	Mkdir(name string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat does not follow a symbolic link in the last element.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// Flush makes all bytes and names durable that were written below the root
	// before it was called, by whomever, at less cost than many calls of Sync and
	// SyncDir. Where that cannot be had, or its failures are not told, the error
	// matches errors.ErrUnsupported, at every call. It tells of failures since the
	// first call, so that who relies on it calls it before the first write, too.
	Flush() error
	// Close lets the root go.
	Close() error
}

// File is a file that is being written.
type File interface {
	io.Writer
	// Chmod changes the permissions.
	Chmod(fs.FileMode) error
	// Sync makes the bytes written so far durable.
	Sync() error
	// Close ends the writing. It makes nothing durable.
	Close() error
}

// OpenFS opens the folder path of the operating system's file system. A
// symbolic link that leads out of it is an error wherever it is met.
func OpenFS(path string) (FS, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	return &rootFS{root: root, path: abs}, nil
}

// rootFS is the real file system below an os.Root.
//
// An os.Root opens a path element by element, each with a system call. Objects
// are opened at every request of a host, so their shard folders, which are
// never removed, stay open once one was needed: at most 256 descriptors.
type rootFS struct {
	root    *os.Root
	path    string                  // absolute
	objects atomic.Pointer[os.Root] // in which the shards are
	shards  [256]atomic.Pointer[os.Root]
	flusher flusher
}

// Open opens a file for reading.
func (r *rootFS) Open(name string) (*os.File, error) {
	in, base, err := r.in(name)
	if err != nil {
		return nil, err
	}
	return in.Open(base)
}

// Stat does not follow a symbolic link in the last element.
func (r *rootFS) Stat(name string) (fs.FileInfo, error) {
	in, base, err := r.in(name)
	if err != nil {
		return nil, err
	}
	return in.Lstat(base)
}

// in returns an open folder, and what name is called there: its shard for an
// object, the root for all else.
func (r *rootFS) in(name string) (*os.Root, string, error) {
	key, ok := strings.CutPrefix(name, ObjectFolder+"/")
	if !ok || len(key) < 4 || key[2] != '/' || strings.Contains(key[3:], "/") {
		return r.root, name, nil
	}
	shard, err := r.shard(key[:2])
	if err != nil {
		return nil, "", err
	}
	if shard == nil {
		return r.root, name, nil
	}
	return shard, key[3:], nil
}

// shard returns the open folder of a shard, nil where digits are none.
func (r *rootFS) shard(digits string) (*os.Root, error) {
	n, err := hex.DecodeString(digits)
	if err != nil {
		return nil, nil
	}
	at := &r.shards[n[0]]
	if open := at.Load(); open != nil {
		return open, nil
	}
	objects, err := openOnce(&r.objects, r.root, ObjectFolder)
	if err != nil {
		return nil, err
	}
	return openOnce(at, objects, digits)
}

// openOnce returns the folder that is open, or opens it below root.
func openOnce(at *atomic.Pointer[os.Root], root *os.Root, name string) (*os.Root, error) {
	if open := at.Load(); open != nil {
		return open, nil
	}
	opened, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if !at.CompareAndSwap(nil, opened) {
		_ = opened.Close() // another was faster
	}
	return at.Load(), nil
}

// Close lets the root and the shards go.
func (r *rootFS) Close() error {
	err := errors.Join(r.root.Close(), r.flusher.close())
	for i := range r.shards {
		err = errors.Join(err, closeOpen(&r.shards[i]))
	}
	return errors.Join(err, closeOpen(&r.objects))
}

func closeOpen(at *atomic.Pointer[os.Root]) error {
	if open := at.Swap(nil); open != nil {
		return open.Close()
	}
	return nil
}

// Flush makes all durable that was written before.
func (r *rootFS) Flush() error { return r.flusher.flush(r.root) }

func (r *rootFS) Path() string                               { return r.path }
func (r *rootFS) Sync(f *os.File) error                      { return f.Sync() }
func (r *rootFS) Link(old, new string) error                 { return r.root.Link(old, new) }
func (r *rootFS) Rename(old, new string) error               { return r.root.Rename(old, new) }
func (r *rootFS) Remove(name string) error                   { return r.root.Remove(name) }
func (r *rootFS) Mkdir(name string) error                    { return r.root.Mkdir(name, 0o755) }
func (r *rootFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.root.FS(), name) }

func (r *rootFS) Create(name string) (File, error) {
	f, err := r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err // not f: a nil *os.File in a File is not nil
	}
	return f, nil
}

func (r *rootFS) SyncDir(name string) error {
	if !dirSync {
		return nil
	}
	f, err := r.root.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if notSyncable(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
