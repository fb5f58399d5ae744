package cabtest

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// token is a literal, or a match.
type token struct {
	symbol      int // of the main tree; below 256 a literal
	length      int // symbol of the length tree, -1 for none
	extra, bits int // what follows the position slot
	size        int // bytes that it stands for
}

// encoder writes LZX. Its blocks are verbatim, aligned and raw in turn, of sizes
// that are no multiple of anything, with codes of nearly one length and of very
// different ones, so that a reader meets every case.
type encoder struct {
	window int
	steep  bool // the codes of this block are of 1 to 16 bits
	recent [3]int

	frames         [][]byte
	out            []byte
	hold           uint
	n              int
	mainLens, lens []int // of the block before
}

func slotOf(v int) (slot, base, extra int) {
	for slot = 0; ; slot++ {
		extra = 0
		if slot >= 4 {
			extra = min(slot/2-1, 17)
		}
		if v < base+1<<extra {
			return slot, base, extra
		}
		base += 1 << extra
	}
}

func lzx(all []byte, window, image int) [][]byte {
	slots, _, _ := slotOf(1<<window - 1)
	e := &encoder{window: window, recent: [3]int{1, 1, 1}, mainLens: make([]int, 256+8*(slots+1)), lens: make([]int, 249)}
	data := translate(all, image)
	e.write(1, min(1, image))
	if image > 0 {
		e.write(16, image>>16)
		e.write(16, image&0xffff)
	}
	kind, at := window%3, 0
	for at < len(data) {
		if kind = kind%3 + 1; kind == 1 {
			e.steep = !e.steep
		}
		size := min([]int{0, 20_011, 41_333, 9_777}[kind], len(data)-at)
		e.block(kind, data, at, size)
		at += size
	}
	return e.frames
}

// translate makes the targets of calls absolute, frame by frame.
func translate(all []byte, image int) []byte {
	out := append([]byte(nil), all...)
	if image == 0 {
		return out
	}
	for start := 0; start < len(out); start += blockSize {
		frame := out[start:min(start+blockSize, len(out))]
		for i := 0; i < len(frame)-10; i++ {
			if frame[i] != 0xe8 {
				continue
			}
			here := int32(start + i)
			v := int32(binary.LittleEndian.Uint32(frame[i+1:]))
			switch sum := int64(v) + int64(here); {
			case sum >= 0 && sum < int64(image):
				v = int32(sum)
			case v < int32(image) && v-int32(image) >= -here && v >= 0:
				v -= int32(image)
			}
			binary.LittleEndian.PutUint32(frame[i+1:], uint32(v))
			i += 4
		}
	}
	return out
}

// block writes one block of the stream.
func (e *encoder) block(kind int, data []byte, at, size int) {
	e.write(3, kind)
	e.write(16, size>>8)
	e.write(8, size&0xff)
	if kind == 3 {
		e.raw(data, at, size)
		return
	}
	tokens := e.tokens(data, at, size)
	mainUsed, lengthUsed := make([]bool, len(e.mainLens)), make([]bool, len(e.lens))
	for _, t := range tokens {
		mainUsed[t.symbol] = true
		if t.length >= 0 {
			lengthUsed[t.length] = true
		}
	}
	alignedLens := e.lensOf([]bool{true, true, true, true, true, true, true, true}, 7)
	alignedCodes := codes(alignedLens)
	if kind == 2 {
		for _, l := range alignedLens {
			e.write(3, l)
		}
	}
	mainLens, lengthLens := e.lensOf(mainUsed, 16), e.lensOf(lengthUsed, 16)
	if !fits(tokens, at, mainLens, lengthLens) {
		mainLens, lengthLens = flat(mainUsed), flat(lengthUsed)
	}
	e.lengths(mainLens[:256], e.mainLens[:256])
	e.lengths(mainLens[256:], e.mainLens[256:])
	e.lengths(lengthLens, e.lens)
	e.mainLens, e.lens = mainLens, lengthLens
	mainCodes, lengthCodes := codes(mainLens), codes(lengthLens)
	for _, t := range tokens {
		e.write(mainLens[t.symbol], mainCodes[t.symbol])
		if t.length >= 0 {
			e.write(lengthLens[t.length], lengthCodes[t.length])
		}
		if kind == 2 && t.bits >= 3 {
			e.write(t.bits-3, t.extra>>3)
			e.write(alignedLens[t.extra&7], alignedCodes[t.extra&7])
		} else {
			e.write(t.bits, t.extra)
		}
		at += t.size
		e.frameEnd(data, at)
	}
}

// fits reports whether with these codes no frame becomes larger than a block of a cabinet
// may be, which is 6 KiB more than what it unpacks to.
func fits(tokens []token, at int, mainLens, lengthLens []int) bool {
	size, used := 0, 0
	for _, t := range tokens {
		size, used = size+t.size, used+mainLens[t.symbol]+t.bits
		if t.length >= 0 {
			used += lengthLens[t.length]
		}
		if used > 8*size+8*2<<10 { // of which a frame has parts of three at most
			return false
		}
		if at += t.size; at%blockSize == 0 {
			size, used = 0, 0
		}
	}
	return true
}

// raw writes a block that is not packed.
func (e *encoder) raw(data []byte, at, size int) {
	if e.n == 0 {
		e.write(16, 0)
	}
	e.flush()
	for _, r := range e.recent {
		e.out = binary.LittleEndian.AppendUint32(e.out, uint32(r))
	}
	for end := at + size; at < end; {
		n := min(end, (at/blockSize+1)*blockSize) - at
		e.out = append(e.out, data[at:at+n]...)
		at += n
		if at == end && size%2 == 1 {
			e.out = append(e.out, 0)
		}
		e.frameEnd(data, at)
	}
}

