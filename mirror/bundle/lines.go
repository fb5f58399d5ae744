package bundle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

// lineLimits bounds a list of lines. To exceed one is a refusal.
type lineLimits struct {
	lines int   // at most
	line  int   // bytes of one, with the newline that ends it
	plain int64 // bytes of all
}

const (
	// maxVolumeLine is the longest line of VOLUME.jsonl: a path has at most
	// four components of 64, a digest 64, a size 19, and a later version may
	// add members.
	maxVolumeLine = 1 << 10
	// maxEntryLine is the longest line of entries.jsonl.zst: 9,999 segments of
	// up to 300 bytes each.
	maxEntryLine = 3 << 20
	// maxRequireLine is "<sha256> <size>\n".
	maxRequireLine = 64 + 1 + 19 + 1
	// maxCatalogLine is what layout.Limits has.
	maxCatalogLine = 4 << 20
	// maxWindow is the largest zstd window in bytes: what a decoder needs in
	// memory. Our writers use 8 MiB.
	maxWindow = 16 << 20
)

// eachLine calls do for every line of r, with the newline that ends it. A line
// is valid until the next one. It never holds more than one line.
func eachLine(r io.Reader, lim lineLimits, do func(line []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	plain := int64(0)
	for n := 1; ; n++ {
		line, err := nextLine(in, long[:0], lim.line)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return atLine(n, err)
		}
		if plain += int64(len(line)); plain > lim.plain || n > lim.lines {
			return &Error{Code: CodeLimit, Reason: fmt.Sprintf("has more than %d lines of %d bytes together", lim.lines, lim.plain)}
		}
		if err := do(line); err != nil {
			return atLine(n, err)
		}
		if cap(line) > cap(long) && len(line) > in.Size() {
			long = line
		}
	}
}

// nextLine returns the next line: in the buffer of in if it fits there, else
// gathered in long.
func nextLine(in *bufio.Reader, long []byte, most int) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(long)+len(part) > most {
			return nil, &Error{Code: CodeLimit, Reason: fmt.Sprintf("has more than %d bytes", most)}
		}
		switch {
		case err == nil && len(long) == 0:
			return part, nil
		case err == nil:
			return append(long, part...), nil
		case err == io.EOF && len(long)+len(part) > 0:
			return nil, &Error{Code: CodeFormat, Reason: "ends without a newline"}
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		long = append(long, part...)
	}
}

// atLine says in which line something is wrong. What is no refusal yet is one
// of the format, but for errors of the medium, of the bytes, and of the caller.
func atLine(n int, err error) error {
	var ours *Error
	var path *fs.PathError
	switch {
	case errors.As(err, &ours):
		return &Error{Code: ours.Code, Where: ours.Where, Reason: fmt.Sprintf("line %d %s", n, ours.Reason), Err: ours.Err}
	case errors.As(err, &path), !isZstd(err):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &Error{Code: CodeLimit, Reason: "needs more memory than a list may", Err: err}
	}
	return &Error{Code: CodeFormat, Reason: "is not zstd", Err: err}
}

// eachZstdLine is eachLine of compressed lines.
func eachZstdLine(r io.Reader, lim lineLimits, do func(line []byte) error) error {
	dec, err := zstd.NewReader(marked{r}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("start zstd: %w", err)
	}
	defer dec.Close()
	return eachLine(unmarked{dec}, lim, do)
}

// sourceError is an error of the reader below the decoder, which must be told
// from those that the decoder makes itself.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// zstdError is one of the decoder.
type zstdError struct{ err error }

func (e *zstdError) Error() string { return e.err.Error() }
func (e *zstdError) Unwrap() error { return e.err }

func isZstd(err error) bool {
	e := (*zstdError)(nil)
	return errors.As(err, &e)
}

// marked marks the errors of a reader as its own.
type marked struct{ r io.Reader }

func (m marked) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// unmarked marks the errors of a decoder that are not those of its reader.
type unmarked struct{ r io.Reader }

func (u unmarked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if below := (*sourceError)(nil); errors.As(err, &below) {
		return n, below.err
	}
	return n, &zstdError{err}
}
