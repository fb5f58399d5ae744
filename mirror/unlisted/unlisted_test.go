package unlisted_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/mirror/fill"
	"patchferry/mirror/unlisted"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content returns n bytes that no sniffing takes for text and no two offsets share.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	r.Read(b)
	copy(b, "MZ\x90\x00")
	return b
}

const (
	guid  = "/filestreamingservice/files/6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	scan  = "/microsoftupdate/v6/wsusscan/wsusscn2.cab"
	plain = "/msdownload/update/plain.cab"
)

// bench is a cache, and a publisher that it may ask.
type bench struct {
	*testing.T
	publisher *hostile.Publisher
	client    *upstream.Client
	cache     *unlisted.Cache
	dir       string
	host      string // of the publisher
	ended     bool
}

func newBench(t *testing.T, files map[string][]byte) *bench {
	t.Helper()
	b := &bench{T: t, publisher: hostile.New(files), dir: t.TempDir()}
	b.client = &upstream.Client{RetryWait: time.Millisecond}
	b.host = strings.TrimPrefix(b.publisher.URL(""), "http://")
	t.Cleanup(func() {
		if !b.ended {
			b.end()
		}
		b.client.Close()
		b.publisher.Close()
	})
	b.open()
	return b
}

// open begins with what is in the folder.
func (b *bench) open() {
	b.Helper()
	o, err := upstream.NewOrigin("unlisted", nil, []string{b.host, "*.dl.example.net"})
	if err != nil {
		b.Fatal(err)
	}
	if b.cache, err = unlisted.Open(b.dir); err != nil {
		b.Fatal(err)
	}
	b.ended = false
	b.cache.Fills.Linger, b.cache.Fills.Patience = time.Millisecond, 2*time.Second
	b.cache.Publisher = func(host string) (fill.Origin, *url.URL) {
		o, u := upstream.Origins{o}.For(host)
		return &upstream.Publisher{Client: b.client, Origin: o}, u
	}
}

func (b *bench) end() {
	b.ended = true
	if err := b.cache.Close(); err != nil {
		b.Error(err)
	}
}

func (b *bench) ask(path, query string) layout.PathRequest {
	return layout.PathRequest{Origin: b.host, Path: path, Query: query}
}

// get asks for a file and reads it whole.
func (b *bench) get(path, query string) ([]byte, error) {
	f, err := b.cache.Get(b.Context(), b.ask(path, query))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(b.Context(), f, 0, f.Size())
}

// want is get for who expects these bytes.
func (b *bench) want(path, query string, want []byte) {
	b.Helper()
	got, err := b.get(path, query)
	if err != nil || !bytes.Equal(got, want) {
		b.Fatalf("%s: got %d bytes, %v; want %d others", path, len(got), err, len(want))
	}
}

