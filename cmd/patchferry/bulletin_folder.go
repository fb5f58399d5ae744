package main

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"patchferry/distribute"
	"patchferry/layout"
)

// bulletinsFolder is the folder of the tree in which the documents of publishers
// stand, byte for byte, with their signatures beside them.
const bulletinsFolder = "bulletins"

// bulletinFolders returns the folders of the documents: one for each source, and
// in it those that the source itself has. Of a document that was revised the
// newest is shown; every one can be had by its digest.
func bulletinFolders(notices []*layout.Notice) []distribute.Folder {
	newest := make(map[string]*layout.Notice)
	for _, n := range notices {
		key := n.Document()
		if old := newest[key]; old == nil || later(n, old) {
			newest[key] = n
		}
	}
	folders := make(map[string]*distribute.Folder)
	taken := make(map[string]bool)
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		source, name, _ := strings.Cut(key, ":")
		if _, rest, ok := strings.Cut(name, "://"); ok { // a page is called by its URL
			name = rest
		}
		at := bulletinPath(source, path.Dir(name))
		f := folders[at]
		if f == nil {
			f = &distribute.Folder{Path: at, Owner: source}
			folders[at] = f
		}
		f.Files = append(f.Files, noticeFiles(newest[key], at, taken)...)
	}
	all := make([]distribute.Folder, 0, len(folders))
	for _, at := range slices.Sorted(maps.Keys(folders)) {
		all = append(all, *folders[at])
	}
	return all
}

// later reports whether n was found after old.
func later(n, old *layout.Notice) bool {
	return cmp.Or(n.Captured.Time().Compare(old.Captured.Time()), cmp.Compare(n.ID, old.ID)) > 0
}

// maxBulletinPath is the longest path of a folder of documents in bytes; what is
// longer stands in the folder of its source.
const maxBulletinPath = 160

func bulletinPath(source, dir string) string {
	root := path.Join(bulletinsFolder, layout.SafeName(source))
	at := root
	for part := range strings.SplitSeq(dir, "/") {
		if part != "" && part != "." {
			at += "/" + layout.SafeName(part)
		}
	}
	if len(at) > maxBulletinPath {
		return root
	}
	return at
}

// noticeFiles returns the document and its signature under names that nothing
// else in the folder has.
func noticeFiles(n *layout.Notice, folder string, taken map[string]bool) []layout.File {
	files := []layout.File{noticeFile(n, n.File, n.Original)}
	if !n.Signature.IsZero() {
		files = append(files, noticeFile(n, cmp.Or(n.SigFile, n.File+".asc"), n.Signature))
	}
	for i := range files {
		f := &files[i]
		key := func() string { return folder + "/" + layout.Fold(f.Name) }
		if taken[key()] {
			ext := path.Ext(f.Name)
			f.Name = layout.SafeName(strings.TrimSuffix(f.Name, ext) + "~" + f.SHA256.String()[:12] + ext)
		}
		taken[key()] = true
	}
	return files
}

func noticeFile(n *layout.Notice, name string, ref layout.ObjectRef) layout.File {
	return layout.File{Name: layout.SafeName(name), Size: ref.Size, SHA256: ref.SHA256, Held: true, Modified: n.Captured}
}
