package mirror_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
)

// scales is a store that weighs what is alive on the heap every so many calls.
// It has besides what it is told of objects that are never on disk.
type scales struct {
	store.Store
	every   int
	objects map[layout.Digest]uint64

	mu    sync.Mutex
	calls int
	empty uint64 // bytes alive before
	most  uint64 // bytes alive at any time
}

func (s *scales) weigh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; s.calls%s.every == 0 {
		s.most = max(s.most, alive())
	}
}

func alive() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what lies in a sync.Pool outlives one
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func thin(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("thin"), n) }

func (s *scales) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	s.weigh()
	if n, ok := s.objects[d]; ok {
		return int64(len(thin(n))), nil
	}
	return s.Store.Stat(ctx, d)
}

func (s *scales) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	s.weigh()
	if i, ok := s.objects[d]; ok {
		return io.NopCloser(bytes.NewReader(thin(i))), nil
	}
	return s.Store.Open(ctx, d, offset, n)
}

func (s *scales) Put(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	s.weigh()
	return s.Store.Put(ctx, d, size, f)
}

// TestWhatABundleWeighs: neither side keeps more than this of each object in
// memory while a bundle is written or imported, and little besides.
func TestWhatABundleWeighs(t *testing.T) {
	const few, many = 1000, 9000
	const each = 160 // bytes an object
	least, most := weigh(t, few), weigh(t, many)
	for _, test := range []struct {
		name      string
		few, many uint64
		first     uint64
	}{
		{"export", least.exported, most.exported, 8 << 20},
		{"import", least.imported, most.imported, 4 << 20},
	} {
		if got := (int64(test.many) - int64(test.few)) / (many - few); got > each {
			t.Errorf("%s: %d bytes an object, want at most %d", test.name, got, each)
		}
		if test.few > test.first {
			t.Errorf("%s of %d objects: %d bytes, want at most %d", test.name, few, test.few, test.first)
		}
		t.Logf("%s: %d bytes alive with %d objects, %d with %d", test.name, test.few, few, test.many, many)
	}
}

// weights are bytes alive at most above what was alive before.
type weights struct{ exported, imported uint64 }

// weigh exports and imports a full bundle of n objects.
func weigh(t *testing.T, n int) (w weights) {
	near := newWire(t)
	thinned := &scales{Store: near.dir, every: n / 10, objects: make(map[layout.Digest]uint64, n)}
	near.use(thinned, filepath.Join(t.TempDir(), "mark"))
	source := near.source("thin", "", "dl.example.net")
	source.Path = thinned.list(t, n)
	near.Sources = []mirror.Source{source}
	near.sync(mirror.SyncOptions{})
	thinned.empty, thinned.most = alive(), 0
	r, err := near.Export(t.Context(), mirror.ExportOptions{To: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if r.Objects != n+1 {
		t.Fatalf("got %d objects, want %d", r.Objects, n+1)
	}
	far := newFar(t, near)
	weighed := &scales{Store: far.dir, every: n / 10}
	far.Store, far.Trusted.Store = weighed, weighed
	weighed.empty = alive()
	far.take(r.Dir)
	return weights{thinned.most - thinned.empty, weighed.most - weighed.empty}
}

// list makes n objects, and a list with an update for each.
func (s *scales) list(t *testing.T, n int) string {
	var list bytes.Buffer
	for i := range n {
		d := layout.DigestOf(thin(uint64(i)))
		s.objects[d] = uint64(i)
		fmt.Fprintf(&list, `{"id":"thin:%06d","type":"software","title":"One of many updates","files":[{"name":"kb%d.msu","size":%d,"sha256":"%s","url":"https://dl.example.net/kb%d.msu"}]}`+"\n",
			i, 1_000_000+i, len(thin(0)), d, 1_000_000+i)
	}
	name := filepath.Join(t.TempDir(), "list")
	must(t, os.WriteFile(name, list.Bytes(), 0o600))
	return name
}
