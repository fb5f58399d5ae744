package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
)

// file is one file at the publisher. Its bytes follow from its name and size.
type file struct {
	name   string
	size   int
	sha256 string
}

// content is a set of files, the same for everybody who draws it.
type content struct {
	files []file
	bytes int64
}

// drawMixed draws sizes as updates have them: log-normal, 8 KiB to 4 MiB.
func drawMixed(n int) *content {
	rng := rand.New(rand.NewPCG(1, 2))
	return draw(n, func() int {
		const median, spread = 110 << 10, 1.25
		size := median * math.Exp(spread*rng.NormFloat64())
		return int(min(max(size, 8<<10), 4<<20))
	})
}

// drawEqual draws files of one size.
func drawEqual(n, size int) *content { return draw(n, func() int { return size }) }

func draw(n int, size func() int) *content {
	c := &content{}
	for i := range n {
		f := file{name: fmt.Sprintf("Windows-KB%06d-x64.exe", 100000+i), size: size()}
		sum := sha256.New()
		_, _ = io.CopyN(sum, f.stream(0), int64(f.size)) // neither fails
		f.sha256 = hex.EncodeToString(sum.Sum(nil))
		c.files = append(c.files, f)
		c.bytes += int64(f.size)
	}
	return c
}

// body makes the bytes of an edition of the file; 0 is the right one.
func (f *file) body(edition byte) []byte {
	b := make([]byte, f.size)
	_, _ = io.ReadFull(f.stream(edition), b) // it has no end
	return b
}

func (f *file) stream(edition byte) io.Reader {
	return rand.NewChaCha8(sha256.Sum256(append([]byte(f.name), edition)))
}

// contentOf returns the set that a name stands for.
func contentOf(name string) (*content, error) {
	switch name {
	case "mixed":
		return drawMixed(600), nil
	case "large":
		return drawEqual(256, 4<<20), nil
	case "tiny":
		return drawEqual(1000, 512), nil
	}
	return nil, fmt.Errorf("no content %q", name)
}
