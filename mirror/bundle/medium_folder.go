package bundle

import (
	"errors"
	"os"
	"path"
	"sync"
)

// maxFolders bounds how many folders of a medium stay open: those of objects
// are 256, and who declares more pays for it with time and not with our
// descriptors.
const maxFolders = 300

// folders are the open directories of a medium. An os.Root opens a path element
// by element, each with a system call; a bundle has few folders and many files.
type folders struct {
	mu   sync.Mutex
	open map[string]*os.Root
}

// in calls do with a directory of the medium and the last element of name, a
// slash-separated path below the medium's root. No link is followed on the way
// there.
func (m *medium) in(name string, do func(dir *os.Root, base string) error) error {
	dir, base := path.Split(name)
	if dir == "" {
		return do(m.root, base)
	}
	root, kept, err := m.folder(path.Clean(dir))
	if err != nil {
		return err
	}
	err = do(root, base)
	if !kept {
		_ = root.Close() // it was only read
	}
	return err
}

// folder opens a directory below the root, and says whether it stays open.
func (m *medium) folder(dir string) (root *os.Root, kept bool, err error) {
	m.folders.mu.Lock()
	root = m.folders.open[dir]
	m.folders.mu.Unlock()
	if root != nil {
		return root, true, nil
	}
	err = m.in(dir, func(parent *os.Root, base string) error {
		root, err = m.descend(parent, dir, base)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return m.keep(dir, root)
}

// keep keeps an open folder for those who come after, if there is room.
func (m *medium) keep(dir string, root *os.Root) (*os.Root, bool, error) {
	m.folders.mu.Lock()
	defer m.folders.mu.Unlock()
	if other := m.folders.open[dir]; other != nil {
		return other, true, root.Close()
	}
	if len(m.folders.open) >= maxFolders {
		return root, false, nil
	}
	if m.folders.open == nil {
		m.folders.open = make(map[string]*os.Root)
	}
	m.folders.open[dir] = root
	return root, true, nil
}

// descend opens the directory base of parent, which is dir below the root.
func (m *medium) descend(parent *os.Root, dir, base string) (*os.Root, error) {
	before, err := parent.Lstat(base)
	if err != nil {
		return nil, m.unreadable(dir, err)
	}
	if !before.IsDir() {
		return nil, m.refuse(CodeUndeclared, dir, "is "+kindOf(before)+", not a directory", nil)
	}
	root, err := parent.OpenRoot(base)
	if err != nil {
		return nil, m.unreadable(dir, err)
	}
	after, err := root.Stat(".")
	if err != nil || !os.SameFile(before, after) {
		return nil, errors.Join(m.refuse(CodeUndeclared, dir, "became another directory while it was opened", err), root.Close())
	}
	return root, nil
}

// close lets the medium and its folders go.
func (m *medium) close() error {
	m.folders.mu.Lock()
	defer m.folders.mu.Unlock()
	err := m.root.Close()
	for dir, root := range m.folders.open {
		err = errors.Join(err, root.Close())
		delete(m.folders.open, dir)
	}
	return err
}
