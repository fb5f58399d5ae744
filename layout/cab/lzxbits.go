package cab

import "encoding/binary"

// bitReader reads the bits of a folder: words of 16 bits, the low byte first,
// each from its highest bit on. After an error it gives zeros.
type bitReader struct {
	blocks *blocks
	packed []byte // of the block under way, not read yet
	hold   uint64 // bits that were read, right-aligned
	n      uint   // how many they are
	past   uint   // how many of them are zeros from beyond the block
	padded bool   // the odd byte of raw bytes went with its frame
	failed error
}

func (r *bitReader) err() error { return r.failed }

func (r *bitReader) fail(format string, args ...any) {
	if r.failed == nil {
		r.failed = bad(format, args...)
	}
	r.packed, r.hold, r.n, r.past = nil, 0, 0, 0
}

// frame begins the next block of the cabinet, and returns what it unpacks to;
// io.EOF where there is none.
func (r *bitReader) frame() (int, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	b, err := r.blocks.next()
	if err != nil {
		return 0, err
	}
	r.packed = b
	return r.blocks.unpacked, nil
}

// endFrame passes over the bits that fill up the last word of a block. More than
// one byte that is left over belongs to nothing; one is the padding of raw bytes.
func (r *bitReader) endFrame() error {
	if left := 8*len(r.packed) + int(r.n) - int(r.past); left >= 16 {
		r.fail("an LZX block has %d bits too many", left)
	}
	r.padded = len(r.packed) == 1
	r.packed, r.hold, r.n, r.past = nil, 0, 0, 0
	return r.failed
}

// padding passes over the byte that follows an odd number of raw bytes.
func (r *bitReader) padding() {
	if !r.padded {
		r.rawByte()
	}
	r.padded = false
}

// need makes at least n bits ready, n of at most 17.
func (r *bitReader) need(n uint) {
	for r.n < n {
		var word uint64
		switch len(r.packed) {
		case 0:
			r.past += 16
		case 1:
			word, r.packed = uint64(r.packed[0]), nil
			r.past += 8 // the high byte, which comes first
		default:
			word = uint64(binary.LittleEndian.Uint16(r.packed))
			r.packed = r.packed[2:]
		}
		r.hold = r.hold<<16 | word
		r.n += 16
	}
}

// take drops n bits that are ready.
func (r *bitReader) take(n uint) {
	r.n -= n
	r.hold &= 1<<r.n - 1
	if r.past > r.n {
		r.fail("an LZX block ends too early")
	}
}

// read returns the next n bits, at most 17.
func (r *bitReader) read(n uint) uint32 {
	if n == 0 {
		return 0
	}
	r.need(n)
	v := uint32(r.hold >> (r.n - n))
	r.take(n)
	return v
}

// startRaw passes over the rest of the word, or over a whole one.
func (r *bitReader) startRaw() {
	if r.n == 0 {
		r.need(16)
	}
	r.take(r.n)
}

// rawByte returns the next byte, where no bits are ready.
func (r *bitReader) rawByte() byte {
	if len(r.packed) == 0 {
		r.fail("an LZX block ends too early")
		return 0
	}
	b := r.packed[0]
	r.packed = r.packed[1:]
	return b
}

// rawWord returns the next 32 bits, the low byte first.
func (r *bitReader) rawWord() uint32 {
	if len(r.packed) < 4 {
		r.fail("an LZX block ends too early")
		return 0
	}
	v := binary.LittleEndian.Uint32(r.packed)
	r.packed = r.packed[4:]
	return v
}

// maxCode is the longest code of a tree in bits.
const maxCode = 16

// huffman is a canonical prefix code: codes of one length are numbers that
// follow each other, in the order of their symbols.
type huffman struct {
	count   [maxCode + 1]int // codes by length
	symbols []uint16         // by length, then by symbol
	quick   [1 << quickBits]uint16
}

// quickBits is the length up to which codes are looked up at once.
const quickBits = 9

// build makes the code with these lengths; 0 is no code. No codes at all make a
// code that nothing may be read by.
func (h *huffman) build(lens []uint8) error {
	h.count = [maxCode + 1]int{}
	h.quick = [1 << quickBits]uint16{}
	for _, l := range lens {
		h.count[l]++
	}
	h.count[0] = 0
	room := 1
	var first, next [maxCode + 2]int
	for l := 1; l <= maxCode; l++ {
		room = room<<1 - h.count[l]
		if room < 0 {
			return bad("an LZX tree has too many codes")
		}
		first[l+1] = first[l] + h.count[l]
		next[l] = first[l]
	}
	h.symbols = append(h.symbols[:0], make([]uint16, first[maxCode+1])...)
	for symbol, l := range lens {
		if l > 0 {
			h.symbols[next[l]] = uint16(symbol)
			next[l]++
		}
	}
	h.fillQuick()
	return nil
}

// fillQuick notes for all bits that a short code may begin with what it is:
// length and symbol.
func (h *huffman) fillQuick() {
	code, at := 0, 0
	for l := 1; l <= quickBits; l++ {
		for range h.count[l] {
			entry := uint16(l)<<12 | h.symbols[at]
			for i := range 1 << (quickBits - l) {
				h.quick[code<<(quickBits-l)|i] = entry
			}
			code++
			at++
		}
		code <<= 1
	}
}

// read returns the next symbol, 0 where the bits are none.
func (h *huffman) read(r *bitReader) int {
	r.need(maxCode)
	bits := int(r.hold >> (r.n - maxCode))
	if entry := h.quick[bits>>(maxCode-quickBits)]; entry != 0 {
		r.take(uint(entry >> 12))
		return int(entry & 0xfff)
	}
	code, first, at := 0, 0, 0
	for l := 1; l <= maxCode; l++ {
		code = code<<1 | bits>>(maxCode-l)&1
		n := h.count[l]
		if code-first < n {
			r.take(uint(l))
			return int(h.symbols[at+code-first])
		}
		at += n
		first = (first + n) << 1
	}
	r.fail("an LZX tree has no such code")
	return 0
}
