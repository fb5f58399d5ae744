package cab

// Sizes of LZX ([MS-PATCH] 2, as cabinets have it).
const (
	minWindow   = 15
	maxWindow   = 21
	frameSize   = maxUnpacked
	maxFrames   = 32768 // after which calls are not translated any more
	literals    = 256
	lengthCodes = 249
	minMatch    = 2
	shortMatch  = 7 // of the 3 bits in a main symbol; that and more has a length symbol
	maxSlots    = 50
)

// The kinds of block of an LZX stream.
const (
	blockVerbatim = 1
	blockAligned  = 2
	blockRaw      = 3
)

// lzxFolder reads a folder in LZX. Each block of the cabinet unpacks to one
// frame, and its bits begin at a word of their own; the blocks of the LZX stream,
// which have the trees, run on over frames. A match reaches back as far as the
// window does, and never over the end of its frame.
type lzxFolder struct {
	bits   bitReader
	window []byte
	at     int   // in window, of the next byte
	done   int64 // bytes that were unpacked
	frame  int   // number of the next

	begun      bool
	kind       int // of the LZX block under way
	length     int // of it, unpacked
	left       int // of length
	recent     [3]int
	slots      int
	mainLens   []uint8
	lengthLens [lengthCodes]uint8
	main       huffman
	lengths    huffman
	aligned    huffman

	translate  bool  // calls are translated, as soon as one may be there
	imageSize  int32 // that they are translated with
	translated [frameSize]byte
	rest       []byte // of the last frame, not handed out yet
}

func newLZX(b *blocks, window uint) *lzxFolder {
	z := &lzxFolder{window: make([]byte, 1<<window), recent: [3]int{1, 1, 1}}
	z.bits.blocks = b
	for z.slots = 0; slotBase(z.slots) < 1<<window; {
		z.slots++
	}
	z.mainLens = make([]uint8, literals+8*z.slots)
	return z
}

// slotBits is how many bits follow a position slot.
func slotBits(slot int) uint {
	if slot < 4 {
		return 0
	}
	return uint(min(slot/2-1, 17))
}

// slotBase is the first position of a slot.
func slotBase(slot int) int {
	base := 0
	for i := range slot {
		base += 1 << slotBits(i)
	}
	return base
}

