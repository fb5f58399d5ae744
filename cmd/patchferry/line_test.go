package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"patchferry/mirror/upstream/hostile"
)

// line is the way to a publisher: it counts what passes, and calls somebody
// when so much has passed.
type line struct {
	*hostile.Publisher
	server *httptest.Server

	mu       sync.Mutex
	ended    *sync.Cond // a request ended
	active   int
	bytes    int64 // of bodies, since arm
	requests int   // since arm
	due      trigger
	answers  []answered
}

// trigger says when fire is called, from the first of its conditions that
// comes true. A condition that is zero does not count.
type trigger struct {
	bytes    int64           // bytes of bodies were sent
	requests int             // requests came
	paths    map[string]bool // all of these were answered to the end
	fire     func()
}

// answered is one request as it was answered.
type answered struct {
	path       string
	start, end int64 // of the body that was sent
}

func newLine(t *testing.T) *line {
	l := &line{Publisher: hostile.NewHandler(nil)}
	l.ended = sync.NewCond(&l.mu)
	l.server = httptest.NewUnstartedServer(l)
	l.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		// What waits in buffers when the reader is killed was sent in vain.
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(32 << 10)
		}
		return ctx
	}
	l.server.Start()
	t.Cleanup(l.server.Close)
	return l
}

func (l *line) url(path string) string { return l.server.URL + path }
func (l *line) host() string           { return strings.TrimPrefix(l.server.URL, "http://") }

// arm starts counting anew.
func (l *line) arm(due trigger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes, l.requests, l.due = 0, 0, due
}

// quiet waits until no request is being answered, and returns how they were
// since the last call.
func (l *line) quiet() []answered {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.active > 0 {
		l.ended.Wait()
	}
	since := l.answers
	l.answers = nil
	return since
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answered{path: r.URL.Path}
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		a.start, _ = strconv.ParseInt(strings.TrimSuffix(from, "-"), 10, 64)
	}
	a.end = a.start
	l.mu.Lock()
	l.active++
	l.requests++
	fire := l.check(l.due.requests > 0 && l.requests >= l.due.requests)
	l.mu.Unlock()
	fire()
	whole := false
	defer func() { l.end(*a, whole) }()
	l.Publisher.ServeHTTP(&lineWriter{w, l, a}, r)
	whole = true
}

func (l *line) end(a answered, whole bool) {
	l.mu.Lock()
	l.active--
	l.answers = append(l.answers, a)
	fire := func() {}
	if whole && l.due.paths[a.path] {
		delete(l.due.paths, a.path)
		fire = l.check(len(l.due.paths) == 0)
	}
	l.ended.Broadcast()
	l.mu.Unlock()
	fire()
}

// check returns what to do once now is true; l.mu is held.
func (l *line) check(now bool) func() {
	if !now || l.due.fire == nil {
		return func() {}
	}
	fire := l.due.fire
	l.due = trigger{}
	return fire
}

// lineWriter counts the bytes of a body.
type lineWriter struct {
	http.ResponseWriter
	line *line
	a    *answered
}

func (c *lineWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *lineWriter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.line.mu.Lock()
	c.a.end += int64(n)
	c.line.bytes += int64(n)
	fire := c.line.check(c.line.due.bytes > 0 && c.line.bytes >= c.line.due.bytes)
	c.line.mu.Unlock()
	fire()
	return n, err
}
