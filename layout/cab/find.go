package cab

import (
	"bytes"
	"errors"
	"io"
)

// maxStub is how far into a program Find looks for a cabinet. The largest part
// of a self-extracting package before its cabinet is a program of a few hundred
// kilobytes.
const maxStub = 4 << 20

// findStep is how much Find reads at a time.
const findStep = 64 << 10

// Find returns where in a self-extracting program of size bytes its cabinet
// begins: at the first header that can be one, within the first 4 MiB. It
// returns false where there is none. An error is the reader's.
func Find(r io.ReaderAt, size int64) (int64, bool, error) {
	buf := make([]byte, findStep+headerSize)
	for at := int64(0); at < min(size, maxStub); at += findStep {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, false, err
		}
		b := buf[:n]
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte(signature))
			if i < 0 || from+i+headerSize > len(b) {
				break
			}
			from += i
			if h, ok := parseHeader(b[from : from+headerSize]); ok && int64(h.size) <= size-at-int64(from) {
				return at + int64(from), true, nil
			}
			from += len(signature)
		}
	}
	return 0, false, nil
}
