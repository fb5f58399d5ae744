package bulletins

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"patchferry/layout"
)

// Folder is a source of bulletins on this machine: a folder with all that is
// below it, or a single file.
//
// Documents are files named .txt, .asc, .eml, .msg, .json or .xml, mailboxes in
// the mbox format, whatever they are called, each mail of them, the mails of
// Maildirs and of MH folders, files without an extension that hold something
// signed, and text of any other name that has a signature beside it. Files whose
// names begin with a dot are passed over, but for the folders of a Maildir.
//
// What stands beside a document x as x.asc or x.sig is its signature, and as
// x.sha256 or x.sha512 its digests, unless it is itself a clear-signed text: then
// it is a document. Files of certificates are offered as keys.
//
// No symbolic link leads out of the folder, and none to a folder is followed. A
// Folder must not be copied, and its fields must not change, once it is used; it
// may then be used concurrently.
type Folder struct {
	Path string // of the folder or file

	mu     sync.Mutex
	places map[string]place // of what the last list had, by name
	lists  int              // how many there were

	looking sync.Mutex // of Get, for what was moved
}

// place is where in the folder a document is.
type place struct {
	path   string // below the folder, with slashes
	mail   bool   // one of a mailbox
	offset int64  // in bytes: of the mail in its mailbox
	beside bool   // a signature may stand beside it
}

// folderMemory is what a Folder remembers from one list to the next.
type folderMemory struct {
	Version int           `json:"version"`
	Path    string        `json:"path"`
	Files   layout.Digest `json:"files"` // over name, size and time of all of them
}

const folderVersion = 1

// List lists the folder. It is NotModified if no file in it was added, removed
// or changed, by its size and time, since prev was returned; a mailbox is then
// not read. A list with problems has no Memory, so that they are looked at, and
// told, until they are gone.
//
// A document is called by its path below the folder, a mail of a mailbox by
// that of the mailbox and 16 hexadecimal digits of its SHA-256, and a mail of a
// Maildir without the subfolder and the flags that mail programs change. So
// names outlast a mailbox that grows or is packed.
func (f *Folder) List(ctx context.Context, prev json.RawMessage) (*layout.AnnouncedList, error) {
	t, err := openTree(f.Path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	s := &survey{tree: t}
	if err := s.walk(ctx); err != nil {
		return nil, err
	}
	now := folderMemory{Version: folderVersion, Path: f.Path, Files: s.digest()}
	memory, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	var was folderMemory
	if json.Unmarshal(prev, &was) == nil && was == now {
		return &layout.AnnouncedList{NotModified: true, Memory: memory}, nil
	}
	if err := s.sort(ctx); err != nil {
		return nil, err
	}
	f.remember(s.places)
	list := &layout.AnnouncedList{Items: s.items, Keys: s.keys, Problems: s.problems.all()}
	if len(list.Problems) == 0 {
		list.Memory = memory
	}
	return list, nil
}

func (f *Folder) remember(places map[string]place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.places = places
	f.lists++
}

// tree is a folder, or the one file of a folder, that is open.
type tree struct {
	root *os.Root
	path string // of the folder
	only string // the name of the file; empty for all
}

func openTree(path string) (*tree, error) {
	// The operator named the path, so that it may be a symbolic link itself.
	whole, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("bulletins: %w", err)
	}
	info, err := os.Stat(whole)
	if err != nil {
		return nil, fmt.Errorf("bulletins: %w", err)
	}
	t := &tree{path: whole}
	switch {
	case info.Mode().IsRegular():
		t.path, t.only = filepath.Dir(whole), filepath.Base(whole)
	case !info.IsDir():
		return nil, fmt.Errorf("bulletins: %s is neither a folder nor a file", path)
	}
	if t.root, err = os.OpenRoot(t.path); err != nil {
		return nil, fmt.Errorf("bulletins: %w", err)
	}
	return t, nil
}

func (t *tree) close() { t.root.Close() } // it was only read

// full returns the path of a file for people.
func (t *tree) full(rel string) string { return filepath.Join(t.path, filepath.FromSlash(rel)) }

// open opens a file, once it is known to be one: to open a pipe may wait for
// ever.
func (t *tree) open(rel string) (*os.File, error) {
	name := filepath.FromSlash(rel)
	info, err := t.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: rel, Err: errNoFile}
	}
	return t.root.Open(name)
}

// digest tells one state of the folder from another.
func (s *survey) digest() layout.Digest {
	h := sha256.New()
	for _, x := range s.files {
		fmt.Fprintf(h, "%q %s\n", x.name, x.stamp())
	}
	return layout.Digest(h.Sum(nil))
}
