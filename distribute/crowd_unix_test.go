//go:build unix

package distribute_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"patchferry/distribute"
)

// TestCrowdOfSlowReaders has far more hosts ask for a file than may be answered, none of
// which reads what it gets. Those beyond the limits are told at once, what the others
// cost is bounded, and when they are gone the next host is served. 10,000 of them come
// with TEST_FULL=1.
func TestCrowdOfSlowReaders(t *testing.T) {
	crowd, most, answered := 1500, 1000, 300
	if os.Getenv("TEST_FULL") != "" {
		crowd, most, answered = 10_000, 6000, 2048
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(crowd+most+answered+500) {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "descriptors") {
			t.Fatalf("needs %d descriptors, as PATCHFERRY_REQUIRE says, and has %d (%v)", crowd+most+answered+500, limit.Cur, err)
		}
		t.Skipf("SKIP: needs %d descriptors, has %d (%v)", crowd+most+answered+500, limit.Cur, err)
	}
	content := randomBytes(41, 256*blockSize)
	g := newGrowing(t, content)
	for n := range 255 {
		g.come(t, n)
	}
	srv := serveCold(t, &distribute.Server{MaxConnections: most, MaxRequests: answered}, content, g)
	before := inUse()
	conns := make([]net.Conn, crowd)
	var served, busy, closed atomic.Int64
	var wg sync.WaitGroup
	turns := make(chan struct{}, 100)
	for n := range conns {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			conns[n] = askSlowly(srv.addr, &served, &busy, &closed)
		})
	}
	wg.Wait()
	cost := inUse() - before
	if served.Load() == 0 || served.Load() > int64(answered) || busy.Load() == 0 || closed.Load() == 0 {
		t.Errorf("of %d slow readers %d are served, %d are told to come again, %d were closed; at most %d may be served", crowd, served.Load(), busy.Load(), closed.Load(), answered)
	}
	if g.most.Load() > int32(answered) {
		t.Errorf("%d descriptors of the file", g.most.Load())
	}
	if each := cost / int64(most); each > 100<<10 {
		t.Errorf("a connection costs %d bytes", each)
	}
	for _, conn := range conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
	g.whole(t)
	for {
		resp, body := srv.do(t, http.MethodGet, coldPath)
		if resp.StatusCode == http.StatusServiceUnavailable { // the server has yet to see that they left
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if resp.StatusCode != http.StatusOK || len(body) != len(content) {
			t.Errorf("the next host gets %s and %d bytes", resp.Status, len(body))
		}
		return
	}
}

// askSlowly asks for the file and reads no more than the status, through a window that is as
// small as can be.
func askSlowly(addr string, served, busy, closed *atomic.Int64) net.Conn {
	small := func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}
	conn, err := (&net.Dialer{Control: small, Timeout: time.Minute}).Dial("tcp", addr)
	if err != nil {
		closed.Add(1)
		return nil
	}
	if _, err = io.WriteString(conn, "GET "+coldPath+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		closed.Add(1)
		return conn
	}
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	switch {
	case err != nil:
		closed.Add(1)
	case strings.Contains(line, " 200 "):
		served.Add(1)
	case strings.Contains(line, " 503 "):
		busy.Add(1)
	}
	return conn
}

// inUse returns what the program has in use, in bytes, without what can be freed.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
