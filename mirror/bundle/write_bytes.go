package bundle

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"

	"patchferry/layout"
)

// hashReader hashes what is read through it.
type hashReader struct {
	r    io.Reader
	hash hash.Hash
	size int64
}

func newHashReader(r io.Reader) *hashReader { return &hashReader{r: r, hash: sha256.New()} }

func (h *hashReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.hash.Write(p[:n])
	h.size += int64(n)
	return n, err
}

func (h *hashReader) digest() (d layout.Digest) {
	h.hash.Sum(d[:0])
	return d
}

// hashWriter hashes what is written through it.
type hashWriter struct {
	w    io.Writer
	hash hash.Hash
	size int64
}

func newHashWriter(w io.Writer) *hashWriter { return &hashWriter{w: w, hash: sha256.New()} }

func (h *hashWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.hash.Write(p[:n])
	h.size += int64(n)
	return n, err
}

func (h *hashWriter) digest() (d layout.Digest) {
	h.hash.Sum(d[:0])
	return d
}

// stoppable reads until its context is done.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// plainReader and plainWriter keep io.CopyBuffer from taking a way around the
// buffer, which would be one without our limit of memory.
type plainReader struct{ io.Reader }

type plainWriter struct{ io.Writer }
