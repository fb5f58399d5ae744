package distribute

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"patchferry/layout"
)

// ViewMeta says which edition of the catalog a view shows.
type ViewMeta struct {
	State      uint64           `json:"state"`      // number of the state whose catalog it shows
	Generation uint64           `json:"generation"` // number of the newest generation in it, for people
	Digest     layout.Digest    `json:"digest"`     // the same for everything that shows the same
	Created    layout.Time      `json:"created"`    // of the generation
	Revoked    []layout.Revoked `json:"revoked"`    // answered with 410 in every view
	// Absent are contents that the catalog names as held and that are not here
	// yet: the updates have such files as listed, and who asks by digest is told.
	Absent []layout.Digest `json:"absent,omitempty"`
}

// Key identifies what a view was made from. Views with equal keys, made by the
// same version of this package, are equal.
type Key struct {
	State  uint64
	Digest layout.Digest
}

// Key returns the key of the edition.
func (m ViewMeta) Key() Key { return Key{State: m.State, Digest: m.Digest} }

// ViewCounts sums up a view.
type ViewCounts struct {
	Updates int   `json:"updates"`
	Files   int   `json:"files"`            // held, in all updates and other folders
	Missing int   `json:"missing"`          // named by the catalog and not held
	Fills   int   `json:"fills,omitempty"`  // of those, what may be fetched when a host asks for it
	Owners  int   `json:"owners,omitempty"` // of folders that are no update's
	Objects int   `json:"objects"`          // different contents that are held
	Bytes   int64 `json:"bytes"`            // of the objects
}

// View is one edition of the catalog, made ready for serving: every folder and
// every file, to be found by path in the tree, by SHA-256, by SHA-1 and by its
// publisher's path. It is immutable and may be used by any number of goroutines.
//
// It is kept as a few large tables without pointers, so that 250,000 updates
// are read from a local file in well under a second and cost the garbage
// collector nothing.
//
// Invariants: folders[0] is the root, origins[0] is empty. The folders within a
// folder stand together, after it, in the order of compareNames, and so do the
// files; no two of either are equal in it. Several folders may have the same files:
// the aliases of an update under its other operating systems. bySHA256 and bySHA1
// hold the index of every file with that digest, in ascending order of it; of equal
// ones what is held comes first, then what is older, then the lower index. byPath holds
// that of every file with an origin in the order of compareNames of their paths.
// packed holds the updates in the order of updates, without the owners of other folders.
// homes has the folders in which an update stands, its own ones and not their aliases, in
// the order of compareNames. groups holds, in ascending order, the updates of each kind of
// host and of each bulletin, as runs of members.
type View struct {
	meta     ViewMeta // Revoked in ascending order of digest
	counts   ViewCounts
	text     textTable
	updates  []span // ids, of updates and of the owners of other folders
	origins  []span // what stands before the path in the publishers' URLs
	folders  []folder
	files    []file
	extras   []extra
	bySHA256 []uint32
	bySHA1   []uint32
	byPath   []uint32
	packed   *layout.Packed
	homes    []uint32
	groups   []group
	members  []uint32
	made     madeSets
}

type folder struct {
	name    span
	folders run
	files   run
	update  uint32 // index in View.updates and 1, of the update whose folder it is; 0: it is none's
}

// run is n entries of a table from first on.
type run struct{ first, n uint32 }

func (r run) end() uint32 { return r.first + r.n }

// Meta returns what the view was made from. The caller must not change the
// revocations.
func (v *View) Meta() ViewMeta { return v.meta }

// Counts returns the sums over the view.
func (v *View) Counts() ViewCounts { return v.counts }

// place is what a path leads to: a file, or a folder when file is nil. path is
// its canonical spelling, with a trailing slash for a folder.
type place struct {
	path   string
	folder *folder
	file   *file
}

// find looks up a path of the tree, with or without a leading slash, in any
// case. It goes through the tables only: what is not in the catalog cannot be
// reached by any spelling.
func (v *View) find(path string) (place, bool) {
	path = strings.TrimPrefix(path, "/")
	wantFolder := path == "" || strings.HasSuffix(path, "/")
	keys := strings.TrimSuffix(layout.Fold(path), "/")
	at := place{folder: &v.folders[0]}
	var spelled strings.Builder
	spelled.WriteByte('/')
	first := true
	for keys != "" {
		key, rest, more := strings.Cut(keys, "/")
		if first && key == "driver" {
			key = "drivers" // the catalog's own text says both; only one is written
		}
		first = false
		if !more && !wantFolder {
			if f := v.fileIn(at.folder, key); f != nil {
				spelled.WriteString(v.text.get(f.name))
				return place{path: spelled.String(), folder: at.folder, file: f}, true
			}
		}
		next := v.folderIn(at.folder, key)
		if next == nil || more && rest == "" {
			return place{}, false
		}
		spelled.WriteString(v.text.get(next.name))
		spelled.WriteByte('/')
		at.folder = next
		keys = rest
	}
	at.path = spelled.String()
	return at, true
}

