package store

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Sub returns the folder dir of a file system, which exists, as a file system
// of its own. What is durable there is so as fsys has it. Close of it does
// nothing: fsys stays the caller's.
func Sub(fsys FS, dir string) FS { return subFS{fsys, dir} }

// OpenSub is Sub with the folder open: where the operating system is asked, it
// is asked for what is below dir and not for the way there. The folder must not
// be renamed, nor removed, until the caller has closed what is returned.
func OpenSub(fsys FS, dir string) (FS, error) {
	root := ""
	for {
		sub, ok := fsys.(subFS)
		if !ok {
			break
		}
		fsys, root = sub.fs, path.Join(sub.dir, root)
	}
	dir = path.Join(root, dir)
	real, ok := fsys.(*rootFS)
	if !ok {
		return Sub(fsys, dir), nil
	}
	opened, err := real.root.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &rootFS{root: opened, path: filepath.Join(real.path, filepath.FromSlash(dir))}, nil
}

// subFS is a folder of another file system.
type subFS struct {
	fs  FS
	dir string
}

// at confines a name to the folder.
func (s subFS) at(name string) string { return path.Join(s.dir, path.Join("/", name)) }

func (s subFS) Path() string                               { return filepath.Join(s.fs.Path(), filepath.FromSlash(s.dir)) }
func (s subFS) Open(name string) (*os.File, error)         { return s.fs.Open(s.at(name)) }
func (s subFS) Create(name string) (File, error)           { return s.fs.Create(s.at(name)) }
func (s subFS) Sync(f *os.File) error                      { return s.fs.Sync(f) }
func (s subFS) Link(old, new string) error                 { return s.fs.Link(s.at(old), s.at(new)) }
func (s subFS) LinkFile(old *os.File, new string) error    { return s.fs.LinkFile(old, s.at(new)) }
func (s subFS) Rename(old, new string) error               { return s.fs.Rename(s.at(old), s.at(new)) }
func (s subFS) Remove(name string) error                   { return s.fs.Remove(s.at(name)) }
func (s subFS) Mkdir(name string) error                    { return s.fs.Mkdir(s.at(name)) }
func (s subFS) ReadDir(name string) ([]fs.DirEntry, error) { return s.fs.ReadDir(s.at(name)) }
func (s subFS) Stat(name string) (fs.FileInfo, error)      { return s.fs.Stat(s.at(name)) }
func (s subFS) SyncDir(name string) error                  { return s.fs.SyncDir(s.at(name)) }
func (s subFS) Flush() error                               { return s.fs.Flush() }
func (s subFS) Close() error                               { return nil }
