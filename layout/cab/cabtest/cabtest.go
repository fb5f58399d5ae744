// Package cabtest writes cabinets for tests: stored, MSZIP and LZX, whole ones and
// such as are part of a set. It is no compressor: what it writes is right, and not
// small.
package cabtest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"slices"
)

// The methods, as cabinets number them.
const (
	Stored = 0
	MSZIP  = 1
	LZX    = 3
)

// File is a member.
type File struct {
	Name string
	Data []byte
}

// Cabinet is what to write.
type Cabinet struct {
	Files     []File
	Method    int  // Stored, MSZIP or LZX
	Window    int  // bits of LZX, 15 to 21; 0 is 15
	Image     int  // bytes that LZX translates calls for; 0 is none
	Each      bool // a folder for each member, not one for all
	Reserve   int  // bytes of reserve in the header; where there are any, also one in each folder and two in each block
	Unsummed  bool // blocks without checksums
	Loose     bool // MSZIP that is not packed, which is quicker to write
	Flags     int  // further flags of the header: 1 and 2 say that other disks have more
	Folder    int  // the folder number of all members, where it is not 0
	Signature []byte
}

const (
	blockSize = 32 << 10
	date      = (2004-1980)<<9 | 4<<5 | 13
	clock     = 17<<11 | 5<<5 | 30/2
)

// Bytes returns the cabinet.
func (c Cabinet) Bytes() []byte {
	var folders, names, data bytes.Buffer
	groups := [][]File{c.Files}
	if c.Each {
		groups = nil
		for _, f := range c.Files {
			groups = append(groups, []File{f})
		}
	}
	head, folderReserve, blockReserve := 36, 0, 0
	if c.Reserve > 0 {
		head, folderReserve, blockReserve = 36+4+c.Reserve, 1, 2
	}
	size := 0
	for _, f := range c.Files {
		size += 16 + len(f.Name) + 1
	}
	dataStart := head + len(groups)*(8+folderReserve) + size
	for n, files := range groups {
		var all []byte
		for _, f := range files {
			number := n
			if c.Folder != 0 {
				number = c.Folder
			}
			put(&names, uint32(len(f.Data)), uint32(len(all)), uint16(number), uint16(date), uint16(clock), uint16(0x20))
			names.WriteString(f.Name + "\x00")
			all = append(all, f.Data...)
		}
		blocks := c.pack(all)
		put(&folders, uint32(dataStart+data.Len()), uint16(len(blocks)), c.method(), make([]byte, folderReserve))
		for i, b := range blocks {
			sizes := binary.LittleEndian.AppendUint16(nil, uint16(len(b)))
			sizes = binary.LittleEndian.AppendUint16(sizes, uint16(min(blockSize, len(all)-i*blockSize)))
			sum := uint32(0)
			if !c.Unsummed {
				sum = checksum(sizes, checksum(b, 0))
			}
			put(&data, sum, sizes, make([]byte, blockReserve), b)
		}
	}
	return c.join(head, folderReserve, blockReserve, len(groups), &folders, &names, &data)
}

func (c Cabinet) join(head, folderReserve, blockReserve, groups int, folders, names, data *bytes.Buffer) []byte {
	var out bytes.Buffer
	flags := uint16(c.Flags)
	if c.Reserve > 0 {
		flags |= 4
	}
	total := head + folders.Len() + names.Len() + data.Len()
	out.WriteString("MSCF")
	put(&out, uint32(0), uint32(total), uint32(0), uint32(head+folders.Len()), uint32(0), []byte{3, 1},
		uint16(groups), uint16(len(c.Files)), flags, uint16(4711), uint16(0))
	if c.Reserve > 0 {
		put(&out, uint16(c.Reserve), []byte{byte(folderReserve), byte(blockReserve)}, make([]byte, c.Reserve))
	}
	for _, b := range []*bytes.Buffer{folders, names, data} {
		out.Write(b.Bytes())
	}
	out.Write(c.Signature)
	return out.Bytes()
}

func (c Cabinet) window() int { return max(c.Window, 15) }

func (c Cabinet) method() uint16 {
	if c.Method == LZX {
		return uint16(LZX | c.window()<<8)
	}
	return uint16(c.Method)
}

func put(b *bytes.Buffer, all ...any) {
	for _, v := range all {
		_ = binary.Write(b, binary.LittleEndian, v) // a bytes.Buffer takes everything
	}
}

// pack returns the blocks of a folder.
func (c Cabinet) pack(all []byte) (blocks [][]byte) {
	if c.Method == LZX {
		return lzx(all, c.window(), c.Image)
	}
	for at := 0; at < len(all); at += blockSize {
		b := all[at:min(at+blockSize, len(all))]
		switch {
		case c.Method == MSZIP && c.Loose:
			n := uint16(len(b))
			b = slices.Concat([]byte{'C', 'K', 1, byte(n), byte(n >> 8), byte(^n), byte(^n >> 8)}, b)
		case c.Method == MSZIP:
			b = mszip(b, all[max(0, at-blockSize):at])
		}
		blocks = append(blocks, b)
	}
	return blocks
}

func mszip(b, before []byte) []byte {
	var out bytes.Buffer
	out.WriteString("CK")
	w, err := flate.NewWriterDict(&out, flate.BestCompression, before)
	if err != nil {
		panic(err) // of a level that does not exist
	}
	_, _ = w.Write(b)
	_ = w.Close() // a bytes.Buffer takes everything
	return out.Bytes()
}

func checksum(p []byte, sum uint32) uint32 {
	for ; len(p) >= 4; p = p[4:] {
		sum ^= binary.LittleEndian.Uint32(p)
	}
	var rest uint32
	for _, b := range p {
		rest = rest<<8 | uint32(b)
	}
	return sum ^ rest
}
