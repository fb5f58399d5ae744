package upstream_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content returns n bytes that no sniffing takes for text and no two offsets
// share.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	r.Read(b)
	copy(b, "MZ\x90\x00")
	return b
}

type bench struct {
	publisher *hostile.Publisher
	client    *upstream.Client
	origin    *upstream.Origin
	dir       string
}

func newBench(t testing.TB, files map[string][]byte) *bench {
	t.Helper()
	p := hostile.New(files)
	t.Cleanup(p.Close)
	c := &upstream.Client{RetryWait: time.Millisecond, Stall: 200 * time.Millisecond}
	t.Cleanup(c.Close)
	return &bench{publisher: p, client: c, origin: origin(t, p.URL("/list.txt")), dir: t.TempDir()}
}

func origin(t testing.TB, list string, hosts ...string) *upstream.Origin {
	t.Helper()
	u, err := url.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	o, err := upstream.NewOrigin("xp", u, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (b *bench) want(path string, body []byte) upstream.Want {
	w := upstream.Want{URL: b.publisher.URL(path), Path: filepath.Join(b.dir, "file")}
	if body != nil {
		w.Size, w.SHA256 = int64(len(body)), layout.DigestOf(body)
	}
	return w
}

func (b *bench) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// discarded returns what is left when the caller has taken the file of w.
func (b *bench) discarded(t *testing.T, w upstream.Want) []string {
	t.Helper()
	if err := upstream.Discard(w.Path); err != nil {
		t.Error(err)
	}
	return b.names(t)
}

func TestFetch(t *testing.T) {
	body := content(1, 700_000)
	b := newBench(t, map[string][]byte{"/a.exe": body})
	w := b.want("/a.exe", body)
	w.SHA1, w.MD5 = sha1.Sum(body), md5.Sum(body)
	got, err := b.client.Fetch(t.Context(), b.origin, w)
	if err != nil {
		t.Fatal(err)
	}
	if got.Validators.ETag == "" || got.Validators.LastModified == "" {
		t.Errorf("got no validators: %+v", got.Validators)
	}
	got.Validators = upstream.Validators{}
	want := upstream.Got{
		Size: 700_000, SHA256: w.SHA256, SHA1: w.SHA1, MD5: w.MD5, Fetched: 700_000,
		Modified: time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Got (-want +got):\n%s", diff)
	}
	if read, _ := os.ReadFile(w.Path); !bytes.Equal(read, body) {
		t.Error("the file has other bytes")
	}
	if diff := cmp.Diff([]string{}, b.discarded(t, w)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, r := range b.publisher.Log() {
		if enc := r.Header.Get("Accept-Encoding"); enc != "identity" {
			t.Errorf("got Accept-Encoding %q, want identity", enc)
		}
	}
}

// TestFaults meets each fault with and without a stated digest. A nil error
// text means that the right file comes in spite of it.
func TestFaults(t *testing.T) {
	body := content(2, 900_000)
	other := content(3, 900_000)
	longer := content(4, 950_000)
	tests := []struct {
		name     string
		faults   []hostile.Fault
		blind    bool // nothing is stated
		want     []byte
		err      string
		requests int // 0: not looked at
		leaves   []string
	}{
		{name: "cut once", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "cut at once", faults: []hostile.Fault{hostile.Cut{At: 0, Times: 3}}, want: body, requests: 4},
		{name: "cut often, each time with progress", faults: []hostile.Fault{hostile.Cut{At: 50_000, Times: 17}}, want: body, requests: 18},
		{name: "cut for ever without progress", faults: []hostile.Fault{hostile.NoRange{}, hostile.Cut{At: 300_000}},
			err: "only 300000 of 900000 bytes came in 7 attempts: unexpected EOF", requests: 7, leaves: []string{"file.json", "file.part"}},
		{name: "cut, nothing stated", blind: true, faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "cut, no validators, nothing stated", blind: true,
			faults: []hostile.Fault{hostile.NoValidators{}, hostile.Cut{At: 300_000, Times: 2}}, want: body, requests: 3},
		{name: "no ranges", faults: []hostile.Fault{hostile.NoRange{}, hostile.Cut{At: 300_000, Times: 2}}, want: body, requests: 3},
		{name: "length too long", faults: []hostile.Fault{hostile.Length{By: 1000}}, err: "size is 901000, want 900000"},
		{name: "length too short", faults: []hostile.Fault{hostile.Length{By: -1000}}, err: "size is 899000, want 900000"},
		{name: "length too long once", faults: []hostile.Fault{hostile.Length{By: 1000, Times: 1}}, want: body},
		{name: "length too long, nothing stated", blind: true, faults: []hostile.Fault{hostile.Length{By: 1000, Times: 1}}, want: body},
		{name: "length too long for ever, nothing stated", blind: true, faults: []hostile.Fault{hostile.Length{By: 1000}}, err: "901000"},
		{name: "changed between two ranges", blind: true,
			faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: other}}, want: other},
		{name: "changed between two ranges, other length", blind: true,
			faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: longer, SameValidators: true}}, want: longer},
		{name: "changed unseen", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: other, SameValidators: true}},
			err: "sha256 is ", leaves: []string{"file.bad"}},
		{name: "changed unseen and back", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1},
			hostile.Change{To: other, SameValidators: true}, hostile.Good{Times: 1}, hostile.Change{To: body}}, want: body, requests: 3},
		{name: "weak ETag", faults: []hostile.Fault{hostile.WeakETag{}, hostile.Cut{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "weak ETag, changed", blind: true,
			faults: []hostile.Fault{hostile.WeakETag{}, hostile.Cut{At: 300_000, Times: 1}, hostile.Change{To: other}}, want: other},
		{name: "stall once", faults: []hostile.Fault{hostile.Stall{At: 300_000, Times: 1}}, want: body, requests: 2},
		{name: "stall before the headers", faults: []hostile.Fault{hostile.Stall{At: -1, Times: 1}}, want: body, requests: 2},
		{name: "stall for ever", faults: []hostile.Fault{hostile.Stall{At: 0}}, err: "only 0 of 900000 bytes came in 6 attempts: "},
		{name: "503 twice", faults: []hostile.Fault{hostile.Status{Code: 503, Times: 2}}, want: body, requests: 3},
		{name: "503 for ever", faults: []hostile.Fault{hostile.Status{Code: 503}}, err: "the server answered 503 Service Unavailable", requests: 6},
		{name: "503 for a day", faults: []hostile.Fault{hostile.Status{Code: 503, RetryAfter: "86400"}},
			err: "the server answered 503 Service Unavailable and asks to wait 24h0m0s, longer than 5m0s; try again later", requests: 1},
		{name: "429 for a day", faults: []hostile.Fault{hostile.Status{Code: 429, RetryAfter: "86400"}}, err: "429 Too Many Requests and asks to wait 24h0m0s", requests: 1},
		{name: "408", faults: []hostile.Fault{hostile.Status{Code: 408, Times: 1}}, want: body},
		{name: "425", faults: []hostile.Fault{hostile.Status{Code: 425, Times: 1}}, want: body},
		{name: "404", faults: []hostile.Fault{hostile.Status{Code: 404}}, err: "the server answered 404 Not Found", requests: 1},
		{name: "403", faults: []hostile.Fault{hostile.Status{Code: 403}}, err: "403 Forbidden", requests: 1},
		{name: "410", faults: []hostile.Fault{hostile.Status{Code: 410}}, err: "410 Gone", requests: 1},
		{name: "501", faults: []hostile.Fault{hostile.Status{Code: 501}}, err: "501 Not Implemented", requests: 1},
		{name: "HTML", faults: []hostile.Fault{hostile.HTML{}}, err: "the answer is an HTML page and not the file"},
		{name: "HTML, nothing stated", blind: true, faults: []hostile.Fault{hostile.HTML{}}, err: "is an HTML page"},
		{name: "HTML without a type", blind: true, faults: []hostile.Fault{hostile.HTML{Type: "-"}}, err: "is an HTML page"},
		{name: "HTML called a file", blind: true, faults: []hostile.Fault{hostile.HTML{Type: "application/octet-stream"}}, err: "is an HTML page"},
		{name: "wrong bytes", faults: []hostile.Fault{hostile.WrongBytes{At: 450_000}}, err: "sha256 is ", leaves: []string{"file.bad"}},
		{name: "wrong bytes once", faults: []hostile.Fault{hostile.WrongBytes{At: 450_000, Times: 1}}, want: body},
		{name: "range from elsewhere", faults: []hostile.Fault{hostile.Cut{At: 300_000, Times: 1}, hostile.WrongRange{By: 10, Times: 1}}, want: body},
		{name: "range from elsewhere for ever", faults: []hostile.Fault{hostile.WrongRange{By: 10}, hostile.Cut{At: 300_000}}, err: "begins at byte 300010 and not at 300000"},
		{name: "no length", faults: []hostile.Fault{hostile.NoLength{}}, want: body},
		{name: "no length, nothing stated", blind: true, faults: []hostile.Fault{hostile.NoLength{}}, want: body},
		{name: "no length, to the end of the connection", faults: []hostile.Fault{hostile.NoLength{Close: true}}, want: body},
		{name: "no length, cut", faults: []hostile.Fault{hostile.NoLength{Close: true}, hostile.Cut{At: 300_000, Times: 1}}, want: body},
		{name: "no length, to the end of the connection, nothing stated", blind: true, faults: []hostile.Fault{hostile.NoLength{Close: true}},
			err: "does not say how long it is"},
		{name: "redirect away", faults: []hostile.Fault{hostile.Redirect{To: "http://elsewhere.example/a.exe"}},
			err: `source "xp" may not use host "elsewhere.example"; if it belongs to the publisher, add hosts = ["elsewhere.example"]`, requests: 1},
		{name: "redirect to a private address", faults: []hostile.Fault{hostile.Redirect{To: "http://10.0.0.1/a.exe"}},
			err: `may not use host "10.0.0.1"`, requests: 1},
		{name: "redirect to another port", faults: []hostile.Fault{hostile.Redirect{To: "http://127.0.0.1:9/a.exe"}},
			err: `may not use host "127.0.0.1:9"`, requests: 1},
		{name: "redirect to a file", faults: []hostile.Fault{hostile.Redirect{To: "file:///etc/passwd"}}, err: "it is neither http nor https", requests: 1},
		{name: "redirect for ever", faults: []hostile.Fault{hostile.Redirect{To: "/a.exe"}}, err: "more than 5 in a row", requests: 6},
		{name: "redirect with a password", faults: []hostile.Fault{hostile.Redirect{To: "http://u:p@127.0.0.1/a.exe"}},
			err: "it holds a user name or password", requests: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string][]byte{"/a.exe": body})
			b.publisher.Fault("/a.exe", tt.faults...)
			w := b.want("/a.exe", body)
			if tt.blind {
				w = b.want("/a.exe", nil)
			}
			_, err := b.client.Fetch(t.Context(), b.origin, w)
			if tt.requests > 0 && b.publisher.Requests("/a.exe") != tt.requests {
				t.Errorf("got %d requests, want %d", b.publisher.Requests("/a.exe"), tt.requests)
			}
			if tt.err != "" {
				wantError(t, err, "fetch "+w.URL, tt.err)
				if diff := cmp.Diff(append([]string{}, tt.leaves...), b.names(t)); diff != "" {
					t.Errorf("files (-want +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if read, err := os.ReadFile(w.Path); err != nil || !bytes.Equal(read, tt.want) {
				t.Errorf("the file has other bytes (%v)", err)
			}
			if diff := cmp.Diff([]string{}, b.discarded(t, w)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func wantError(t *testing.T, err error, prefix, part string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %q", part)
	}
	if !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %q, want %q in it", err, part)
	}
}

func TestErrorsHaveTypes(t *testing.T) {
	body := content(5, 1000)
	tests := []struct {
		name  string
		fault hostile.Fault
		is    func(error) bool
	}{
		{"status", hostile.Status{Code: 404}, is[*upstream.StatusError]},
		{"host", hostile.Redirect{To: "http://a.example/"}, is[*upstream.HostError]},
		{"URL", hostile.Redirect{To: "ftp://a.example/"}, is[*upstream.URLError]},
		{"redirect", hostile.Redirect{To: "/a.exe"}, is[*upstream.RedirectError]},
		{"cut", hostile.Cut{At: 1}, is[*upstream.CutError]},
		{"stall", hostile.Stall{At: 1}, is[*upstream.StallError]},
		{"content", hostile.HTML{}, is[*upstream.ContentError]},
		{"mismatch", hostile.WrongBytes{At: 10}, is[*layout.MismatchError]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, map[string][]byte{"/a.exe": body})
			b.client.Retries = -1
			b.publisher.Fault("/a.exe", hostile.NoRange{}, tt.fault)
			if _, err := b.client.Fetch(t.Context(), b.origin, b.want("/a.exe", body)); !tt.is(err) {
				t.Errorf("got %T: %v", err, err)
			}
		})
	}
}

