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

// short is how long a test of silence waits, in each of its attempts. All others have
// the minute of Client, so that a busy machine is not taken for a publisher who falls silent.
const short = 500 * time.Millisecond

func newBench(t testing.TB, files map[string][]byte) *bench {
	t.Helper()
	p := hostile.New(files)
	t.Cleanup(p.Close)
	c := &upstream.Client{RetryWait: time.Millisecond}
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

func (b *bench) want(path string, body []byte) layout.Want {
	w := layout.Want{URL: b.publisher.URL(path), Path: filepath.Join(b.dir, "file")}
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
func (b *bench) discarded(t *testing.T, w layout.Want) []string {
	t.Helper()
	if err := new(upstream.Publisher).Discard(w.Path); err != nil {
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
	got.Validators = layout.Validators{}
	want := layout.Got{
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

func wantError(t *testing.T, err error, prefix, part string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %q", part)
	}
	if !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %q, want %q in it", err, part)
	}
}

// TestEveryDigestCounts states one wrong thing among right ones.
func TestEveryDigestCounts(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a.exe": body})
	right := b.want("/a.exe", body)
	right.SHA1, right.MD5 = sha1.Sum(body), md5.Sum(body)
	tests := []struct {
		what  string
		spoil func(*layout.Want)
	}{
		{"size", func(w *layout.Want) { w.Size++ }},
		{"sha256", func(w *layout.Want) { w.SHA256[0]++ }},
		{"sha1", func(w *layout.Want) { w.SHA1[0]++ }},
		{"md5", func(w *layout.Want) { w.MD5[0]++ }},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			w := right
			tt.spoil(&w)
			_, err := b.client.Fetch(t.Context(), b.origin, w)
			var wrong *layout.MismatchError
			if !errors.As(err, &wrong) || wrong.What != tt.what {
				t.Errorf("got %v, want a wrong %s", err, tt.what)
			}
			if _, err := os.Stat(w.Path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v, want no file", err)
			}
		})
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
			if tt.name == "stall" {
				b.client.Stall = short
			}
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

// TestWeakValidatorsStayOutOfIfRange looks at the second request of a download
// that was cut.
func TestWeakValidatorsStayOutOfIfRange(t *testing.T) {
	tests := []struct {
		name   string
		faults []hostile.Fault
		want   string // If-Range
	}{
		{"strong ETag", nil, "ETag"},
		{"weak ETag", []hostile.Fault{hostile.WeakETag{}}, "Last-Modified"},
		{"nothing", []hostile.Fault{hostile.NoValidators{}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, map[string][]byte{"/a.exe": body})
			b.publisher.Fault("/a.exe", append(tt.faults, hostile.Cut{At: 300_000, Times: 1})...)
			got, err := b.client.Fetch(t.Context(), b.origin, b.want("/a.exe", body))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"ETag": got.Validators.ETag, "Last-Modified": got.Validators.LastModified}[tt.want]
			second := b.publisher.Log()[1].Header
			if second.Get("If-Range") != want || second.Get("Range") != "bytes=300000-" {
				t.Errorf("got If-Range %q, Range %q, want If-Range %q", second.Get("If-Range"), second.Get("Range"), want)
			}
		})
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
	doc, err := b.client.Refresh(t.Context(), b.origin, b.publisher.URL("/list.txt"), layout.Validators{}, dst)
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
	_, err = b.client.Refresh(t.Context(), b.origin, b.publisher.URL("/list.txt"), layout.Validators{}, dst)
	wantError(t, err, "refresh ", "larger than the limit of 10 bytes")
	if read, _ := os.ReadFile(dst); string(read) != "http://a.example/x.exe\n" {
		t.Errorf("the list was touched: %q", read)
	}
}
