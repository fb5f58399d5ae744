package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"patchferry/layout"
)

var benchSizes = []int{1, 64 << 10, 1 << 20}

// BenchmarkDirPut admits files from the stage: write, sync, link, sync of the
// folder, removal of the staged name. BenchmarkPlainWrite is what is compared
// with.
func BenchmarkDirPut(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d := newDir(b)
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				copy(data, strconv.Itoa(i))
				f, err := os.Create(filepath.Join(d.StageDir(), strconv.Itoa(i)))
				check(b, err)
				_, err = f.Write(data)
				check(b, err)
				// Any digest will do: Put does not hash.
				check(b, d.Put(b.Context(), layout.Digest{byte(i), byte(i >> 8), byte(i >> 16), 1}, int64(size), f))
				check(b, f.Close())
				check(b, os.Remove(f.Name()))
			}
		})
	}
}

// BenchmarkPlainWrite writes a file, syncs it and renames it. It does not sync
// the folder, so that a loss of power may take the file.
func BenchmarkPlainWrite(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dir := b.TempDir()
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				name := filepath.Join(dir, strconv.Itoa(i))
				f, err := os.Create(name + ".tmp")
				check(b, err)
				_, err = f.Write(data)
				check(b, err)
				check(b, f.Sync())
				check(b, f.Close())
				check(b, os.Rename(name+".tmp", name))
			}
		})
	}
}
