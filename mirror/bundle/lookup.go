package bundle

import (
	"bytes"
	"slices"

	"patchferry/layout"
)

// slim sorts the entries, which are looked up by digest, and lets them share
// the paths of the files that they name: a large bundle has hundreds of
// thousands of either.
func (b *Bundle) slim(l *lists) {
	slices.SortFunc(l.entries, func(x, y Entry) int { return bytes.Compare(x.SHA256[:], y.SHA256[:]) })
	for i := range l.entries {
		e := &l.entries[i]
		if len(e.Segments) > 0 || b.volumes[e.Volume-1] == nil {
			continue
		}
		if f := b.volumes[e.Volume-1].line(e.Path); f != nil {
			e.Path = f.Path
		}
	}
	l.entries, l.requires = slices.Clip(l.entries), slices.Clip(l.requires)
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
	return b.lists.entries[i], true
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
