package hostile

import (
	"net/http"
	"strconv"
	"strings"
)

// ShortRange answers a range with one that ends By bytes earlier, as a server may.
type ShortRange struct {
	By    int64
	Times int
}

// LongRange answers a range with one that ends By bytes later, where the file is
// that long.
type LongRange struct {
	By    int64
	Times int
}

// RangeTotal states in Content-Range a length of the file that differs from the
// truth by By; Text, where it is set, stands in place of the whole header, "-" for
// none.
type RangeTotal struct {
	By    int64
	Text  string
	Times int
}

// NewETag serves the same file under another strong ETag each time, as delivery
// networks do whose machines do not agree.
type NewETag struct{ Times int }

// Encoded says that the body is encoded.
type Encoded struct {
	Coding string
	Times  int
}

// HugeHeaders adds a header of so many bytes.
type HugeHeaders struct {
	Bytes int
	Times int
}

// Hold sends At bytes of the body, and the rest when Until is closed or the client
// leaves.
type Hold struct {
	At    int64
	Until <-chan struct{}
	Times int
}

// Deny answers with Code (403 where 0) whoever asks with this query: a key that is
// used up.
type Deny struct {
	Query string
	Code  int
	Times int
}

func (f ShortRange) apply(a *answer, _ *file)  { a.grow = -f.By }
func (f LongRange) apply(a *answer, _ *file)   { a.grow = f.By }
func (f RangeTotal) apply(a *answer, _ *file)  { a.total, a.label = f.By, f.Text }
func (f HugeHeaders) apply(a *answer, _ *file) { a.filler = f.Bytes }
func (f Encoded) apply(a *answer, _ *file)     { a.coding = f.Coding }
func (f Hold) apply(a *answer, _ *file)        { a.hold, a.holdAt = f.Until, f.At }

func (f NewETag) apply(a *answer, x *file) {
	x.tags++
	a.etag = strconv.Quote(strings.Trim(x.etag, `"`) + "-" + strconv.Itoa(x.tags))
}

func (f Deny) apply(a *answer, _ *file) {
	if a.r.URL.RawQuery == f.Query {
		a.instead = func() { a.error(or(f.Code, http.StatusForbidden), "no\n") }
	}
}

func (f ShortRange) times() int  { return f.Times }
func (f LongRange) times() int   { return f.Times }
func (f RangeTotal) times() int  { return f.Times }
func (f NewETag) times() int     { return f.Times }
func (f Encoded) times() int     { return f.Times }
func (f HugeHeaders) times() int { return f.Times }
func (f Hold) times() int        { return f.Times }
func (f Deny) times() int        { return f.Times }

func (f ShortRange) joins() bool  { return true }
func (f LongRange) joins() bool   { return true }
func (f RangeTotal) joins() bool  { return true }
func (f NewETag) joins() bool     { return true }
func (f Encoded) joins() bool     { return true }
func (f HugeHeaders) joins() bool { return true }
func (f Hold) joins() bool        { return false }
func (f Deny) joins() bool        { return true }
