package distribute

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"patchferry/layout"
)

// ErrIndex is matched by the errors of ReadView: the local index is damaged, of
// another version, or of another edition of the catalog. It is to be made
// again, which is no loss: it holds nothing that the catalog does not.
var ErrIndex = errors.New("local index cannot be used")

// indexMagic begins an index file; its number changes with the format, and
// whenever BuildView would make another view of the same catalog.
const indexMagic = "patchferry view 3\n"

// The limits of an index file. Tables are read in steps, so that a damaged
// count costs no memory that the file does not fill.
const (
	maxIndexMeta = 64 << 20 // bytes of the JSON document in front
	maxRecords   = 1 << 30
	recordStep   = 1 << 16
)

// The lengths of the records in the file, in bytes, all numbers little-endian.
const (
	spanLength   = 6
	runLength    = 8
	folderLength = spanLength + 2*runLength + 4
	groupLength  = spanLength + runLength
	fileLength   = 2*spanLength + 4 + 2 + 1 + 8 + 8 + 32 + 20 + 4
	extraLength  = spanLength + 16
)

// indexMeta is the JSON document in front of the tables.
type indexMeta struct {
	Meta       ViewMeta   `json:"meta"`
	Counts     ViewCounts `json:"counts"`
	Chunks     int        `json:"chunks"`
	Updates    int        `json:"updates"`
	Origins    int        `json:"origins"`
	Folders    int        `json:"folders"`
	Files      int        `json:"files"`
	Extras     int        `json:"extras"`
	WithSHA256 int        `json:"with_sha256"`
	WithSHA1   int        `json:"with_sha1"`
	WithPath   int        `json:"with_path"`
	Homes      int        `json:"homes"`
	Members    int        `json:"members"`
	Groups     int        `json:"groups"`
	Blocks     int        `json:"blocks"` // of packed updates
}

