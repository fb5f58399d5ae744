package layout

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/klauspost/compress/zstd"
)

// The limits of one block of a Packed. A block ends with the line that reaches
// either; so what is read at once is bounded by packedBytes and one line.
const (
	packedLines = 64
	packedBytes = 256 << 10
	packedMost  = packedBytes + 4<<20 // bytes of a block when it is unpacked: a line of Limits may be the last
	packedTotal = 1 << 30             // updates
)

// Packed keeps updates in memory for whoever looks at a few of them at a time: their
// catalog lines in small zstd frames, some 100 to 200 bytes an update. It is immutable
// and may be read by any number of goroutines.
type Packed struct {
	blocks []PackedBlock
	ends   []int // the number of updates up to the end of each block
	dec    *zstd.Decoder
}

// PackedBlock is one block of a Packed, as it may be kept in a file.
type PackedBlock struct {
	Lines int    // at least one
	Data  []byte // a zstd frame of catalog lines
}

// Packer makes a Packed. The zero value is ready; it is for one goroutine.
type Packer struct {
	packed Packed
	enc    *zstd.Encoder
	plain  []byte
	lines  int
}

// Append adds an update after the others, without what Trimmed leaves out.
func (p *Packer) Append(u *Update) error {
	if p.enc == nil {
		var err error
		if p.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true)); err != nil {
			return fmt.Errorf("pack updates: %w", err)
		}
	}
	u = Trimmed(u)
	before := len(p.plain)
	plain, err := AppendLine(p.plain, u)
	if err != nil {
		return err
	}
	if added := len(plain) - before; added > packedMost-packedBytes {
		return fmt.Errorf("pack update %s: its line has %d bytes, more than %d", u.ID, added, packedMost-packedBytes)
	}
	p.plain = plain
	if p.lines++; p.lines == packedLines || len(p.plain) >= packedBytes {
		p.flush()
	}
	return nil
}

func (p *Packer) flush() {
	if p.lines == 0 {
		return
	}
	data := p.enc.EncodeAll(p.plain, nil)
	p.packed.add(PackedBlock{Lines: p.lines, Data: slices.Clip(data)})
	p.plain, p.lines = p.plain[:0], 0
}

func (p *Packed) add(b PackedBlock) {
	p.blocks = append(p.blocks, b)
	p.ends = append(p.ends, p.Len()+b.Lines)
}

// Packed returns what was added. The Packer must not be used after.
func (p *Packer) Packed() (*Packed, error) {
	p.flush()
	if p.enc != nil {
		if err := p.enc.Close(); err != nil {
			return nil, fmt.Errorf("pack updates: %w", err)
		}
	}
	made := p.packed
	*p = Packer{}
	return &made, made.open()
}

// Unpack returns the updates of blocks that Blocks returned. It reads none of them:
// what is wrong with a block is the error of whoever reads it.
func Unpack(blocks []PackedBlock) (*Packed, error) {
	p := new(Packed)
	for i, b := range blocks {
		if b.Lines < 1 || b.Lines > packedLines || p.Len()+b.Lines > packedTotal {
			return nil, fmt.Errorf("block %d of packed updates has %d lines", i, b.Lines)
		}
		p.add(b)
	}
	return p, p.open()
}

func (p *Packed) open() error {
	var err error
	p.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(packedMost))
	if err != nil {
		return fmt.Errorf("read packed updates: %w", err)
	}
	return nil
}

// Blocks returns the blocks, for Unpack. The caller must not change them.
func (p *Packed) Blocks() []PackedBlock { return p.blocks }

// Len returns the number of updates.
func (p *Packed) Len() int {
	if len(p.ends) == 0 {
		return 0
	}
	return p.ends[len(p.ends)-1]
}

// Bytes returns what the updates take in memory, nearly.
func (p *Packed) Bytes() int64 {
	var n int64
	for _, b := range p.blocks {
		n += int64(len(b.Data)) + 40
	}
	return n
}

// At returns an update by its place, from 0 on. The caller may change it.
func (p *Packed) At(i int) (*Update, error) {
	for u, err := range p.Some(func(yield func(int) bool) { yield(i) }) {
		return u, err
	}
	return nil, errors.New("no update") // Some yields once for each place
}

// All yields all updates in their order. The first error ends it.
func (p *Packed) All() iter.Seq2[*Update, error] {
	return p.Some(func(yield func(int) bool) {
		for i := range p.Len() {
			if !yield(i) {
				return
			}
		}
	})
}

// Some yields the updates at the given places, in that order. Each block is unpacked
// once where the places ascend. The first error ends it. The caller may change the
// updates.
func (p *Packed) Some(places iter.Seq[int]) iter.Seq2[*Update, error] {
	return func(yield func(*Update, error) bool) {
		at, lines := -1, [][]byte(nil)
		for i := range places {
			block := sort.SearchInts(p.ends, i+1)
			if i < 0 || block == len(p.ends) {
				yield(nil, fmt.Errorf("read packed updates: there are %d, none at place %d", p.Len(), i))
				return
			}
			var err error
			if block != at {
				lines, err = p.lines(block)
				at = block
			}
			var u *Update
			if err == nil {
				u, err = ParseLine(lines[i-p.ends[block]+len(lines)])
			}
			if err != nil {
				yield(nil, fmt.Errorf("read packed updates: %w", err))
				return
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

// lines unpacks a block.
func (p *Packed) lines(block int) ([][]byte, error) {
	b := p.blocks[block]
	plain, err := p.dec.DecodeAll(b.Data, nil)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", block, err)
	}
	lines := make([][]byte, 0, b.Lines)
	for line := range bytes.Lines(plain) {
		lines = append(lines, line)
	}
	if len(lines) != b.Lines {
		return nil, fmt.Errorf("block %d has %d lines, not %d", block, len(lines), b.Lines)
	}
	return lines, nil
}

// Trimmed returns a copy of an update without what only people and auditors ask for:
// description, CVEs, support page, hardware ids and models, and of files the
// publisher's URL and the evidence. It shares the rest with u.
func Trimmed(u *Update) *Update {
	t := *u
	t.Description, t.CVEs, t.SupportURL = "", nil, ""
	if u.Driver != nil {
		t.Driver = &Driver{Maker: u.Driver.Maker, Class: u.Driver.Class, Version: u.Driver.Version}
	}
	t.Files = slices.Clone(u.Files)
	for i := range t.Files {
		f := &t.Files[i]
		f.URL, f.Tag, f.Evidence = "", "", nil
	}
	return &t
}
