package faulty

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"patchferry/layout/store"
)

// ErrPowerLost is returned by every operation on a Disk that has lost power.
var ErrPowerLost = errors.New("faulty: the power is lost")

// Disk is a store.FS that loses power. It works in a real folder, and keeps
// beside it an account of what POSIX promises to survive: the bytes of a file
// as they were at its last Sync, and the names in a folder as they were at its
// last SyncDir, and both at the last Flush. Whatever is younger may survive or
// not, each piece on its own.
//
// Files that others make in the folder, such as downloads in a stage, are taken
// into the account when they are first synced, linked, renamed or removed, or
// their folder is synced; one that is a second name of a file is that file.
//
// Nothing is really synced, so that a Disk is fast. Its methods may be called
// concurrently.
type Disk struct {
	live store.FS

	mu   sync.Mutex
	left int // operations until the power is lost; negative: it never is
	ops  int
	root *node

	apart bool // see SyncApart
}

var _ store.FS = (*Disk)(nil)

// node is a file or folder of the account.
type node struct {
	data   []byte // of a file, as written
	synced []byte // of a file, as it was at the last Sync

	names   map[string]*node // of a folder, as they are; nil for a file
	durable map[string]*node // as they were at the last SyncDir
	pending []change         // since then, in order
}

// change is a name that was given to a node, or taken away (nil).
type change struct {
	name string
	node *node
}

func newFolder() *node {
	return &node{names: make(map[string]*node), durable: make(map[string]*node)}
}

func (n *node) set(name string, to *node) {
	if to == nil {
		delete(n.names, name)
	} else {
		n.names[name] = to
	}
	n.pending = append(n.pending, change{name, to})
}

// NewDisk returns a disk in a folder, all of whose content is durable so far.
// The power is lost after the given number of operations that change or sync
// something; a negative number is never.
func NewDisk(folder string, operations int) (*Disk, error) {
	live, err := store.OpenFS(folder)
	if err != nil {
		return nil, err
	}
	root, err := load(live.Path())
	if err != nil {
		return nil, errors.Join(err, live.Close())
	}
	return &Disk{live: live, left: operations, root: root}, nil
}

// load reads a folder into the account as durable.
func load(folder string) (*node, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	n := newFolder()
	for _, e := range entries {
		name := filepath.Join(folder, e.Name())
		child := new(node)
		if e.IsDir() {
			child, err = load(name)
		} else {
			child.data, err = os.ReadFile(name)
			child.synced = child.data
		}
		if err != nil {
			return nil, err
		}
		n.names[e.Name()] = child
	}
	n.durable = maps.Clone(n.names)
	return n, nil
}

// StopAfter lets the power be lost after so many more operations.
func (d *Disk) StopAfter(operations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = operations
}

// Operations returns how many operations changed or synced something.
func (d *Disk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// spend accounts for one operation. d.mu is held.
func (d *Disk) spend() error {
	if d.left == 0 {
		return ErrPowerLost
	}
	d.left--
	d.ops++
	return nil
}

// powered is asked by operations that only read.
func (d *Disk) powered() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return ErrPowerLost
	}
	return nil
}

// change does one operation that changes or syncs something: first for real,
// then in the account.
func (d *Disk) change(live func() error, account func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.spend(); err != nil {
		return err
	}
	if err := live(); err != nil {
		return err
	}
	return account()
}

// folder returns the account of a folder.
func (d *Disk) folder(name string) (*node, error) {
	n := d.root
	for _, part := range strings.Split(path.Clean(name), "/") {
		if part == "." {
			continue
		}
		if n = n.names[part]; n == nil || n.names == nil {
			return nil, &fs.PathError{Op: "account", Path: name, Err: fs.ErrNotExist}
		}
	}
	return n, nil
}

// adopt returns the account of the file name, and makes one where another than
// this disk made the file. Nothing of such a file is durable.
func (d *Disk) adopt(name string) (*node, error) {
	in, err := d.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	if n := in.names[path.Base(name)]; n != nil {
		return n, nil
	}
	at := filepath.Join(d.live.Path(), filepath.FromSlash(name))
	info, err := os.Lstat(at)
	if err != nil {
		return nil, err
	}
	n := d.known(d.root, d.live.Path(), info)
	if n == nil {
		n = new(node)
		if n.data, err = os.ReadFile(at); err != nil {
			return nil, err
		}
	}
	in.set(path.Base(name), n)
	return n, nil
}

