package bundle_test

import (
	"testing"

	"patchferry/mirror/bundle"
)

// BenchmarkOpenFiveVolumes finds five volumes, and reads and judges their
// headers. The seal costs next to nothing: signatures are measured in verify.
func BenchmarkOpenFiveVolumes(b *testing.B) {
	dir := crate{volumes: 5, rotations: 3}.write(b)
	for b.Loop() {
		opened, err := bundle.Open(b.Context(), []string{dir}, origin, bundle.ReadOptions{})
		if err != nil {
			b.Fatal(err)
		}
		_ = opened.Close()
	}
}

// BenchmarkCopyObject copies one object of 64 MiB.
func BenchmarkCopyObject(b *testing.B) {
	content := make([]byte, 64<<20)
	dir := crate{volumes: 1, extra: map[string]string{"tools/large": string(content)}}.write(b)
	opened, err := bundle.Open(b.Context(), []string{dir}, origin, bundle.ReadOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	if err := opened.Census(b.Context()); err != nil {
		b.Fatal(err)
	}
	ref := refOf(content)
	b.SetBytes(ref.Size)
	for b.Loop() {
		if err := opened.CopyFile(b.Context(), 1, bundle.Line{Path: "tools/large", Size: ref.Size, SHA256: ref.SHA256}, discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is io.Discard without its ways to be faster than a file.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
