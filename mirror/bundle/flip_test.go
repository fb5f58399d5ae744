package bundle_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryFlipIsRefused flips a bit of every byte of everything but objects,
// one at a time, and 500 random bits of the objects, and reads it all.
func TestEveryFlipIsRefused(t *testing.T) {
	dir := crate{rotations: 1, volumes: 2}.write(t)
	var metadata, payload []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case strings.Contains(path, "/objects/"), strings.Contains(path, "/segments/"):
			payload = append(payload, path)
		default:
			metadata = append(metadata, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifyAll(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	flips := 0
	for _, path := range metadata {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range content {
			flips++
			flipOne(t, dir, path, content, i, byte(1)<<(i%8))
		}
	}
	random := rand.New(rand.NewPCG(4, 2))
	for range 500 {
		path := payload[random.IntN(len(payload))]
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipOne(t, dir, path, content, random.IntN(len(content)), byte(1)<<random.IntN(8))
	}
	t.Logf("%d bytes of %d metadata files flipped", flips, len(metadata))
	if _, err := verifyAll(t.Context(), dir); err != nil {
		t.Errorf("the bundle is not whole any more, so the test proves nothing: %v", err)
	}
}

func flipOne(t *testing.T, dir, path string, content []byte, i int, bit byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{content[i] ^ bit}, int64(i)); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyAll(t.Context(), dir); err == nil {
		t.Errorf("%s: byte %d flipped by %#x was accepted", filepath.Base(path), i, bit)
	}
	if _, err := f.WriteAt(content[i:i+1], int64(i)); err != nil {
		t.Fatal(err)
	}
}
