package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// target is the directory that a bundle is written below. It is an interface
// only so that a test can put a medium in its place that fails at any write.
// Names are slash-separated. All methods may be called concurrently.
type target interface {
	// create makes a new file in place of whatever has its name.
	create(name string) (targetFile, error)
	// open opens a file for reading and for making it durable.
	open(name string) (*os.File, error)
	// sync makes the bytes of a file durable that open returned.
	sync(f *os.File) error
	rename(old, new string) error
	// remove removes a file, or a folder with all in it.
	remove(name string) error
	// mkdir makes a folder and those above it.
	mkdir(name string) error
	syncDir(name string) error
	lstat(name string) (fs.FileInfo, error)
	readDir(name string) ([]fs.DirEntry, error)
	// free returns how many bytes can still be written, and in which units
	// space is handed out; ok is false where the system does not say.
	free() (space, block int64, ok bool)
	close() error
}

// targetFile is a file that is being written.
type targetFile interface {
	io.Writer
	Sync() error
	Close() error
}

// openTarget opens a directory that the operator named. Whatever links are in
// it, nothing is written outside.
func openTarget(dir string) (target, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return rootTarget{root}, nil
}

type rootTarget struct{ root *os.Root }

func (t rootTarget) create(name string) (targetFile, error) {
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}

func (t rootTarget) open(name string) (*os.File, error) {
	f, err := t.root.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errReadOnly) {
		return t.root.Open(name) // a finished bundle may lie on what cannot be written
	}
	return f, err
}

func (t rootTarget) sync(f *os.File) error                      { return f.Sync() }
func (t rootTarget) rename(old, new string) error               { return t.root.Rename(old, new) }
func (t rootTarget) remove(name string) error                   { return t.root.RemoveAll(name) }
func (t rootTarget) mkdir(name string) error                    { return t.root.MkdirAll(name, 0o755) }
func (t rootTarget) lstat(name string) (fs.FileInfo, error)     { return t.root.Lstat(name) }
func (t rootTarget) readDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.root.FS(), name) }
func (t rootTarget) free() (space, block int64, ok bool)        { return freeSpace(t.root.Name()) }
func (t rootTarget) close() error                               { return t.root.Close() }

func (t rootTarget) syncDir(name string) error {
	f, err := t.root.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if folderNotSyncable(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// readSmall returns a whole file of at most most bytes.
func readSmall(t target, name string, most int64) (doc []byte, err error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	doc, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(doc)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return doc, err
}

// writeSmall writes a whole file and makes its bytes durable.
func writeSmall(t target, name string, doc []byte) error {
	f, err := t.create(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(doc)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// replaceSmall writes a file so that whoever looks sees the old or the new one
// whole.
func replaceSmall(t target, name string, doc []byte) error {
	fresh := name + ".new"
	if err := writeSmall(t, fresh, doc); err != nil {
		return err
	}
	if err := t.rename(fresh, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return t.syncDir(path.Dir(name))
}

// volumesIn returns the folders vol-… of a bundle that are there, in order.
func volumesIn(t target, folder string) ([]string, error) {
	entries, err := t.readDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "vol-") {
			names = append(names, folder+"/"+e.Name())
		}
	}
	return names, nil
}

// place splits the path of a bundle into the directory that holds it and its
// own name.
func place(dir string) (parent, name string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	return filepath.Dir(abs), filepath.Base(abs), nil
}
