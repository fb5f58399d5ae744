package s3test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Fault is what happens to some requests. What a zero field says does not happen.
type Fault struct {
	// Which requests: all of these must fit.
	Method string // "" is any
	Key    string // stands in the path
	Query  string // stands in the query
	After  int    // how many that fit go through first
	Times  int    // how many are struck then; 0 is all

	// What happens before the engine is asked.
	Delay time.Duration
	Skew  time.Duration // the time in the request is off by this
	Spoil bool          // a byte of what is sent is another

	// What is answered. With Lost the engine is asked first, and does what it
	// is asked; its answer does not arrive.
	Lost   bool
	Reset  bool // the connection is reset
	Hang   bool // nothing is answered, until the request is given up
	Status int  // this is answered, with an error document of Code
	Code   string
	Header http.Header

	// What happens to the engine's answer on the way.
	Cut    int64 // it ends after so many bytes, in the middle
	Stall  int64 // after so many bytes nothing comes any more
	Garble bool  // a byte of it is another
	Answer func(*http.Response) *http.Response
}

// Faults is a carrier of requests that fails on purpose: Config.Transport is its
// Wrap. It may be used by several stores.
type Faults struct {
	mu    sync.Mutex
	rules []*rule
	log   []string
}

type rule struct {
	Fault
	seen int
}

// Set replaces the faults that there are. Of those that fit a request, the first
// strikes.
func (f *Faults) Set(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	for _, fault := range faults {
		f.rules = append(f.rules, &rule{Fault: fault})
	}
}

// Log returns what was asked since the last call: "PUT key?query", without the
// bucket.
func (f *Faults) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

// Wrap puts the faults before a carrier.
func (f *Faults) Wrap(next http.RoundTripper) http.RoundTripper { return &struck{f, next} }

type struck struct {
	faults *Faults
	next   http.RoundTripper
}

// pick notes a request and returns the fault that strikes it, nil for none.
func (f *Faults) pick(req *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, key, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	line := req.Method + " " + key
	if req.URL.RawQuery != "" {
		line += "?" + req.URL.RawQuery
	}
	f.log = append(f.log, line)
	for _, r := range f.rules {
		if r.Method != "" && r.Method != req.Method || !strings.Contains(key, r.Key) || !strings.Contains(req.URL.RawQuery, r.Query) {
			continue
		}
		r.seen++
		if n := r.seen - r.After; n > 0 && (r.Times == 0 || n <= r.Times) {
			return &r.Fault
		}
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (s *struck) RoundTrip(req *http.Request) (*http.Response, error) {
	fault := s.faults.pick(req)
	if fault == nil {
		return s.next.RoundTrip(req)
	}
	req, err := fault.prepare(req)
	if err != nil {
		return nil, err
	}
	answered := !fault.Reset && !fault.Hang && fault.Status == 0
	if !answered && !fault.Lost {
		return fault.answer(req)
	}
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if !fault.Lost {
		return fault.spoil(req, resp), nil
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if answered {
		return nil, reset("read")
	}
	return fault.answer(req)
}

// prepare is what happens to a request on its way.
func (f *Fault) prepare(req *http.Request) (*http.Request, error) {
	t := time.NewTimer(f.Delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	req = req.Clone(req.Context())
	if f.Skew != 0 {
		req.Header.Set("X-Amz-Date", time.Now().Add(f.Skew).UTC().Format("20060102T150405Z"))
	}
	if f.Spoil && req.Body != nil {
		req.Body = &spoiled{body: req.Body}
	}
	return req, nil
}

// answer is what comes in place of the engine's answer.
func (f *Fault) answer(req *http.Request) (*http.Response, error) {
	if req.Body != nil && !f.Lost {
		_, _ = io.Copy(io.Discard, req.Body) // an engine reads a request before it refuses it
		_ = req.Body.Close()
	}
	if f.Hang {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if f.Status == 0 {
		return nil, reset("write")
	}
	doc := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>on purpose</Message></Error>", f.Code)
	if f.Code == "" {
		doc = "<html>no engine</html>"
	}
	header := http.Header{"Content-Type": {"application/xml"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for name, values := range f.Header {
		header[name] = values
	}
	return &http.Response{
		Status: fmt.Sprintf("%d on purpose", f.Status), StatusCode: f.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(doc)), ContentLength: int64(len(doc)), Request: req,
	}, nil
}

func reset(op string) error { return &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET} }

// spoil is what happens to the engine's answer on its way.
func (f *Fault) spoil(req *http.Request, resp *http.Response) *http.Response {
	if f.Garble {
		resp.Body = &spoiled{body: resp.Body}
	}
	if f.Cut > 0 {
		resp.Body = &cutBody{ReadCloser: resp.Body, left: f.Cut, end: func() error { return io.ErrUnexpectedEOF }}
	}
	if f.Stall > 0 {
		resp.Body = &cutBody{ReadCloser: resp.Body, left: f.Stall, end: func() error {
			<-req.Context().Done()
			return req.Context().Err()
		}}
	}
	if f.Answer != nil {
		resp = f.Answer(resp)
	}
	return resp
}

// spoiled changes the first byte.
type spoiled struct {
	body io.ReadCloser
	done bool
}

func (s *spoiled) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if n > 0 && !s.done {
		p[0] ^= 1
		s.done = true
	}
	return n, err
}

func (s *spoiled) Close() error { return s.body.Close() }

// cutBody ends after left bytes with what end says.
type cutBody struct {
	io.ReadCloser
	left int64
	end  func() error
}

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, c.end()
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// Body replaces the body of an answer, its length too.
func Body(resp *http.Response, doc []byte) *http.Response {
	_ = resp.Body.Close()
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
	resp.Header.Set("Content-Length", fmt.Sprint(len(doc)))
	return resp
}
