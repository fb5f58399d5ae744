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
	"slices"

	"patchferry/layout"
)

// Linker makes hard links of objects; a store.Linker is one.
type Linker interface {
	Link(ctx context.Context, d layout.Digest, path string) error
}

// Tree keeps the catalog tree as files in a folder, for SMB shares and media:
// hard links of the store's objects, or copies where the folder is on another
// file system.
//
// It knows what it made by a list of its own, TreeList, in the folder. It
// removes only what stands in that list and is unchanged since, with the
// folders that this leaves empty, and it never writes over a file: what is in
// the way is reported and left alone. A file that is there already, with the
// right bytes, counts as made. Every path is opened below Dir, also
// where somebody put a symbolic link there.
type Tree struct {
	Dir    string         // made where it is missing
	Links  Linker         // nil: files are copied from Source
	Source Source         // of the copies; each is checked against its digest
	DryRun bool           // nothing is changed
	Step   func(TreeStep) // told of each change, before it is made; nil: nobody is
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
	root, err := os.OpenRoot(t.Dir)
	if t.DryRun && errors.Is(err, fs.ErrNotExist) {
		return t.preview(want), nil
	}
	if err != nil {
		return TreeCounts{}, fmt.Errorf("make the tree: %w", err)
	}
	defer root.Close()
	g := &grower{Tree: t, root: root}
	if g.made, err = readTreeList(root); err != nil {
		return TreeCounts{}, err
	}
	err = g.grow(ctx, want)
	if !t.DryRun {
		err = errors.Join(err, writeTreeList(root, g.made))
	}
	return g.counts, err
}

// leaves lists the files of the tree by folded path. A folder that an update
// owns wins over an alias of another; of two aliases the first wins.
func (t *Tree) leaves(updates iter.Seq2[*layout.Update, error], folders []Folder) (map[string]leaf, error) {
	want := make(map[string]leaf)
	aliases := make(map[string]leaf)
	for u, err := range updates {
		if err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		for i := range u.Files {
			f := &u.Files[i]
			if !f.Held {
				continue
			}
			l := leaf{path: f.Path(u), digest: f.SHA256, size: f.Size, mtime: f.Modified}
			if err := enter(want, l); err != nil {
				return nil, fmt.Errorf("place %s in the tree: %w", u.ID, err)
			}
			if t.Links != nil {
				addAliases(aliases, u, f, l)
			}
		}
	}
	for _, folder := range folders {
		for i := range folder.Files {
			f := &folder.Files[i]
			l := leaf{path: path.Join(folder.Path, f.Entry()), digest: f.SHA256, size: f.Size, mtime: f.Modified}
			if err := enter(want, l); err != nil {
				return nil, fmt.Errorf("place %s in the tree: %w", folder.Path, err)
			}
		}
	}
	for key, l := range aliases {
		if _, taken := want[key]; !taken {
			want[key] = l
		}
	}
	return want, nil
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

// preview says what would be made where nothing is yet.
func (t *Tree) preview(want map[string]leaf) TreeCounts {
	var counts TreeCounts
	for _, key := range slices.Sorted(maps.Keys(want)) {
		counts.Made++
		counts.Bytes += want[key].size
		t.step("make", want[key].path, want[key].digest)
	}
	return counts
}

func (t *Tree) step(do, path string, d layout.Digest) {
	if t.Step != nil {
		t.Step(TreeStep{Do: do, Path: path, SHA256: d})
	}
}