// WriteTo writes the view as an index file, for ReadView: a line of magic, the
// length of a JSON document in four bytes, the document, the tables of the
// View in the order of its fields, and the SHA-256 of all that.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	sum := sha256.New()
	count := &countingWriter{w: w}
	buffered := bufio.NewWriterSize(io.MultiWriter(count, sum), 1<<18)
	if err := v.writeTables(buffered); err != nil {
		return count.n, fmt.Errorf("write the index: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return count.n, fmt.Errorf("write the index: %w", err)
	}
	if _, err := count.Write(sum.Sum(nil)); err != nil {
		return count.n, fmt.Errorf("write the index: %w", err)
	}
	return count.n, nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// writeTables leaves errors to the Flush that follows: a bufio.Writer keeps
// the first.
func (v *View) writeTables(w *bufio.Writer) error {
	doc, err := json.Marshal(indexMeta{
		Meta: v.meta, Counts: v.counts, Chunks: len(v.text.chunks), Updates: len(v.updates), Origins: len(v.origins),
		Folders: len(v.folders), Files: len(v.files), Extras: len(v.extras),
		WithSHA256: len(v.bySHA256), WithSHA1: len(v.bySHA1), WithPath: len(v.byPath),
		Homes: len(v.homes), Members: len(v.members), Groups: len(v.groups), Blocks: len(v.packed.Blocks()),
	})
	if err != nil {
		return err
	}
	b := append([]byte(indexMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(indexMagic):], uint32(len(doc)))
	_, _ = w.Write(append(b, doc...))
	for _, chunk := range v.text.chunks {
		_, _ = w.Write(binary.LittleEndian.AppendUint32(b[:0], uint32(len(chunk))))
		_, _ = w.WriteString(chunk)
	}
	for _, table := range [...][]span{v.updates, v.origins} {
		for _, s := range table {
			_, _ = w.Write(s.append(b[:0]))
		}
	}
	for i := range v.folders {
		_, _ = w.Write(v.folders[i].append(b[:0]))
	}
	for i := range v.files {
		_, _ = w.Write(v.files[i].append(b[:0]))
	}
	for _, e := range v.extras {
		_, _ = w.Write(append(e.tag.append(b[:0]), e.md5[:]...))
	}
	for _, table := range [...][]uint32{v.bySHA256, v.bySHA1, v.byPath, v.homes, v.members} {
		for _, n := range table {
			_, _ = w.Write(binary.LittleEndian.AppendUint32(b[:0], n))
		}
	}
	for _, g := range v.groups {
		_, _ = w.Write(g.members.append(g.name.append(b[:0])))
	}
	writeBlocks(w, v.packed.Blocks())
	return nil
}

// ReadView reads an index file that WriteTo made of the edition named by key.
// Any error matches ErrIndex, but one of r alone does not.
//
// The file is the machine's own and not signed: its checksum guards against
// damage, its key against being out of date.
func ReadView(r io.Reader, key Key) (*View, error) {
	sum := sha256.New()
	d := &indexReader{r: bufio.NewReaderSize(r, 1<<18), sum: sum}
	v, err := d.view(key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// indexReader reads tables until the first error, which it keeps.
type indexReader struct {
	r   *bufio.Reader
	sum hash.Hash
	buf []byte
	err error
}

func (d *indexReader) view(key Key) (*View, error) {
	if string(d.next(len(indexMagic))) != indexMagic {
		return nil, d.fail("it is of another version, or none")
	}
	var m indexMeta
	if err := json.Unmarshal(d.next(d.length(maxIndexMeta)), &m); err != nil {
		return nil, d.fail("its head is no JSON")
	}
	if m.Meta.Key() != key {
		return nil, d.fail("it is of another edition of the catalog")
	}
	v := &View{meta: m.Meta, counts: m.Counts}
	for range min(m.Chunks, maxChunks) {
		var chunk strings.Builder
		chunk.Write(d.next(d.length(chunkSize)))
		v.text.chunks = append(v.text.chunks, chunk.String())
		if d.err != nil {
			return nil, d.fail("it ends too early")
		}
	}
	v.updates = table(d, m.Updates, spanLength, decodeSpan)
	v.origins = table(d, m.Origins, spanLength, decodeSpan)
	v.folders = table(d, m.Folders, folderLength, decodeFolder)
	v.files = table(d, m.Files, fileLength, decodeFile)
	v.extras = table(d, m.Extras, extraLength, decodeExtra)
	v.bySHA256 = table(d, m.WithSHA256, 4, binary.LittleEndian.Uint32)
	v.bySHA1 = table(d, m.WithSHA1, 4, binary.LittleEndian.Uint32)
	v.byPath = table(d, m.WithPath, 4, binary.LittleEndian.Uint32)
	v.homes = table(d, m.Homes, 4, binary.LittleEndian.Uint32)
	v.members = table(d, m.Members, 4, binary.LittleEndian.Uint32)
	v.groups = table(d, m.Groups, groupLength, decodeGroup)
	blocks := d.blocks(m.Blocks)
	want := d.sum.Sum(nil)
	if got := d.next(len(want)); !bytes.Equal(got, want) {
		return nil, d.fail("its checksum is wrong")
	}
	var err error
	if v.packed, err = layout.Unpack(blocks); err != nil || !v.sound() {
		return nil, d.fail("its tables do not fit together")
	}
	return v, nil
}

// fail says why the index cannot be used; an error of the reader itself comes
// first.
func (d *indexReader) fail(why string) error {
	if d.err != nil && !errors.Is(d.err, io.ErrUnexpectedEOF) && !errors.Is(d.err, io.EOF) && !errors.Is(d.err, ErrIndex) {
		return fmt.Errorf("read the index: %w", d.err)
	}
	return fmt.Errorf("%w: %s", ErrIndex, why)
}

// next returns the next n bytes, valid until the call after, or nil.
func (d *indexReader) next(n int) []byte {
	if d.err != nil {
		return nil
	}
	d.buf = d.buf[:0]
	for len(d.buf) < n && d.err == nil {
		step := min(n-len(d.buf), chunkSize)
		start := len(d.buf)
		d.buf = append(d.buf, make([]byte, step)...)
		_, d.err = io.ReadFull(d.r, d.buf[start:])
	}
	if d.err != nil {
		return nil
	}
	d.sum.Write(d.buf)
	return d.buf
}

// length reads a length of at most limit bytes.
func (d *indexReader) length(limit uint32) int {
	b := d.next(4)
	if b == nil {
		return 0
	}
	n := binary.LittleEndian.Uint32(b)
	if n > limit {
		d.err = ErrIndex
		return 0
	}
	return int(n)
}

// table reads n records of the same length.
func table[T any](d *indexReader, n, length int, decode func([]byte) T) []T {
	if n < 0 || n > maxRecords {
		d.err = ErrIndex
		return nil
	}
	out := make([]T, 0, min(n, recordStep))
	for len(out) < n {
		step := min(n-len(out), recordStep)
		b := d.next(step * length)
		if b == nil {
			return nil
		}
		for ; len(b) > 0; b = b[length:] {
			out = append(out, decode(b[:length]))
		}
	}
	return out
}
