package storetest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
)

func testPut(t *testing.T, s store.Store) {
	for _, size := range []int{1, 100, 64 << 10, 1<<20 + 7} {
		data := object(size, size)
		put(t, s, data)
		wantObject(t, s, data)
	}
}

func testPutStaged(t *testing.T, s store.Store) {
	stage := stageOf(t, s)
	data := object(1, 70000)
	f := file(t, stage, data)
	wantNil(t, "put", s.Put(t.Context(), layout.DigestOf(data), int64(len(data)), f))
	wantObject(t, s, data)
	wantNil(t, "close", f.Close())
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("remove the staged file: %v", err)
	}
	wantObject(t, s, data)
}

// testPutFromStart: where a file was read to before does not matter.
func testPutFromStart(t *testing.T, s store.Store) {
	data := object(1, 300_000)
	f := file(t, t.TempDir(), data)
	_, err := f.Seek(1000, io.SeekStart)
	wantNil(t, "seek", err)
	wantNil(t, "put", s.Put(t.Context(), layout.DigestOf(data), int64(len(data)), f))
	wantObject(t, s, data)
}

// testReadInPart: whoever has read enough closes, and others read on; a reader
// that is passed small pieces, or written to a writer, gives the same bytes.
func testReadInPart(t *testing.T, s store.Store) {
	data := object(3, 2_000_000)
	d := put(t, s, data)
	for range 20 {
		r, err := s.Open(t.Context(), d, 0, -1)
		wantNil(t, "open", err)
		head := make([]byte, 10)
		_, err = io.ReadFull(r, head)
		wantNil(t, "read", err)
		wantNil(t, "close", r.Close())
		if !bytes.Equal(head, data[:10]) {
			t.Errorf("head: got %q, want %q", head, data[:10])
		}
	}
	r, err := s.Open(t.Context(), d, 100, 5000)
	wantNil(t, "open", err)
	small, err := io.ReadAll(iotest.OneByteReader(r))
	wantNil(t, "read", err)
	wantNil(t, "close", r.Close())
	if !bytes.Equal(small, data[100:5100]) {
		t.Errorf("read byte by byte: got %d other bytes", len(small))
	}
	r, err = s.Open(t.Context(), d, 1000, -1)
	wantNil(t, "open", err)
	var written bytes.Buffer
	_, err = io.CopyN(&written, r, 10)
	wantNil(t, "copy", err)
	_, err = io.Copy(&written, r)
	wantNil(t, "copy", err)
	wantNil(t, "close", r.Close())
	if !bytes.Equal(written.Bytes(), data[1000:]) {
		t.Errorf("copied: got %d other bytes, want %d", written.Len(), len(data)-1000)
	}
}

func testPutAgain(t *testing.T, s store.Store) {
	data := object(1, 5000)
	d := put(t, s, data)
	put(t, s, data)
	wantObject(t, s, data)

	shorter := data[:4000]
	if err := s.Put(t.Context(), d, 4000, file(t, t.TempDir(), shorter)); err == nil {
		t.Error("put of an object that is there with another size: no error")
	}
	wantObject(t, s, data)
}

func testPutAtOnce(t *testing.T, s store.Store) {
	const writers = 16
	data := object(1, 100_000)
	shared := file(t, t.TempDir(), data) // one file for all: its position must not matter
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = s.Put(t.Context(), layout.DigestOf(data), int64(len(data)), shared) })
	}
	wg.Wait()
	for _, err := range errs {
		wantNil(t, "put", err)
	}
	wantObject(t, s, data)
	if got := list(t, s, layout.Digest{}); len(got) != 1 {
		t.Errorf("list: got %d objects, want 1", len(got))
	}
}

func testPutWrongSize(t *testing.T, s store.Store) {
	data := object(1, 1000)
	d := layout.DigestOf(data)
	for _, size := range []int64{0, 999, 1001} {
		if err := s.Put(t.Context(), d, size, file(t, t.TempDir(), data)); err == nil {
			t.Errorf("put of 1000 bytes as %d: no error", size)
		}
	}
	_, err := s.Stat(t.Context(), d)
	wantIs(t, "stat", err, fs.ErrNotExist)
}

