package upstream_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream/hostile"
)

// TestCompleteFileIsFoundAgain fetches a file whose caller then dies, and asks
// for it once more.
func TestCompleteFileIsFoundAgain(t *testing.T) {
	for _, size := range []int{5000, 700_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) { completeFile(t, content(1, size), content(2, size)) })
	}
}

// completeFile is the test with a file, and another edition of it.
func completeFile(t *testing.T, body, other []byte) {
	for _, test := range []struct {
		name     string
		change   func(*testing.T, *bench, *layout.Want)
		want     []byte
		requests int
	}{
		{name: "as it was wanted", want: body},
		{name: "with nothing stated", want: body,
			change: func(_ *testing.T, _ *bench, w *layout.Want) {
				w.SHA256, w.SHA1, w.Size = layout.Digest{}, layout.SHA1{}, 0
			}},
		{name: "other bytes are wanted", want: other, requests: 1,
			change: func(_ *testing.T, b *bench, w *layout.Want) {
				b.publisher.Put("/a.exe", other)
				w.SHA256, w.SHA1 = layout.DigestOf(other), layout.SHA1{}
			}},
		{name: "of another URL", want: body, requests: 1,
			change: func(_ *testing.T, b *bench, w *layout.Want) {
				b.publisher.Put("/b.exe", body)
				w.URL = b.publisher.URL("/b.exe")
			}},
		{name: "damaged", want: body, requests: 1,
			change: func(t *testing.T, _ *bench, w *layout.Want) {
				damaged := bytes.Clone(body)
				damaged[4711] ^= 1
				replace(t, w.Path, damaged)
			}},
		{name: "cut", want: body, requests: 1,
			change: func(t *testing.T, _ *bench, w *layout.Want) { replace(t, w.Path, body[:1000]) }},
		{name: "beside a newer one that is not complete", want: other, requests: 1,
			change: func(t *testing.T, b *bench, w *layout.Want) {
				w.SHA256, w.SHA1 = layout.Digest{}, layout.SHA1{}
				b.publisher.Put("/a.exe", other)
				replace(t, w.Path+".part", other[:len(other)/2])
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, map[string][]byte{"/a.exe": body})
			w := b.want("/a.exe", body)
			if _, err := b.client.Fetch(t.Context(), b.origin, w); err != nil {
				t.Fatal(err)
			}
			object := filepath.Join(t.TempDir(), "object") // a store links what it admits
			if err := os.Link(w.Path, object); err != nil {
				t.Fatal(err)
			}
			if test.change != nil {
				test.change(t, b, &w)
			}
			before := b.publisher.Requests("")
			got, err := b.client.Fetch(t.Context(), b.origin, w)
			if err != nil {
				t.Fatal(err)
			}
			if n := b.publisher.Requests("") - before; n != test.requests {
				t.Errorf("got %d requests, want %d", n, test.requests)
			}
			if read, _ := os.ReadFile(w.Path); !bytes.Equal(read, test.want) || got.SHA256 != layout.DigestOf(test.want) || got.Modified.IsZero() {
				t.Errorf("the file has other bytes, or another description: %+v", got)
			}
			if read, _ := os.ReadFile(object); !bytes.Equal(read, body) {
				t.Error("the object was written to")
			}
			if names := b.discarded(t, w); len(names) != 0 {
				t.Errorf("got files %v", names)
			}
		})
	}
}

// TestListIsNotFoundAgain: what was brought here of a list says nothing of
// what it is now.
func TestListIsNotFoundAgain(t *testing.T) {
	b := newBench(t, map[string][]byte{"/list": bytes.Repeat([]byte("line\n"), 100_000)})
	b.publisher.Fault("/list", hostile.Cut{At: 300_000, Times: 1})
	dst := filepath.Join(b.dir, "list")
	for range 2 {
		if _, err := b.client.Refresh(t.Context(), b.origin, b.publisher.URL("/list"), layout.Validators{}, dst); err != nil {
			t.Fatal(err)
		}
		if names := b.names(t); len(names) != 1 {
			t.Errorf("got files %v", names)
		}
	}
	if n := b.publisher.Requests("/list"); n != 3 {
		t.Errorf("got %d requests, want 3", n)
	}
}

// replace gives path new bytes in a new file.
func replace(t *testing.T, path string, body []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", body, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
