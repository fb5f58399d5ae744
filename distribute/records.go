package distribute

import "encoding/binary"

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
	b = f.name.append(b)
	b = f.files.append(f.folders.append(b))
	return binary.LittleEndian.AppendUint32(b, f.missing)
}

func decodeFolder(b []byte) folder {
	return folder{
		name:    decodeSpan(b),
		folders: decodeRun(b[6:]), files: decodeRun(b[14:]),
		missing: binary.LittleEndian.Uint32(b[22:]),
	}
}

func (f *file) append(b []byte) []byte {
	b = f.name.append(b)
	b = binary.LittleEndian.AppendUint32(b, f.update)
	revoked := byte(0)
	if f.revoked {
		revoked = 1
	}
	b = append(b, revoked)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.modified))
	return append(append(b, f.sha256[:]...), f.sha1[:]...)
}

func decodeFile(b []byte) file {
	return file{
		name:   decodeSpan(b),
		update: binary.LittleEndian.Uint32(b[6:]), revoked: b[10] != 0,
		size:     int64(binary.LittleEndian.Uint64(b[11:])),
		modified: int64(binary.LittleEndian.Uint64(b[19:])),
		sha256:   [32]byte(b[27:59]), sha1: [20]byte(b[59:79]),
	}
}

// sound reports whether every reference of the view leads somewhere and no
// folder holds itself, so that no request can fail on a bad index.
func (v *View) sound() bool {
	if len(v.folders) == 0 || v.counts.Files != len(v.files) || v.counts.Updates+v.counts.Owners != len(v.updates) {
		return false
	}
	for _, id := range v.updates {
		if !v.text.holds(id) {
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
	}
	for i := range v.files {
		f := &v.files[i]
		if !v.text.holds(f.name) || int(f.update) >= len(v.updates) || f.size < 0 {
			return false
		}
	}
	return within(v.bySHA256, len(v.files)) && within(v.bySHA1, len(v.files))
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
