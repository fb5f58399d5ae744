package trusted_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"
	"testing/iotest"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// catalog puts a catalog of n updates and returns a generation that names it.
func (s *site) catalog(n int) *layout.Generation {
	s.t.Helper()
	var b bytes.Buffer
	out, err := layout.NewCatalogWriter(&b)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range n {
		line, err := layout.AppendLine(nil, &layout.Update{ID: fmt.Sprintf("test:%06d", i), Type: layout.Software})
		if err != nil {
			s.t.Fatal(err)
		}
		if err := out.WriteLine(line); err != nil {
			s.t.Fatal(err)
		}
	}
	sum, err := out.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	return &layout.Generation{
		Format: layout.FormatGeneration, Version: layout.Version, Number: 1, Created: layout.At(noon),
		Catalog: s.put(b.Bytes()), Lines: sum.Lines, Counts: layout.Counts{Updates: n},
	}
}

func (s *site) put(b []byte) layout.ObjectRef {
	s.t.Helper()
	ref, err := s.writer().PutDocument(s.t.Context(), b)
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

// signed puts a generation and its signature by key.
func (s *site) signed(key *verify.SecretKey, gen *layout.Generation) layout.SignedRef {
	s.t.Helper()
	doc, err := gen.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.signedBytes(key, doc)
}

func (s *site) signedBytes(key *verify.SecretKey, doc []byte) layout.SignedRef {
	s.t.Helper()
	sig, err := key.Sign(doc, noon)
	if err != nil {
		s.t.Fatal(err)
	}
	return layout.SignedRef{Document: s.put(doc), Signature: s.put(sig)}
}

func (s *site) names(dir string) []string {
	s.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestGenerationAndCatalogComeBack(t *testing.T) {
	s := newSite(t)
	want := s.catalog(1000)
	r := s.reader()
	got, err := r.Generation(t.Context(), s.signed(s.origin, want))
	if err != nil {
		t.Fatal(err)
	}
	if got.Lines != want.Lines || got.Catalog != want.Catalog || got.Counts != want.Counts {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c, err := r.Catalog(t.Context(), got)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for u, err := range c.Updates() {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("test:%06d", n); u.ID != want {
			t.Fatalf("got update %s, want %s", u.ID, want)
		}
		n++
	}
	if n != 1000 {
		t.Errorf("got %d updates, want 1000", n)
	}
}

func TestGenerationIsRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		ref  func(s *site) layout.SignedRef
		want verify.Code
	}{
		{"signed by a key that nobody knows", func(s *site) layout.SignedRef {
			return s.signed(newKey(s.t, "origin"), s.catalog(1))
		}, verify.CodeKey},
		{"signed by the site's key", func(s *site) layout.SignedRef {
			return s.signed(s.site, s.catalog(1))
		}, verify.CodeKey},
		{"signature of another generation", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			ref.Signature = s.signed(s.origin, s.catalog(2)).Signature
			return ref
		}, verify.CodeSignature},
		{"document in the place of the signature", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			ref.Signature = ref.Document
			return ref
		}, verify.CodeSignature},
		{"altered in the store", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			doc := s.read(s.objectPath(ref.Document.SHA256))
			s.overwrite(s.objectPath(ref.Document.SHA256), bytes.Replace(doc, []byte(`"number": 1`), []byte(`"number": 2`), 1))
			return ref
		}, verify.CodeDigest},
		{"swapped for a shorter object", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			s.overwrite(s.objectPath(ref.Document.SHA256), []byte("{}"))
			return ref
		}, verify.CodeSize},
		{"stated too long", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			ref.Document.Size++
			return ref
		}, verify.CodeSize},
		{"stated too short", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			ref.Signature.Size--
			return ref
		}, verify.CodeSize},
		{"stated endless", func(s *site) layout.SignedRef {
			ref := s.signed(s.origin, s.catalog(1))
			ref.Document.Size = store.MaxDocument + 1
			return ref
		}, verify.CodeLimit},
		{"another document of the origin", func(s *site) layout.SignedRef {
			return s.signedBytes(s.origin, []byte(`{"format":"patchferry-bundle","version":1}`))
		}, verify.CodeFormat},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			_, err := s.reader().Generation(t.Context(), test.ref(s))
			wantCode(t, err, test.want)
		})
	}
}

func TestMissingIsNotUntrusted(t *testing.T) {
	s := newSite(t)
	gen := s.catalog(1)
	ref := s.signed(s.origin, gen)
	s.remove(s.objectPath(ref.Signature.SHA256))
	_, err := s.reader().Generation(t.Context(), ref)
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("generation: got %v, want one that matches fs.ErrNotExist alone", err)
	}
	s.remove(s.objectPath(gen.Catalog.SHA256))
	_, err = s.reader().Catalog(t.Context(), gen)
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("catalog: got %v, want one that matches fs.ErrNotExist alone", err)
	}
}

