package distribute_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"patchferry/distribute"
	"patchferry/layout"
)

// bitsJob downloads as the Background Intelligent Transfer Service does: a HEAD, then
// ranges of one mebibyte on condition that the file has not changed. Where the answer is
// another file's, or none, it says so, and may be gone on with.
type bitsJob struct {
	srv      *running
	path     string
	size     int64
	modified string
	etag     string
	got      []byte
}

var errChanged = errors.New("the file has changed")

func (j *bitsJob) begin(t *testing.T) {
	t.Helper()
	head, _ := j.srv.do(t, http.MethodHead, j.path)
	j.size, j.modified, j.etag, j.got = head.ContentLength, head.Header.Get("Last-Modified"), head.Header.Get("Etag"), nil
	if head.StatusCode != http.StatusOK || j.size <= 0 || j.modified == "" || head.Header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("HEAD: %s, %v", head.Status, head.Header)
	}
}

// next fetches the next mebibyte.
func (j *bitsJob) next(t *testing.T) error {
	t.Helper()
	first := int64(len(j.got))
	last := min(first+mebibyte, j.size) - 1
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, j.srv.url(j.path), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, last))
	req.Header.Set("If-Unmodified-Since", j.modified)
	req.Header.Set("User-Agent", "Microsoft BITS/7.8")
	res, err := j.srv.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusPreconditionFailed {
		return errChanged
	}
	if res.StatusCode != http.StatusPartialContent {
		return errors.New(res.Status)
	}
	checkSlice(t, res, first, last, j.size)
	if res.Header.Get("Etag") != j.etag || res.Header.Get("Last-Modified") != j.modified {
		return errChanged
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	j.got = append(j.got, body...)
	return nil
}

// TestBITSAcrossAFill begins a job while the file comes, goes on with it when the file
// is whole, after the next sync, and at a server that was started since.
func TestBITSAcrossAFill(t *testing.T) {
	content := randomBytes(41, 4<<20+5)
	g := newGrowing(t, content)
	fx := coldFixture(t, content)
	src := fx.folder(t)
	s := &distribute.Server{Source: src, Filler: new(filler).hands(g)}
	s.Swap(fx.view(t))
	job := bitsJob{srv: start(t, s), path: coldPath}
	step := func(when string) {
		t.Helper()
		if err := job.next(t); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	job.begin(t)
	for n := range 16 {
		g.come(t, n)
	}
	step("while it comes")
	g.whole(t)
	g.change(func() { g.sum = layout.DigestOf(content) })
	step("when it is whole")
	fx.fold(content, g)
	src.put(t, content)
	s.Swap(fx.view(t))
	step("after the next sync")
	again := &distribute.Server{Source: src}
	again.Swap(fx.view(t))
	job.srv = start(t, again)
	step("after a restart")
	step("the last bytes")
	if !bytes.Equal(job.got, content) {
		t.Error("the file is another")
	}
	if res, _ := job.srv.do(t, http.MethodGet, "/objects/sha256/"+layout.DigestOf(content).String()); res.Header.Get("Etag") != `"`+layout.DigestOf(content).String()+`"` {
		t.Errorf("the object has the tag %s", res.Header.Get("Etag"))
	}
}

// TestBITSAcrossAFillThatFails never completes with bytes of two attempts: what it has
// is refused, and it begins anew.
func TestBITSAcrossAFillThatFails(t *testing.T) {
	wrong, content := randomBytes(42, 2<<20), randomBytes(43, 2<<20)
	first, second := newGrowing(t, wrong), newGrowing(t, content)
	second.etag, second.modified = `"growing-2"`, first.modified.Add(60e9)
	second.restarted = second.modified
	first.whole(t)
	second.whole(t)
	f := new(filler).hands(first)
	srv := serveCold(t, &distribute.Server{Filler: f}, content, second)
	job := bitsJob{srv: srv, path: coldPath}
	job.begin(t)
	if err := job.next(t); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.fill = func(context.Context, layout.Listed) (layout.Filling, error) {
		return nil, &layout.LaterError{After: 1, Err: errors.New("it was another file")}
	}
	f.mu.Unlock()
	if err := job.next(t); err == nil {
		t.Fatal("a piece of a fill that failed")
	}
	f.hands(second)
	if err := job.next(t); err != errChanged {
		t.Fatalf("a piece of the next attempt: %v", err)
	}
	for job.begin(t); int64(len(job.got)) < job.size; {
		if err := job.next(t); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(job.got, content) {
		t.Error("the file is another")
	}
}

// TestDeliveryOptimizationAcrossAFill downloads as that service does: shuffled closed
// pieces over seven connections, no HEAD and no condition, each with a query of its own,
// of a file that no catalog lists, while it comes.
func TestDeliveryOptimizationAcrossAFill(t *testing.T) {
	content := randomBytes(44, 9<<20+77)
	g := newGrowing(t, content)
	f := new(filler).hands(g)
	srv := serveCold(t, &distribute.Server{Filler: f, Origins: func(h string) bool { return h == doHost }}, content, g)
	size := int64(len(content))
	got := make([]byte, size)
	work := make(chan int, 64)
	for _, n := range rand.Perm(int((size + mebibyte - 1) / mebibyte)) {
		work <- n
	}
	close(work)
	var wg sync.WaitGroup
	for range 7 {
		conn := dial(t, srv.addr)
		wg.Go(func() {
			r := bufio.NewReader(conn)
			for n := range work {
				first := int64(n) * mebibyte
				if err := piece(conn, r, got, first, min(first+mebibyte, size)-1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 7 {
		<-g.waiting
	}
	for _, n := range rand.Perm(len(g.here)) {
		g.come(t, n)
	}
	wg.Wait()
	if !bytes.Equal(got, content) {
		t.Error("the file is another")
	}
	for _, q := range f.paths {
		if q.Origin != doHost || q.Path != guidURI {
			t.Errorf("asked for %+v", q)
		}
	}
}

// piece asks for a piece in the very words of Delivery Optimization.
func piece(conn io.Writer, r *bufio.Reader, file []byte, first, last int64) error {
	_, err := fmt.Fprintf(conn, "GET %s?P1=%d&P2=404&cacheHostOrigin=%s HTTP/1.1\r\nConnection: Keep-Alive\r\nAccept: */*\r\n"+
		"Range: bytes=%d-%d\r\nUser-Agent: Microsoft-Delivery-Optimization/10.1\r\nMS-CV: x.1.0\r\nContent-Length: 0\r\nHost: ferry.lan\r\n\r\n",
		guidURI, first, doHost, first, last)
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("bytes %d-%d/%d", first, last, len(file)); res.StatusCode != http.StatusPartialContent || res.Header.Get("Content-Range") != want {
		return fmt.Errorf("%s with Content-Range %q, want %q", res.Status, res.Header.Get("Content-Range"), want)
	}
	_, err = io.ReadFull(res.Body, file[first:last+1])
	return err
}
