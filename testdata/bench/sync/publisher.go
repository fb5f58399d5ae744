package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// publisher serves a content from memory, as from far away: a connection and
// each answer come after a round trip. It has nothing to write and nothing to
// compute, so that it is not what limits a run.
type publisher struct {
	files map[string]*served
	away  time.Duration
	wrong bool // it misbehaves
	list  atomic.Pointer[[]byte]

	requests, bytes atomic.Int64 // since the last reset; of bodies
	lists           atomic.Int64
}

// served is a file with how often it was asked for since the last reset.
type served struct {
	*file
	index int
	body  []byte
	old   []byte // an edition of before, for a cache that is behind

	mu    sync.Mutex
	asked int
}

var modified = time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)

// stats is what the publisher tells of itself.
type stats struct {
	Requests int64 `json:"requests"` // of files
	Bytes    int64 `json:"bytes"`
	Lists    int64 `json:"lists"` // requests of the list
}

// publish runs a publisher until ctx ends, and prints its address.
func publish(ctx context.Context, name string, away time.Duration, wrong bool) error {
	c, err := contentOf(name)
	if err != nil {
		return err
	}
	p := &publisher{files: map[string]*served{}, away: away, wrong: wrong}
	for i := range c.files {
		f := &c.files[i]
		p.files["/"+f.name] = &served{file: f, index: i, body: f.body(0)}
		if wrong {
			p.files["/"+f.name].old = f.body(1)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: p, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}}
	fmt.Println(l.Addr())
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err := srv.Serve(farListener{l, away}); err != http.ErrServerClosed {
		return err
	}
	return nil
}

type connKey struct{}

// farListener delays the first read of a connection by the round trip that the
// handshake of a far publisher takes.
type farListener struct {
	net.Listener
	away time.Duration
}

func (l farListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || l.away == 0 {
		return c, err
	}
	return &farConn{TCPConn: c.(*net.TCPConn), away: l.away}, nil
}

type farConn struct {
	*net.TCPConn
	away time.Duration
	once sync.Once
}

func (c *farConn) Read(b []byte) (int, error) {
	c.once.Do(func() { time.Sleep(c.away) })
	return c.TCPConn.Read(b)
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/-/stats":
		_ = json.NewEncoder(w).Encode(stats{p.requests.Load(), p.bytes.Load(), p.lists.Load()})
		return
	case "/-/reset":
		p.reset()
		return
	case "/list":
		p.serveList(w, r)
		return
	}
	f := p.files[r.URL.Path]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	time.Sleep(p.away)
	p.requests.Add(1)
	if p.wrong && p.misbehave(w, r, f) {
		return
	}
	p.serve(w, r, f.body)
}

// serve answers as it should, and counts.
func (p *publisher) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("ETag", strconv.Quote(strconv.Itoa(len(body))+"-1"))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(&counter{w, p}, r, "", modified, bytes.NewReader(body))
}

type counter struct {
	http.ResponseWriter
	p *publisher
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.p.bytes.Add(int64(n))
	return n, err
}

// serveList answers with the list of 100,000 updates over the files, all of
// which are there.
func (p *publisher) serveList(w http.ResponseWriter, r *http.Request) {
	p.lists.Add(1)
	list := p.list.Load()
	if list == nil {
		made := p.makeList(r.Host)
		list = &made
		p.list.Store(list)
	}
	w.Header().Set("ETag", `"1"`)
	http.ServeContent(w, r, "", modified, bytes.NewReader(*list))
}

const listed = 100_000

func (p *publisher) makeList(host string) []byte {
	var list bytes.Buffer
	files := make([]*served, len(p.files))
	for _, f := range p.files {
		files[f.index] = f
	}
	for i := range listed {
		f := files[i%len(files)]
		fmt.Fprintf(&list, `{"id":"%06d","kb":"%d","title":"Security Update for Windows XP (KB%d)","classification":"security_update","os":["windowsxp"],"arch":["x86"],"language":"EN","released":"2004-04-13","files":[{"name":"WindowsXP-KB%d-x86-ENU.exe","size":%d,"sha256":"%s","url":"http://%s/%s"}]}`+"\n",
			i, 100000+i, 100000+i, 100000+i, f.size, f.sha256, host, f.name)
	}
	return list.Bytes()
}

func (p *publisher) reset() {
	p.requests.Store(0)
	p.bytes.Store(0)
	p.lists.Store(0)
	for _, f := range p.files {
		f.mu.Lock()
		f.asked = 0
		f.mu.Unlock()
	}
}
