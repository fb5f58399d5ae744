package distribute_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
)

// TestFillingIsServedAsAHeldFile sends the same requests for a file that the store has
// and for one that is fetched, and compares all of the answers.
func TestFillingIsServedAsAHeldFile(t *testing.T) {
	content := randomBytes(21, 3<<20+17)
	g := newGrowing(t, content)
	g.whole(t)
	d := layout.DigestOf(content)
	g.etag, g.sum = `"`+d.String()+`"`, d
	cold := serveCold(t, &distribute.Server{}, content, g)
	fx := coldFixture(t, content)
	fx.fold(content, g)
	s := &distribute.Server{Source: fx.folder(t)}
	s.Swap(fx.view(t))
	held := start(t, s)
	date := fixtureTime.Time().Format(http.TimeFormat)
	for _, headers := range [][]string{
		{}, {"Range", "bytes=0-0"}, {"Range", "bytes=5-70000"}, {"Range", "bytes=3145745-"}, {"Range", "bytes=-17"}, {"Range", "bytes=-99999999"},
		{"Range", "bytes=1048576-2097151"}, {"Range", "bytes=3145740-9999999"}, {"Range", "bytes=9999999-"}, {"Range", "bytes=0--1"}, {"Range", "bytes=5-2"},
		{"Range", "bytes=0-9,20-29"}, {"Range", "bytes=2000000-2000009,0-9,-5"}, {"Range", "bytes=0-99999999999999999999"}, {"Range", "lines=1-2"},
		{"Range", "bytes=0-0", "Range", "bytes=1-1"}, {"Range", "bytes=" + strings.Repeat("0-0,", 40) + "0-0"}, {"Range", "bytes=9-9", "If-Range", g.etag},
		{"Range", "bytes=9-9", "If-Range", `"other"`}, {"Range", "bytes=9-9", "If-Range", date}, {"Range", "bytes=9-9", "If-Unmodified-Since", date},
		{"If-None-Match", g.etag}, {"If-None-Match", `W/` + g.etag}, {"If-Match", `"other"`}, {"If-Match", g.etag}, {"If-Modified-Since", date},
		{"If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"}, {"Accept-Encoding", "gzip, deflate"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got, gotBody := cold.do(t, method, coldPath, headers...)
			want, wantBody := held.do(t, method, coldPath, headers...)
			got.Header.Del("Date")
			want.Header.Del("Date")
			if diff := cmp.Diff(want.Header, got.Header); diff != "" || got.StatusCode != want.StatusCode || got.ContentLength != want.ContentLength {
				t.Errorf("%s %v: %s, want %s (-held +fetched):\n%s", method, headers, got.Status, want.Status, diff)
			}
			if !bytes.Equal(gotBody, wantBody) {
				t.Errorf("%s %v: the bodies differ, of %d and %d bytes", method, headers, len(gotBody), len(wantBody))
			}
		}
	}
}

// TestFillingWithoutADigest has none in its header, and parts with a boundary all the
// same.
func TestFillingWithoutADigest(t *testing.T) {
	content := randomBytes(22, 200_000)
	g := newGrowing(t, content)
	g.whole(t)
	srv := serveCold(t, &distribute.Server{}, content, g)
	res, body := srv.do(t, http.MethodGet, coldPath, "Range", "bytes=0-9,100000-100009")
	if strings.Contains(res.Header.Get("Content-Type"), layout.Digest{}.String()[:32]) {
		t.Errorf("the boundary is known beforehand: %s", res.Header.Get("Content-Type"))
	}
	if res.Header.Get("Digest") != "" || res.Header.Get("Repr-Digest") != "" || res.Header.Get("Etag") != g.etag {
		t.Errorf("header %v", res.Header)
	}
	if !bytes.Contains(body, content[:10]) || !bytes.Contains(body, content[100_000:100_010]) || int64(len(body)) != res.ContentLength {
		t.Errorf("%s with %d bytes of %d", res.Status, len(body), res.ContentLength)
	}
}

// TestBytesLeaveAtOnce reads each block of a file before the next one comes.
func TestBytesLeaveAtOnce(t *testing.T) {
	content := randomBytes(23, 5*blockSize+99)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{}, content, g)
	readAsItComes(t, srv, srv.url(coldPath), g)
}

// readAsItComes reads a file from the last bytes of its first block on, each block
// before the next one comes.
func readAsItComes(t *testing.T, srv *running, url string, g *growing) {
	t.Helper()
	g.come(t, 0)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := blockSize - 6
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
	res, err := srv.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for n := range g.here {
		g.come(t, n)
		end := min((n+1)*blockSize, len(g.want))
		if got := readN(t, res.Body, end-at); !bytes.Equal(got, g.want[at:end]) {
			t.Fatalf("block %d is another", n)
		}
		at = end
	}
	if n, err := res.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the last byte: %d, %v", n, err)
	}
}

