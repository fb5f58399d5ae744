package upstream_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

// part asks for [start, end) of /a.exe and reads it.
func (b *bench) part(t *testing.T, start, end int64, v layout.Validators) (layout.Part, []byte, error) {
	t.Helper()
	p := &upstream.Publisher{Client: b.client, Origin: b.origin}
	got, err := p.Part(t.Context(), layout.PartRequest{URL: b.publisher.URL("/a.exe?key=secret"), Start: start, End: end, If: v})
	if err != nil {
		return got, nil, err
	}
	read, err := io.ReadAll(got.Body)
	if closed := got.Body.Close(); closed != nil {
		t.Errorf("close: %v", closed)
	}
	got.Body = nil
	return got, read, err
}

// again reports whether err says that another try may succeed, as an engine asks.
func again(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func TestPart(t *testing.T) {
	size := int64(len(body))
	tag := strong(t, body)
	tests := []struct {
		name       string
		start, end int64
		faults     []hostile.Fault
		tag        string // in If-Range
		want       layout.Part
	}{
		{name: "from the start", start: 0, end: 1000, want: layout.Part{End: 1000, Total: size}},
		{name: "in the middle", start: 5000, end: 700_000, want: layout.Part{Start: 5000, End: 700_000, Total: size}},
		{name: "one byte", start: 5000, end: 5001, want: layout.Part{Start: 5000, End: 5001, Total: size}},
		{name: "all, with a range", start: 0, end: -1, want: layout.Part{End: size, Total: size}},
		{name: "the rest", start: 800_000, end: -1, want: layout.Part{Start: 800_000, End: size, Total: size}},
		{name: "beyond the end", start: 800_000, end: 1 << 40, want: layout.Part{Start: 800_000, End: size, Total: size}},
		{name: "no ranges", start: 5000, end: 6000, faults: []hostile.Fault{hostile.NoRange{}}, want: layout.Part{End: size, Total: size, Whole: true}},
		{name: "the same file", start: 5000, end: 6000, tag: tag, want: layout.Part{Start: 5000, End: 6000, Total: size}},
		{name: "another file", start: 5000, end: 6000, tag: `"another"`, want: layout.Part{End: size, Total: size, Whole: true}},
		{name: "less than asked", start: 5000, end: 6000, faults: []hostile.Fault{hostile.ShortRange{By: 100}}, want: layout.Part{Start: 5000, End: 5900, Total: size}},
		{name: "length unknown", start: 5000, end: 6000, faults: []hostile.Fault{hostile.RangeTotal{Text: "bytes 5000-5999/*"}}, want: layout.Part{Start: 5000, End: 6000, Total: -1}},
		{name: "chunked", start: 5000, end: 6000, faults: []hostile.Fault{hostile.NoLength{}}, want: layout.Part{Start: 5000, End: 6000, Total: size}},
		{name: "chunked whole", start: 5000, end: 6000, faults: []hostile.Fault{hostile.NoRange{}, hostile.NoLength{}}, want: layout.Part{End: -1, Total: -1, Whole: true}},
		{name: "chunked, and more than it says", start: 5000, end: 6000, want: layout.Part{Start: 5000, End: 6000, Total: size},
			faults: []hostile.Fault{hostile.NoLength{}, hostile.LongRange{By: 5000}, hostile.RangeTotal{Text: "bytes 5000-5999/900000"}}},
		{name: "weak ETag", start: 5000, end: 6000, tag: "W/" + tag, faults: []hostile.Fault{hostile.WeakETag{}}, want: layout.Part{Start: 5000, End: 6000, Total: size}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, map[string][]byte{"/a.exe": body})
			b.publisher.Fault("/a.exe", tt.faults...)
			got, read, err := b.part(t, tt.start, tt.end, layout.Validators{ETag: tt.tag, LastModified: "Tue, 13 Apr 2004 17:00:00 GMT"})
			if err != nil {
				t.Fatal(err)
			}
			end := tt.want.End
			if end < 0 {
				end = size
			}
			if !bytes.Equal(read, body[tt.want.Start:end]) {
				t.Errorf("got %d bytes, not those of [%d, %d)", len(read), tt.want.Start, end)
			}
			if strings.TrimPrefix(got.Validators.ETag, "W/") != tag || !got.Modified.Equal(time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)) {
				t.Errorf("got %+v, %v", got.Validators, got.Modified)
			}
			got.Validators, got.Modified = layout.Validators{}, time.Time{}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Part (-want +got):\n%s", diff)
			}
			seen := b.publisher.Log()[0].Header
			if ask := seen.Get("If-Range"); ask != strings.TrimPrefix(tt.tag, "W/"+tag) {
				t.Errorf("got If-Range %q", ask)
			}
			if seen.Get("Accept-Encoding") != "identity" || !strings.HasPrefix(seen.Get("Range"), "bytes=") {
				t.Errorf("got Accept-Encoding %q, Range %q", seen.Get("Accept-Encoding"), seen.Get("Range"))
			}
		})
	}
}

// strong returns the ETag that the publisher gives a file.
func strong(t *testing.T, body []byte) string {
	t.Helper()
	return hostile.NewHandler(map[string][]byte{"/a": body}).ETag("/a")
}

