package distribute

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// Linker makes hard links of objects; a store.Linker is one.
type Linker interface {
	Link(ctx context.Context, d layout.Digest, path string) error
}

// Tree keeps the catalog tree as files in a folder, for SMB shares and media:
// hard links of the store's objects, or copies where the folder is on another
// file system, and the scripts that a Server makes, with the same bytes.
//
// It knows what it made by a list of its own, TreeList, in the folder. It
// removes only what stands in that list and is unchanged since, with the
// folders that this leaves empty, and it never writes over a file that it did not
// make: what is in the way is reported and left alone. A file that is there
// already, with the right bytes, counts as made. Every path is opened below Dir, also
// where somebody put a symbolic link there.
//
// Whoever reads the folder meanwhile finds each file whole. First come packages, then
// scripts, then what is no longer wanted goes; so a script names no package that is not
// there, but where the publisher changed a package under its own name: then the old
// script finds other bytes than it knows, and leaves them alone. The files of one set
// are replaced one after another.
type Tree struct {
	Dir     string         // made where it is missing
	Links   Linker         // nil: files are copied from Source
	Source  Source         // of the copies; each is checked against its digest
	Scripts *TreeScripts   // nil: none are made, and those of earlier runs are removed
	DryRun  bool           // nothing is changed
	Step    func(TreeStep) // told of each change, before it is made; nil: nobody is
	// Copying is told once that files are copied, as there can be no links in Dir; nil:
	// nobody is.
	Copying func(why error)
}

// TreeScripts says what the scripts in a tree are made from.
type TreeScripts struct {
	Meta    ViewMeta // of the updates; what it revokes is not in the tree
	Options script.Options
}

// TreeList is the name of the list of what a Tree made: JSON lines, by path.
const TreeList = ".patchferry-tree.jsonl"

// TreeStep is one change of a Tree.
type TreeStep struct {
	Do     string        `json:"do"` // "make", "remove", "in the way", "changed"
	Path   string        `json:"path"`
	SHA256 layout.Digest `json:"sha256,omitzero"`
}

// TreeCounts sums up what was done to a Tree, or would be.
type TreeCounts struct {
	Made    int   `json:"made"`
	Present int   `json:"present"`
	Removed int   `json:"removed"`
	Failed  int   `json:"failed"` // in the way, or changed by somebody
	Bytes   int64 `json:"bytes"`  // of the files made
}

// leaf is one file of the tree as it should be.
type leaf struct {
	path   string
	digest layout.Digest
	size   int64
	mtime  layout.Time
	data   []byte // of a script; nil: the store has the bytes
}

// Make brings the tree to what the updates say. Links show an update under all
// of its systems, copies under the first alone. Run again after an error or an
// interruption it goes on; the list is kept in both cases. Make must not run
// twice on one folder at the same time. Folders are made besides, as in
// BuildView.
func (t *Tree) Make(ctx context.Context, updates iter.Seq2[*layout.Update, error], folders ...Folder) (TreeCounts, error) {
	want, err := t.leaves(updates, folders)
	if err != nil {
		return TreeCounts{}, err
	}
	if !t.DryRun {
		if err := os.MkdirAll(t.Dir, 0o755); err != nil {
			return TreeCounts{}, fmt.Errorf("make the tree: %w", err)
		}
	}
	g := &grower{Tree: t, links: t.Links, view: want.view}
	root, err := os.OpenRoot(t.Dir)
	if t.DryRun && errors.Is(err, fs.ErrNotExist) {
		return g.preview(want.all(t.Links != nil))
	}
	if err != nil {
		return TreeCounts{}, fmt.Errorf("make the tree: %w", err)
	}
	defer root.Close()
	g.root = root
	if g.made, err = readTreeList(root); err != nil {
		return TreeCounts{}, err
	}
	if err := g.probe(ctx, want.files); err != nil {
		return TreeCounts{}, err
	}
	err = g.grow(ctx, want.all(g.links != nil))
	if !t.DryRun {
		err = errors.Join(err, g.writeList())
	}
	return g.counts, err
}

// leaves are the files of the tree by folded path, those under other systems apart.
type leaves struct {
	files, aliases map[string]leaf
	view           *View // that scripts are made of; nil: none are
}

// all returns the files of the tree. A folder that an update owns wins over an alias of
// another; of two aliases the first wins.
func (l *leaves) all(aliases bool) map[string]leaf {
	if !aliases {
		return l.files
	}
	all := maps.Clone(l.files)
	for key, at := range l.aliases {
		if _, taken := all[key]; !taken {
			all[key] = at
		}
	}
	return all
}

// leaves lists the files of the tree.
func (t *Tree) leaves(updates iter.Seq2[*layout.Update, error], folders []Folder) (*leaves, error) {
	want := &leaves{files: make(map[string]leaf), aliases: make(map[string]leaf)}
	var b *viewBuilder
	if t.Scripts != nil {
		b = newViewBuilder(t.Scripts.Meta)
	}
	for u, err := range updates {
		if err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		if b != nil {
			if err := b.add(u); err != nil {
				return nil, fmt.Errorf("place %s in the tree: %w", u.ID, err)
			}
		}
		if err := want.add(u, b); err != nil {
			return nil, fmt.Errorf("place %s in the tree: %w", u.ID, err)
		}
	}
	for _, folder := range folders {
		for i := range folder.Files {
			f := &folder.Files[i]
			l := leaf{path: path.Join(folder.Path, f.Entry()), digest: f.SHA256, size: f.Size, mtime: f.Modified}
			if err := enter(want.files, l); err != nil {
				return nil, fmt.Errorf("place %s in the tree: %w", folder.Path, err)
			}
		}
	}
	if b == nil {
		return want, nil
	}
	var err error
	if want.view, err = b.finish(); err != nil {
		return nil, fmt.Errorf("make the scripts of the tree: %w", err)
	}
	return want, nil
}

// add lists the files of an update that are here and were not taken back.
func (l *leaves) add(u *layout.Update, b *viewBuilder) error {
	for i := range u.Files {
		f := &u.Files[i]
		if !f.Held || b != nil && b.view.isRevoked(f.SHA256) {
			continue
		}
		at := leaf{path: f.Path(u), digest: f.SHA256, size: f.Size, mtime: f.Modified}
		if err := enter(l.files, at); err != nil {
			return err
		}
		addAliases(l.aliases, u, f, at)
	}
	return nil
}

// enter notes a file under its path, which must have no other meaning.
func enter(want map[string]leaf, l leaf) error {
	if err := layout.CheckPath(l.path); err != nil {
		return err
	}
	if taken, ok := want[layout.Fold(l.path)]; ok {
		return fmt.Errorf("%s has two meanings", taken.path)
	}
	want[layout.Fold(l.path)] = l
	return nil
}

func addAliases(aliases map[string]leaf, u *layout.Update, f *layout.File, l leaf) {
	for _, folder := range layout.AliasFolders(u) {
		l.path = path.Join(folder, f.In, f.Entry())
		if _, taken := aliases[layout.Fold(l.path)]; !taken && layout.CheckPath(l.path) == nil {
			aliases[layout.Fold(l.path)] = l
		}
	}
}

func (t *Tree) step(do, path string, d layout.Digest) {
	if t.Step != nil {
		t.Step(TreeStep{Do: do, Path: path, SHA256: d})
	}
}