// frameEnd ends a frame where at is the end of one.
func (e *encoder) frameEnd(data []byte, at int) {
	if at%blockSize == 0 || at == len(data) {
		e.flush()
		e.frames, e.out = append(e.frames, e.out), nil
	}
}

// tokens finds matches: at the distances that were last, and where the same
// three bytes stood before.
func (e *encoder) tokens(data []byte, at, size int) (all []token) {
	seen := map[[3]byte]int{}
	for i := max(0, at-20_000); i < at; i++ {
		seen[three(data, i)] = i
	}
	for end := at + size; at < end; {
		most := min(end-at, 257, (at/blockSize+1)*blockSize-at)
		length, back := 0, 0
		if before, ok := seen[three(data, at)]; ok && at-before <= 1<<e.window-3 {
			back = at - before
			for length < most && data[at+length] == data[at-back+length] {
				length++
			}
		}
		t := token{symbol: int(data[at]), length: -1, size: 1}
		if length >= 3 {
			t = e.match(length, back)
		}
		for range t.size {
			seen[three(data, at)] = at
			at++
		}
		all = append(all, t)
	}
	return all
}

func three(data []byte, i int) (key [3]byte) {
	copy(key[:], data[i:min(i+3, len(data))])
	return key
}

func (e *encoder) match(length, back int) token {
	t := token{size: length, length: -1}
	slot := -1
	r := &e.recent
	for i, old := range r {
		if old == back && slot < 0 {
			slot = i
			r[0], r[i] = r[i], r[0]
		}
	}
	if slot < 0 {
		var base int
		slot, base, t.bits = slotOf(back + 2)
		t.extra = back + 2 - base
		e.recent = [3]int{back, r[0], r[1]}
	}
	head := min(length-2, 7)
	if head == 7 {
		t.length = length - 9
	}
	t.symbol = 256 + slot<<3 + head
	return t
}

// lensOf gives all used symbols codes, of which it returns the lengths.
func (e *encoder) lensOf(used []bool, longest int) []int {
	if e.steep {
		return steep(used, longest)
	}
	return flat(used)
}

// steep gives the first used symbols codes of 1, 2, 3 bits and so on, and the others,
// of which there are two at least, codes of nearly the same length, up to the longest.
func steep(used []bool, longest int) []int {
	rest := slices.Clone(used)
	var all []int
	for i, u := range used {
		if u {
			all = append(all, i)
		}
	}
	n := 0
	for n < len(all)-2 && n+1+bits.Len(uint(len(all)-n-2)) <= longest {
		n++
	}
	first := all[:n]
	for _, i := range first {
		rest[i] = false
	}
	lens := flat(rest)
	for i, l := range lens {
		if l > 0 {
			lens[i] = l + len(first)
		}
	}
	for n, i := range first {
		lens[i] = n + 1
	}
	return lens
}

// flat gives all used symbols codes of nearly the same length, at least two.
func flat(used []bool) []int {
	lens := make([]int, len(used))
	m := 0
	for _, u := range used {
		if u {
			m++
		}
	}
	if m == 0 {
		return lens
	}
	for i := 0; m < 2; i++ {
		if !used[i] {
			used[i] = true
			m++
		}
	}
	k := bits.Len(uint(m - 1))
	short := 1<<k - m
	for i, u := range used {
		switch {
		case u && short > 0:
			lens[i] = k - 1
			short--
		case u:
			lens[i] = k
		}
	}
	return lens
}

// codes are the canonical codes of these lengths.
func codes(lens []int) []int {
	all := make([]int, len(lens))
	code := 0
	for l := 1; l <= 16; l++ {
		for i, n := range lens {
			if n == l {
				all[i] = code
				code++
			}
		}
		code <<= 1
	}
	return all
}

// lengths writes the lengths of codes as differences from those before.
func (e *encoder) lengths(now, before []int) {
	type step struct{ code, bits, extra, then int }
	var steps []step
	used := make([]bool, 20)
	add := func(s step) {
		used[s.code] = true
		if s.then >= 0 {
			used[s.then] = true
		}
		steps = append(steps, s)
	}
	for i := 0; i < len(now); {
		n := 1
		for i+n < len(now) && now[i+n] == now[i] {
			n++
		}
		delta := (before[i] - now[i] + 17) % 17
		switch {
		case now[i] == 0 && n >= 20:
			n = min(n, 51)
			add(step{18, 5, n - 20, -1})
		case now[i] == 0 && n >= 4:
			n = min(n, 19)
			add(step{17, 4, n - 4, -1})
		case n >= 4:
			n = min(n, 5)
			add(step{19, 1, n - 4, delta})
		default:
			n = 1
			add(step{delta, 0, 0, -1})
		}
		i += n
	}
	lens := e.lensOf(used, 15)
	pre := codes(lens)
	for _, l := range lens {
		e.write(4, l)
	}
	for _, s := range steps {
		e.write(lens[s.code], pre[s.code])
		e.write(s.bits, s.extra)
		if s.then >= 0 {
			e.write(lens[s.then], pre[s.then])
		}
	}
}

func (e *encoder) write(n, v int) {
	for i := n - 1; i >= 0; i-- {
		e.hold = e.hold<<1 | uint(v>>i&1)
		if e.n++; e.n == 16 {
			e.out = append(e.out, byte(e.hold), byte(e.hold>>8))
			e.hold, e.n = 0, 0
		}
	}
}

// flush fills up the word under way.
func (e *encoder) flush() {
	for e.n > 0 {
		e.write(1, 0)
	}
}
