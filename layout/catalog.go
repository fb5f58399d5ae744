package layout

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"github.com/klauspost/compress/zstd"
)

// Summary is what a catalog amounts to.
type Summary struct {
	Lines      Digest // SHA-256 of the plain lines: equality of catalogs goes by this
	Count      int    // lines
	PlainBytes int64  // bytes before compression
}

// CatalogWriter writes a catalog: JSON lines in ascending order of id, in one
// zstd frame. Equal lines make equal bytes. It is for one goroutine.
type CatalogWriter struct {
	enc  *zstd.Encoder
	hash hash.Hash
	sum  Summary
	last string
	err  error
}

// NewCatalogWriter returns a writer to w. Close must be called; it does not
// close w.
func NewCatalogWriter(w io.Writer) (*CatalogWriter, error) {
	// One goroutine and a fixed level: the same bytes on every machine.
	enc, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, fmt.Errorf("start catalog: %w", err)
	}
	return &CatalogWriter{enc: enc, hash: sha256.New()}, nil
}

// WriteLine writes one line as AppendLine made it. Ids must ascend strictly.
// After an error every later call fails with it.
func (w *CatalogWriter) WriteLine(line []byte) error {
	if w.err == nil {
		w.err = w.write(line)
	}
	return w.err
}

func (w *CatalogWriter) write(line []byte) error {
	id, err := nextLine(w.last, line)
	if err != nil {
		return fmt.Errorf("catalog line %d: %w", w.sum.Count+1, err)
	}
	if _, err := w.enc.Write(line); err != nil {
		return fmt.Errorf("write catalog: %w", err)
	}
	w.hash.Write(line)
	w.sum.Count++
	w.sum.PlainBytes += int64(len(line))
	w.last = id
	return nil
}

// Close ends the catalog and sums it up. The bytes written so far are a
// catalog only if it returns no error.
func (w *CatalogWriter) Close() (Summary, error) {
	err := w.enc.Close()
	if w.err != nil {
		return Summary{}, w.err
	}
	w.err = errors.New("catalog is closed")
	if err != nil {
		return Summary{}, fmt.Errorf("end catalog: %w", err)
	}
	w.hash.Sum(w.sum.Lines[:0])
	return w.sum, nil
}

// nextLine checks that line is one whole line whose id comes after last.
func nextLine(last string, line []byte) (string, error) {
	if len(line) == 0 || line[len(line)-1] != '\n' {
		return "", errors.New("does not end in a newline")
	}
	id, err := LineID(line)
	if err != nil {
		return "", err
	}
	if id <= last {
		return "", fmt.Errorf("id %q comes after %q: ids must ascend", clip(id), clip(last))
	}
	return id, nil
}

// Limits bounds what a catalog from outside may cost to read. To exceed one
// is an error.
type Limits struct {
	Lines     int   // lines; 0 is 10 million
	LineBytes int   // bytes of one line; 0 is 4 MiB
	Bytes     int64 // bytes after decompression; 0 is 16 GiB
}

func (l Limits) orDefault() Limits {
	if l.Lines == 0 {
		l.Lines = 10_000_000
	}
	if l.LineBytes == 0 {
		l.LineBytes = 4 << 20
	}
	if l.Bytes == 0 {
		l.Bytes = 16 << 30
	}
	return l
}

// catalogWindow is the largest zstd window that is accepted, in bytes. Our own
// writer uses 8 MiB.
const catalogWindow = 16 << 20

// CatalogReader reads a catalog once, from front to back, and sums it up. It
// is for one goroutine.
type CatalogReader struct {
	r     io.Reader
	lim   Limits
	sum   Summary
	whole bool
	used  bool
}

// NewCatalogReader returns a reader of the catalog in r under the given
// limits.
func NewCatalogReader(r io.Reader, lim Limits) *CatalogReader {
	return &CatalogReader{r: r, lim: lim.orDefault()}
}

// Lines yields the lines with the newlines that end them, and checks that the
// ids ascend. A line is valid until the next one. The first error ends it.
// Lines and Updates together can be called once.
func (c *CatalogReader) Lines() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if c.used {
			yield(nil, errors.New("catalog has been read already"))
			return
		}
		c.used = true
		dec, err := zstd.NewReader(c.r, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(catalogWindow), zstd.WithDecoderMaxMemory(uint64(c.lim.Bytes)))
		if err != nil {
			yield(nil, fmt.Errorf("open catalog: %w", err))
			return
		}
		defer dec.Close()
		c.lines(bufio.NewReaderSize(dec, 128<<10), yield)
	}
}

func (c *CatalogReader) lines(r *bufio.Reader, yield func([]byte, error) bool) {
	hash := sha256.New()
	last := ""
	var long []byte
	for {
		line, err := c.readLine(r, long[:0])
		if err == io.EOF {
			hash.Sum(c.sum.Lines[:0])
			c.whole = true
			return
		}
		if err == nil {
			last, err = nextLine(last, line)
		}
		if err != nil {
			yield(nil, fmt.Errorf("catalog line %d: %w", c.sum.Count+1, err))
			return
		}
		hash.Write(line)
		c.sum.Count++
		c.sum.PlainBytes += int64(len(line))
		if !yield(line, nil) {
			return
		}
	}
}

// readLine returns the next line: in the buffer of r if it fits there, else
// gathered in long.
func (c *CatalogReader) readLine(r *bufio.Reader, long []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		n := len(long) + len(part)
		if n > c.lim.LineBytes {
			return nil, fmt.Errorf("longer than %d bytes", c.lim.LineBytes)
		}
		if c.sum.PlainBytes+int64(n) > c.lim.Bytes {
			return nil, fmt.Errorf("catalog is longer than %d bytes", c.lim.Bytes)
		}
		if err == nil && c.sum.Count >= c.lim.Lines {
			return nil, fmt.Errorf("catalog has more than %d lines", c.lim.Lines)
		}
		switch {
		case err == nil && len(long) == 0:
			return part, nil
		case err == nil:
			return append(long, part...), nil
		case err == io.EOF && n > 0:
			return nil, fmt.Errorf("ends without a newline: %w", io.ErrUnexpectedEOF)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		long = append(long, part...)
	}
}

// Updates yields the updates, as Lines and ParseLine do.
func (c *CatalogReader) Updates() iter.Seq2[*Update, error] {
	return func(yield func(*Update, error) bool) {
		for line, err := range c.Lines() {
			if err != nil {
				yield(nil, err)
				return
			}
			u, err := ParseLine(line)
			if err != nil {
				yield(nil, fmt.Errorf("catalog line %d: %w", c.sum.Count, err))
				return
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

// Summary sums up a catalog that has been read to its end without an error;
// else it is an error.
func (c *CatalogReader) Summary() (Summary, error) {
	if !c.whole {
		return Summary{}, errors.New("catalog has not been read to its end")
	}
	return c.sum, nil
}

// CatalogLines yields the lines of the catalog in r: CatalogReader.Lines for
// those who need no summary.
func CatalogLines(r io.Reader, lim Limits) iter.Seq2[[]byte, error] {
	return NewCatalogReader(r, lim).Lines()
}

// Catalog yields the updates of the catalog in r: CatalogReader.Updates for
// those who need no summary.
func Catalog(r io.Reader, lim Limits) iter.Seq2[*Update, error] {
	return NewCatalogReader(r, lim).Updates()
}
