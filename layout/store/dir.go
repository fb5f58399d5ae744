package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	stageFolder = "stage"

	// TempPrefix begins the names of Dir's own files in the stage. Files of
	// others there, such as downloads to be resumed, are never touched.
	TempPrefix = ".put-"
	tempLife   = 24 * time.Hour
)

// folders are made with the store, parents first.
var folders = [...]string{"objects", ObjectFolder, StateFolder, BindingFolder, stageFolder}

// Dir is a store in a folder of a local disk, which must have hard links:
//
//	format     {"format":"patchferry-store","version":1}
//	objects/ states/ bindings/    see ObjectKey, StateKey, BindingKey
//	stage/     files on their way in
//
// Invariants: a name outside of the stage is only ever made by linking a file
// whose bytes are durable, so none is ever seen half written, also after a
// loss of power; files are read-only and never written again; a name is
// durable before a call that made or met it returns nil (but Adopt); a state is
// durable only after all objects that its writer put or adopted, and those that
// it asked Stat, Open, File or List for. What a crash leaves behind lies in the stage, does no harm
// and is removed by the first OpenDir that finds it a day old.
//
// A Dir may be used by any number of goroutines, and the folder by any number
// of processes. It is a Stager, a Filer, a Linker and an Adopter.
type Dir struct {
	fs FS

	mu      sync.Mutex
	made    map[string]bool // shard folders whose names are known to be durable
	listed  bool            // states were listed
	durable uint64          // states up to this one are whole and durable

	settling sync.Mutex       // held by settleSeen
	seen     [256]atomic.Bool // shards in which this process saw an object

	failed atomic.Pointer[error] // the first failed sync of a folder
}

var (
	_ Store  = (*Dir)(nil)
	_ Stager = (*Dir)(nil)
	_ Filer  = (*Dir)(nil)
	_ Linker = (*Dir)(nil)

	_ Adopter = (*Dir)(nil)
)

// CreateDir makes a store in the folder path, and the folder and its parents
// where they are missing. On a store it does what OpenDir does; a folder that
// holds anything else is refused with ErrNoStore.
func CreateDir(path string) (*Dir, error) {
	if err := makeFolder(path); err != nil {
		return nil, fmt.Errorf("make store %s: %w", path, err)
	}
	fsys, err := OpenFS(path)
	if err != nil {
		return nil, fmt.Errorf("make store: %w", err)
	}
	return closeUnless(fsys, CreateDirFS)
}

// OpenDir opens the store in the folder path. The folder must exist, else the
// error matches fs.ErrNotExist, and hold a store, else ErrNoStore. The disk may
// be read-only; then everything that writes fails.
func OpenDir(path string) (*Dir, error) {
	fsys, err := OpenFS(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w (patchferry init makes one)", err)
	}
	return closeUnless(fsys, OpenDirFS)
}

// closeUnless closes fsys where open fails.
func closeUnless(fsys FS, open func(FS) (*Dir, error)) (*Dir, error) {
	d, err := open(fsys)
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	return d, nil
}

// CreateDirFS is CreateDir on a file system whose root exists. Close of the
// Dir closes it.
func CreateDirFS(fsys FS) (*Dir, error) {
	d := newDir(fsys)
	if err := d.create(); err != nil {
		return nil, fmt.Errorf("make store %s: %w", fsys.Path(), err)
	}
	return d, nil
}

// OpenDirFS is OpenDir on a file system. Close of the Dir closes it.
func OpenDirFS(fsys FS) (*Dir, error) {
	d := newDir(fsys)
	if err := d.checkFormat(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", fsys.Path(), err)
	}
	d.sweep()
	return d, nil
}

func newDir(fsys FS) *Dir {
	return &Dir{fs: fsys, made: make(map[string]bool)}
}

// Close lets the folder go. Readers that are open stay so.
func (d *Dir) Close() error { return d.fs.Close() }

// StageDir implements Stager.
func (d *Dir) StageDir() string { return filepath.Join(d.fs.Path(), stageFolder) }

// StageFS implements Stager. Close of the Dir ends it.
func (d *Dir) StageFS() (FS, error) { return Sub(d.fs, stageFolder), nil }