// adoptAll adopts the files in a folder that are not in the account.
func (d *Disk) adoptAll(name string, in *node) error {
	entries, err := d.live.ReadDir(name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if in.names[e.Name()] != nil || !e.Type().IsRegular() {
			continue
		}
		if _, err := d.adopt(path.Join(name, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// known returns the account of the file that info is of, if it has one under
// another name.
func (d *Disk) known(in *node, at string, info fs.FileInfo) *node {
	for name, n := range in.names {
		name = filepath.Join(at, name)
		if n.names != nil {
			if found := d.known(n, name, info); found != nil {
				return found
			}
			continue
		}
		if there, err := os.Lstat(name); err == nil && os.SameFile(there, info) {
			return n
		}
	}
	return nil
}

// setName accounts for a name that is given to a node or taken away.
func (d *Disk) setName(name string, n *node) error {
	in, err := d.folder(path.Dir(name))
	if err != nil {
		return err
	}
	in.set(path.Base(name), n)
	return nil
}

// Path implements store.FS.
func (d *Disk) Path() string { return d.live.Path() }

// Close implements store.FS.
func (d *Disk) Close() error { return d.live.Close() }

// Open implements store.FS.
func (d *Disk) Open(name string) (*os.File, error) {
	if err := d.powered(); err != nil {
		return nil, err
	}
	return d.live.Open(name)
}

// Stat implements store.FS.
func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	if err := d.powered(); err != nil {
		return nil, err
	}
	return d.live.Stat(name)
}

// ReadDir implements store.FS.
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := d.powered(); err != nil {
		return nil, err
	}
	return d.live.ReadDir(name)
}

// Create implements store.FS.
func (d *Disk) Create(name string) (store.File, error) {
	f := &diskFile{disk: d, node: new(node)}
	err := d.change(
		func() (err error) { f.live, err = d.live.Create(name); return err },
		func() error { return d.setName(name, f.node) })
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Sync implements store.FS.
func (d *Disk) Sync(f *os.File) error {
	name, err := filepath.Rel(d.live.Path(), f.Name())
	if err != nil {
		return err
	}
	nothing := func() error { return nil }
	return d.change(nothing, func() error {
		n, err := d.adopt(filepath.ToSlash(name))
		if err != nil {
			return err
		}
		n.data, err = os.ReadFile(f.Name())
		n.synced = n.data
		return err
	})
}

// Link implements store.FS.
func (d *Disk) Link(old, new string) error {
	return d.change(
		func() error { return d.live.Link(old, new) },
		func() error {
			n, err := d.adopt(old)
			if err != nil {
				return err
			}
			return d.setName(new, n)
		})
}

// Rename implements store.FS. The old name's going and the new one's coming
// may be lost independently, which is less than most file systems promise.
func (d *Disk) Rename(old, new string) error {
	return d.change(
		func() error { _, err := d.adopt(old); return err },
		func() error {
			n, err := d.adopt(old)
			if err != nil {
				return err
			}
			if err := d.live.Rename(old, new); err != nil {
				return err
			}
			return errors.Join(d.setName(new, n), d.setName(old, nil))
		})
}

// Remove implements store.FS.
func (d *Disk) Remove(name string) error {
	return d.change(
		func() error { return d.live.Remove(name) },
		func() error { return d.setName(name, nil) })
}

// Mkdir implements store.FS.
func (d *Disk) Mkdir(name string) error {
	return d.change(
		func() error { return d.live.Mkdir(name) },
		func() error { return d.setName(name, newFolder()) })
}

// SyncDir implements store.FS.
func (d *Disk) SyncDir(name string) error {
	return d.change(
		func() error { _, err := d.live.Stat(name); return err },
		func() error {
			n, err := d.folder(name)
			if err == nil {
				err = d.adoptAll(name, n)
			}
			if err != nil {
				return err
			}
			n.durable, n.pending = maps.Clone(n.names), nil
			return nil
		})
}
