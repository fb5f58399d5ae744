package distribute

import (
	"bufio"
	"encoding/binary"
	"math"
	"slices"

	"patchferry/layout"
)

func (s span) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, s.off)
	return binary.LittleEndian.AppendUint16(b, s.n)
}

func decodeSpan(b []byte) span {
	return span{off: binary.LittleEndian.Uint32(b), n: binary.LittleEndian.Uint16(b[4:])}
}

func (r run) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, r.first)
	return binary.LittleEndian.AppendUint32(b, r.n)
}

func decodeRun(b []byte) run {
	return run{first: binary.LittleEndian.Uint32(b), n: binary.LittleEndian.Uint32(b[4:])}
}

func (f *folder) append(b []byte) []byte {
	b = f.files.append(f.folders.append(f.name.append(b)))
	return binary.LittleEndian.AppendUint32(b, f.update)
}

func decodeFolder(b []byte) folder {
	return folder{name: decodeSpan(b), folders: decodeRun(b[6:]), files: decodeRun(b[14:]), update: binary.LittleEndian.Uint32(b[22:])}
}

func decodeGroup(b []byte) group { return group{name: decodeSpan(b), members: decodeRun(b[6:])} }

// maxBlock is the longest block of packed updates that is read, in bytes: longer than
// any that is written.
const maxBlock = 8 << 20

// writeBlocks writes packed updates: for each block its number of lines and its length,
// in four bytes each, and the block. Errors are left to the Flush that follows.
func writeBlocks(w *bufio.Writer, blocks []layout.PackedBlock) {
	var head [8]byte
	for _, b := range blocks {
		binary.LittleEndian.PutUint32(head[:], uint32(b.Lines))
		binary.LittleEndian.PutUint32(head[4:], uint32(len(b.Data)))
		_, _ = w.Write(head[:])
		_, _ = w.Write(b.Data)
	}
}

// blocks reads n blocks of packed updates.
func (d *indexReader) blocks(n int) []layout.PackedBlock {
	if n < 0 || n > maxRecords {
		d.err = ErrIndex
		return nil
	}
	out := make([]layout.PackedBlock, 0, min(n, recordStep))
	for len(out) < n && d.err == nil {
		lines := d.length(math.MaxInt32)
		data := d.next(d.length(maxBlock))
		out = append(out, layout.PackedBlock{Lines: lines, Data: slices.Clone(data)})
	}
	return out
}

func (f *file) append(b []byte) []byte {
	b = f.rest.append(f.name.append(b))
	b = binary.LittleEndian.AppendUint32(b, f.update)
	b = binary.LittleEndian.AppendUint16(b, f.origin)
	b = append(b, byte(f.marks))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.modified))
	b = append(append(b, f.sha256[:]...), f.sha1[:]...)
	return binary.LittleEndian.AppendUint32(b, f.extra)
}

func decodeFile(b []byte) file {
	return file{
		name: decodeSpan(b), rest: decodeSpan(b[6:]),
		update: binary.LittleEndian.Uint32(b[12:]), origin: binary.LittleEndian.Uint16(b[16:]), marks: marks(b[18]),
		size:     int64(binary.LittleEndian.Uint64(b[19:])),
		modified: int64(binary.LittleEndian.Uint64(b[27:])),
		sha256:   [32]byte(b[35:67]), sha1: [20]byte(b[67:87]),
		extra: binary.LittleEndian.Uint32(b[87:]),
	}
}

func decodeExtra(b []byte) extra { return extra{tag: decodeSpan(b), md5: [16]byte(b[6:22])} }

// sound reports whether every reference of the view leads somewhere and no
// folder holds itself, so that no request can fail on a bad index.
func (v *View) sound() bool {
	if len(v.folders) == 0 || len(v.origins) == 0 || v.counts.Updates+v.counts.Owners != len(v.updates) {
		return false
	}
	for _, table := range [...][]span{v.updates, v.origins} {
		if !v.text.holdsAll(table) {
			return false
		}
	}
	for i, f := range v.folders {
		if i > 0 && !v.text.holds(f.name) {
			return false
		}
		if !f.folders.within(len(v.folders)) || !f.files.within(len(v.files)) {
			return false
		}
		if f.folders.n > 0 && int(f.folders.first) <= i {
			return false
		}
		if int64(f.update) > int64(v.counts.Updates) {
			return false
		}
	}
	return v.soundGroups() && v.soundFiles() && within(v.bySHA256, len(v.files)) && within(v.bySHA1, len(v.files)) && within(v.byPath, len(v.files))
}

// soundGroups reports whether scripts can be made of what the tables lead to.
func (v *View) soundGroups() bool {
	if v.packed.Len() != v.counts.Updates || !within(v.homes, len(v.folders)) || !within(v.members, v.counts.Updates) {
		return false
	}
	for _, n := range v.homes {
		if v.folders[n].update == 0 {
			return false
		}
	}
	for _, g := range v.groups {
		if !v.text.holds(g.name) || !g.members.within(len(v.members)) {
			return false
		}
	}
	return true
}

func (v *View) soundFiles() bool {
	held := 0
	for i := range v.files {
		f := &v.files[i]
		if !v.text.holds(f.name) || !v.text.holds(f.rest) || int(f.update) >= len(v.updates) || f.size < 0 ||
			int(f.origin) >= len(v.origins) || int64(f.extra) > int64(len(v.extras)) {
			return false
		}
		if f.held() {
			held++
		}
	}
	for _, e := range v.extras {
		if !v.text.holds(e.tag) {
			return false
		}
	}
	return held == v.counts.Files
}

// holdsAll reports whether all lie within the table.
func (t *textTable) holdsAll(all []span) bool {
	for _, s := range all {
		if !t.holds(s) {
			return false
		}
	}
	return true
}

// within reports whether the run lies in a table of that length.
func (r run) within(length int) bool { return int64(r.first)+int64(r.n) <= int64(length) }

func within(table []uint32, length int) bool {
	for _, n := range table {
		if int64(n) >= int64(length) {
			return false
		}
	}
	return true
}