func (z *lzxFolder) Read(p []byte) (int, error) {
	if len(z.rest) == 0 {
		if err := z.unpackFrame(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// unpackFrame unpacks what one block of the cabinet has.
func (z *lzxFolder) unpackFrame() error {
	size, err := z.bits.frame()
	if err != nil {
		return err
	}
	if size < frameSize && z.bits.blocks.left > 0 {
		return bad("an LZX block of %d bytes before the last", size)
	}
	if !z.begun {
		z.begun = true
		if z.bits.read(1) == 1 {
			z.imageSize = int32(z.bits.read(16)<<16 | z.bits.read(16))
		}
	}
	start := z.at
	for todo := size; todo > 0; {
		if z.left == 0 {
			if err := z.beginBlock(); err != nil {
				return err
			}
		}
		run := min(todo, z.left)
		if err := z.unpackRun(run); err != nil {
			return err
		}
		todo -= run
		z.left -= run
	}
	if err := z.bits.endFrame(); err != nil {
		return err
	}
	z.rest = z.untranslate(z.window[start : start+size])
	z.at = (start + size) % len(z.window)
	z.frame++
	return nil
}

// beginBlock reads the head of a block of the LZX stream.
func (z *lzxFolder) beginBlock() error {
	if z.kind == blockRaw && z.length%2 == 1 {
		z.bits.padding()
	}
	z.kind = int(z.bits.read(3))
	z.length = int(z.bits.read(16)<<8 | z.bits.read(8))
	z.left = z.length
	if z.length == 0 {
		return firstOf(z.bits.err(), bad("an LZX block of no bytes"))
	}
	switch z.kind {
	case blockAligned:
		var lens [8]uint8
		for i := range lens {
			lens[i] = uint8(z.bits.read(3))
		}
		if err := z.aligned.build(lens[:]); err != nil {
			return err
		}
		return z.readTrees()
	case blockVerbatim:
		return z.readTrees()
	case blockRaw:
		z.translate = true
		z.bits.startRaw()
		for i := range z.recent {
			z.recent[i] = int(z.bits.rawWord())
		}
		return z.bits.err()
	}
	return firstOf(z.bits.err(), bad("an LZX block of kind %d", z.kind))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readTrees reads the trees of a block, which are written as differences from
// those of the block before.
func (z *lzxFolder) readTrees() error {
	if err := z.readLens(z.mainLens[:literals]); err != nil {
		return err
	}
	if err := z.readLens(z.mainLens[literals:]); err != nil {
		return err
	}
	if z.mainLens[0xe8] != 0 {
		z.translate = true
	}
	if err := z.main.build(z.mainLens); err != nil {
		return err
	}
	if err := z.readLens(z.lengthLens[:]); err != nil {
		return err
	}
	return z.lengths.build(z.lengthLens[:])
}

// readLens reads the lengths of codes.
func (z *lzxFolder) readLens(lens []uint8) error {
	var pre [20]uint8
	for i := range pre {
		pre[i] = uint8(z.bits.read(4))
	}
	var tree huffman
	if err := tree.build(pre[:]); err != nil {
		return err
	}
	for len(lens) > 0 {
		code, n, same := tree.read(&z.bits), 1, false
		switch code {
		case 17:
			n = int(z.bits.read(4)) + 4
		case 18:
			n = int(z.bits.read(5)) + 20
		case 19:
			n, same = int(z.bits.read(1))+4, true
			code = tree.read(&z.bits)
		}
		if err := z.bits.err(); err != nil {
			return err
		}
		if n > len(lens) || same && code > 16 {
			return bad("the lengths of an LZX tree do not fit")
		}
		var length uint8
		if code <= 16 {
			length = uint8((int(lens[0]) - code + 17) % 17)
		}
		for i := range n {
			lens[i] = length
		}
		lens = lens[n:]
	}
	return nil
}

// unpackRun unpacks the next n bytes, all of one block and one frame.
func (z *lzxFolder) unpackRun(n int) error {
	if z.kind == blockRaw {
		for i := range n {
			z.window[z.at+i] = z.bits.rawByte()
		}
		z.at += n
		z.done += int64(n)
		return z.bits.err()
	}
	for n > 0 {
		symbol := z.main.read(&z.bits)
		if z.bits.failed != nil {
			return z.bits.failed
		}
		if symbol < literals {
			z.window[z.at] = byte(symbol)
			z.at++
			z.done++
			n--
			continue
		}
		length, back := z.match(symbol - literals)
		if length > n || int64(back) > z.done || back > len(z.window) || back <= 0 {
			return firstOf(z.bits.err(), bad("an LZX match of %d bytes, %d back", length, back))
		}
		z.copy(length, back)
		n -= length
	}
	return nil
}

// match reads the rest of a match: its length, and how far back it begins.
func (z *lzxFolder) match(symbol int) (length, back int) {
	length = symbol & 7
	if length == shortMatch {
		length += z.lengths.read(&z.bits)
	}
	length += minMatch
	slot := symbol >> 3
	switch r := &z.recent; slot {
	case 0:
		return length, r[0]
	case 1, 2:
		r[0], r[slot] = r[slot], r[0]
		return length, r[0]
	}
	bits := slotBits(slot)
	back = slotBases[slot] - 2
	if z.kind == blockAligned && bits >= 3 {
		back += int(z.bits.read(bits-3)) << 3
		back += z.aligned.read(&z.bits)
	} else {
		back += int(z.bits.read(bits))
	}
	z.recent = [3]int{back, z.recent[0], z.recent[1]}
	return length, back
}

// slotBases are the first positions of all slots.
var slotBases = func() (bases [maxSlots + 1]int) {
	for i := range bases {
		bases[i] = slotBase(i)
	}
	return bases
}()

// copy repeats length bytes that begin so far back. A frame never wraps around
// the window, since its size is a multiple of the frame's; its source may.
func (z *lzxFolder) copy(length, back int) {
	mask := len(z.window) - 1
	from := z.at - back
	for range length {
		z.window[z.at] = z.window[from&mask]
		z.at++
		from++
	}
	z.done += int64(length)
}

// untranslate turns the targets of calls, which LZX made absolute, back into
// distances.
func (z *lzxFolder) untranslate(frame []byte) []byte {
	if !z.translate || z.imageSize == 0 || z.frame >= maxFrames || len(frame) <= 10 {
		return frame
	}
	out := z.translated[:copy(z.translated[:], frame)]
	begin := int32(z.frame) * frameSize
	for i := 0; i < len(out)-10; i++ {
		if out[i] != 0xe8 {
			continue
		}
		here := begin + int32(i)
		target := int32(uint32(out[i+1]) | uint32(out[i+2])<<8 | uint32(out[i+3])<<16 | uint32(out[i+4])<<24)
		if target >= -here && target < z.imageSize {
			if target >= 0 {
				target -= here
			} else {
				target += z.imageSize
			}
			for k := range 4 {
				out[i+1+k] = byte(uint32(target) >> (8 * k))
			}
		}
		i += 4
	}
	return out
}
