package bundle

import (
	"bytes"
	"slices"

	"patchferry/layout"
)

// shipped is an entry in short: a large bundle has hundreds of thousands of them,
// nearly all of them objects in one file, whose digests say their paths.
type shipped struct {
	sha256 layout.Digest
	size   int64 // bytes
	volume int32
	other  int32 // from 1, of lists.others; 0: it is an object in one file
}

// add adds an entry to the list.
func (l *lists) add(e Entry) {
	s := shipped{sha256: e.SHA256, size: e.Size, volume: int32(e.Volume)} // at most MaxVolumes
	if e.Path != ObjectPath(e.SHA256) {
		l.others = append(l.others, e)
		s.other = int32(len(l.others))
	}
	l.entries = append(l.entries, s)
}

// entry returns the whole of an entry.
func (l *lists) entry(s shipped) Entry {
	if s.other > 0 {
		return l.others[s.other-1]
	}
	return Entry{SHA256: s.sha256, Size: s.size, Volume: int(s.volume), Path: ObjectPath(s.sha256)}
}

// sort sorts the lists, which are looked up by digest, and keeps nothing of what
// they grew by.
func (l *lists) sort() {
	l.entries, l.requires = slices.Clone(l.entries), slices.Clone(l.requires)
	slices.SortFunc(l.entries, func(x, y shipped) int { return bytes.Compare(x.sha256[:], y.sha256[:]) })
}

// Entry returns where a shipped object stands, and false for one that is not
// shipped. There are none before Load.
func (b *Bundle) Entry(d layout.Digest) (Entry, bool) {
	if b.lists == nil {
		return Entry{}, false
	}
	i, found := slices.BinarySearchFunc(b.lists.entries, d, func(s shipped, d layout.Digest) int { return bytes.Compare(s.sha256[:], d[:]) })
	if !found {
		return Entry{}, false
	}
	return b.lists.entry(b.lists.entries[i]), true
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
