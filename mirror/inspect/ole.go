package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Compound files ([MS-CFB]). The library for them that can be had follows the tree
// of a directory by recursion, as deep as the file says, and keeps every entry; a
// file of some hundred megabytes can exhaust the stack, which ends the process. So
// only what is needed is read here: the streams in the root, one at a time, along
// chains that are not longer than the file.
const (
	compoundHeader = 512
	directoryEntry = 128
	maxEntriesOLE  = 4096     // of the directory
	maxFATSectors  = 32 << 10 // whose numbers are kept: a file of 2 GiB in sectors of 512 bytes
	miniSector     = 64
	miniCutoff     = 4096

	endOfChain = 0xfffffffe
	noStream   = 0xffffffff
)

// compound is a compound file that is being read.
type compound struct {
	*file
	sector  int64 // bytes
	fat     []uint32
	entries []byte // the directory
	mini    []byte // the stream that short streams are part of
	miniFAT []byte
	known   struct { // the sector of the FAT that was read last
		number uint32
		b      []byte
	}
}

func openCompound(f *file) (*compound, error) {
	h, err := f.read(0, compoundHeader)
	if err != nil {
		return nil, fmt.Errorf("the head of a compound file: %w", err)
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	c := &compound{file: f, sector: 1 << u16(h[30:])}
	if c.sector != 512 && c.sector != 4096 || u32(h[56:]) != miniCutoff {
		return nil, fmt.Errorf("the head of a compound file: %w", errDamaged)
	}
	for at := 76; at < compoundHeader; at += 4 {
		c.fat = append(c.fat, u32(h[at:]))
	}
	for next, n := u32(h[68:]), u32(h[72:]); n > 0 && next < endOfChain; n-- {
		b, err := c.sectorAt(next)
		if err != nil || len(c.fat) > maxFATSectors {
			return nil, fmt.Errorf("the allocation table of a compound file: %w", firstError(err, errDamaged))
		}
		for ; len(b) > 4; b = b[4:] {
			c.fat = append(c.fat, u32(b))
		}
		next = u32(b)
	}
	if c.entries, err = c.chain(u32(h[48:]), maxEntriesOLE*directoryEntry); err != nil {
		return nil, err
	}
	if len(c.entries) < directoryEntry {
		return nil, fmt.Errorf("a compound file without a directory: %w", errDamaged)
	}
	if c.miniFAT, err = c.chain(u32(h[60:]), maxInner); err != nil {
		return nil, err
	}
	root := c.entries[:directoryEntry]
	c.mini, err = c.chain(u32(root[116:]), maxInner)
	return c, err
}

func firstError(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// sectorAt reads a sector. The last of a file may be cut short.
func (c *compound) sectorAt(n uint32) ([]byte, error) {
	at := (int64(n) + 1) * c.sector
	if at >= c.size {
		return nil, fmt.Errorf("sector %d of a compound file: %w", n, errDamaged)
	}
	b, err := c.read(at, min(c.sector, c.size-at))
	if err != nil {
		return nil, err
	}
	return append(b, make([]byte, c.sector-int64(len(b)))...), nil
}

// next returns the sector that follows another in its chain.
func (c *compound) next(n uint32) (uint32, error) {
	each := uint32(c.sector / 4)
	i := n / each
	if int64(i) >= int64(len(c.fat)) || c.fat[i] >= endOfChain {
		return 0, fmt.Errorf("sector %d of a compound file has no place in its table: %w", n, errDamaged)
	}
	if c.known.b == nil || c.known.number != c.fat[i] {
		b, err := c.sectorAt(c.fat[i])
		if err != nil {
			return 0, err
		}
		c.known.number, c.known.b = c.fat[i], b
	}
	return binary.LittleEndian.Uint32(c.known.b[n%each*4:]), nil
}

// chain reads a chain of sectors, at most max bytes of it. One that is longer than
// the file runs in a circle.
func (c *compound) chain(n uint32, max int64) ([]byte, error) {
	var all []byte
	for n < endOfChain && int64(len(all)) < max {
		if int64(len(all)) >= c.size {
			return nil, fmt.Errorf("a chain of sectors in a compound file runs in a circle: %w", errDamaged)
		}
		b, err := c.sectorAt(n)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
		if n, err = c.next(n); err != nil {
			return nil, err
		}
	}
	return all[:min(int64(len(all)), max)], nil
}

// class is the class of the root: what program the file is for.
func (c *compound) class() string {
	b := c.entries[80:96]
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	return fmt.Sprintf("{%08X-%04X-%04X-%X-%X}", u32(b), u16(b[4:]), u16(b[6:]), b[8:10], b[10:16])
}

// stream is a stream in the root.
type stream struct {
	name  string
	first uint32
	size  int64
}

// streams lists the streams in the root; what lies in storages below is not its own.
func (c *compound) streams() []stream {
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	var all []stream
	seen := make(map[uint32]bool)
	for todo := []uint32{u32(c.entries[76:])}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if int64(id) >= int64(len(c.entries)/directoryEntry) || id == 0 || seen[id] {
			continue
		}
		seen[id] = true
		e := c.entries[int64(id)*directoryEntry:][:directoryEntry]
		todo = append(todo, u32(e[68:]), u32(e[72:]))
		n := int(u16(e[64:])) - 2 // without the zero at the end
		if e[66] != 2 || n <= 0 || n > 62 {
			continue
		}
		all = append(all, stream{name: tableName(e[:n]), first: u32(e[116:]), size: int64(u32(e[120:]))})
	}
	return all
}

// contents reads a stream, at most max bytes of it.
func (c *compound) contents(s stream, max int64) ([]byte, error) {
	if s.size >= miniCutoff {
		b, err := c.chain(s.first, min(s.size, max))
		if err == nil && int64(len(b)) < min(s.size, max) {
			err = fmt.Errorf("stream %q of a compound file ends too early: %w", clean(s.name), errDamaged)
		}
		return b, err
	}
	var all []byte
	for n := int64(s.first); int64(len(all)) < s.size; {
		at := n * miniSector
		if at+miniSector > int64(len(c.mini)) || n*4+4 > int64(len(c.miniFAT)) {
			return nil, fmt.Errorf("stream %q of a compound file: %w", clean(s.name), errDamaged)
		}
		all = append(all, c.mini[at:at+miniSector]...)
		n = int64(binary.LittleEndian.Uint32(c.miniFAT[n*4:]))
	}
	return all[:min(s.size, max)], nil
}

// tableLetters are those that an MSI packs two to a character of a stream's name.
const tableLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"

// tableName reads the name of a stream. That of a table of an MSI begins with an
// exclamation mark.
func tableName(b []byte) string {
	var name strings.Builder
	for ; len(b) >= 2; b = b[2:] {
		switch u := binary.LittleEndian.Uint16(b); {
		case u == 0x4840:
			name.WriteByte('!')
		case u >= 0x3800 && u < 0x4800:
			name.WriteByte(tableLetters[(u-0x3800)&0x3f])
			name.WriteByte(tableLetters[(u-0x3800)>>6])
		case u >= 0x4800 && u < 0x4840:
			name.WriteByte(tableLetters[u-0x4800])
		default:
			name.WriteString(string(utf16.Decode([]uint16{u})))
		}
	}
	return name.String()
}
