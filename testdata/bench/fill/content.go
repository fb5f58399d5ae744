package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

const (
	period = 64 << 10 // after which the noise repeats
	page   = 4 << 10  // begins with its own offset, so that no two are equal
	tag    = 8
)

// content is the file that everybody wants. Any part of it can be made, and
// compared, without the rest, and at a cost that is small beside that of reading
// it from a connection. It is safe for concurrent use.
type content struct {
	size  int64
	noise []byte
}

func newContent(size int64) *content {
	c := &content{size: size, noise: make([]byte, period)}
	_, _ = rand.NewChaCha8([32]byte{6}).Read(c.noise) // it cannot fail
	return c
}

// fill puts the bytes from offset on into p.
func (c *content) fill(p []byte, offset int64) {
	for len(p) > 0 {
		n := c.run(p, offset)
		copy(p[:n], c.expected(offset, n))
		p, offset = p[n:], offset+int64(n)
	}
}

// same reports whether p is what stands at offset.
func (c *content) same(p []byte, offset int64) bool {
	for len(p) > 0 {
		n := c.run(p, offset)
		if !bytes.Equal(p[:n], c.expected(offset, n)) {
			return false
		}
		p, offset = p[n:], offset+int64(n)
	}
	return offset <= c.size
}

// run is how many bytes of p are all in the tag of a page, or all behind it.
func (c *content) run(p []byte, offset int64) int {
	in := int(offset % page)
	if in < tag {
		return min(len(p), tag-in)
	}
	return min(len(p), page-in)
}

// expected returns a run of n bytes; it is not to be written to.
func (c *content) expected(offset int64, n int) []byte {
	in := int(offset % page)
	if in < tag {
		return binary.BigEndian.AppendUint64(nil, uint64(offset-int64(in)))[in : in+n]
	}
	at := offset % period
	return c.noise[at : at+int64(n)]
}

// digest returns the SHA-256 of the whole in hexadecimal digits.
func (c *content) digest() string {
	h := sha256.New()
	p := make([]byte, 1<<20)
	for offset := int64(0); offset < c.size; offset += int64(len(p)) {
		p = p[:min(int64(len(p)), c.size-offset)]
		c.fill(p, offset)
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
