package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"patchferry/layout"
)

// attempt makes one request and receives its body. It returns nil when the
// file is complete or not modified, a *cut when it is worth going on, and a
// *ChangedError when the publisher has another file now.
func (t *transfer) attempt(ctx context.Context) error {
	p := t.part
	if p.offset > 0 && !p.resume {
		if err := p.reset(); err != nil {
			return t.named(err)
		}
	}
	if p.offset > 0 && p.offset == p.j.Total {
		t.describe(nil) // an earlier run came this far
		return nil
	}
	resp, err := t.c.get(ctx, t.o, t.w.URL, t.header())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK:
		err = t.begin(resp)
	case resp.StatusCode == http.StatusPartialContent && p.offset > 0:
		err = t.join(resp)
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && p.offset > 0:
		return t.beyond(resp)
	case resp.StatusCode == http.StatusNotModified && p.offset == 0 && !t.w.If.IsZero():
		t.got.NotModified = true
		t.got.Validators = t.w.If
		t.got.TLSKey = tlsKey(resp)
		return nil
	default:
		return t.c.statusError(t.url, resp)
	}
	if err != nil {
		return t.orPage(resp, err)
	}
	t.describe(resp)
	return t.receive(ctx, resp)
}

// header asks for what is missing. A weak ETag says that two bodies mean the
// same, not that their bytes are equal, so it never stands in If-Range; where
// that leaves nothing, a stated digest guards against mixing two versions.
func (t *transfer) header() http.Header {
	h := http.Header{}
	p := t.part
	if p.offset == 0 {
		setIf(h, "If-None-Match", t.w.If.ETag)
		setIf(h, "If-Modified-Since", t.w.If.LastModified)
		return h
	}
	h.Set("Range", "bytes="+strconv.FormatInt(p.offset, 10)+"-")
	switch {
	case strong(p.j.Validators.ETag):
		h.Set("If-Range", p.j.Validators.ETag)
	case p.j.DateStrong:
		h.Set("If-Range", p.j.Validators.LastModified)
	}
	return h
}

