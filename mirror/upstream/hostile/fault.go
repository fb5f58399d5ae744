package hostile

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Fault is something that goes wrong with an answer. Those that end or replace
// an answer come one to a request; those that only colour it (NoRange,
// WeakETag, NoValidators, Slow) join the next fault of the path.
type Fault interface {
	apply(*answer, *file)
	times() int
	joins() bool
}

// Cut closes the connection after At bytes of the body.
type Cut struct {
	At    int64
	Times int
}

// Length states a Content-Length that differs from the truth by By: more, and
// the connection is closed at the real end; less, and the rest is not sent.
type Length struct {
	By    int64
	Times int
}

// NoRange answers every range with the whole.
type NoRange struct{ Times int }

// Change replaces the file before this request is answered, for good. With
// SameValidators this answer still carries ETag and Last-Modified of the old
// one. It joins the next fault of the path.
type Change struct {
	To             []byte
	SameValidators bool
}

// Stall sends At bytes of the body (a negative At: not even headers) and then
// nothing until the client leaves.
type Stall struct {
	At    int64
	Times int
}

// Slow pauses after each Chunk of the body.
type Slow struct {
	Chunk int
	Pause time.Duration
	Times int
}

// Redirect answers with Status (302 where 0) and Location To.
type Redirect struct {
	To     string
	Status int
	Times  int
}

// Status answers with a status and, where set, Retry-After.
type Status struct {
	Code       int
	RetryAfter string
	Times      int
}

// HTML answers 200 with an error page for people. Type is its Content-Type;
// "-" is none, empty is text/html.
type HTML struct {
	Type  string
	Times int
}

// WrongBytes serves the file with one bit of byte At wrong.
type WrongBytes struct {
	At    int64
	Times int
}

// WeakETag serves the file with a weak ETag and, as a server then must, the
// whole of it for any If-Range.
type WeakETag struct{ Times int }

// NoValidators serves the file without ETag and Last-Modified.
type NoValidators struct{ Times int }

// NoLength serves the file without Content-Length: chunked, or with Close up
// to the end of the connection as HTTP/1.0 did.
type NoLength struct {
	Close bool
	Times int
}

// WrongRange answers a range with one that begins By bytes later.
type WrongRange struct {
	By    int64
	Times int
}

// Good answers as it should; it stands between faults.
type Good struct{ Times int }

func (f Cut) apply(a *answer, _ *file)          { a.cutAt, a.cut = f.At, true }
func (f Length) apply(a *answer, _ *file)       { a.lie = f.By }
func (f NoRange) apply(a *answer, _ *file)      { a.noRange = true }
func (f Stall) apply(a *answer, _ *file)        { a.stallAt, a.stall = f.At, true }
func (f Slow) apply(a *answer, _ *file)         { a.chunk, a.pause = f.Chunk, f.Pause }
func (f WeakETag) apply(a *answer, x *file)     { a.etag, a.weak = "W/"+x.etag, true }
func (f NoValidators) apply(a *answer, _ *file) { a.bare = true }
func (f NoLength) apply(a *answer, _ *file)     { a.noLength, a.close = true, f.Close }
func (f WrongRange) apply(a *answer, _ *file)   { a.shift = f.By }
func (f Good) apply(*answer, *file)             {}

func (f Change) apply(a *answer, x *file) {
	if f.SameValidators {
		a.etag, a.modified = x.etag, x.modified
	}
	x.put(f.To)
}

func (f Redirect) apply(a *answer, _ *file) {
	a.instead = func() {
		a.w.Header().Set("Location", f.To)
		a.error(or(f.Status, http.StatusFound), "")
	}
}

func (f Status) apply(a *answer, _ *file) {
	a.instead = func() {
		if f.RetryAfter != "" {
			a.w.Header().Set("Retry-After", f.RetryAfter)
		}
		a.error(f.Code, fmt.Sprintf("%d\n", f.Code))
	}
}

func (f HTML) apply(a *answer, _ *file) {
	a.instead = func() {
		switch f.Type {
		case "":
			a.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		case "-":
			a.w.Header()["Content-Type"] = nil
		default:
			a.w.Header().Set("Content-Type", f.Type)
		}
		a.error(http.StatusOK, "<!DOCTYPE html>\n<html><title>Sorry</title><p>Please accept our terms.</html>\n")
	}
}

func (f WrongBytes) apply(a *answer, x *file) {
	a.body = bytes.Clone(x.body)
	a.body[f.At] ^= 1
}

func (f Cut) times() int          { return f.Times }
func (f Length) times() int       { return f.Times }
func (f NoRange) times() int      { return f.Times }
func (f Change) times() int       { return 1 }
func (f Stall) times() int        { return f.Times }
func (f Slow) times() int         { return f.Times }
func (f Redirect) times() int     { return f.Times }
func (f Status) times() int       { return f.Times }
func (f HTML) times() int         { return f.Times }
func (f WrongBytes) times() int   { return f.Times }
func (f WeakETag) times() int     { return f.Times }
func (f NoValidators) times() int { return f.Times }
func (f NoLength) times() int     { return f.Times }
func (f WrongRange) times() int   { return f.Times }
func (f Good) times() int         { return f.Times }

func (f Cut) joins() bool          { return false }
func (f Length) joins() bool       { return false }
func (f NoRange) joins() bool      { return true }
func (f Change) joins() bool       { return true }
func (f Stall) joins() bool        { return false }
func (f Slow) joins() bool         { return true }
func (f Redirect) joins() bool     { return false }
func (f Status) joins() bool       { return false }
func (f HTML) joins() bool         { return false }
func (f WrongBytes) joins() bool   { return false }
func (f WeakETag) joins() bool     { return true }
func (f NoValidators) joins() bool { return true }
func (f NoLength) joins() bool     { return true }
func (f WrongRange) joins() bool   { return true }
func (f Good) joins() bool         { return false }

func or(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// rangeOf returns the bytes that a Range of the form "bytes=5-" or "bytes=5-9"
// asks for; ok is false for any other.
func rangeOf(s string, size int64) (from, to int64, ok bool) {
	var rest string
	if n, _ := fmt.Sscanf(s, "bytes=%d-%s", &from, &rest); n == 0 || from < 0 {
		return 0, 0, false
	}
	to = size
	if end, err := strconv.ParseInt(rest, 10, 64); err == nil {
		to = min(end+1, size)
	}
	return from, to, true
}
