package faulty

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"

	"patchferry/layout/store"
)

// LinkFile implements store.FS.
func (d *Disk) LinkFile(old *os.File, new string) error {
	name, err := filepath.Rel(d.live.Path(), old.Name())
	if err != nil {
		return err
	}
	return d.Link(filepath.ToSlash(name), new)
}

// SyncApart makes the disk one without Flush, where each file and folder is
// synced apart.
func (d *Disk) SyncApart() { d.apart = true }

// Flush implements store.FS.
func (d *Disk) Flush() error {
	if d.apart {
		return errors.ErrUnsupported
	}
	nothing := func() error { return nil }
	return d.change(nothing, func() error { return d.flush(".", d.root) })
}

// flush accounts for a folder that is written out with all that is in it. What
// others removed there is gone.
func (d *Disk) flush(name string, in *node) error {
	if err := d.adoptAll(name, in); err != nil {
		return err
	}
	for base, n := range in.names {
		err := d.flushNode(path.Join(name, base), n)
		if errors.Is(err, fs.ErrNotExist) {
			delete(in.names, base)
		} else if err != nil {
			return err
		}
	}
	in.durable, in.pending = maps.Clone(in.names), nil
	return nil
}

func (d *Disk) flushNode(name string, n *node) error {
	if n.names != nil {
		return d.flush(name, n)
	}
	data, err := os.ReadFile(filepath.Join(d.live.Path(), filepath.FromSlash(name)))
	if err == nil {
		n.data, n.synced = data, data
	}
	return err
}

// diskFile is a file that is being written.
type diskFile struct {
	disk *Disk
	live store.File
	node *node
}

func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.disk.change(
		func() (err error) { n, err = f.live.Write(p); return err },
		func() error { f.node.data = append(f.node.data, p...); return nil })
	return n, err
}

func (f *diskFile) Chmod(mode fs.FileMode) error {
	nothing := func() error { return nil }
	return f.disk.change(func() error { return f.live.Chmod(mode) }, nothing)
}

func (f *diskFile) Sync() error {
	nothing := func() error { return nil }
	return f.disk.change(nothing, func() error {
		f.node.synced = bytes.Clone(f.node.data)
		return nil
	})
}

func (f *diskFile) Close() error { return f.live.Close() }
