package distribute

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"patchferry/layout"
)

// BuildView makes a view of the updates of a catalog, which must be those that
// meta names. The updates may be reused by the sequence after each step.
//
// It fails when the sequence does, when two updates claim one folder, or two
// files of one update one name: a catalog in which a path has two meanings is
// not served at all. A folder that an update owns wins over an alias of
// another; of two aliases the first wins.
//
// Folders are shown besides: files that are handed out and belong to no update.
func BuildView(meta ViewMeta, updates iter.Seq2[*layout.Update, error], folders ...Folder) (*View, error) {
	b := newViewBuilder(meta)
	for u, err := range updates {
		if err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		if err := b.add(u); err != nil {
			return nil, fmt.Errorf("index update %s: %w", u.ID, err)
		}
	}
	for _, f := range folders {
		if err := b.addExtra(f); err != nil {
			return nil, fmt.Errorf("index folder %s: %w", f.Path, err)
		}
	}
	return b.finish()
}

func newViewBuilder(meta ViewMeta) *viewBuilder {
	b := &viewBuilder{
		view:  &View{meta: meta},
		inner: map[string]uint32{},
		known: map[string]uint16{"": 0},
		group: map[string]*draftGroup{},
	}
	b.view.origins = []span{{}}
	b.view.meta.Revoked = slices.Clone(meta.Revoked)
	b.view.meta.Absent = slices.Clone(meta.Absent)
	slices.SortFunc(b.view.meta.Absent, compareDigests)
	slices.SortFunc(b.view.meta.Revoked, func(x, y layout.Revoked) int { return compareRevoked(x, y.SHA256) })
	b.folders = append(b.folders, draftFolder{}) // the root
	return b
}

// Folder is a folder of the tree with held files that belong to no update: the
// documents of publishers, byte for byte.
type Folder struct {
	Path  string // "bulletins/msrc"
	Owner string // what stands in the place of an update's id: the source
	Files []layout.File
}

// addExtra adds a folder that is no update's and counts as none.
func (b *viewBuilder) addExtra(f Folder) error {
	if err := layout.CheckPath(f.Path); err != nil {
		return err
	}
	owner, err := b.text.add(f.Owner)
	if err != nil {
		return err
	}
	b.view.updates = append(b.view.updates, owner)
	b.view.counts.Owners++
	files, err := b.addFiles(f.Files)
	if err != nil {
		return err
	}
	return b.addFolder(f.Path, folder{files: files}, ownFolder)
}

type viewBuilder struct {
	view    *View
	text    textWriter
	folders []draftFolder     // in the order in which they were met
	inner   map[string]uint32 // folded path of a folder that has folders, to its place
	known   map[string]uint16 // origins of URLs, to their places
	packer  layout.Packer
	group   map[string]*draftGroup // by folded name
}

// draftFolder is a folder before its final place is known.
type draftFolder struct {
	folder
	parent uint32
	role   folderRole
}

// folderRole says why there is a folder; lower ones win.
type folderRole uint8

const (
	innerFolder folderRole = iota // it holds others
	ownFolder                     // an update's
	aliasFolder                   // an update's, under another operating system
)

func (b *viewBuilder) add(u *layout.Update) error {
	v := b.view
	if len(v.updates) == math.MaxUint32 {
		return fmt.Errorf("more than %d updates", uint32(math.MaxUint32))
	}
	id, err := b.text.add(u.ID)
	if err != nil {
		return err
	}
	v.updates = append(v.updates, id)
	if err := b.packer.Append(u); err != nil {
		return err
	}
	b.addToGroups(u, uint32(len(v.updates)-1))
	return b.place(u, uint32(len(v.updates)))
}

// place adds the files of an update, where it stands and under its aliases: those that
// were taken out of another file in a folder of their own each.
func (b *viewBuilder) place(u *layout.Update, number uint32) error {
	homes := []string{u.Folder}
	if u.Folder != "" && len(u.Files) > 0 {
		homes = append(homes, layout.AliasFolders(u)...)
	}
	for in, of := range filesByFolder(u.Files) {
		files, err := b.addFiles(of)
		if err != nil {
			return err
		}
		if u.Folder == "" || len(u.Files) == 0 {
			continue
		}
		role := ownFolder
		for _, path := range homes {
			f := folder{files: files, update: number}
			if in != "" {
				path, f.update = path+"/"+in, 0
			}
			if err := b.addFolder(path, f, role); err != nil {
				return err
			}
			role = aliasFolder
		}
	}
	return nil
}

