package distribute_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
)

// sparse makes a file of n zero bytes that takes no room, as the only file of
// a catalog. It is too large for the buffers of a connection, so that the
// server cannot be done with it before its client has read.
func sparse(t *testing.T, n int64) (folder, *distribute.View, string) {
	t.Helper()
	src := folder{t.TempDir()}
	d := layout.DigestOf([]byte("sparse"))
	f, err := os.Create(src.path(d))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(n), f.Close()); err != nil {
		t.Fatal(err)
	}
	fx := &fixture{contents: map[string][]byte{}}
	fx.add(oneFile, nil)
	fx.updates[0].Files[0].SHA256, fx.updates[0].Files[0].Size = d, n
	return src, fx.view(t), src.path(d)
}

const large = 256 << 20 // bytes; more than the buffers of a connection

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestSlowHeader lets go of a client that never ends its header.
func TestSlowHeader(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: fx.memory(), HeaderTimeout: 50 * time.Millisecond}
	s.Swap(fx.view(t))
	conn := dial(t, start(t, s).addr)
	send(t, conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stays open")
	}
}

// TestBodyThatNeverComes answers, and waits no longer than for a header.
func TestBodyThatNeverComes(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: fx.memory(), HeaderTimeout: 50 * time.Millisecond}
	s.Swap(fx.view(t))
	srv := start(t, s)
	for _, head := range []string{"Content-Length: 1000000000", "Transfer-Encoding: chunked", "Expect: 100-continue\r\nContent-Length: 5"} {
		for method, want := range map[string]int{"GET": http.StatusBadRequest, "POST": http.StatusMethodNotAllowed} {
			conn := dial(t, srv.addr)
			send(t, conn, method+" "+w2kPath+" HTTP/1.1\r\nHost: x\r\n"+head+"\r\n\r\n")
			answer, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("%s with %s: the connection stays open", method, head)
			}
			res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
			if err != nil || res.StatusCode != want {
				t.Errorf("%s with %s: %v, %v, want %d", method, head, res, err, want)
			}
		}
	}
}

func TestLargeHeader(t *testing.T) {
	_, srv := serveFixture(t)
	for _, tc := range []struct {
		name, header string
		want         int
	}{
		{"a megabyte", "X-Large: " + strings.Repeat("x", 1<<20), http.StatusRequestHeaderFieldsTooLarge},
		{"10,000 ranges", "Range: bytes=" + strings.Repeat("0-0,", 10_000) + "0-0", http.StatusOK},
		{"100,000 ranges", "Range: bytes=" + strings.Repeat("0-0,", 100_000) + "0-0", http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn := dial(t, srv.addr)
			go func() { _, _ = io.WriteString(conn, "GET "+driverPath+" HTTP/1.1\r\nHost: x\r\n"+tc.header+"\r\n\r\n") }()
			res := receive(t, conn)
			if res.StatusCode != tc.want {
				t.Errorf("status %d, want %d", res.StatusCode, tc.want)
			}
		})
	}
}

// TestStalledClient lets go of a client that stops reading.
func TestStalledClient(t *testing.T) {
	src, view, _ := sparse(t, large)
	for name, source := range map[string]distribute.Source{"file": src, "reader": onlySource{src}} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			s := &distribute.Server{Source: source, StallTimeout: 100 * time.Millisecond, Access: onRecord(func() { close(ended) })}
			s.Swap(view)
			conn := dial(t, start(t, s).addr)
			send(t, conn, "GET "+oneFile+" HTTP/1.1\r\nHost: x\r\n\r\n")
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Fatal("the answer never ends")
			}
			if n, _ := io.Copy(io.Discard, conn); n >= large {
				t.Errorf("the client got %d bytes, all of them", n)
			}
		})
	}
}

// TestSlowClient serves a client that reads a little in each stall time, and
// so slowly that the server's buffer has no room for much longer than that.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	src, view, _ := sparse(t, large)
	ended := make(chan struct{})
	s := &distribute.Server{Source: src, StallTimeout: time.Second, DrainTime: time.Millisecond,
		Access: onRecord(func() { close(ended) })}
	s.Swap(view)
	conn := dial(t, start(t, s).addr)
	// A small buffer here keeps the acknowledgements coming; the server's own
	// takes a mebibyte from its file in one call, which lasts for three stall
	// times.
	if err := conn.(*net.TCPConn).SetReadBuffer(512 << 10); err != nil {
		t.Fatal(err)
	}
	send(t, conn, "GET "+oneFile+" HTTP/1.1\r\nHost: x\r\n\r\n")
	buf := make([]byte, 32<<10)
	for range 80 {
		if _, err := io.ReadFull(conn, buf); err != nil {
			t.Fatalf("a client that reads is let go: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	select {
	case <-ended:
		t.Error("a client that reads is let go")
	default:
	}
}

// onlySource hides all that a Source can do beyond the interface.
type onlySource struct{ distribute.Source }

// blocking is a Source that waits until it is let go on.
type blocking struct {
	distribute.Source
	entered, leave chan struct{}
}

func (s blocking) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	s.entered <- struct{}{}
	<-s.leave
	return s.Source.Open(ctx, d, offset, n)
}

// TestTooManyRequests refuses the request that is one too many, but not a
// probe, and takes requests again afterwards.
func TestTooManyRequests(t *testing.T) {
	fx := newFixture()
	src := blocking{fx.memory(), make(chan struct{}), make(chan struct{})}
	s := &distribute.Server{Source: src, MaxRequests: 1}
	s.Swap(fx.view(t))
	srv := start(t, s)
	first := dial(t, srv.addr)
	send(t, first, "GET "+driverPath+" HTTP/1.1\r\nHost: x\r\n\r\n")
	<-src.entered
	res, _ := srv.do(t, http.MethodGet, "/")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("the second request: %s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	if res, _ := srv.do(t, http.MethodGet, "/healthz"); res.StatusCode != http.StatusOK {
		t.Errorf("the probe: %s", res.Status)
	}
	close(src.leave)
	if res := receive(t, first); res.StatusCode != http.StatusOK {
		t.Errorf("the first request: %s", res.Status)
	}
	_ = first.Close()
	for { // the slot is given back after the answer has arrived
		if res, _ := srv.do(t, http.MethodGet, "/"); res.StatusCode == http.StatusOK {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("no request is taken any more")
		}
	}
}

// TestTooManyConnections closes the connection that is one too many.
func TestTooManyConnections(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: fx.memory(), MaxConnections: 1}
	s.Swap(fx.view(t))
	srv := start(t, s)
	first := dial(t, srv.addr)
	send(t, first, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if res := receive(t, first); res.StatusCode != http.StatusOK {
		t.Fatalf("the first connection: %s", res.Status)
	}
	second := dial(t, srv.addr)
	_, _ = io.WriteString(second, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, err := io.ReadAll(second); len(answer) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the second connection is answered with %q, %v", answer, err)
	}
}
