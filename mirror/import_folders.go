package mirror

import (
	"errors"
	"io/fs"
	"path"

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
// them. It returns how many names stay.
func settleFolder(fsys store.FS, root string, belongs func(name string) bool) (stay int, err error) {
	return settleBelow(fsys, root, "", belongs)
}

func settleBelow(fsys store.FS, root, below string, belongs func(string) bool) (stay int, err error) {
	folder := path.Join(root, below)
	entries, err := fsys.ReadDir(folder)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name := path.Join(below, e.Name())
		left := 0
		if e.IsDir() {
			left, err = settleBelow(fsys, root, name, belongs)
		} else if belongs(name) {
			left = 1
		}
		if err == nil && left == 0 {
			err = fsys.Remove(path.Join(root, name))
		}
		if err != nil {
			return 0, err
		}
		stay += left
	}
	return stay, fsys.SyncDir(folder)
}

// removeAll removes a file, or a folder with all in it, there or not.
func removeAll(fsys store.FS, name string) error {
	info, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := fsys.ReadDir(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := removeAll(fsys, path.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	return fsys.Remove(name)
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
