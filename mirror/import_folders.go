package mirror

import (
	"errors"
	"io/fs"
	"path"
	"sync"

	"patchferry/layout/store"
)

// makeFolders makes a folder and those above it, not durably.
func makeFolders(fsys store.FS, name string) error {
	if info, err := fsys.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if parent := path.Dir(name); parent != "." {
		if err := makeFolders(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// settleFolder makes the names in a folder and all below it durable, after it
// has removed the files that do not belong there, and folders with nothing in
// them.
func settleFolder(fsys store.FS, root string, belongs func(name string) bool) error {
	if _, err := removeStray(fsys, root, "", belongs); err != nil {
		return err
	}
	err := fsys.Flush()
	if errors.Is(err, errors.ErrUnsupported) {
		return syncBelow(fsys, root)
	}
	return err
}

// removeStray returns how many files stay. below is what belongs calls the folder.
func removeStray(fsys store.FS, name, below string, belongs func(string) bool) (stay int, err error) {
	folder, err := store.OpenSub(fsys, name)
	if err != nil {
		return 0, err
	}
	defer folder.Close() // what was done there is durable by settleFolder
	entries, err := folder.ReadDir(".")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name := path.Join(below, e.Name())
		left := 0
		if e.IsDir() {
			left, err = removeStray(folder, e.Name(), name, belongs)
		} else if belongs(name) {
			left = 1
		}
		if err == nil && left == 0 {
			err = folder.Remove(e.Name())
		}
		if err != nil {
			return 0, err
		}
		stay += left
	}
	return stay, nil
}

// syncBelow syncs a folder and all below it.
func syncBelow(fsys store.FS, name string) error {
	folder, err := store.OpenSub(fsys, name)
	if err != nil {
		return err
	}
	defer folder.Close() // nothing was written
	entries, err := folder.ReadDir(".")
	for _, e := range entries {
		if err == nil && e.IsDir() {
			err = syncBelow(folder, e.Name())
		}
	}
	if err != nil {
		return err
	}
	return folder.SyncDir(".")
}

// removeAll removes a file, or a folder with all in it, there or not.
func removeAll(fsys store.FS, name string) error {
	info, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		err = empty(fsys, name)
	}
	if err != nil {
		return err
	}
	return fsys.Remove(name)
}

// empty removes all that is in a folder.
func empty(fsys store.FS, name string) error {
	folder, err := store.OpenSub(fsys, name)
	if err != nil {
		return err
	}
	defer folder.Close() // nothing was written
	entries, err := folder.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := empty(folder, e.Name()); err != nil {
				return err
			}
		}
		if err := folder.Remove(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// mostFolders bounds how many folders stay open: those of objects are 256.
const mostFolders = 300

// openFolders are folders below another one that were opened once and stay so,
// since many files go into few of them. They may be asked for concurrently.
type openFolders struct {
	fs   store.FS
	mu   sync.Mutex
	open map[string]store.FS
}

// in returns a folder below, "." for the one itself. It makes it, not durably,
// if there is none.
func (o *openFolders) in(name string) (store.FS, error) {
	if name == "." {
		return o.fs, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.open[name]; known != nil {
		return known, nil
	}
	if err := makeFolders(o.fs, name); err != nil {
		return nil, err
	}
	if len(o.open) == mostFolders {
		return store.Sub(o.fs, name), nil
	}
	opened, err := store.OpenSub(o.fs, name)
	if err != nil {
		return nil, err
	}
	if o.open == nil {
		o.open = make(map[string]store.FS)
	}
	o.open[name] = opened
	return opened, nil
}

// close lets the folders go, and the one that they are in.
func (o *openFolders) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.fs.Close() // what is durable was synced
	for name, opened := range o.open {
		_ = opened.Close() // what is durable was synced
		delete(o.open, name)
	}
}

// dropFolder removes a folder so that none is ever found under its name with
// only a part of what was in it, whenever this is interrupted: it gets a name
// that is swept first.
func dropFolder(fsys store.FS, name string) error {
	dropped := path.Join(path.Dir(name), partPrefix+path.Base(name))
	if err := removeAll(fsys, dropped); err != nil {
		return err
	}
	err := fsys.Rename(name, dropped)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fsys.SyncDir(path.Dir(name))
	}
	if err != nil {
		return err
	}
	return removeAll(fsys, dropped)
}
