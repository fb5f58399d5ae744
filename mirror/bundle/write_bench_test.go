package bundle_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// folder is a Source of files named by their digests.
type folder string

func (f folder) Open(_ context.Context, d layout.Digest, _, _ int64) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(f), d.String()))
}

// BenchmarkWrite writes 500 files of 256 MiB in all, beside the floor: copying
// each once while hashing it, made durable, on one core and without a bundle
// around it.
func BenchmarkWrite(b *testing.B) {
	origin := testKey(b, "origin")
	const count, size = 500, 512 << 10
	sizes := make([]int, count)
	for i := range sizes {
		sizes[i] = size/2 + i*size/count
	}
	s := newSample(b, origin, sampleOptions{sizes: sizes})
	source, total := folder(b.TempDir()), int64(0)
	for d, content := range s.source {
		if err := os.WriteFile(filepath.Join(string(source), d.String()), content, 0o644); err != nil {
			b.Fatal(err)
		}
		total += int64(len(content))
	}
	s.source = nil
	for _, readback := range []bool{false, true} {
		b.Run(fmt.Sprintf("bundle readback=%v", readback), func(b *testing.B) {
			b.SetBytes(total)
			for b.Loop() {
				w := &bundle.Writer{Source: source, Signers: []bundle.Signer{origin}, NoReadback: !readback}
				if _, err := w.Write(b.Context(), b.TempDir(), s.content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(total)
		for b.Loop() {
			dir := b.TempDir()
			for _, ref := range s.shipped {
				copyHashed(b, string(source), dir, ref.SHA256.String())
			}
		}
	})
}

func copyHashed(b *testing.B, from, to, name string) {
	b.Helper()
	in, err := os.Open(filepath.Join(from, name))
	if err != nil {
		b.Fatal(err)
	}
	out, err := os.Create(filepath.Join(to, name))
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(sum, out), in); err != nil {
		b.Fatal(err)
	}
	if err := out.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := in.Close(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	if fmt.Sprintf("%x", sum.Sum(nil)) != name {
		b.Fatal("another digest")
	}
}
