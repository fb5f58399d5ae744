package inspect

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// What is read of a program. debug/pe reads the whole symbol table, which may be
// as large as a hostile file says; only the sections and one directory are needed.
const (
	maxSections = 96   // as Windows loads
	maxOptional = 4096 // bytes of the optional header
	maxEntries  = 1024 // of a directory of resources
	maxVersion  = 64 << 10

	resourceVersion = 16 // RT_VERSION
	resourceRaw     = 10 // RT_RCDATA
	resourceBit     = 1 << 31
)

// section is a section of a program, as it lies in the file.
type section struct {
	address, virtual uint32 // where it is loaded, and how much of it
	offset, size     uint32 // where it lies in the file
}

// image is a program that is being read.
type image struct {
	*file
	sections  []section
	resources uint32 // address of the root of its resources, 0 for none
}

// openImage reads the headers of a program. A program of DOS or of 16-bit Windows
// has none of them, and is an image without sections.
func openImage(f *file) (*image, error) {
	p := &image{file: f}
	dos, err := f.read(0, 64)
	if err != nil {
		return p, fmt.Errorf("the head of a program: %w", err)
	}
	at := int64(binary.LittleEndian.Uint32(dos[60:]))
	coff, err := f.read(at, 24)
	if err != nil || string(coff[:4]) != "PE\x00\x00" {
		return p, nil
	}
	n, optional := int64(binary.LittleEndian.Uint16(coff[6:])), int64(binary.LittleEndian.Uint16(coff[20:]))
	if n > maxSections || optional > maxOptional {
		return p, fmt.Errorf("a program with %d sections and %d bytes of header: %w", n, optional, errDamaged)
	}
	head, err := f.read(at+24, optional+n*40)
	if err != nil {
		return p, fmt.Errorf("the sections of a program: %w", err)
	}
	p.findResources(head[:optional])
	for b := head[optional:]; len(b) > 0; b = b[40:] {
		u32 := binary.LittleEndian.Uint32
		p.sections = append(p.sections, section{virtual: u32(b[8:]), address: u32(b[12:]), size: u32(b[16:]), offset: u32(b[20:])})
	}
	return p, nil
}

// findResources reads the address of the resources from the optional header.
func (p *image) findResources(b []byte) {
	if len(b) < 2 {
		return
	}
	directories := map[uint16]int{0x10b: 96, 0x20b: 112}[binary.LittleEndian.Uint16(b)]
	if at := directories + 2*8; directories > 0 && at+8 <= len(b) {
		p.resources = binary.LittleEndian.Uint32(b[at:])
	}
}

// offset returns where in the file an address lies, with how many bytes of its
// section come from there on.
func (p *image) offset(address uint32) (at, left int64, ok bool) {
	for _, s := range p.sections {
		if into := int64(address) - int64(s.address); into >= 0 && into < int64(s.size) {
			return int64(s.offset) + into, int64(s.size) - into, true
		}
	}
	return 0, 0, false
}

// entry is an entry of a directory of resources.
type entry struct {
	id    uint32
	name  string // where it has one
	value uint32 // offset from the root, resourceBit for a further directory
}

// directory reads a directory of resources at an offset from the root.
func (p *image) directory(offset uint32) ([]entry, error) {
	root, left, ok := p.offset(p.resources)
	if !ok || int64(offset)+16 > left {
		return nil, fmt.Errorf("resources outside of their section: %w", errDamaged)
	}
	head, err := p.read(root+int64(offset), 16)
	if err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint16(head[12:])) + int64(binary.LittleEndian.Uint16(head[14:]))
	b, err := p.read(root+int64(offset)+16, min(n, maxEntries)*8)
	if err != nil {
		return nil, err
	}
	var all []entry
	for ; len(b) > 0; b = b[8:] {
		e := entry{id: binary.LittleEndian.Uint32(b), value: binary.LittleEndian.Uint32(b[4:])}
		if e.id&resourceBit != 0 {
			e.name = p.resourceName(root + int64(e.id&^resourceBit))
		}
		all = append(all, e)
	}
	return all, nil
}

// resourceName reads the name of a resource, at most 64 characters of it.
func (p *image) resourceName(at int64) string {
	b, err := p.read(at, 2)
	if err != nil {
		return ""
	}
	if b, err = p.read(at+2, 2*int64(min(binary.LittleEndian.Uint16(b), 64))); err != nil {
		return ""
	}
	return wide(b)
}

// resource returns where a resource lies: of that type, with that name or, where
// name is empty, the first; in the first language.
func (p *image) resource(kind uint32, name string) (at, size int64, ok bool, err error) {
	if p.resources == 0 {
		return 0, 0, false, nil
	}
	var offset uint32
	matches := []func(entry) bool{
		func(e entry) bool { return e.id == kind },
		func(e entry) bool { return name == "" || e.name == name },
		func(entry) bool { return true },
	}
	for level, match := range matches {
		all, err := p.directory(offset)
		if err != nil {
			return 0, 0, false, err
		}
		i := 0
		for i < len(all) && !match(all[i]) {
			i++
		}
		if i == len(all) {
			return 0, 0, false, nil
		}
		if deeper := all[i].value&resourceBit != 0; deeper != (level < 2) {
			return 0, 0, false, fmt.Errorf("a tree of resources that is not three deep: %w", errDamaged)
		}
		offset = all[i].value &^ resourceBit
	}
	root, _, _ := p.offset(p.resources)
	b, err := p.read(root+int64(offset), 8)
	if err != nil {
		return 0, 0, false, err
	}
	at, _, ok = p.offset(binary.LittleEndian.Uint32(b))
	return at, int64(binary.LittleEndian.Uint32(b[4:])), ok, nil
}

// wide reads UTF-16, the low byte first, up to a zero.
func wide(b []byte) string {
	var all []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		all = append(all, u)
	}
	return string(utf16.Decode(all))
}