// begin takes the headers of a whole body.
func (t *transfer) begin(resp *http.Response) error {
	if t.part.offset > 0 {
		if err := t.part.reset(); err != nil {
			return t.named(err)
		}
	}
	total := resp.ContentLength
	if total < 0 && !slices.Contains(resp.TransferEncoding, "chunked") {
		// Such a body ends with the connection, cut short or not.
		if !t.stated() && t.w.Size == 0 {
			return &ContentError{URL: t.url, Why: "does not say how long it is, and nothing else does"}
		}
		if t.w.Size > 0 {
			total = t.w.Size
		}
	}
	v := layout.Validators{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	t.part.j = journal{URL: t.w.URL, Validators: v, DateStrong: strongDate(resp.Header), Total: -1}
	t.part.resume = strong(v.ETag) || t.part.j.DateStrong || t.stated()
	return t.setTotal(total)
}

// join takes the headers of the rest of a body that is partly here, which must
// begin where that ends and be of the same file.
func (t *transfer) join(resp *http.Response) error {
	start, _, total, err := contentRange(resp.Header.Get("Content-Range"))
	if err != nil {
		return &ContentError{URL: t.url, Why: err.Error()}
	}
	p := t.part
	if start != p.offset {
		return &ContentError{URL: t.url, Why: fmt.Sprintf("begins at byte %d and not at %d as it was asked to", start, p.offset)}
	}
	if total >= 0 && p.j.Total >= 0 && total != p.j.Total {
		return t.changed("length", strconv.FormatInt(p.j.Total, 10), strconv.FormatInt(total, 10))
	}
	was := p.j.Validators
	if is := resp.Header.Get("ETag"); is != "" && was.ETag != "" && is != was.ETag {
		return t.changed("ETag", was.ETag, is)
	}
	if is := resp.Header.Get("Last-Modified"); is != "" && was.LastModified != "" && is != was.LastModified {
		return t.changed("date", was.LastModified, is)
	}
	p.resumed = true
	if p.j.Total < 0 {
		return t.setTotal(total)
	}
	return nil
}

// beyond handles the answer that there is nothing after what is here.
func (t *transfer) beyond(resp *http.Response) error {
	p := t.part
	total, err := strconv.ParseInt(strings.TrimPrefix(resp.Header.Get("Content-Range"), "bytes */"), 10, 64)
	if err == nil && total == p.offset && p.j.Total < 0 {
		t.describe(resp)
		return t.setTotal(total)
	}
	is := "less than " + strconv.FormatInt(p.offset, 10)
	if err == nil {
		is = strconv.FormatInt(total, 10)
	}
	was := "unknown"
	if p.j.Total >= 0 {
		was = strconv.FormatInt(p.j.Total, 10)
	}
	return t.changed("length", was, is)
}

func (t *transfer) changed(what, was, is string) error {
	return &ChangedError{URL: t.url, What: what, Was: was, Is: is}
}

// setTotal records the length of the whole, -1 for unknown, unless it is
// wrong or too much.
func (t *transfer) setTotal(total int64) error {
	if total < 0 {
		return nil
	}
	if t.w.Size > 0 && total != t.w.Size {
		return mismatch("size", strconv.FormatInt(t.w.Size, 10), strconv.FormatInt(total, 10))
	}
	if total > t.limit {
		return &LimitError{URL: t.url, Limit: t.limit}
	}
	t.part.j.Total = total
	return nil
}

// stated reports whether a digest will tell a mixed file from a right one.
func (t *transfer) stated() bool { return !t.w.SHA256.IsZero() || !t.w.SHA1.IsZero() }

// describe notes what the headers say of the file; resp is nil where they came
// in an earlier run.
func (t *transfer) describe(resp *http.Response) {
	t.got.Validators = t.part.j.Validators
	t.got.Modified, _ = http.ParseTime(t.part.j.Validators.LastModified)
	if resp != nil {
		t.got.TLSKey = tlsKey(resp)
		t.part.j.TLSKey = t.got.TLSKey
		return
	}
	t.got.TLSKey = t.part.j.TLSKey
}

var buffers = sync.Pool{New: func() any { return new([chunk]byte) }}

// receive appends the body to the partial file.
func (t *transfer) receive(ctx context.Context, resp *http.Response) error {
	buf := buffers.Get().(*[chunk]byte)
	defer buffers.Put(buf)
	first := t.part.offset == 0
	for {
		n, err := fill(resp.Body, buf[:], first)
		t.got.Fetched += int64(n)
		t.c.progress(n)
		if first && n > 0 {
			if why := t.notTheFile(resp, buf[:n]); why != "" {
				return &ContentError{URL: t.url, Why: why}
			}
			first = false
		}
		if err := t.keep(buf[:n]); err != nil {
			return err
		}
		if err := t.spend(ctx, n); err != nil {
			return err
		}
		if err == io.EOF {
			return t.ended()
		}
		if err != nil {
			return &cut{err}
		}
		if closedFor(t.c.Windows, time.Now()) > 0 {
			return errClosed
		}
	}
}

// fill reads into buf, for the first time enough to tell what it is.
func fill(r io.Reader, buf []byte, first bool) (int, error) {
	n, err := r.Read(buf)
	for first && err == nil && n < sniffLen {
		var more int
		more, err = r.Read(buf[n:])
		n += more
	}
	return n, err
}

func (t *transfer) keep(b []byte) error {
	if t.part.offset+int64(len(b)) > t.limit {
		if t.w.Size > 0 {
			return mismatch("size", strconv.FormatInt(t.w.Size, 10), "more")
		}
		return &LimitError{URL: t.url, Limit: t.limit}
	}
	_, err := t.part.Write(b)
	return t.named(err)
}

// ended is called at the end of a body that came whole as far as HTTP can tell.
func (t *transfer) ended() error {
	p := t.part
	if p.j.Total >= 0 && p.offset < p.j.Total {
		return &cut{io.ErrUnexpectedEOF}
	}
	if p.j.Total >= 0 && p.offset > p.j.Total {
		return t.changed("length", strconv.FormatInt(p.j.Total, 10), strconv.FormatInt(p.offset, 10))
	}
	return nil
}

// spend waits until the rates allow for the n bytes that came.
func (t *transfer) spend(ctx context.Context, n int) error {
	err := spend(ctx, n, t.c.limit, t.o.limiter())
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return t.named(err)
}

// orPage returns err, an objection to the headers, unless the body shows the
// reason for it: an error page has another length than the file.
func (t *transfer) orPage(resp *http.Response, err error) error {
	head := make([]byte, sniffLen)
	n, _ := io.ReadFull(resp.Body, head)
	if why := t.notTheFile(resp, head[:n]); n > 0 && why != "" && resp.StatusCode == http.StatusOK {
		return &ContentError{URL: t.url, Why: why}
	}
	return err
}

// sniffLen is what net/http looks at to guess a type.
const sniffLen = 512

// pages are the extensions under which HTML is what was asked for.
var pages = []string{".html", ".htm", ".xhtml", ".hta", ".mht", ".mhtml"}

// notTheFile says why a body that begins with head cannot be the file: error
// pages, portals and consent forms come with status 200. Old servers call any
// file text/html, so the header alone decides only where no digest will.
func (t *transfer) notTheFile(resp *http.Response, head []byte) string {
	name := t.w.Name
	if u, err := url.Parse(t.w.URL); err == nil && name == "" {
		name = u.Path
	}
	if t.list {
		return pageInPlace(name, nil, head, true)
	}
	return pageInPlace(name, resp.Header, head, t.stated())
}

// pageInPlace is notTheFile for a file of that name; judged says that something
// else will tell a wrong file from the right one.
func pageInPlace(name string, h http.Header, head []byte, judged bool) string {
	if slices.Contains(pages, strings.ToLower(path.Ext(name))) {
		return ""
	}
	looks, _, _ := strings.Cut(http.DetectContentType(head), ";")
	if looks == "text/html" {
		return "is an HTML page and not the file"
	}
	says, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if says != "text/html" && says != "application/xhtml+xml" {
		return ""
	}
	if strings.HasPrefix(looks, "text/") || !judged {
		return "is called an HTML page (Content-Type " + says + ") and is not the file"
	}
	return ""
}

// contentRange reads "bytes 5-9/10" as [5, 10) of 10; total is -1 for "*".
func contentRange(s string) (start, end, total int64, err error) {
	bad := fmt.Errorf("has no usable Content-Range: %.80q", s)
	rest, ok := strings.CutPrefix(s, "bytes ")
	if !ok {
		return 0, 0, 0, bad
	}
	span, size, ok := strings.Cut(rest, "/")
	from, to, dash := strings.Cut(span, "-")
	if !ok || !dash {
		return 0, 0, 0, bad
	}
	start, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total = -1
	var err3 error
	if size != "*" {
		total, err3 = strconv.ParseInt(size, 10, 64)
	}
	if errors.Join(err1, err2, err3) != nil || start < 0 || last < start || last == math.MaxInt64 || size != "*" && last >= total {
		return 0, 0, 0, bad
	}
	return start, last + 1, total, nil
}

// strong reports whether an ETag promises equal bytes.
func strong(etag string) bool { return strings.HasPrefix(etag, `"`) }

// strongDate reports whether Last-Modified may be taken for a strong
// validator: the file was then a minute old (RFC 9110, section 8.8.2.2).
func strongDate(h http.Header) bool {
	modified, err1 := http.ParseTime(h.Get("Last-Modified"))
	date, err2 := http.ParseTime(h.Get("Date"))
	return err1 == nil && err2 == nil && date.Sub(modified) >= time.Minute
}

func setIf(h http.Header, key, value string) {
	if value != "" {
		h.Set(key, value)
	}
}
