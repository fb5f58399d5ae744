package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"

	"patchferry/layout/store"
)

// ErrDied is what everything on a medium returns that has died.
var ErrDied = errors.New("the program was killed")

// Dying makes a writer's medium die after so many operations that change it;
// a write under way is torn. Nothing is really made durable, which is fast. It
// returns how many operations are left.
func (w *Writer) Dying(operations int) *atomic.Int64 {
	left := new(atomic.Int64)
	left.Store(int64(operations))
	w.wrap = func(t target) target { return dyingTarget{t, left} }
	return left
}

// On lets everything that a writer does to its medium go through a file system,
// whose root is the directory to which it writes.
func (w *Writer) On(disk store.FS) { w.wrap = func(t target) target { return diskTarget{t, disk} } }

// diskTarget is a medium on a file system that can lose its power. What it
// reads is what the system shows, as it does until then.
type diskTarget struct {
	target
	disk store.FS
}

func (d diskTarget) create(name string) (targetFile, error) {
	if err := d.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return d.disk.Create(name)
}

func (d diskTarget) sync(f *os.File) error        { return d.disk.Sync(f) }
func (d diskTarget) rename(old, new string) error { return d.disk.Rename(old, new) }
func (d diskTarget) syncDir(name string) error    { return d.disk.SyncDir(name) }

func (d diskTarget) mkdir(name string) error {
	if parent := path.Dir(name); parent != "." {
		if err := d.mkdir(parent); err != nil {
			return err
		}
	}
	if _, err := d.disk.Stat(name); err == nil {
		return nil
	}
	return d.disk.Mkdir(name)
}

func (d diskTarget) remove(name string) error {
	info, err := d.disk.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := d.disk.ReadDir(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := d.remove(path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	return d.disk.Remove(name)
}

// Full makes a writer's medium claim that so many bytes are free, and end in
// ENOSPC after so many have been written.
func (w *Writer) Full(claimed, real int64) {
	left := new(atomic.Int64)
	left.Store(real)
	w.wrap = func(t target) target { return fullTarget{t, claimed, left} }
}

// JoinSignatures is joinSignatures.
func JoinSignatures(files ...[]byte) ([]byte, error) { return joinSignatures(files...) }

type dyingTarget struct {
	target
	left *atomic.Int64
}

func (d dyingTarget) step() error {
	if d.left.Add(-1) < 0 {
		return ErrDied
	}
	return nil
}

func (d dyingTarget) create(name string) (targetFile, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.target.create(name)
	return dyingFile{f, d}, err
}

func (d dyingTarget) open(name string) (*os.File, error) {
	if d.left.Load() < 0 {
		return nil, ErrDied
	}
	return d.target.open(name)
}

func (d dyingTarget) rename(old, new string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.target.rename(old, new)
}

func (d dyingTarget) remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.target.remove(name)
}

func (d dyingTarget) mkdir(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.target.mkdir(name)
}

func (d dyingTarget) syncDir(string) error { return d.step() }

type dyingFile struct {
	targetFile
	d dyingTarget
}

func (f dyingFile) Write(p []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n, _ := f.targetFile.Write(p[:len(p)/2])
		return n, err
	}
	return f.targetFile.Write(p)
}

func (f dyingFile) Sync() error { return f.d.step() }

type fullTarget struct {
	target
	claimed int64
	left    *atomic.Int64
}

func (f fullTarget) free() (space, block int64, ok bool) { return f.claimed, 1, true }

func (f fullTarget) create(name string) (targetFile, error) {
	file, err := f.target.create(name)
	return fullFile{file, f.left}, err
}

type fullFile struct {
	targetFile
	left *atomic.Int64
}

func (f fullFile) Write(p []byte) (int, error) {
	if f.left.Add(-int64(len(p))) < 0 {
		return 0, syscall.ENOSPC
	}
	return f.targetFile.Write(p)
}