func (v *View) folderIn(parent *folder, key string) *folder {
	all := v.folders[parent.folders.first:parent.folders.end()]
	i, found := slices.BinarySearchFunc(all, key, func(f folder, key string) int {
		return compareNames(v.text.get(f.name), key)
	})
	if !found {
		return nil
	}
	return &all[i]
}

func (v *View) fileIn(parent *folder, key string) *file {
	all := v.files[parent.files.first:parent.files.end()]
	i, found := slices.BinarySearchFunc(all, key, func(f file, key string) int {
		return compareNames(v.text.get(f.name), key)
	})
	if !found {
		return nil
	}
	return &all[i]
}

// object returns the file whose bytes are d. Of several the one that was held
// first is taken, so that Last-Modified stays when the catalog grows.
func (v *View) object(d layout.Digest) *file {
	i, found := slices.BinarySearchFunc(v.bySHA256, d, func(n uint32, d layout.Digest) int {
		return bytes.Compare(v.files[n].sha256[:], d[:])
	})
	if !found {
		return nil
	}
	return &v.files[v.bySHA256[i]]
}

// content returns the file with that SHA-1 and file-name extension, folded and
// without the dot. Where files of different bytes share a SHA-1 there is no
// telling which one is meant, and none is returned.
func (v *View) content(d layout.SHA1, ext string) *file {
	i, found := slices.BinarySearchFunc(v.bySHA1, d, func(n uint32, d layout.SHA1) int {
		return bytes.Compare(v.files[n].sha1[:], d[:])
	})
	if !found {
		return nil
	}
	first := &v.files[v.bySHA1[i]]
	var match *file
	for _, n := range v.bySHA1[i:] {
		f := &v.files[n]
		if f.sha1 != d {
			break
		}
		if !v.sameContent(first, f) {
			return nil
		}
		if layout.Fold(extension(v.text.get(f.name))) == ext {
			match = better(match, f)
		}
	}
	return match
}

// Size returns the length in bytes of an object that the view has, or -1.
func (v *View) Size(d layout.Digest) int64 {
	if f := v.object(d); f != nil && f.held() {
		return f.size
	}
	return -1
}

// Revokes reports whether the object was taken back.
func (v *View) Revokes(d layout.Digest) bool { return v.isRevoked(d) }

// isRevoked reports whether the object was taken back.
func (v *View) isRevoked(d layout.Digest) bool {
	_, found := slices.BinarySearchFunc(v.meta.Revoked, d, compareRevoked)
	return found
}

// isAbsent reports whether the catalog has the object and this side has not.
func (v *View) isAbsent(d layout.Digest) bool {
	_, found := slices.BinarySearchFunc(v.meta.Absent, d, compareDigests)
	return found
}

func compareDigests(a, b layout.Digest) int { return bytes.Compare(a[:], b[:]) }

// whyNot says why a path of the tree leads to nothing.
func (v *View) whyNot(path string) string {
	at, ok := v.find(path[:strings.LastIndexByte(path, '/')+1])
	if !ok {
		return noSuchPath
	}
	missing := v.missing(at.folder.files)
	if missing == 0 {
		return noSuchPath
	}
	return fmt.Sprintf("There is no such file here. The catalog names %d in this folder whose content is not here yet.", missing)
}

const noSuchPath = "There is no such path in the catalog."

// missing counts the files of a run that are not held.
func (v *View) missing(files run) int {
	n := 0
	for i := files.first; i < files.end(); i++ {
		if !v.files[i].held() {
			n++
		}
	}
	return n
}

func compareRevoked(r layout.Revoked, d layout.Digest) int {
	return bytes.Compare(r.SHA256[:], d[:])
}

// extension returns what follows the last dot of a name, or "".
func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return name[i+1:]
}

// compareNames orders names by layout.Fold. It makes no folded copies where a
// byte of ASCII decides, which is nearly always; kept copies would be a third of
// a view.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x >= utf8.RuneSelf || y >= utf8.RuneSelf {
			return strings.Compare(layout.Fold(a), layout.Fold(b))
		}
		if x, y = lower(x), lower(y); x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
