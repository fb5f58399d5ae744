package main

import (
	"net"
	"net/http"
	"strconv"
)

// What goes wrong, by the number of the file. The rates are those of a bad day
// at a real publisher: one file in eight meets something.
const (
	cutEvery   = 15  // the connection ends in the body, once
	resetEvery = 25  // the connection is reset in the body, once
	busyEvery  = 12  // the first answer is 503
	staleEvery = 150 // cut, and the rest comes from a cache that has an older edition
	wrongFile  = 77  // the first answer is whole and has other bytes
)

// misbehave answers a request wrongly, if it is one of those, and reports
// whether it did. What it does depends on the file and on how often it was
// asked for alone, so that everybody meets the same.
func (p *publisher) misbehave(w http.ResponseWriter, r *http.Request, f *served) bool {
	f.mu.Lock()
	f.asked++
	asked := f.asked
	f.mu.Unlock()
	i := f.index
	switch {
	case i == wrongFile && asked == 1:
		p.serve(w, r, f.old)
	case i%staleEvery == 1 && asked == 1:
		p.part(w, f, f.size/5, false)
	case i%staleEvery == 1 && asked == 2 && r.Header.Get("Range") != "":
		r.Header.Del("If-Range") // it does not look
		w.Header().Set("ETag", `"old"`)
		p.stale(w, r, f)
	case i%busyEvery == 2 && asked == 1:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case i%cutEvery == 3 && asked == 1:
		p.part(w, f, f.size*(i%7+1)/8, false)
	case i%resetEvery == 4 && asked == 1:
		p.part(w, f, f.size*(i%7+1)/8, true)
	default:
		return false
	}
	return true
}

// stale answers a range with bytes of an older edition.
func (p *publisher) stale(w http.ResponseWriter, r *http.Request, f *served) {
	from, err := strconv.Atoi(r.Header.Get("Range")[len("bytes=") : len(r.Header.Get("Range"))-1])
	if err != nil || from >= f.size {
		http.Error(w, "no such range", http.StatusRequestedRangeNotSatisfiable)
		return
	}
	w.Header().Set("Content-Range", "bytes "+strconv.Itoa(from)+"-"+strconv.Itoa(f.size-1)+"/"+strconv.Itoa(f.size))
	w.Header().Set("Content-Length", strconv.Itoa(f.size-from))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = (&counter{w, p}).Write(f.old[from:])
}

// part sends the beginning of a whole answer and ends the connection.
func (p *publisher) part(w http.ResponseWriter, f *served, n int, reset bool) {
	w.Header().Set("ETag", strconv.Quote(strconv.Itoa(f.size)+"-1"))
	w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(f.size))
	_, _ = (&counter{w, p}).Write(f.body[:n])
	c := http.NewResponseController(w)
	_ = c.Flush()
	if reset {
		conn, _, err := c.Hijack()
		if err == nil {
			closeHard(conn)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// closeHard resets the connection, so that the reader may lose what it has not
// read yet.
func closeHard(conn net.Conn) {
	if far, ok := conn.(*farConn); ok {
		_ = far.SetLinger(0)
	}
	_ = conn.Close()
}
