package s3test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Line is a line to an engine that may be long, narrow or broken: a proxy on
// loopback that forwards bytes both ways. Config.Endpoint is its Address.
type Line struct {
	Address string // host:port

	endpoint string
	wait     sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while the line is down
	conns    map[*net.TCPConn]bool
	quality  Quality
	passed   int64 // towards the client, since Set
}

// Quality is how a line behaves. The zero value is a good one.
type Quality struct {
	Latency time.Duration // of each piece that goes towards the engine
	Rate    int64         // bytes in a second, each way and for each connection; 0 is no limit
	Reset   int64         // after so many bytes towards the client the connections are reset, once
	Hold    bool          // nothing moves
}

// NewLine makes a good line to an engine. It ends with the test.
func NewLine(t testing.TB, e *Engine) *Line {
	t.Helper()
	l := &Line{endpoint: e.Endpoint, Address: "127.0.0.1:0", conns: make(map[*net.TCPConn]bool)}
	if err := l.Up(); err != nil {
		t.Fatalf("line: %v", err)
	}
	t.Cleanup(func() {
		l.Set(Quality{})
		l.Down()
		l.wait.Wait()
	})
	return l
}

// Set changes how the line behaves from now on.
func (l *Line) Set(q Quality) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quality, l.passed = q, 0
}

// Up lets a line that is down listen again, at the same address.
func (l *Line) Up() error {
	listener, err := net.Listen("tcp", l.Address)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.listener, l.Address = listener, listener.Addr().String()
	l.mu.Unlock()
	l.wait.Go(func() { l.accept(listener) })
	return nil
}

// Down cuts the line: nobody listens, and all connections are reset.
func (l *Line) Down() {
	l.mu.Lock()
	if l.listener != nil {
		_ = l.listener.Close()
		l.listener = nil
	}
	l.mu.Unlock()
	l.Reset()
}

// Reset resets all connections.
func (l *Line) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.SetLinger(0) // the other end sees a reset, and not an end
		_ = c.Close()
	}
}

func (l *Line) accept(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		l.wait.Go(func() { l.serve(c.(*net.TCPConn)) })
	}
}

func (l *Line) serve(client *net.TCPConn) {
	defer l.drop(client)
	l.keep(client)
	c, err := net.Dial("tcp", l.endpoint)
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	engine := c.(*net.TCPConn)
	defer l.drop(engine)
	l.keep(engine)
	var both sync.WaitGroup
	both.Go(func() { l.forward(engine, client, false) })
	both.Go(func() { l.forward(client, engine, true) })
	both.Wait()
}

func (l *Line) keep(c *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = true
}

func (l *Line) drop(c *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	_ = c.Close()
}

// forward carries bytes one way until that way ends.
func (l *Line) forward(to, from *net.TCPConn, answers bool) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && l.delay(n, answers) {
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.CloseRead()
				return
			}
		}
		if err != nil {
			if err == io.EOF {
				_ = to.CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}

// delay waits as long as the line makes n bytes wait, and reports whether they
// go on.
func (l *Line) delay(n int, answers bool) bool {
	for {
		l.mu.Lock()
		q := l.quality
		if answers {
			l.passed += int64(n)
		}
		over := q.Reset > 0 && l.passed > q.Reset
		if over {
			l.quality.Reset = 0
		}
		l.mu.Unlock()
		if over {
			l.Reset()
			return false
		}
		if !q.Hold {
			if !answers {
				time.Sleep(q.Latency)
			}
			if q.Rate > 0 {
				time.Sleep(time.Duration(n) * time.Second / time.Duration(q.Rate))
			}
			return true
		}
		time.Sleep(5 * time.Millisecond)
		answers = false // counted
	}
}
