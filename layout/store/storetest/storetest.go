// Package storetest is the suite that every store passes: each sentence of the
// contract in store.Store is checked here. It judges by what the methods
// return and knows nothing of how a store keeps its bytes.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
)

// Run runs the suite. open returns a new and empty store, closed by t.Cleanup,
// which is used by one sub-test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"put", testPut},
		{"put from the stage", testPutStaged},
		{"put from the start", testPutFromStart},
		{"put again", testPutAgain},
		{"put at once", testPutAtOnce},
		{"put the wrong size", testPutWrongSize},
		{"empty object", testEmptyObject},
		{"ranges", testRanges},
		{"read in part", testReadInPart},
		{"missing object", testMissingObject},
		{"delete", testDelete},
		{"list", testList},
		{"list 2000", testListMany},
		{"file", testFile},
		{"link", testLink},
		{"adopt", testAdopt},
		{"log", testLog},
		{"log without holes", testLogHoles},
		{"create at once", testCreateAtOnce},
		{"document limit", testDocumentLimit},
		{"bind", testBind},
		{"bind at once", testBindAtOnce},
		{"bindings", testBindings},
		{"cancelled", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// object returns size bytes that differ for each seed.
func object(seed, size int) []byte {
	unit := []byte(strconv.Itoa(seed) + ".")
	return bytes.Repeat(unit, size/len(unit)+1)[:size]
}

// file returns data in an open file in dir.
func file(t *testing.T, dir string, data []byte) *os.File {
	t.Helper()
	f, err := os.CreateTemp(dir, "object-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return f
}

// put puts data, from a file outside of the store, and returns its digest.
func put(t *testing.T, s store.Store, data []byte) layout.Digest {
	t.Helper()
	d := layout.DigestOf(data)
	if err := s.Put(t.Context(), d, int64(len(data)), file(t, t.TempDir(), data)); err != nil {
		t.Fatalf("put: %v", err)
	}
	return d
}

// read reads n bytes of an object from offset on.
func read(t *testing.T, s store.Store, d layout.Digest, offset, n int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), d, offset, n)
	if err != nil {
		t.Fatalf("open from %d on, %d bytes: %v", offset, n, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read from %d on, %d bytes: %v", offset, n, err)
	}
	if err := r.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return data
}

// wantObject checks that the store has exactly these bytes under their digest.
func wantObject(t *testing.T, s store.Store, data []byte) {
	t.Helper()
	d := layout.DigestOf(data)
	size, err := s.Stat(t.Context(), d)
	if err != nil || size != int64(len(data)) {
		t.Errorf("stat: got %d, %v, want %d", size, err, len(data))
	}
	if got := read(t, s, d, 0, -1); !bytes.Equal(got, data) {
		t.Errorf("object: got %d bytes %.20q…, want %d bytes %.20q…", len(got), got, len(data), data)
	}
}

func wantIs(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want one that matches %q", what, err, want)
	}
}

func wantNil(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// list returns a listing from the first object after `after` on.
func list(t *testing.T, s store.Store, after layout.Digest) []store.Info {
	t.Helper()
	var all []store.Info
	for info, err := range s.List(t.Context(), after) {
		wantNil(t, "list", err)
		all = append(all, info)
	}
	return all
}

// stageOf returns the stage of a store that has one.
func stageOf(t *testing.T, s store.Store) string {
	t.Helper()
	stager, ok := s.(store.Stager)
	if !ok {
		t.Skip("SKIP: the store is no Stager")
	}
	dir := stager.StageDir()
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || !filepath.IsAbs(dir) {
		t.Fatalf("stage %q is no folder with an absolute path: %v", dir, err)
	}
	return dir
}

func testCancelled(t *testing.T, s store.Store) {
	data := object(1, 100)
	d := put(t, s, data)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key := layout.DigestOf([]byte("key"))
	other := object(2, 100)
	wantIs(t, "put", s.Put(ctx, layout.DigestOf(other), 100, file(t, t.TempDir(), other)), context.Canceled)
	wantIs(t, "delete", s.Delete(ctx, d), context.Canceled)
	wantIs(t, "create", s.Create(ctx, 1, []byte("x")), context.Canceled)
	wantIs(t, "bind", s.Bind(ctx, key, []byte("x")), context.Canceled)
	for _, err := range s.List(ctx, layout.Digest{}) {
		wantIs(t, "list", err, context.Canceled)
	}
	for _, err := range s.Bindings(ctx) {
		wantIs(t, "bindings", err, context.Canceled)
	}
	wantObject(t, s, data)
	if _, err := s.Stat(t.Context(), layout.DigestOf(other)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat of what was not put: %v", err)
	}
	if n, err := s.Newest(t.Context()); n != 0 || err != nil {
		t.Errorf("newest: got %d, %v, want 0", n, err)
	}
}