func TestPartRefuses(t *testing.T) {
	tests := []struct {
		name   string
		fault  []hostile.Fault
		is     func(error) bool
		again  bool
		reason string
	}{
		{name: "another begin", fault: []hostile.Fault{hostile.WrongRange{By: 10}}, is: is[*upstream.ContentError], reason: "begins at byte 5010 and not at 5000"},
		{name: "more than asked", fault: []hostile.Fault{hostile.LongRange{By: 10}}, is: is[*upstream.ContentError], reason: "ends at byte 700010, after 700000"},
		{name: "another length than it says", fault: []hostile.Fault{hostile.RangeTotal{Text: "bytes 5000-5999/900000"}}, is: is[*upstream.ContentError], reason: "has 695000 bytes and calls them 5000-5999"},
		{name: "no Content-Range", fault: []hostile.Fault{hostile.RangeTotal{Text: "-"}}, is: is[*upstream.ContentError], reason: `no usable Content-Range: ""`},
		{name: "absurd Content-Range", fault: []hostile.Fault{hostile.RangeTotal{Text: "bytes 5000-9223372036854775807/*"}}, is: is[*upstream.ContentError], reason: "no usable Content-Range"},
		{name: "encoded", fault: []hostile.Fault{hostile.Encoded{Coding: "gzip"}}, is: is[*upstream.ContentError], reason: `is encoded ("gzip")`},
		{name: "cut", fault: []hostile.Fault{hostile.Cut{At: 1000}}, again: true, reason: "unexpected EOF"},
		{name: "cut at once", fault: []hostile.Fault{hostile.Cut{At: 0}}, again: true},
		{name: "less than it says", fault: []hostile.Fault{hostile.Length{By: 10}}, is: is[*upstream.ContentError]},
		{name: "cut, chunked", fault: []hostile.Fault{hostile.NoLength{}, hostile.Cut{At: 1000}}, again: true, reason: "unexpected EOF"},
		{name: "chunked, and less than it says", again: true, reason: "unexpected EOF",
			fault: []hostile.Fault{hostile.NoLength{}, hostile.ShortRange{By: 100}, hostile.RangeTotal{Text: "bytes 5000-699999/900000"}}},
		{name: "stall", fault: []hostile.Fault{hostile.Stall{At: 1000}}, is: is[*upstream.StallError], again: true},
		{name: "stall before the headers", fault: []hostile.Fault{hostile.Stall{At: -1}}, is: is[*upstream.StallError], again: true},
		{name: "503", fault: []hostile.Fault{hostile.Status{Code: 503}}, is: is[*upstream.StatusError], again: true, reason: "503 Service Unavailable"},
		{name: "503, later", fault: []hostile.Fault{hostile.Status{Code: 503, RetryAfter: "7"}}, is: later(7 * time.Second), again: true, reason: "503 Service Unavailable"},
		{name: "429", fault: []hostile.Fault{hostile.Status{Code: 429}}, is: is[*upstream.StatusError], again: true},
		{name: "408", fault: []hostile.Fault{hostile.Status{Code: 408}}, again: true},
		{name: "501", fault: []hostile.Fault{hostile.Status{Code: 501}}, is: is[*upstream.StatusError]},
		{name: "404", fault: []hostile.Fault{hostile.Status{Code: 404, RetryAfter: "7"}}, is: is[*upstream.StatusError]},
		{name: "403", fault: []hostile.Fault{hostile.Status{Code: 403}}, is: is[*upstream.StatusError]},
		{name: "redirect elsewhere", fault: []hostile.Fault{hostile.Redirect{To: "http://b.example/a.exe?key=secret"}}, is: is[*upstream.HostError]},
		{name: "redirect to a private address", fault: []hostile.Fault{hostile.Redirect{To: "http://10.0.0.1/a.exe?key=secret"}}, is: is[*upstream.HostError]},
		{name: "endless redirect", fault: []hostile.Fault{hostile.Redirect{To: "/a.exe?key=secret"}}, is: is[*upstream.RedirectError], reason: "more than 5 in a row"},
		{name: "huge headers", fault: []hostile.Fault{hostile.HugeHeaders{Bytes: 300 << 10}}, again: true, reason: "header"},
		{name: "page", fault: []hostile.Fault{hostile.HTML{}}, is: is[*upstream.ContentError], reason: "HTML page"},
		{name: "page without a type", fault: []hostile.Fault{hostile.HTML{Type: "-"}}, is: is[*upstream.ContentError], reason: "HTML page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, map[string][]byte{"/a.exe": body})
			if strings.HasPrefix(tt.name, "stall") {
				b.client.FillStall = short
			}
			b.publisher.Fault("/a.exe", tt.fault...)
			_, _, err := b.part(t, 5000, 700_000, layout.Validators{})
			if err == nil || tt.is != nil && !tt.is(err) {
				t.Fatalf("got %T: %v", err, err)
			}
			if !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("got %q, want %q in it", err, tt.reason)
			}
			if got := again(err); got != tt.again {
				t.Errorf("another try may succeed: got %v, want %v (%v)", got, tt.again, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the query: %v", err)
			}
		})
	}
}

// later reports whether an error says how long to wait.
func later(after time.Duration) func(error) bool {
	return func(err error) bool {
		var l *layout.LaterError
		return errors.As(err, &l) && l.After == after
	}
}