// TestBytesLeaveAtOnceOverTLS does the same where the kernel cannot send the file.
func TestBytesLeaveAtOnceOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert := &distribute.Certificate{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	writePair(t, cert, 1)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := cert.Listen(inner)
	if err != nil {
		t.Fatal(err)
	}
	content := randomBytes(33, 2*blockSize+99)
	g := newGrowing(t, content)
	fx := coldFixture(t, content)
	s := &distribute.Server{Source: fx.memory(), Filler: new(filler).hands(g)}
	s.Swap(fx.view(t))
	srv := startOn(t, s, l)
	srv.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	readAsItComes(t, srv, "https://"+srv.addr+coldPath, g)
}

// TestPartsOfAGrowingFile sends several ranges as they come, in the order in which they
// were asked for.
func TestPartsOfAGrowingFile(t *testing.T) {
	content := randomBytes(24, 4*blockSize)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{}, content, g)
	done := make(chan []byte)
	go func() {
		defer close(done)
		_, body := srv.do(t, http.MethodGet, coldPath, "Range", fmt.Sprintf("bytes=%d-%d,0-9", 3*blockSize, 3*blockSize+9))
		done <- body
	}()
	if at := <-g.waiting; at != 3*blockSize {
		t.Errorf("waits for %d first", at)
	}
	g.come(t, 3)
	if at := <-g.waiting; at != 0 {
		t.Errorf("waits for %d then", at)
	}
	g.come(t, 0)
	body := <-done
	if !bytes.Contains(body, content[3*blockSize:3*blockSize+10]) || !bytes.Contains(body, content[:10]) {
		t.Errorf("got %d bytes without the parts", len(body))
	}
}

// TestFillRefused answers in words, with a time to come again where there is one, and
// notes what is missing.
func TestFillRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		status int
		retry  string
		missed bool
	}{
		{"nothing may be fetched", fmt.Errorf("fill: %w", layout.ErrNoFill), http.StatusNotFound, "", true},
		{"later", &layout.LaterError{After: 90 * time.Second, Err: errors.New("no room")}, http.StatusServiceUnavailable, "90", false},
		{"soon", &layout.LaterError{Err: errors.New("no room")}, http.StatusServiceUnavailable, "1", false},
		{"another file", fmt.Errorf("fill: %w", &layout.MismatchError{What: "sha1"}), http.StatusBadGateway, "", false},
		{"gone", fmt.Errorf("fill: %w", fs.ErrNotExist), http.StatusNotFound, "", true},
		{"anything", errors.New("secret words of the inside"), http.StatusBadGateway, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fx := coldFixture(t, []byte("cold"))
			var missed []distribute.Miss
			s := &distribute.Server{Source: fx.memory(), Missed: func(m distribute.Miss) { missed = append(missed, m) },
				Filler: &filler{fill: func(context.Context, layout.Listed) (layout.Filling, error) { return nil, tc.err }}}
			s.Swap(fx.view(t))
			w := ask(s.Handler(), coldPath, nil)
			if w.Code != tc.status || w.Header().Get("Retry-After") != tc.retry || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%d, Retry-After %q, %q", w.Code, w.Header().Get("Retry-After"), w.Body)
			}
			if w.Header().Get("Etag") != "" {
				t.Errorf("an answer without a file has header %v", w.Header())
			}
			if (len(missed) == 1) != tc.missed {
				t.Errorf("missed: %+v", missed)
			}
		})
	}
}

// TestFillIsAskedForTheListedFile hands over all that the catalog states.
func TestFillIsAskedForTheListedFile(t *testing.T) {
	content := []byte("cold")
	fx := coldFixture(t, content)
	g := newGrowing(t, content)
	g.whole(t)
	f := new(filler).hands(g)
	s := &distribute.Server{Source: fx.memory(), Filler: f}
	s.Swap(fx.view(t))
	if w := ask(s.Handler(), coldPath, nil); w.Code != http.StatusOK || w.Body.String() != "cold" {
		t.Fatalf("%d %q", w.Code, w.Body)
	}
	last := fx.updates[len(fx.updates)-1]
	want := layout.Listed{Update: last.ID, File: last.Files[0]}
	want.File.Evidence = []layout.Evidence{{Grade: layout.GradeChannel}} // the rest stays in the catalog
	if diff := cmp.Diff([]layout.Listed{want}, f.asked, cmp.AllowUnexported(layout.Time{})); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestFillThatFails ends the body before its length, so that no host takes a part for
// the whole.
func TestFillThatFails(t *testing.T) {
	content := randomBytes(25, 4*blockSize)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{}, content, g)
	g.come(t, 0)
	res, err := srv.client.Get(srv.url(coldPath))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	readN(t, res.Body, blockSize)
	g.end(&layout.MismatchError{What: "sha256"})
	if n, err := io.Copy(io.Discard, res.Body); n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes more, %v", n, err)
	}
	res, _ = srv.do(t, http.MethodGet, coldPath, "Range", fmt.Sprintf("bytes=%d-", blockSize))
	if res.StatusCode != http.StatusBadGateway {
		t.Errorf("a range of it: %s", res.Status)
	}
}

