// Package hostile is a publisher that misbehaves on demand: an HTTP server on
// loopback whose files can be given faults, one by one or several to a path.
// Tests of everything that fetches use it in place of the Internet.
//
//	p := hostile.New(map[string][]byte{"/a.exe": content})
//	defer p.Close()
//	p.Fault("/a.exe", hostile.Cut{At: 1000, Times: 2})
//
// A request for a path meets its faults in the order in which they were given;
// each is used up after its Times (0 is for ever) and the file is then served
// as it should be: with ranges, a strong ETag and a Last-Modified.
package hostile

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Publisher is an HTTP server with faults. All methods may be called
// concurrently. Its zero value serves nothing; New and NewTLS start one, and a
// Publisher that is not started is an http.Handler for other listeners.
type Publisher struct {
	// Delay is slept before each answer, like a long line. Set it before the
	// first request.
	Delay time.Duration
	// Hook, where set, is called with each request before it is answered. Set
	// it before the first request.
	Hook func(*http.Request)

	server *httptest.Server
	mu     sync.Mutex
	files  map[string]*file
	seen   []*Request
	fall   chan struct{} // closed while the publisher is down
}

// Request is one request and its answer.
type Request struct {
	Path    string
	Query   string
	Host    string
	Header  http.Header // as received
	Status  int         // 0 where the connection was closed without an answer
	From    int64       // offset in the file of the first byte of the body
	Written int64       // bytes of the body that were handed to the connection
}

type file struct {
	body     []byte
	etag     string // strong, of body
	modified time.Time
	faults   []*armed
	tags     int // that NewETag has given out
}

type armed struct {
	fault Fault
	left  int // -1 is for ever
}

// New starts a publisher of these files, by path ("/a/b.exe"), on loopback.
func New(files map[string][]byte) *Publisher {
	p := NewHandler(files)
	p.server = httptest.NewServer(p)
	return p
}

// NewTLS is New with https; Server().Certificate is what to trust.
func NewTLS(files map[string][]byte) *Publisher {
	p := NewHandler(files)
	p.server = httptest.NewTLSServer(p)
	return p
}

// NewHandler returns a publisher without a server of its own.
func NewHandler(files map[string][]byte) *Publisher {
	p := &Publisher{files: map[string]*file{}}
	for path, body := range files {
		p.Put(path, body)
	}
	return p
}

// Server returns the server that New started, nil where there is none.
func (p *Publisher) Server() *httptest.Server { return p.server }

// URL returns the URL of a path of the server that New started.
func (p *Publisher) URL(path string) string { return p.server.URL + path }

// Close ends the server and waits for requests under way.
func (p *Publisher) Close() {
	if p.server != nil {
		p.server.CloseClientConnections()
		p.server.Close()
	}
}

// epoch is the Last-Modified of all files as they are first put.
var epoch = time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)

// Put adds or replaces a file; each replacement is a day younger than the last.
func (p *Publisher) Put(path string, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.files[path]; f != nil {
		f.put(body)
		return
	}
	p.files[path] = &file{body: body, etag: etagOf(body), modified: epoch}
}

// put replaces the content; f is a day younger then.
func (f *file) put(body []byte) {
	f.body, f.etag, f.modified = body, etagOf(body), f.modified.AddDate(0, 0, 1)
}

// Fault adds faults to a path, which need not be a file.
func (p *Publisher) Fault(path string, faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.files[path]
	if f == nil {
		f = &file{modified: epoch}
		p.files[path] = f
	}
	for _, fault := range faults {
		left := fault.times()
		if left == 0 {
			left = -1
		}
		f.faults = append(f.faults, &armed{fault, left})
	}
}

// Heal takes all faults from a path.
func (p *Publisher) Heal(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.files[path]; f != nil {
		f.faults = nil
	}
}

// Requests returns how many requests for path came; for "" all.
func (p *Publisher) Requests(path string) int {
	n := 0
	for _, r := range p.Log() {
		if path == "" || r.Path == path {
			n++
		}
	}
	return n
}

// Bytes returns how many bytes of bodies were sent for path; for "" all.
func (p *Publisher) Bytes(path string) int64 {
	var n int64
	for _, r := range p.Log() {
		if path == "" || r.Path == path {
			n += r.Written
		}
	}
	return n
}

// Log returns the requests so far, in the order in which they came. Of one
// that is still being answered it says what was done so far.
func (p *Publisher) Log() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Request, len(p.seen))
	for i, r := range p.seen {
		all[i] = *r
	}
	return all
}

// Paths returns the paths of all files in order.
func (p *Publisher) Paths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.files))
}

// ServeHTTP answers one request.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.Hook != nil {
		p.Hook(r)
	}
	pause(r, p.Delay)
	a := &answer{w: w, r: r, p: p, seen: &Request{Path: r.URL.Path, Query: r.URL.RawQuery, Host: r.Host, Header: r.Header.Clone()}}
	a.fall = p.falls()
	if a.fallen() {
		panic(http.ErrAbortHandler)
	}
	if !p.prepare(a) {
		a.error(http.StatusNotFound, "no such file\n")
		return
	}
	a.serve()
}

// prepare takes the file and the faults of this request.
func (p *Publisher) prepare(a *answer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, a.seen)
	f := p.files[a.r.URL.Path]
	if f == nil {
		return false
	}
	for _, x := range f.faults {
		if x.left == 0 {
			continue
		}
		if x.left > 0 {
			x.left--
		}
		x.fault.apply(a, f)
		if !x.fault.joins() {
			break
		}
	}
	if a.body == nil {
		a.body = f.body
	}
	if a.modified.IsZero() {
		a.modified = f.modified
	}
	if a.etag == "" {
		a.etag = f.etag
	}
	return f.body != nil || a.instead != nil
}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return strconv.Quote(hex.EncodeToString(sum[:8]))
}

// ETag returns the strong ETag of a file, empty where there is none.
func (p *Publisher) ETag(path string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.files[path]; f != nil {
		return f.etag
	}
	return ""
}
