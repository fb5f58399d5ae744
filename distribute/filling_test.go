package distribute_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
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
	g.come(t, 0)
	res, err := srv.client.Get(srv.url(coldPath))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for n := range g.here {
		g.come(t, n)
		at := n * blockSize
		if got := readN(t, res.Body, min(blockSize, len(content)-at)); !bytes.Equal(got, content[at:at+len(got)]) {
			t.Fatalf("block %d is another", n)
		}
	}
	if n, err := res.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the last byte: %d, %v", n, err)
	}
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
	want.File.Evidence = nil
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

// TestSlowOriginIsNotTheClientsFault waits for several stall times, and goes on.
func TestSlowOriginIsNotTheClientsFault(t *testing.T) {
	content := randomBytes(29, 3*blockSize)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{StallTimeout: 30 * time.Millisecond}, content, g)
	g.come(t, 0)
	res, err := srv.client.Get(srv.url(coldPath))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	readN(t, res.Body, blockSize)
	time.Sleep(300 * time.Millisecond) // ten stall times in which the client could be let go
	g.whole(t)
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, content[blockSize:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestClientThatStallsWhileTheOriginDoes is let go, though nothing is written that would
// find that it is gone.
func TestClientThatStallsWhileTheOriginDoes(t *testing.T) {
	content := randomBytes(32, 9*blockSize)
	g := newGrowing(t, content)
	g.come(t, 0, 1, 2, 3, 4, 5, 6, 7)
	ended := make(chan struct{})
	srv := serveCold(t, &distribute.Server{StallTimeout: 50 * time.Millisecond, Access: onRecord(func() { close(ended) })}, content, g)
	conn := dial(t, srv.addr)
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil { // what comes stays with the server
		t.Fatal(err)
	}
	send(t, conn, "GET "+coldPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
	if at := <-g.waiting; at != 8*blockSize {
		t.Fatalf("waits for %d", at)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the answer never ends")
	}
}

// TestClientLeaves ends what waits for it, and nothing else.
func TestClientLeaves(t *testing.T) {
	content := randomBytes(30, 2*blockSize)
	g := newGrowing(t, content)
	ended := make(chan struct{}, 2)
	srv := serveCold(t, &distribute.Server{Access: onRecord(func() { ended <- struct{}{} })}, content, g)
	g.come(t, 0)
	conn := dial(t, srv.addr)
	send(t, conn, "GET "+coldPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
	if at := <-g.waiting; at != blockSize {
		t.Fatalf("waits for %d", at)
	}
	_ = conn.Close()
	<-ended
	g.come(t, 1)
	if _, body := srv.do(t, http.MethodGet, coldPath); !bytes.Equal(body, content) {
		t.Error("the next one gets another file")
	}
}

// TestManyReaders reads one growing file, whole, in ranges and not to the end, with one
// descriptor for each reader.
func TestManyReaders(t *testing.T) {
	content := randomBytes(31, 40*blockSize+1)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{}, content, g)
	const readers = 200
	var wg sync.WaitGroup
	for n := range readers {
		wg.Go(func() { readSome(t, srv, content, n) })
	}
	for range readers {
		<-g.waiting
	}
	for n := range g.here {
		g.come(t, (n*7)%len(g.here)) // 7 and 41 have no common factor
	}
	wg.Wait()
	if most := g.most.Load(); most > readers {
		t.Errorf("%d descriptors for %d readers", most, readers)
	}
}

func readSome(t *testing.T, srv *running, content []byte, n int) {
	start := 0
	var headers []string
	if n%3 > 0 {
		start = n * len(content) / 250
		headers = []string{"Range", fmt.Sprintf("bytes=%d-", start)}
	}
	if n%5 > 0 {
		_, body := srv.do(t, http.MethodGet, coldPath, headers...)
		if !bytes.Equal(body, content[start:]) {
			t.Errorf("reader %d gets another file, of %d bytes", n, len(body))
		}
		return
	}
	conn := dial(t, srv.addr) // reads a little, slowly, and leaves
	defer conn.Close()
	send(t, conn, "GET "+coldPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
	_, _ = io.CopyN(io.Discard, conn, 1000)
}