// TestRangeThatCannotBegin gets 503 and a time to ask again, from a Filler that takes
// long as from a file that does.
func TestRangeThatCannotBegin(t *testing.T) {
	content := randomBytes(26, 2*blockSize)
	g := newGrowing(t, content)
	slow := &filler{fill: func(ctx context.Context, _ layout.Listed) (layout.Filling, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	for name, f := range map[string]*filler{"the file": new(filler).hands(g), "the filler": slow} {
		t.Run(name, func(t *testing.T) {
			srv := serveCold(t, &distribute.Server{BeginTimeout: 20 * time.Millisecond, Filler: f}, content, g)
			res, _ := srv.do(t, http.MethodGet, coldPath, "Range", fmt.Sprintf("bytes=%d-", blockSize))
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || res.Header.Get("Etag") != "" {
				t.Errorf("%s, %v", res.Status, res.Header)
			}
		})
	}
}

// TestRestartedFill answers a range that does not say to what it belongs with the whole.
func TestRestartedFill(t *testing.T) {
	content := randomBytes(27, 3*blockSize)
	g := newGrowing(t, content)
	g.whole(t)
	g.restarted = time.Now()
	srv := serveCold(t, &distribute.Server{}, content, g)
	date := g.modified.Format(http.TimeFormat)
	for _, tc := range []struct {
		headers []string
		status  int
	}{
		{nil, http.StatusOK},
		{[]string{"If-Range", g.etag}, http.StatusPartialContent},
		{[]string{"If-Range", `"growing-0"`}, http.StatusOK},
		{[]string{"If-Unmodified-Since", date}, http.StatusPartialContent},
		{[]string{"If-Match", g.etag}, http.StatusPartialContent},
		{[]string{"If-Match", `"growing-0"`}, http.StatusPreconditionFailed},
	} {
		res, _ := srv.do(t, http.MethodGet, coldPath, append(tc.headers, "Range", "bytes=9-")...)
		if res.StatusCode != tc.status {
			t.Errorf("a range with %v: %s, want %d", tc.headers, res.Status, tc.status)
		}
	}
}

// TestFillThatBeginsAnew while an answer waits for its first byte: the header that it
// was about to send is no longer true.
func TestFillThatBeginsAnew(t *testing.T) {
	content := randomBytes(28, 2*blockSize)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{}, content, g)
	done := make(chan *http.Response)
	go func() {
		res, _ := srv.do(t, http.MethodGet, coldPath)
		done <- res
	}()
	<-g.waiting
	g.change(func() { g.etag = `"growing-2"` })
	g.come(t, 0)
	if res := <-done; res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Etag") != "" {
		t.Errorf("%s, %v", res.Status, res.Header)
	}
}

// TestBytesWantedFirst are told to whoever asks the origin, as far as they are known.
func TestBytesWantedFirst(t *testing.T) {
	content := randomBytes(35, 100_000)
	g := newGrowing(t, content)
	g.whole(t)
	for _, tc := range []struct {
		header                string
		start, end            int64 // of the listed file, whose size is known
		unknownStart, unknown int64 // of an unlisted one
	}{
		{"", 0, 0, 0, 0},
		{"bytes=5000-5999", 5000, 6000, 5000, 6000},
		{"bytes=7-8,0-1", 7, 9, 7, 9},
		{"bytes=99990-200000", 99990, 100_000, 99990, 200_001},
		{"bytes=50000-", 50000, 100_000, 0, 0},
		{"bytes=-10", 99990, 100_000, 0, 0},
		{"bytes=200000-200001", 0, 0, 200_000, 200_002},
		{"bytes=0--1", 0, 0, 0, 0},
		{"bytes=0-99999999999999999999", 0, 100_000, 0, 0},
	} {
		fx := coldFixture(t, content)
		f := new(filler).hands(g)
		s := &distribute.Server{Source: fx.memory(), Filler: f, Origins: func(string) bool { return true }}
		s.Swap(fx.view(t))
		header := http.Header{}
		if tc.header != "" {
			header.Set("Range", tc.header)
		}
		ask(s.Handler(), "/objects/x?cacheHostOrigin="+doHost, header)
		s.Origins = nil
		ask(s.Handler(), coldPath, header)
		if len(f.asked) != 1 || f.asked[0].Start != tc.start || f.asked[0].End != tc.end {
			t.Errorf("%q: a listed file: %+v", tc.header, f.asked)
		}
		if len(f.paths) != 1 || f.paths[0].Start != tc.unknownStart || f.paths[0].End != tc.unknown {
			t.Errorf("%q: an unlisted file: %+v", tc.header, f.paths)
		}
	}
}
