package upstream

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"patchferry/layout"
)

// StatusError is an HTTP answer that is not the file.
type StatusError struct {
	URL        string
	Code       int
	Status     string        // "404 Not Found"
	RetryAfter time.Duration // what the answer asked for; 0 for nothing
	Limit      time.Duration // the longest wait allowed, where RetryAfter is beyond it; else 0
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: the server answered %s", e.URL, e.Status)
	if e.Limit > 0 {
		text += fmt.Sprintf(" and asks to wait %v, longer than %v; try again later", e.RetryAfter, e.Limit)
	}
	return text
}

// Temporary reports whether the same request may be answered otherwise soon.
func (e *StatusError) Temporary() bool { return passes(e.Code) }

// passes reports whether a status is one of the moment, and not of the file.
func passes(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return code >= 500
}

// RangeError is the answer that a file ends before the part that was asked for.
type RangeError struct {
	URL   string
	Start int64 // what was asked for
	Total int64 // length of the file in bytes; -1 where the server did not say
}

func (e *RangeError) Error() string {
	if e.Total < 0 {
		return fmt.Sprintf("%s: the server says that the file ends before byte %d", e.URL, e.Start)
	}
	return fmt.Sprintf("%s: byte %d is asked for, and the server says that the file has %d bytes", e.URL, e.Start, e.Total)
}

// HostError is a URL on a host that the operator did not name for the source.
type HostError struct {
	Source string
	URL    string
	Host   string // with the port unless it is the scheme's own: as it is written in "hosts"
}

func (e *HostError) Error() string {
	return fmt.Sprintf("%s: source %q may not use host %q; if it belongs to the publisher, add hosts = [%s] to that [[source]]",
		e.URL, e.Source, e.Host, strconv.Quote(e.Host))
}

// AddressError is a permitted host whose name leads to an address that the
// operator did not write.
type AddressError struct {
	Source  string
	Host    string
	Address netip.Addr
	Class   string // "link-local"
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("host %q of source %q leads to %s, a %s address; if that is meant, add hosts = [%q] to that [[source]]",
		e.Host, e.Source, e.Address, e.Class, e.Address.String())
}

// URLError is a URL that no source may use, whatever its host.
type URLError struct {
	Source string
	URL    string
	Why    string
}

func (e *URLError) Error() string {
	return fmt.Sprintf("%s: source %q may not use this URL: %s", e.URL, e.Source, e.Why)
}

// RedirectError is a redirect that is not followed.
type RedirectError struct {
	From, To string
	Why      string
}

func (e *RedirectError) Error() string {
	return fmt.Sprintf("%s: redirect to %s refused: %s", e.From, e.To, e.Why)
}

// StallError is a server that sent nothing for the time of Client.Stall, or
// FillStall.
type StallError struct {
	URL   string
	After time.Duration
}

func (e *StallError) Error() string {
	return fmt.Sprintf("%s: no byte came for %v", e.URL, e.After)
}

// Temporary is true: another connection may do better.
func (e *StallError) Temporary() bool { return true }

// CutError is a body that kept ending before its time.
type CutError struct {
	URL      string
	Offset   int64 // bytes that arrived and are kept
	Total    int64 // -1 where the server did not say
	Attempts int
	Err      error // how the last attempt ended
}

func (e *CutError) Error() string {
	total := "an unknown number of"
	if e.Total >= 0 {
		total = strconv.FormatInt(e.Total, 10)
	}
	return fmt.Sprintf("%s: only %d of %s bytes came in %d attempts: %v", e.URL, e.Offset, total, e.Attempts, e.Err)
}

func (e *CutError) Unwrap() error { return e.Err }

// ChangedError is a file that the publisher replaced, time and again, while
// it was being fetched.
type ChangedError struct {
	URL     string
	What    string // "ETag", "length"
	Was, Is string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s: the file changed while it was fetched: its %s was %s and is %s", e.URL, e.What, e.Was, e.Is)
}

// ContentError is an answer that says 200 and is still not the file.
type ContentError struct {
	URL string
	Why string // "is an HTML page"
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("%s: the answer %s", e.URL, e.Why)
}

// LimitError is a file or list that is larger than allowed.
type LimitError struct {
	URL   string
	Limit int64 // bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: larger than the limit of %d bytes", e.URL, e.Limit)
}

// LineError is a line of a list that cannot be used. Parsing goes on after it.
type LineError struct {
	Line int // 1 is the first
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

func mismatch(what, want, got string) error {
	return &layout.MismatchError{What: what, Want: want, Got: got}
}
