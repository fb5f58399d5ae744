package distribute_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"patchferry/distribute"
)

// stallTime is short for a test that waits for several, and long for a busy machine.
const stallTime = 400 * time.Millisecond

// TestSlowOriginIsNotTheClientsFault waits for several stall times, and goes on.
func TestSlowOriginIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	content := randomBytes(29, 3*blockSize)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{StallTimeout: stallTime}, content, g)
	g.come(t, 0)
	res, err := srv.client.Get(srv.url(coldPath))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	readN(t, res.Body, blockSize)
	time.Sleep(4 * stallTime) // in which the client could be let go
	g.whole(t)
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, content[blockSize:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestSlowOriginWhereNobodyAcknowledges has only its own count of bytes to go by.
func TestSlowOriginWhereNobodyAcknowledges(t *testing.T) {
	t.Parallel()
	content := randomBytes(34, 3*blockSize)
	g := newGrowing(t, content)
	fx := coldFixture(t, content)
	s := &distribute.Server{Source: fx.memory(), Filler: new(filler).hands(g), StallTimeout: stallTime}
	s.Swap(fx.view(t))
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	srv := startOn(t, s, l)
	srv.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", srv.addr)
	}
	g.come(t, 0)
	res, err := srv.client.Get("http://ferry" + coldPath)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	readN(t, res.Body, blockSize)
	time.Sleep(4 * stallTime) // in which the client could be let go
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
	srv := serveCold(t, &distribute.Server{StallTimeout: stallTime, Access: onRecord(func() { close(ended) })}, content, g)
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
