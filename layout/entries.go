package layout

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// NameEntries gives every file of u the name under which it stands in the
// folder: File.As where it cannot be File.Name. The names are safe
// (SafeName), at most 89 bytes long, and unique under case folding; they do
// not depend on the order of the files. Where several files would have one
// name, each gets digits of a digest of its URL, or of what else is known
// of it where it has none, before its extension: neither what was
// downloaded later nor which file came first changes a name.
//
// A file that was taken out of another (File.In) keeps its name, and the folder that
// it is in, which no other file of u is called.
//
// A file without a usable name takes the last part of its URL.
func NameEntries(u *Update) {
	files := make([]*entry, 0, len(u.Files))
	count := make(map[string]int)
	for i := range u.Files {
		if in := u.Files[i].In; in != "" {
			top, _, _ := strings.Cut(in, "/")
			count[Fold(top)] = 2 // the name of a folder is for no file
			continue
		}
		e := newEntry(&u.Files[i])
		files = append(files, e)
		count[Fold(e.name)]++
	}
	slices.SortFunc(files, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.more, b.more))
	})
	taken := make(map[string]bool)
	for folded := range count {
		taken[folded] = true // also what several wanted: none of them has it
	}
	for _, e := range files {
		name := e.name
		if count[Fold(name)] > 1 {
			name = e.other(taken)
			taken[Fold(name)] = true
		}
		e.file.As = ""
		if name != e.file.Name {
			e.file.As = name
		}
	}
}

type entry struct {
	file *File
	name string // wanted
	key  string // what tells it from others of that name
	more string // what else may, where that is equal
}

func newEntry(f *File) *entry {
	name := f.Name
	if clean(name) == "_" && name != "_" {
		name = urlName(f.URL)
	}
	e := &entry{file: f, name: SafeName(name)}
	stated := f.SHA1.String() + f.MD5.String() + f.SHA256.String() + strconv.FormatInt(f.Size, 10)
	e.key = f.URL
	if u, err := url.Parse(f.URL); err == nil && f.URL != "" {
		e.key = u.EscapedPath() + "?" + u.RawQuery // not the host: mirrors have many
	}
	e.key = cmp.Or(e.key, stated)
	e.more = f.URL + "\n" + f.Name + "\n" + string(f.Language) + "\n" + stated
	return e
}

// other returns a name that is not taken.
func (e *entry) other(taken map[string]bool) string {
	for _, key := range []string{e.key, e.more} {
		if name := suffixed(e.name, key, 8); !taken[Fold(name)] {
			return name
		}
	}
	// Equal in all that is known: a number tells them apart, and which is
	// which makes no difference.
	for n := 2; ; n++ {
		if name := suffixed(e.name, e.more+"\n"+strconv.Itoa(n), 8); !taken[Fold(name)] {
			return name
		}
	}
}
