package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunk       = 32 << 10 // what the line takes at a time
	originETag  = `"200-mb-and-no-more"`
	readyPath   = "/-/ready"
	sendBuffer  = 64 << 10 // what is written and nobody reads counts as sent: it is to be little
	originReady = "ready\n"
)

var originTime = time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)

// stats is what the origin tells of itself since it was last reset.
type stats struct {
	Bytes    int64 `json:"bytes"`    // of bodies, as far as they were written
	Requests int64 `json:"requests"` // for content
}

// origin serves the content under every path, from far away and over one thin
// line, and can be made to vanish.
type origin struct {
	content *content
	line    *line
	delay   time.Duration // before the first byte of each answer
	addr    string

	bytes, requests atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	srv   *http.Server // nil while it is away
}

// runOrigin serves until ctx ends. It prints the address of the content and that
// at which it is told what to do.
func runOrigin(ctx context.Context, c *content, rate float64, delay time.Duration) error {
	o := &origin{content: c, line: &line{rate: rate}, delay: delay, addr: "127.0.0.1:0", conns: make(map[net.Conn]struct{})}
	if err := o.appear(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(stats{o.bytes.Load(), o.requests.Load()})
	})
	mux.HandleFunc("/reset", func(http.ResponseWriter, *http.Request) {
		o.bytes.Store(0)
		o.requests.Store(0)
	})
	mux.HandleFunc("/vanish", func(http.ResponseWriter, *http.Request) { o.vanish() })
	mux.HandleFunc("/appear", func(w http.ResponseWriter, _ *http.Request) {
		if err := o.appear(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	control := &http.Server{Handler: mux}
	fmt.Println(o.addr, l.Addr())
	go func() {
		<-ctx.Done()
		_ = control.Close()
	}()
	if err := control.Serve(l); err != http.ErrServerClosed {
		return err
	}
	o.vanish()
	return nil
}

// appear begins to listen, at the same address each time.
func (o *origin) appear() error {
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: o, ConnState: o.follow}
	o.mu.Lock()
	o.addr, o.srv = l.Addr().String(), srv
	o.mu.Unlock()
	go func() { _ = srv.Serve(l) }() // ends when it vanishes
	return nil
}

// follow keeps the connections that are open.
func (o *origin) follow(c net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch state {
	case http.StateNew:
		o.conns[c] = struct{}{}
		_ = c.(*net.TCPConn).SetWriteBuffer(sendBuffer)
	case http.StateClosed, http.StateHijacked:
		delete(o.conns, c)
	}
}

// vanish refuses new connections and resets those that are open.
func (o *origin) vanish() {
	o.mu.Lock()
	srv := o.srv
	o.srv = nil
	for c := range o.conns {
		_ = c.(*net.TCPConn).SetLinger(0) // Close sends a reset
	}
	o.mu.Unlock()
	if srv != nil {
		_ = srv.Close()
	}
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == readyPath {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, originReady)
		return
	}
	o.requests.Add(1)
	if sleep(r.Context(), o.delay) != nil {
		return
	}
	h := w.Header()
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "public, max-age=86400")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Etag", originETag)
	h.Set("Last-Modified", originTime.Format(http.TimeFormat))
	start, end, ranged := o.wanted(r)
	if start >= end {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", o.content.size))
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	h.Set("Content-Length", strconv.FormatInt(end-start, 10))
	if ranged {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end-1, o.content.size))
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodGet {
		o.send(r.Context(), w, start, end)
	}
}

// wanted reads a single range; whatever else a request may say is the whole. A
// range that holds nothing cannot be satisfied.
func (o *origin) wanted(r *http.Request) (start, end int64, ranged bool) {
	size := o.content.size
	spec, ranged := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if condition := r.Header.Get("If-Range"); condition != "" && condition != originETag {
		ranged = false
	}
	first, last, single := strings.Cut(spec, "-")
	from, noStart := strconv.ParseInt(first, 10, 64)
	to, noEnd := strconv.ParseInt(last, 10, 64)
	switch {
	case !ranged || !single || noStart != nil && noEnd != nil:
		return 0, size, false
	case noStart != nil:
		return max(0, size-to), size, true
	case noEnd != nil:
		return from, size, true
	}
	return from, min(size, to+1), true
}

// send writes a part of the content through the line.
func (o *origin) send(ctx context.Context, w io.Writer, start, end int64) {
	p := make([]byte, chunk)
	for start < end {
		p = p[:min(chunk, end-start)]
		o.content.fill(p, start)
		if o.line.pass(ctx, len(p)) != nil {
			return
		}
		n, err := w.Write(p)
		o.bytes.Add(int64(n))
		if err != nil {
			return
		}
		start += int64(n)
	}
}