// create writes the format last: a folder that has one has all the others.
func (d *Dir) create() error {
	err := d.checkFormat()
	if err == nil {
		d.sweep()
		return nil
	}
	if !errors.Is(err, ErrNoStore) {
		return err
	}
	if err := d.checkEmpty(); err != nil {
		return err
	}
	for _, name := range folders {
		if err := d.fs.Mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for _, name := range []string{"objects", "."} {
		if err := d.syncDir(name); err != nil {
			return err
		}
	}
	err = d.writeOnce(FormatKey, FormatDocument())
	if errors.Is(err, fs.ErrExist) {
		return d.checkFormat() // another process was faster
	}
	if err != nil {
		return fmt.Errorf("%w (the file system must have hard links)", err)
	}
	return nil
}

// checkEmpty refuses a folder with anything in it that an interrupted create
// does not leave.
func (d *Dir) checkEmpty() error {
	entries, err := d.fs.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case "objects", StateFolder, BindingFolder, stageFolder, "lost+found":
		default:
			return fmt.Errorf("%w and not empty: it holds %q (choose an empty folder)", ErrNoStore, e.Name())
		}
	}
	return nil
}

func (d *Dir) checkFormat() error {
	doc, err := d.readDoc(FormatKey)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it has no file %q (patchferry init makes a store)", ErrNoStore, FormatKey)
	}
	if err != nil {
		return err
	}
	return CheckFormat(doc)
}

// sweep removes what crashes left in the stage. It does what it can: leftovers
// do no harm, and on a read-only disk they have to stay.
func (d *Dir) sweep() {
	entries, err := d.fs.ReadDir(stageFolder)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), TempPrefix) {
			continue
		}
		if time.Since(info.ModTime()) > tempLife {
			_ = d.fs.Remove(path.Join(stageFolder, e.Name()))
		}
	}
}

// writable is asked first by every method that writes.
func (d *Dir) writable(ctx context.Context) error {
	if err := d.failed.Load(); err != nil {
		return fmt.Errorf("the disk failed before: %w (check it, then start again)", *err)
	}
	return ctx.Err()
}

// syncDir makes the names in a folder durable. After a failure nobody can tell
// which names are, and asking the system again may be answered wrongly (it
// reports each failure once), so that nothing is written any more.
func (d *Dir) syncDir(name string) error {
	err := d.fs.SyncDir(name)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sync folder %s: %w", name, err)
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, os.ErrClosed) {
		d.failed.CompareAndSwap(nil, &err)
	}
	return err
}

// makeShard makes the folder in which key lies, durably, the first time this
// process needs it. That the folder exists is not enough: another process may
// have made it just now.
func (d *Dir) makeShard(key string) error {
	dir := path.Dir(key)
	if dir == "." || dir == StateFolder {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made[dir] {
		return nil
	}
	if err := d.fs.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.syncDir(path.Dir(dir)); err != nil {
		return err
	}
	d.made[dir] = true
	return nil
}

// newTemp makes a new file in the stage.
func (d *Dir) newTemp() (string, File, error) {
	name := path.Join(stageFolder, TempPrefix+rand.Text())
	f, err := d.fs.Create(name)
	return name, f, err
}

// linkTemp gives the durable file temp its name, create-only, and makes the
// name durable. It is fs.ErrExist where key is taken.
func (d *Dir) linkTemp(temp, key string) error {
	if err := d.makeShard(key); err != nil {
		return err
	}
	if err := d.fs.Link(temp, key); err != nil {
		return err
	}
	return d.syncDir(path.Dir(key))
}

// writeOnce writes a small document under a new key, or returns an error that
// matches fs.ErrExist.
func (d *Dir) writeOnce(key string, doc []byte) error {
	temp, f, err := d.newTemp()
	if err != nil {
		return err
	}
	// Whatever happens the temporary name goes; if it cannot, sweep removes it.
	defer func() { _ = d.fs.Remove(temp) }()
	_, err = f.Write(doc)
	if err := finish(f, err); err != nil {
		return err
	}
	return d.linkTemp(temp, key)
}

// finish makes a written file read-only and durable, unless writing failed
// with err, and closes it.
func finish(f File, err error) error {
	if err == nil {
		err = f.Chmod(0o444)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readDoc reads a small document whole.
func (d *Dir) readDoc(key string) ([]byte, error) {
	f, err := d.fs.Open(key)
	if err != nil {
		return nil, err
	}
	doc, err := ReadDocument(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return doc, nil
}

// makeFolder is os.MkdirAll, durably.
func makeFolder(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.IsDir() {
		return errors.New("it is not a folder")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(name))
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	fsys, err := OpenFS(parent)
	if err != nil {
		return err
	}
	return errors.Join(fsys.SyncDir("."), fsys.Close())
}
