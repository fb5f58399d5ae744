package cab

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	blockHeader = 8
	maxUnpacked = 32 << 10
	maxPacked   = maxUnpacked + 6144 // as makecab may write blocks that do not pack
)

// Open returns the bytes of a member. Reading it unpacks its folder from the
// beginning: what lies before the member costs time, File.Offset says how much (of
// one that is not packed, little), and at most 2.2 MiB of memory. The reader ends in EOF only when the member is
// whole; checksums of blocks are compared where the cabinet has them.
func (c *Cabinet) Open(f *File) (io.Reader, error) {
	fo := &c.folders[f.folder]
	b := &blocks{c: c, at: fo.start, left: fo.blocks}
	var folder io.Reader
	switch fo.method {
	case Stored:
		folder = &storedFolder{blocks: b}
	case MSZIP:
		folder = &zipFolder{blocks: b}
	case LZX:
		if fo.window < minWindow || fo.window > maxWindow {
			return nil, bad("an LZX window of %d bits", fo.window)
		}
		folder = newLZX(b, fo.window)
	default:
		return nil, fmt.Errorf("open %s of a cabinet: %s: %w", f.Name, fo.method, ErrUnsupported)
	}
	return &member{folder: folder, skip: f.Offset, left: f.Size}, nil
}

// member is the part of a folder that is one member.
type member struct {
	folder     io.Reader
	skip, left int64
}

func (m *member) Read(p []byte) (int, error) {
	if m.skip > 0 {
		n, err := skip(m.folder, m.skip)
		m.skip -= n
		if err != nil {
			return 0, whole(err)
		}
	}
	if m.left == 0 {
		return 0, io.EOF
	}
	n, err := m.folder.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	if n > 0 {
		return n, nil // what is wrong is wrong at the next call, too
	}
	return 0, whole(err)
}

// skip passes over n bytes of a folder. Of one that is not packed only the heads of
// blocks are read.
func skip(r io.Reader, n int64) (skipped int64, err error) {
	if s, ok := r.(*storedFolder); ok {
		for s.left > 1 && skipped+maxUnpacked <= n {
			size, err := s.pass()
			if err != nil {
				return skipped, err
			}
			skipped += size
		}
	}
	rest, err := io.CopyN(io.Discard, r, n-skipped)
	return skipped + rest, err
}

// whole makes an end that comes too early an error.
func whole(err error) error {
	if err == io.EOF {
		return bad("a folder ends before its last member does")
	}
	return err
}

// blocks reads the packed blocks of one folder in order.
type blocks struct {
	c        *Cabinet
	at       int64
	left     int
	packed   [maxPacked]byte
	unpacked int // bytes that the last block unpacks to
}

// next returns the bytes of the next block as packed, good until the next call;
// io.EOF after the last.
func (b *blocks) next() ([]byte, error) {
	h, n, err := b.head()
	if err != nil {
		return nil, err
	}
	p := b.packed[:n]
	if err := b.c.read(p, b.at+blockHeader+b.c.blockSkip); err != nil {
		return nil, err
	}
	if sum := binary.LittleEndian.Uint32(h); sum != 0 && sum != checksum(h[4:], checksum(p, 0)) {
		return nil, bad("a block has a wrong checksum")
	}
	b.advance(n)
	return p, nil
}

// head reads the head of the next block, which has n bytes; io.EOF after the last.
func (b *blocks) head() (h []byte, n int, err error) {
	if b.left == 0 {
		return nil, 0, io.EOF
	}
	h = make([]byte, blockHeader)
	if err := b.c.read(h, b.at); err != nil {
		return nil, 0, err
	}
	n, b.unpacked = int(binary.LittleEndian.Uint16(h[4:])), int(binary.LittleEndian.Uint16(h[6:]))
	switch {
	case b.unpacked == 0:
		return nil, 0, fmt.Errorf("open cabinet: a block goes on in another cabinet: %w", ErrUnsupported)
	case n > maxPacked || b.unpacked > maxUnpacked:
		return nil, 0, bad("a block of %d bytes that unpacks to %d", n, b.unpacked)
	}
	return h, n, nil
}

func (b *blocks) advance(n int) {
	b.at += blockHeader + b.c.blockSkip + int64(n)
	b.left--
}

// checksum is CSUMCompute of [MS-CAB] 3.1.
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

// storedFolder reads a folder that is not packed.
type storedFolder struct {
	*blocks
	rest []byte
}

// pass goes over the next block without reading it.
func (s *storedFolder) pass() (int64, error) {
	_, n, err := s.head()
	if err == nil && n != s.unpacked {
		err = bad("a stored block of %d bytes says %d", n, s.unpacked)
	}
	if err != nil {
		return 0, err
	}
	s.advance(n)
	return int64(n), nil
}

func (s *storedFolder) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		b, err := s.next()
		if err != nil {
			return 0, err
		}
		if len(b) != s.unpacked {
			return 0, bad("a stored block of %d bytes says %d", len(b), s.unpacked)
		}
		s.rest = b
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
