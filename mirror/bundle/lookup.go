package bundle

import (
	"bytes"
	"slices"

	"patchferry/layout"
)

// slim takes the path from an entry that is an object in one file: its digest
// says it, and a large bundle has hundreds of thousands of them.
func (e *Entry) slim() {
	if e.Path == ObjectPath(e.SHA256) {
		e.Path = ""
	}
}

// at returns the path of an entry that is in one file, "" for one in segments.
func (e *Entry) at() string {
	if e.Path != "" || len(e.Segments) > 0 {
		return e.Path
	}
	return ObjectPath(e.SHA256)
}

// sort sorts the lists, which are looked up by digest, and keeps nothing of what
// they grew by.
func (l *lists) sort() {
	l.entries, l.requires = slices.Clone(l.entries), slices.Clone(l.requires)
	slices.SortFunc(l.entries, func(x, y Entry) int { return bytes.Compare(x.SHA256[:], y.SHA256[:]) })
}

// Entry returns where a shipped object stands, and false for one that is not
// shipped. There are none before Load.
func (b *Bundle) Entry(d layout.Digest) (Entry, bool) {
	if b.lists == nil {
		return Entry{}, false
	}
	i, found := slices.BinarySearchFunc(b.lists.entries, d, func(e Entry, d layout.Digest) int { return bytes.Compare(e.SHA256[:], d[:]) })
	if !found {
		return Entry{}, false
	}
	e := b.lists.entries[i]
	e.Path = e.at()
	return e, true
}

// Forget lets go of what Census and Load have read, which is most of what a
// Bundle costs. Header and signatures stay; for the rest they come first again.
func (b *Bundle) Forget() {
	b.counted, b.lists = false, nil
	for _, v := range b.volumes {
		if v != nil {
			v.files, v.folders = nil, nil
		}
	}
}