// whole waits until so many files are here whole and nothing is on its way.
func (b *bench) whole(n int) {
	b.Helper()
	for range 5000 {
		if s := b.cache.Stats(); s.Files == n && s.Fills.Running == 0 && s.Fills.PartBytes == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	b.Fatalf("got %+v, want %d files", b.cache.Stats(), n)
}

// read reads a part of a filling as a host does.
func read(ctx context.Context, f layout.Filling, start, end int64) ([]byte, error) {
	r, err := f.Read(start, end)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []byte
	for start < end {
		ready, err := r.Ready(ctx, start)
		if err != nil {
			return all, err
		}
		piece := make([]byte, ready-start)
		if _, err := r.File().ReadAt(piece, start); err != nil && err != io.EOF {
			return all, err
		}
		all = append(all, piece...)
		start = ready
	}
	return all, nil
}

// files lists what is on disk below the cache's folder of whole files.
func (b *bench) files() []string {
	b.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(b.dir, "files"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		b.Error(err)
	}
	return names
}

// TestGet asks for a file of each kind, twice, and once more after a restart.
func TestGet(t *testing.T) {
	for _, tt := range []struct {
		path  string
		looks int // questions to the origin by then
	}{{guid, 0}, {scan, 1}, {plain, 1}, {"/c/Upgr/" + strings.Repeat("ab", 20) + "_x.esd", 0}, {guid + "/pieceshash", 0}} {
		t.Run(tt.path, func(t *testing.T) {
			body := content(1, 900_000)
			b := newBench(t, map[string][]byte{tt.path: body})
			b.want(tt.path, "P1=1&P4=secret", body)
			b.whole(1)
			b.want(tt.path, "P1=2", body)
			b.end()
			b.open()
			b.want(tt.path, "", body)
			if n := b.publisher.Bytes(tt.path); n != int64(len(body)+tt.looks) {
				t.Errorf("got %d bytes from the origin, want %d", n, len(body)+tt.looks)
			}
			if s := b.cache.Stats(); s.Hits != 1 || s.Files != 1 || s.Bytes != int64(len(body)) {
				t.Errorf("got %+v", s)
			}
			for _, r := range b.publisher.Log() {
				if r.Query != "P1=1&P4=secret" {
					t.Errorf("got query %q", r.Query)
				}
			}
			for _, name := range b.files() {
				if text, _ := os.ReadFile(name); bytes.Contains(text, []byte("secret")) {
					t.Errorf("%s holds the query", name)
				}
			}
		})
	}
}

// TestFillingStays: a host that has the beginning from a fill gets the rest from the
// whole file, by the same validators.
func TestFillingStays(t *testing.T) {
	body := content(1, 900_000)
	b := newBench(t, map[string][]byte{guid: body})
	first, err := b.cache.Get(t.Context(), b.ask(guid, ""))
	if err != nil {
		t.Fatal(err)
	}
	etag, modified := first.ETag(), first.Modified()
	if _, err := read(t.Context(), first, 0, first.Size()); err != nil {
		t.Fatal(err)
	}
	first.Close()
	first.Close() // once is enough, twice no harm
	b.whole(1)
	b.end()
	b.open()
	second, err := b.cache.Get(t.Context(), b.ask(guid, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.ETag() != etag || !second.Modified().Equal(modified) || second.SHA256() != layout.DigestOf(body) || !second.Restarted().IsZero() {
		t.Errorf("got %s, %v, %s; want %s, %v", second.ETag(), second.Modified(), second.SHA256(), etag, modified)
	}
	if got, err := read(t.Context(), second, 100, 200); err != nil || !bytes.Equal(got, body[100:200]) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	for _, r := range [][2]int64{{-1, 5}, {5, 4}, {0, 900_001}} {
		if _, err := second.Read(r[0], r[1]); err == nil {
			t.Errorf("got no error for [%d, %d)", r[0], r[1])
		}
	}
}

// TestNothingIsRememberedOfMissing asks for what is not there, and then is.
func TestNothingIsRememberedOfMissing(t *testing.T) {
	for _, path := range []string{guid + "/pieceshash", scan} {
		b := newBench(t, map[string][]byte{"/other": nil})
		for range 2 {
			if _, err := b.get(path, ""); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: got %v, want fs.ErrNotExist", path, err)
			}
		}
		if n := b.publisher.Requests(path); n != 2 {
			t.Errorf("%s: got %d requests, want 2", path, n)
		}
		body := content(3, 5000)
		b.publisher.Put(path, body)
		b.want(path, "", body)
	}
}

// TestDigestInTheName holds a file to the digest that its name states.
func TestDigestInTheName(t *testing.T) {
	body := content(1, 300_000)
	b := newBench(t, map[string][]byte{plain: body})
	wrong := b.ask(plain, "")
	wrong.SHA1[0] = 1
	f, err := b.cache.Get(t.Context(), wrong)
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(t.Context(), f, 0, f.Size())
	f.Close()
	var mismatch *layout.MismatchError
	if !errors.As(err, &mismatch) {
		t.Errorf("got %v, want a mismatch", err)
	}
	b.whole(0)
	if names := b.files(); len(names) != 0 {
		t.Errorf("got %q", names)
	}
}

// TestRefusals: what is asked for in other words than those of a file of an allowed
// origin is not fetched.
func TestRefusals(t *testing.T) {
	b := newBench(t, map[string][]byte{plain: content(1, 5000)})
	b.client.Resolve = nil
	requests := map[string]layout.PathRequest{
		"nobody's":             {Path: plain},
		"another host's":       {Origin: "evil.example", Path: plain},
		"another port":         {Origin: "127.0.0.1", Path: plain},
		"user":                 {Origin: "u@" + b.host, Path: plain},
		"path in the host":     {Origin: b.host + "/x", Path: plain},
		"header in the host":   {Origin: b.host + "\r\nX-A: b", Path: plain},
		"pattern as a host":    {Origin: "*.dl.example.net", Path: plain},
		"parent":               {Origin: b.host, Path: "/a/../" + plain[1:]},
		"dot":                  {Origin: b.host, Path: "/./" + plain[1:]},
		"empty segment":        {Origin: b.host, Path: "/" + plain},
		"backslash":            {Origin: b.host, Path: `/a\..\b`},
		"folder":               {Origin: b.host, Path: "/msdownload/"},
		"root":                 {Origin: b.host, Path: "/"},
		"no slash":             {Origin: b.host, Path: plain[1:]},
		"NUL":                  {Origin: b.host, Path: plain + "\x00"},
		"line feed":            {Origin: b.host, Path: plain + "\nHost: evil.example"},
		"no UTF-8":             {Origin: b.host, Path: plain + "\xff"},
		"long path":            {Origin: b.host, Path: "/" + strings.Repeat("a", 3000)},
		"header in the query":  {Origin: b.host, Path: plain, Query: "a\r\nX-A: b"},
		"fragment":             {Origin: b.host, Path: plain, Query: "a#b"},
		"blank":                {Origin: b.host, Path: plain, Query: "a b HTTP/1.1"},
		"long query":           {Origin: b.host, Path: plain, Query: strings.Repeat("a", 5000)},
		"absolute URL":         {Origin: b.host, Path: "http://evil.example/x"},
		"network path":         {Origin: b.host, Path: "//evil.example/x"},
		"address by a pattern": {Origin: "10.0.0.1.dl.example.net.", Path: ""},
	}
	for name, q := range requests {
		if _, err := b.cache.Get(t.Context(), q); !errors.Is(err, layout.ErrNoFill) {
			t.Errorf("%s: got %v, want layout.ErrNoFill", name, err)
		}
	}
	if n := b.publisher.Requests(""); n != 0 {
		t.Errorf("the publisher was asked %d times", n)
	}
	none := new(unlisted.Cache)
	if _, err := none.Get(t.Context(), b.ask(plain, "")); !errors.Is(err, layout.ErrNoFill) {
		t.Errorf("without publishers: got %v", err)
	}
}

// TestPathsAreAsked: what a path means to a URL is not what it means here.
func TestPathsAreAsked(t *testing.T) {
	body := content(1, 5000)
	for _, path := range []string{"/a b.cab", "/a?b.cab", "/a#b.cab", "/a%2e%2e/b.cab", "/ä/b;c=d.cab", "/a:b@c.cab"} {
		b := newBench(t, map[string][]byte{path: body})
		b.want(path, "q=1", body)
		for _, r := range b.publisher.Log() {
			if r.Path != path || r.Query != "q=1" || r.Host != b.host {
				t.Errorf("%q: got %q with %q of %q", path, r.Path, r.Query, r.Host)
			}
		}
	}
}