func TestCatalogIsRefusedBeforeItsFirstLine(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(s *site, gen *layout.Generation)
		want verify.Code
	}{
		{"one byte altered at the end", func(s *site, gen *layout.Generation) {
			b := s.read(s.objectPath(gen.Catalog.SHA256))
			b[len(b)-1] ^= 1
			s.overwrite(s.objectPath(gen.Catalog.SHA256), b)
		}, verify.CodeDigest},
		{"swapped for an older one", func(s *site, gen *layout.Generation) {
			s.overwrite(s.objectPath(gen.Catalog.SHA256), s.read(s.objectPath(s.catalog(5).Catalog.SHA256)))
		}, verify.CodeSize},
		{"larger than any", func(_ *site, gen *layout.Generation) { gen.Catalog.Size = 1 << 40 }, verify.CodeLimit},
		{"negative", func(_ *site, gen *layout.Generation) { gen.Catalog.Size = -1 }, verify.CodeLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			gen := s.catalog(100)
			test.do(s, gen)
			_, err := s.reader().Catalog(t.Context(), gen)
			wantCode(t, err, test.want)
		})
	}
}

func TestCatalogIsRefusedAtItsEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(gen *layout.Generation)
		want verify.Code
	}{
		{"lines are not the ones signed", func(gen *layout.Generation) { gen.Lines = layout.DigestOf(nil) }, verify.CodeDigest},
		{"more updates than counted", func(gen *layout.Generation) { gen.Counts.Updates-- }, verify.CodeCount},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			gen := s.catalog(10)
			test.do(gen)
			wantCode(t, readAll(t, s.reader(), gen), test.want)
		})
	}
}

// readAll reads a catalog's lines and returns the error that ends them.
func readAll(t *testing.T, r *trusted.Reader, gen *layout.Generation) error {
	t.Helper()
	c, err := r.Catalog(t.Context(), gen)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range c.Lines() {
		last = err
	}
	return last
}

// watchedStore hands out other bytes from the second reading of an object on,
// and counts readers that are still open.
type watchedStore struct {
	store.Store
	second io.Reader
	reads  int
	open   int
}

type watchedReader struct {
	io.Reader
	io.Closer
	of *watchedStore
}

func (w *watchedStore) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	in, err := w.Store.Open(ctx, d, offset, n)
	if err != nil {
		return nil, err
	}
	w.reads++
	w.open++
	out := &watchedReader{in, in, w}
	if w.reads > 1 && w.second != nil {
		out.Reader = w.second
	}
	return out, nil
}

func (r *watchedReader) Close() error {
	r.of.open--
	return r.Closer.Close()
}

func TestStoreThatChangesBetweenTwoReadings(t *testing.T) {
	s := newSite(t)
	gen := s.catalog(10)
	other := s.read(s.objectPath(s.catalog(11).Catalog.SHA256))
	r := s.reader()
	watched := &watchedStore{Store: r.Store, second: bytes.NewReader(other)}
	r.Store = watched
	wantCode(t, readAll(t, r, gen), verify.CodeSize)
	if watched.open != 0 {
		t.Errorf("%d readers are still open", watched.open)
	}
}

func TestStoreThatFailsIsNotUntrusted(t *testing.T) {
	s := newSite(t)
	gen := s.catalog(10)
	broken := errors.New("cable pulled")
	r := s.reader()
	r.Store = &watchedStore{Store: r.Store, second: iotest.ErrReader(broken)}
	if err := readAll(t, r, gen); !errors.Is(err, broken) || errors.Is(err, verify.ErrUntrusted) {
		t.Errorf("got %v, want %v and no refusal", err, broken)
	}
}

func TestCatalogIsClosed(t *testing.T) {
	for name, use := range map[string]func(c *trusted.Catalog){
		"read":       func(c *trusted.Catalog) { drain(c, -1) },
		"given up":   func(c *trusted.Catalog) { drain(c, 3) },
		"not opened": func(c *trusted.Catalog) { _ = c.Close() },
		"closed twice": func(c *trusted.Catalog) {
			drain(c, 1)
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			gen := s.catalog(10)
			r := s.reader()
			watched := &watchedStore{Store: r.Store}
			r.Store = watched
			c, err := r.Catalog(t.Context(), gen)
			if err != nil {
				t.Fatal(err)
			}
			use(c)
			if watched.open != 0 {
				t.Errorf("%d readers are still open", watched.open)
			}
		})
	}
}

func drain(c *trusted.Catalog, lines int) {
	for range c.Lines() {
		if lines--; lines == 0 {
			return
		}
	}
}
