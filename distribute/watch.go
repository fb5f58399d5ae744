package distribute

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// watch lets go of a client that takes nothing, so that it does not hold a
// descriptor for ever, and leaves alone one that takes little: where the
// system says so (Linux), what counts is what the client has acknowledged, not
// what fitted into a buffer of ours, which for a slow client can take minutes
// to make room. A client is let go after one to two stall times.
//
// It is a timer and not a deadline moved along with each write, because a
// write that misses its deadline cannot be taken up again under TLS.
type watch struct {
	stall time.Duration
	conn  *net.TCPConn // nil where it is not known
	cut   func()       // makes the write that is running, and all later ones, fail
	sent  atomic.Int64 // bytes that were handed to the connection
	waits atomic.Bool  // this side waits for bytes that it does not have

	mu    sync.Mutex
	done  bool
	last  int64
	timer *time.Timer
	then  func() // to be called with cut; nil: nothing
}

// also calls f when the client is let go: who waits for something else than the
// connection does not see that it is.
func (w *watch) also(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.then = f
}

// start begins to watch. stop must be called.
func (w *watch) start() {
	w.last = -1
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.stall, w.check)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	w.timer.Stop()
}

func (w *watch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return
	}
	now, waiting := w.progress()
	if waiting && now == w.last {
		w.cut()
		if w.then != nil {
			w.then()
		}
		return
	}
	w.last = now
	w.timer.Reset(w.stall)
}

// progress returns a number that grows while the client takes bytes, and
// whether there are any for it to take: a slow store is not its fault.
func (w *watch) progress() (int64, bool) {
	if w.conn != nil {
		if acked, waiting, ok := acknowledged(w.conn); ok {
			return acked, waiting
		}
	}
	return w.sent.Load(), !w.waits.Load()
}

// connKey finds the connection of a request in its context.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // *tls.Conn
		conn = wrapped.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, connKey{}, tcp)
}

func connOf(ctx context.Context) *net.TCPConn {
	conn, _ := ctx.Value(connKey{}).(*net.TCPConn)
	return conn
}
