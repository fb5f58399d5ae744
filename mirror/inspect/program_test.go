package inspect_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"unicode/utf16"
)

// program is a PE file as a self-extracting package is one: a stub, a section of
// resources, and perhaps a cabinet after it all.
type program struct {
	words    map[string]string // of the version resource; nil is none
	number   [4]uint16         // of the file
	resource []byte            // CABINET, as IExpress has it
	appended []byte
	wide     bool // PE32+
}

func le(all ...any) []byte {
	var b bytes.Buffer
	for _, v := range all {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err) // of a value without a fixed size
		}
	}
	return b.Bytes()
}

const sectionAt, sectionRVA = 0x400, 0x1000

func (p program) bytes() []byte {
	rsrc := p.resources()
	magic, optional := uint16(0x10b), 96
	if p.wide {
		magic, optional = 0x20b, 112
	}
	head := make([]byte, sectionAt)
	copy(head, "MZ")
	binary.LittleEndian.PutUint32(head[60:], 0x80)
	opt := make([]byte, optional+16*8)
	binary.LittleEndian.PutUint16(opt, magic)
	binary.LittleEndian.PutUint32(opt[optional+16:], sectionRVA)
	binary.LittleEndian.PutUint32(opt[optional+20:], uint32(len(rsrc)))
	copy(head[0x80:], slices.Concat(
		[]byte("PE\x00\x00"), le(uint16(0x14c), uint16(1), uint32(0), uint32(0), uint32(0), uint16(len(opt)), uint16(0x102)), opt,
		[]byte(".rsrc\x00\x00\x00"), le(uint32(len(rsrc)), uint32(sectionRVA), uint32(len(rsrc)), uint32(sectionAt), [16]byte{}),
	))
	return slices.Concat(head, rsrc, p.appended)
}

// resources makes the tree: types, names, languages, and the data.
func (p program) resources() []byte {
	type leaf struct {
		kind uint32
		name string
		data []byte
	}
	var leaves []leaf
	if p.resource != nil {
		leaves = append(leaves, leaf{10, "CABINET", p.resource})
	}
	if p.words != nil {
		leaves = append(leaves, leaf{16, "", p.versionInfo()})
	}
	directory := func(named, n int) []byte { return le([12]byte{}, uint16(named), uint16(n)) }
	const deeper = 1 << 31
	// One directory of types; for each leaf 24 bytes of names, 24 of languages, 16 of
	// where it lies and 32 for its name; then the data.
	each, first := 24+24+16+32, 16+8*len(leaves)
	at := first + each*len(leaves)
	out := directory(0, len(leaves))
	for i, l := range leaves {
		out = append(out, le(l.kind, uint32(deeper|(first+i*each)))...)
	}
	var data []byte
	for i, l := range leaves {
		base := first + i*each
		id, named := uint32(1), 0
		if l.name != "" {
			id, named = uint32(deeper|(base+64)), 1
		}
		name := le(uint16(len(l.name)), utf16.Encode([]rune(l.name)), [32]byte{})[:32]
		out = slices.Concat(out,
			directory(named, 1-named), le(id, uint32(deeper|(base+24))),
			directory(0, 1), le(uint32(1033), uint32(base+48)),
			le(uint32(sectionRVA+at+len(data)), uint32(len(l.data)), uint32(0), uint32(0)), name)
		data = append(data, l.data...)
		data = append(data, make([]byte, -len(data)&3)...)
	}
	return append(out, data...)
}

// versionInfo makes a version resource as resource compilers do.
func (p program) versionInfo() []byte {
	var words []byte
	for _, key := range slices.Sorted(maps.Keys(p.words)) {
		value := le(utf16.Encode([]rune(p.words[key] + "\x00")))
		words = append(pad(words), node(key, value, len(value)/2, 1, nil)...)
	}
	n := p.number
	fixed := le(uint32(0xfeef04bd), uint32(0x10000), n[1], n[0], n[3], n[2], n[1], n[0], n[3], n[2], [28]byte{})
	table := node("040904B0", nil, 0, 1, words)
	return node("VS_VERSION_INFO", fixed, len(fixed), 0, node("StringFileInfo", nil, 0, 1, table))
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

func node(key string, value []byte, valueLength, text int, inner []byte) []byte {
	b := pad(slices.Concat(make([]byte, 6), le(utf16.Encode([]rune(key+"\x00")))))
	b = append(b, value...)
	if inner != nil {
		b = append(pad(b), inner...)
	}
	copy(b, le(uint16(len(b)), uint16(valueLength), uint16(text)))
	return b
}
