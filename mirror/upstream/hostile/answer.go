package hostile

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is one answer, as the faults of the request leave it.
type answer struct {
	w      http.ResponseWriter
	r      *http.Request
	p      *Publisher
	seen   *Request // guarded by p.mu
	status int

	body     []byte
	etag     string
	modified time.Time
	instead  func() // answers in place of the file

	cut      bool
	cutAt    int64
	stall    bool
	stallAt  int64
	lie      int64
	shift    int64
	chunk    int
	pause    time.Duration
	noRange  bool
	weak     bool
	bare     bool
	noLength bool
	close    bool
	grow     int64 // of the range that is answered
	total    int64 // of the file, added in Content-Range
	label    string
	coding   string
	filler   int // bytes of a header more
	hold     <-chan struct{}
	holdAt   int64
	fall     <-chan struct{} // closed when the publisher goes down
}

func (a *answer) fallen() bool { return closed(a.fall) }

func (a *answer) error(code int, text string) {
	a.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	a.begin(code)
	n, _ := io.WriteString(a.w, text)
	a.wrote(n)
}

// begin sends the headers.
func (a *answer) begin(code int) {
	a.p.mu.Lock()
	a.seen.Status = code
	a.p.mu.Unlock()
	a.w.WriteHeader(code)
}

func (a *answer) wrote(n int) {
	a.p.mu.Lock()
	a.seen.Written += int64(n)
	a.p.mu.Unlock()
}

func (a *answer) serve() {
	if a.instead != nil {
		a.instead()
		return
	}
	if a.stall && a.stallAt < 0 {
		a.idle(nil)
		panic(http.ErrAbortHandler)
	}
	a.headers()
	if a.unchanged() {
		a.begin(http.StatusNotModified)
		return
	}
	size := int64(len(a.body))
	from, to := int64(0), size
	a.status = http.StatusOK
	if f, t, ok := rangeOf(a.r.Header.Get("Range"), size); ok && a.mayRange() {
		if f >= size {
			a.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
			a.error(http.StatusRequestedRangeNotSatisfiable, "")
			return
		}
		from = min(f+a.shift, size-1)
		to = min(max(t+a.grow, from+1), size)
		a.status = http.StatusPartialContent
		a.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size+a.lie+a.total))
		a.relabel()
	}
	a.p.mu.Lock()
	a.seen.From = from
	a.p.mu.Unlock()
	a.send(a.body[from:to])
}

// relabel puts what RangeTotal says in place of the right header.
func (a *answer) relabel() {
	switch a.label {
	case "":
	case "-":
		a.w.Header().Del("Content-Range")
	default:
		a.w.Header().Set("Content-Range", a.label)
	}
}

// idle waits until the channel is closed, the client leaves or the publisher goes
// down.
func (a *answer) idle(until <-chan struct{}) {
	select {
	case <-until:
	case <-a.r.Context().Done():
	case <-a.fall:
	}
}

func (a *answer) headers() {
	h := a.w.Header()
	if a.coding != "" {
		h.Set("Content-Encoding", a.coding)
	}
	if a.filler > 0 {
		h.Set("X-Filler", strings.Repeat("x", a.filler))
	}
	h.Set("Content-Type", "application/octet-stream")
	if !a.bare {
		h.Set("ETag", a.etag)
		h.Set("Last-Modified", a.modified.Format(http.TimeFormat))
	}
	if a.noRange {
		return
	}
	h.Set("Accept-Ranges", "bytes")
}

// unchanged answers If-None-Match and If-Modified-Since.
func (a *answer) unchanged() bool {
	if a.bare {
		return false
	}
	if tag := a.r.Header.Get("If-None-Match"); tag != "" {
		return tag == a.etag
	}
	since, err := http.ParseTime(a.r.Header.Get("If-Modified-Since"))
	return err == nil && !a.modified.After(since)
}

// mayRange answers If-Range: only a strong validator that is still right does.
func (a *answer) mayRange() bool {
	if a.noRange {
		return false
	}
	v := a.r.Header.Get("If-Range")
	switch {
	case v == "":
		return true
	case a.bare:
		return false
	case v == a.etag:
		return !a.weak
	}
	return v == a.modified.Format(http.TimeFormat)
}

// send writes the body as far as the faults let it.
func (a *answer) send(b []byte) {
	stated := int64(len(b)) + a.lie
	if a.noLength {
		a.w.Header().Set("Content-Length", "")
		a.w.Header().Del("Content-Length")
		if a.close {
			a.w.Header().Set("Connection", "close")
			a.w.Header().Set("Transfer-Encoding", "identity")
		}
	} else {
		a.w.Header().Set("Content-Length", strconv.FormatInt(stated, 10))
	}
	a.begin(a.status)
	switch {
	case a.cut && a.cutAt < int64(len(b)):
		a.write(b[:a.cutAt])
		a.abort()
	case a.stall && a.stallAt < int64(len(b)):
		a.write(b[:a.stallAt])
		a.flush()
		a.idle(nil)
		panic(http.ErrAbortHandler)
	case a.hold != nil && a.holdAt < int64(len(b)):
		a.write(b[:a.holdAt])
		a.flush()
		a.idle(a.hold)
		a.write(b[a.holdAt:])
	case a.lie < 0:
		a.write(b[:stated])
	case a.lie > 0:
		a.write(b)
		a.abort()
	default:
		a.write(b)
	}
}

func (a *answer) write(b []byte) {
	piece := or(a.chunk, 64<<10)
	for len(b) > 0 {
		if a.fallen() {
			panic(http.ErrAbortHandler)
		}
		n, err := a.w.Write(b[:min(piece, len(b))])
		a.wrote(n)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		b = b[n:]
		if a.pause > 0 && len(b) > 0 {
			a.flush()
			a.nap()
		}
	}
}

// abort closes the connection after what was written has left.
func (a *answer) abort() {
	a.flush()
	panic(http.ErrAbortHandler)
}

func (a *answer) flush() {
	if f, ok := a.w.(http.Flusher); ok {
		f.Flush()
	}
}

// nap is the pause between two pieces.
func (a *answer) nap() {
	t := time.NewTimer(a.pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.r.Context().Done():
	case <-a.fall:
	}
}

// pause sleeps until d has passed or the client has left.
func pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}