func testEmptyObject(t *testing.T, s store.Store) {
	d := put(t, s, nil)
	wantObject(t, s, nil)
	if got := read(t, s, d, 0, 10); len(got) != 0 {
		t.Errorf("range of an empty object: got %q", got)
	}
	want := []store.Info{{Digest: d, Size: 0}}
	if got := list(t, s, layout.Digest{}); !slices.Equal(got, want) {
		t.Errorf("list: got %v, want %v", got, want)
	}
}

func testRanges(t *testing.T, s store.Store) {
	const size = 200_000
	data := object(7, size)
	d := put(t, s, data)
	good := []struct {
		name      string
		offset, n int64
		want      []byte
	}{
		{"whole", 0, -1, data},
		{"whole by length", 0, size, data},
		{"first byte", 0, 1, data[:1]},
		{"middle", 70_000, 1000, data[70_000:71_000]},
		{"to the end", 150_000, -1, data[150_000:]},
		{"last byte", size - 1, 1, data[size-1:]},
		{"cut at the end", size - 10, 1000, data[size-10:]},
		{"nothing", 10, 0, nil},
		{"at the end", size, -1, nil},
	}
	for _, tt := range good {
		t.Run(tt.name, func(t *testing.T) {
			if got := read(t, s, d, tt.offset, tt.n); !bytes.Equal(got, tt.want) {
				t.Errorf("got %d bytes %.20q…, want %d bytes %.20q…", len(got), got, len(tt.want), tt.want)
			}
		})
	}
	for _, offset := range []int64{-1, size + 1, 1 << 40} {
		r, err := s.Open(t.Context(), d, offset, 10)
		if err == nil {
			_, err = io.ReadAll(r)
			_ = r.Close()
		}
		if err == nil {
			t.Errorf("open at %d of %d: no error", offset, size)
		}
	}
}

func testMissingObject(t *testing.T, s store.Store) {
	put(t, s, object(1, 10))
	d := layout.DigestOf([]byte("missing"))
	_, err := s.Stat(t.Context(), d)
	wantIs(t, "stat", err, fs.ErrNotExist)
	r, err := s.Open(t.Context(), d, 0, -1)
	wantIs(t, "open", err, fs.ErrNotExist)
	if r != nil {
		t.Error("open: got a reader with an error")
	}
	wantNil(t, "delete", s.Delete(t.Context(), d))
}

func testDelete(t *testing.T, s store.Store) {
	kept, gone := object(1, 1000), object(2, 1000)
	put(t, s, kept)
	d := put(t, s, gone)
	wantObject(t, s, gone)
	for range 2 {
		wantNil(t, "delete", s.Delete(t.Context(), d))
		_, err := s.Stat(t.Context(), d)
		wantIs(t, "stat", err, fs.ErrNotExist)
		_, err = s.Open(t.Context(), d, 0, -1)
		wantIs(t, "open", err, fs.ErrNotExist)
	}
	if got := list(t, s, layout.Digest{}); len(got) != 1 {
		t.Errorf("list: got %d objects, want 1", len(got))
	}
	wantObject(t, s, kept)
	put(t, s, gone)
	wantObject(t, s, gone)
}

func testList(t *testing.T, s store.Store) {
	if got := list(t, s, layout.Digest{}); len(got) != 0 {
		t.Errorf("list of an empty store: got %v", got)
	}
	wantList(t, s, 40)
}

// testListMany has more objects than one page of any bucket listing.
func testListMany(t *testing.T, s store.Store) { wantList(t, s, 2000) }

