package inspect_test

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf16"
)

// compound is a compound file with streams in its root, as an MSI or MSP is one.
type compound struct {
	class   string // "{000C1084-…}"
	streams []compoundStream
}

type compoundStream struct {
	name string // of a table with an exclamation mark before it
	data []byte
}

const free, end, isFAT, isDIFAT = 0xffffffff, 0xfffffffe, 0xfffffffd, 0xfffffffc

// bytes lays the file out: streams, mini FAT, directory, one sector of the FAT for each
// 128, and the list of those for which the head has no room.
func (c compound) bytes() []byte {
	var body []byte // all sectors but those of the FAT
	var chain []uint32
	add := func(b []byte) (first uint32) {
		if len(b) == 0 {
			return end
		}
		first = uint32(len(chain))
		for n := (len(b) + 511) / 512; n > 1; n-- {
			chain = append(chain, uint32(len(chain)+1))
		}
		chain = append(chain, end)
		body = append(append(body, b...), make([]byte, -len(b)&511)...)
		return first
	}
	var mini []byte
	var miniFAT []uint32
	firsts := make([]uint32, len(c.streams))
	for i, s := range c.streams {
		if len(s.data) >= 4096 {
			firsts[i] = add(s.data)
			continue
		}
		firsts[i] = uint32(len(miniFAT))
		for n := (len(s.data) + 63) / 64; n > 1; n-- {
			miniFAT = append(miniFAT, uint32(len(miniFAT)+1))
		}
		miniFAT = append(miniFAT, end)
		mini = append(append(mini, s.data...), make([]byte, len(miniFAT)*64-len(mini)-len(s.data))...)
	}
	miniAt := add(mini)
	miniFATAt := add(le(miniFAT))
	right := uint32(free)
	if len(c.streams) > 0 {
		right = 1
	}
	directory := entry("Root Entry", 5, right, free, miniAt, len(mini), c.class)
	for i, s := range c.streams {
		next := uint32(free)
		if i+1 < len(c.streams) {
			next = uint32(i + 2)
		}
		directory = append(directory, entry(packed(s.name), 2, free, next, firsts[i], len(s.data), "")...)
	}
	directoryAt := add(directory)
	return c.join(body, chain, directoryAt, miniFATAt, len(miniFAT))
}

func (c compound) join(body []byte, chain []uint32, directory, miniFAT uint32, minis int) []byte {
	sectors, more := 1, 0 // of the FAT, and of the list of those beyond the 109 in the head
	for len(chain)+sectors+more > 128*sectors {
		sectors++
		more = (max(sectors-109, 0) + 126) / 127
	}
	difat := slices.Repeat([]uint32{free}, 109+127*more)
	for i := range sectors {
		difat[i] = uint32(len(chain) + i)
	}
	fat := slices.Concat(chain, slices.Repeat([]uint32{isFAT}, sectors), slices.Repeat([]uint32{isDIFAT}, more))
	fat = append(fat, slices.Repeat([]uint32{free}, 128*sectors-len(fat))...)
	listAt := uint32(end)
	var list []byte
	for i := range more {
		next := uint32(end)
		if i+1 < more {
			next = uint32(len(chain) + sectors + i + 1)
		}
		list = append(list, le(difat[109+127*i:][:127], next)...)
	}
	if more > 0 {
		listAt = uint32(len(chain) + sectors)
	}
	head := slices.Concat([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 16),
		le(uint16(0x3e), uint16(3), uint16(0xfffe), uint16(9), uint16(6), [6]byte{}, uint32(0), uint32(sectors), directory, uint32(0), uint32(4096),
			miniFAT, uint32((minis+127)/128), listAt, uint32(more), difat[:109]))
	return slices.Concat(head, body, le(fat), list)
}

func entry(name string, kind byte, child, right, first uint32, size int, class string) []byte {
	b := make([]byte, 128)
	units := utf16.Encode([]rune(name))
	copy(b, le(units))
	binary.LittleEndian.PutUint16(b[64:], uint16(2*len(units)+2))
	b[66] = kind
	copy(b[68:], le(uint32(free), right, child))
	copy(b[80:], classBytes(class))
	copy(b[116:], le(first, uint32(size)))
	return b
}

// classBytes lays out a class: its first three numbers with the low byte first.
func classBytes(class string) []byte {
	if class == "" {
		return nil
	}
	b, err := hex.DecodeString(strings.NewReplacer("{", "", "}", "", "-", "").Replace(class))
	if err != nil {
		panic(err) // of a class that these tests have wrong
	}
	slices.Reverse(b[:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return b
}

// packed is the name of a stream as an MSI writes it: two letters to a character.
func packed(name string) string {
	table, ok := strings.CutPrefix(name, "!")
	if !ok {
		return name
	}
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
	out := []rune{0x4840}
	for ; len(table) >= 2; table = table[2:] {
		out = append(out, rune(0x3800+strings.IndexByte(letters, table[0])+strings.IndexByte(letters, table[1])<<6))
	}
	if table != "" {
		out = append(out, rune(0x4800+strings.IndexByte(letters, table[0])))
	}
	return string(out)
}

// summary makes a summary of strings.
func summary(page uint16, words map[uint32]string) compoundStream {
	ids := []uint32{1}
	values := [][]byte{le(uint32(2), page, uint16(0))}
	for id := uint32(2); id < 20; id++ {
		if w, ok := words[id]; ok {
			ids = append(ids, id)
			values = append(values, pad(le(uint32(30), uint32(len(w)+1), []byte(w+"\x00"))))
		}
	}
	at := 8 + 8*len(ids)
	var index, data []byte
	for i, v := range values {
		index = append(index, le(ids[i], uint32(at+len(data)))...)
		data = append(data, v...)
	}
	set := slices.Concat(le(uint32(at+len(data)), uint32(len(ids))), index, data)
	return compoundStream{"\x05SummaryInformation", slices.Concat(le(uint16(0xfffe), uint16(0), uint32(2), [16]byte{}, uint32(1), [16]byte{}, uint32(48)), set)}
}

// properties makes the table of properties, and the pool with its strings. Where
// long is set numbers have three bytes, and the first string 70,000.
func properties(page uint16, long bool, words [][2]string) []compoundStream {
	pool, data := le(page, uint16(0)), []byte(nil)
	width := 2
	if long {
		pool[3] |= 0x80
		width = 3
	}
	count := uint32(0)
	add := func(s string) []byte {
		count++
		if len(s) > 0xffff {
			pool = append(pool, le(uint16(0), uint16(1), uint32(len(s)))...)
		} else {
			pool = append(pool, le(uint16(len(s)), uint16(1))...)
		}
		data = append(data, s...)
		return le(count)[:width]
	}
	if long {
		add(strings.Repeat("x", 70_000))
	}
	var keys, values []byte
	for _, w := range words {
		keys, values = append(keys, add(w[0])...), append(values, add(w[1])...)
	}
	return []compoundStream{{"!_StringPool", pool}, {"!_StringData", data}, {"!Property", append(keys, values...)}}
}