// filesByFolder yields the files of an update by the folder within the update's own,
// the update's own first.
func filesByFolder(files []layout.File) iter.Seq2[string, []layout.File] {
	return func(yield func(string, []layout.File) bool) {
		if !slices.ContainsFunc(files, func(f layout.File) bool { return f.In != "" }) {
			yield("", files)
			return
		}
		by := map[string][]layout.File{"": nil}
		for _, f := range files {
			by[f.In] = append(by[f.In], f)
		}
		for _, in := range slices.Sorted(maps.Keys(by)) {
			if !yield(in, by[in]) {
				return
			}
		}
	}
}

func (b *viewBuilder) addFolder(path string, f folder, role folderRole) error {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	if name == "" {
		return fmt.Errorf("folder %q has an empty name", path)
	}
	parent, err := b.innerFolder(dir)
	if err != nil {
		return err
	}
	f.name, err = b.text.add(name)
	b.folders = append(b.folders, draftFolder{folder: f, parent: parent, role: role})
	return err
}

// innerFolder returns the place of the folder at path, made where it is new.
func (b *viewBuilder) innerFolder(path string) (uint32, error) {
	if path == "" {
		return 0, nil
	}
	key := layout.Fold(path)
	if at, ok := b.inner[key]; ok {
		return at, nil
	}
	if err := b.addFolder(path, folder{}, innerFolder); err != nil {
		return 0, err
	}
	at := uint32(len(b.folders) - 1)
	b.inner[key] = at
	return at, nil
}

func (b *viewBuilder) finish() (*View, error) {
	v := b.view
	if err := b.finishGroups(); err != nil {
		return nil, err
	}
	v.text = b.text.done()
	if err := b.placeFolders(); err != nil {
		return nil, err
	}
	var err error
	if v.packed, err = b.packer.Packed(); err != nil {
		return nil, err
	}
	v.index()
	return v, nil
}

// placeFolders sorts the folders by parent and key, which brings those of one
// folder together. A parent was met before its children, and so was its own
// parent; that is why it also stands before them in the result.
func (b *viewBuilder) placeFolders() error {
	v := b.view
	order := make([]uint32, len(b.folders)-1)
	for i := range order {
		order[i] = uint32(i + 1)
	}
	name := func(n uint32) string { return v.text.get(b.folders[n].name) }
	slices.SortFunc(order, func(x, y uint32) int {
		fx, fy := &b.folders[x], &b.folders[y]
		return cmp.Or(cmp.Compare(fx.parent, fy.parent), compareNames(name(x), name(y)),
			cmp.Compare(fx.role, fy.role), cmp.Compare(x, y))
	})
	v.folders = make([]folder, 1, len(b.folders))
	placed := map[uint32]uint32{0: 0} // inner folders only: others have no children
	var before *draftFolder
	for _, n := range order {
		d := &b.folders[n]
		if before != nil && before.parent == d.parent && compareNames(v.text.get(before.name), name(n)) == 0 {
			if err := v.unite(&v.folders[len(v.folders)-1], d); err != nil {
				return err
			}
			v.noteHome(d)
			continue
		}
		before = d
		at := uint32(len(v.folders))
		v.folders = append(v.folders, d.folder)
		v.noteHome(d)
		if d.role == innerFolder {
			placed[n] = at
		}
		parent := &v.folders[placed[d.parent]]
		if parent.folders.n == 0 {
			parent.folders.first = at
		}
		parent.folders.n++
	}
	return nil
}

// unite gives the files of d to a folder of the same path that was placed
// before it.
func (v *View) unite(f *folder, d *draftFolder) error {
	if f.files.n == 0 && f.update == 0 {
		f.files, f.update = d.files, d.update
		return nil
	}
	if d.role == aliasFolder {
		return nil
	}
	return fmt.Errorf("two updates have the folder %s", v.text.get(d.name))
}