func wantList(t *testing.T, s store.Store, count int) {
	dir := t.TempDir()
	want := make([]store.Info, count)
	var group errgroup.Group
	group.SetLimit(8) // a store may be far away
	for i := range want {
		data := object(i, 10+i%7)
		f := file(t, dir, data)
		want[i] = store.Info{Digest: layout.DigestOf(data), Size: int64(len(data))}
		group.Go(func() error {
			return errors.Join(s.Put(t.Context(), want[i].Digest, want[i].Size, f), f.Close())
		})
	}
	wantNil(t, "put", group.Wait())
	slices.SortFunc(want, func(a, b store.Info) int { return bytes.Compare(a.Digest[:], b.Digest[:]) })
	if got := list(t, s, layout.Digest{}); !slices.Equal(got, want) {
		t.Errorf("list: got %d objects, not the %d that were put in order", len(got), len(want))
	}
	for _, i := range []int{0, count / 2, count - 2, count - 1} {
		if got := list(t, s, want[i].Digest); !slices.Equal(got, want[i+1:]) {
			t.Errorf("list after object %d: got %d objects, want the last %d", i, len(got), count-i-1)
		}
	}
	between := want[count/2].Digest
	between[31]++
	if got := list(t, s, between); between[31] != 0 && !slices.Equal(got, want[count/2+1:]) {
		t.Errorf("list after a digest that is not there: got %d objects, want the last %d", len(got), count-count/2-1)
	}
	for info, err := range s.List(t.Context(), layout.Digest{}) {
		wantNil(t, "list", err)
		if info != want[0] {
			t.Errorf("first object: got %v, want %v", info, want[0])
		}
		break // a listing that is left early must not go on
	}
}

func testFile(t *testing.T, s store.Store) {
	filer, ok := s.(store.Filer)
	if !ok {
		t.Skip("SKIP: the store is no Filer")
	}
	data := object(1, 100_000)
	f, err := filer.File(t.Context(), put(t, s, data))
	wantNil(t, "file", err)
	got, err := io.ReadAll(f)
	wantNil(t, "read", err)
	wantNil(t, "close", f.Close())
	if !bytes.Equal(got, data) {
		t.Errorf("file: got %d other bytes, want %d", len(got), len(data))
	}
	f, err = filer.File(t.Context(), layout.DigestOf([]byte("missing")))
	wantIs(t, "file", err, fs.ErrNotExist)
	if f != nil {
		t.Error("file: got one with an error")
	}
}

func testLink(t *testing.T, s store.Store) {
	linker, ok := s.(store.Linker)
	if !ok {
		t.Skip("SKIP: the store is no Linker")
	}
	data := object(1, 1000)
	d := put(t, s, data)
	// A folder on the same file system: beside the stage's files.
	path := filepath.Join(stageOf(t, s), "linked")
	wantNil(t, "link", linker.Link(t.Context(), d, path))
	got, err := os.ReadFile(path)
	wantNil(t, "read", err)
	if !bytes.Equal(got, data) {
		t.Errorf("linked file: got %d other bytes, want %d", len(got), len(data))
	}
	wantIs(t, "link to a name that is taken", linker.Link(t.Context(), d, path), fs.ErrExist)
	err = linker.Link(t.Context(), layout.DigestOf([]byte("missing")), path+"2")
	wantIs(t, "link of a missing object", err, fs.ErrNotExist)
	wantNil(t, "remove", os.Remove(path))
	wantObject(t, s, data)
}

func testAdopt(t *testing.T, s store.Store) {
	adopter, ok := s.(store.Adopter)
	if !ok {
		t.Skip("SKIP: the store is no Adopter")
	}
	data := object(1, 1000)
	d := layout.DigestOf(data)
	staged := file(t, stageOf(t, s), data)
	wantNil(t, "sync", staged.Sync())
	if err := adopter.Adopt(t.Context(), d, 999, staged); err == nil {
		t.Error("adopt of 1000 bytes as 999: no error")
	}
	_, err := s.Stat(t.Context(), d)
	wantIs(t, "stat", err, fs.ErrNotExist)
	for range 2 { // what is there already is no error
		wantNil(t, "adopt", adopter.Adopt(t.Context(), d, 1000, staged))
		wantObject(t, s, data)
	}
	wantNil(t, "remove", os.Remove(staged.Name()))
	wantNil(t, "create", s.Create(t.Context(), 1, []byte("relies on it")))
	wantObject(t, s, data)

	other := object(2, 500)
	outside := file(t, t.TempDir(), other)
	wantNil(t, "adopt from elsewhere", adopter.Adopt(t.Context(), layout.DigestOf(other), 500, outside))
	wantObject(t, s, other)
	if err := adopter.Adopt(t.Context(), d, 500, outside); err == nil {
		t.Error("adopt of an object that is there with another size: no error")
	}
	wantObject(t, s, data)
}