func is[T error](err error) bool {
	var e T
	return errors.As(err, &e)
}

func TestFetchResumesAfterRestart(t *testing.T) {
	body := content(6, 3_000_000)
	for _, blind := range []bool{false, true} {
		b := newBench(t, map[string][]byte{"/a.exe": body})
		b.publisher.Fault("/a.exe", hostile.Stall{At: 1_000_000, Times: 1})
		w := b.want("/a.exe", body)
		if blind {
			w = b.want("/a.exe", nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		seen := int64(0)
		b.client.Progress = func(n int64) {
			if seen += n; seen == 1_000_000 {
				cancel()
			}
		}
		if _, err := b.client.Fetch(ctx, b.origin, w); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		next := &upstream.Client{}
		got, err := next.Fetch(t.Context(), b.origin, w)
		next.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got.Fetched != 2_000_000 || got.SHA256 != layout.DigestOf(body) {
			t.Errorf("got %d bytes in the second run, want 2000000; digest %v", got.Fetched, got.SHA256)
		}
	}
}

func TestFetchConditional(t *testing.T) {
	body := content(7, 1000)
	b := newBench(t, map[string][]byte{"/mpam-fe.exe": body})
	w := b.want("/mpam-fe.exe", nil)
	first, err := b.client.Fetch(t.Context(), b.origin, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.Path); err != nil {
		t.Fatal(err)
	}
	w.If = first.Validators
	again, err := b.client.Fetch(t.Context(), b.origin, w)
	if err != nil || !again.NotModified || again.Validators != first.Validators {
		t.Errorf("got %+v, %v, want not modified", again, err)
	}
	if _, err := os.Stat(w.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no file", err)
	}
	b.publisher.Put("/mpam-fe.exe", content(8, 1000))
	if got, err := b.client.Fetch(t.Context(), b.origin, w); err != nil || got.NotModified || got.SHA256 == first.SHA256 {
		t.Errorf("got %+v, %v, want the new file", got, err)
	}
}

func TestRefresh(t *testing.T) {
	b := newBench(t, map[string][]byte{"/list.txt": []byte("http://a.example/x.exe\n")})
	dst := filepath.Join(b.dir, "list")
	doc, err := b.client.Refresh(t.Context(), b.origin, b.publisher.URL("/list.txt"), upstream.Validators{}, dst)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Size != 23 || doc.At.IsZero() || doc.URL != b.publisher.URL("/list.txt") {
		t.Errorf("got %+v", doc)
	}
	same, err := b.client.Refresh(t.Context(), b.origin, b.publisher.URL("/list.txt"), doc.Validators, dst)
	if err != nil || !same.NotModified || same.Validators != doc.Validators {
		t.Errorf("got %+v, %v, want not modified", same, err)
	}
	if n := b.publisher.Requests("/list.txt"); n != 2 {
		t.Errorf("got %d requests, want 2", n)
	}
	b.client = &upstream.Client{MaxList: 10}
	defer b.client.Close()
	_, err = b.client.Refresh(t.Context(), b.origin, b.publisher.URL("/list.txt"), upstream.Validators{}, dst)
	wantError(t, err, "refresh ", "larger than the limit of 10 bytes")
	if read, _ := os.ReadFile(dst); string(read) != "http://a.example/x.exe\n" {
		t.Errorf("the list was touched: %q", read)
	}
}
