package upstream

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"patchferry/layout"
)

// Part asks for a part of a file that hosts of the LAN wait for. It is one request,
// at any time of day, by connections that no sync takes away (Client.Fills), and
// returns when the first bytes are here. The Body is to be closed, ends with ctx,
// and keeps to the limits of bandwidth; a read of it takes what has come, up to
// the size of its buffer, and what cannot be what HTTP announced is an error of it.
//
// The answer is a part as it was asked for, or shorter at its end, or the Whole
// from an origin that knows no ranges or has another file now. Whether it is still
// the file that r.If belongs to is for the caller to see by its Validators: only a
// strong ETag is put to the origin, since a date may stand for two files.
//
// Nothing is tried twice: who asks for parts knows who waits for them. An error
// after which another try may succeed has a method Temporary that says so, also
// among those of Body; where the origin says when, it is a *layout.LaterError. An
// HTML page in place of the beginning of a file is a *ContentError, an offset
// behind its end a *RangeError, any other answer a *StatusError.
//
// Errors show no query of a URL, which may be somebody's key for the day.
func (p *Publisher) Part(ctx context.Context, r layout.PartRequest) (layout.Part, error) {
	part, err := p.Client.part(ctx, p.Origin, r)
	if err != nil {
		return layout.Part{}, fmt.Errorf("fetch a part of %w", err)
	}
	return part, nil
}

func (c *Client) part(ctx context.Context, o *Origin, r layout.PartRequest) (layout.Part, error) {
	c.start()
	u, err := url.Parse(r.URL)
	if err != nil {
		text, _, _ := strings.Cut(r.URL, "?")
		return layout.Part{}, &URLError{Source: o.source, URL: text, Why: "it is malformed"}
	}
	a := &asking{c: c, o: o, r: r, at: u, url: shown(u)}
	if r.Start < 0 || r.End >= 0 && r.End <= r.Start {
		return layout.Part{}, a.named(fmt.Errorf("bytes [%d, %d) are no range", r.Start, r.End))
	}
	if err := o.Allows(u); err != nil {
		return layout.Part{}, err
	}
	release, err := c.fills.slots.take(ctx, hostPort(u))
	if err != nil {
		return layout.Part{}, a.named(err)
	}
	part, err := a.ask(ctx, release)
	if err != nil {
		release()
		return layout.Part{}, a.named(err)
	}
	return part, nil
}

// asking is one call of Part.
type asking struct {
	c   *Client
	o   *Origin
	r   layout.PartRequest
	at  *url.URL
	url string // for messages
}

func (a *asking) named(err error) error { return named(a.url, err) }

// ask makes the request and looks at its answer.
func (a *asking) ask(ctx context.Context, release func()) (layout.Part, error) {
	req, err := http.NewRequestWithContext(withOrigin(ctx, a.o), http.MethodGet, a.r.URL, nil)
	if err != nil {
		return layout.Part{}, err
	}
	a.c.dress(req.Header, a.header())
	limits := a.rates(ctx)
	if err := limits.wait(1); err != nil { // what others still owe comes first
		return layout.Part{}, err
	}
	resp, err := a.c.fills.client.Do(req)
	if err != nil {
		return layout.Part{}, a.failed(ctx, err)
	}
	part, err := a.answer(resp)
	if err != nil {
		drain(resp)
		return layout.Part{}, err
	}
	body := a.receiving(ctx, resp, part, release)
	if part.Start == 0 {
		if err := body.peek(a, resp); err != nil {
			body.Close()
			return layout.Part{}, err
		}
	}
	part.Body = body
	return part, nil
}

// header asks for the range, always: so an origin that knows none is found out by
// the first request.
func (a *asking) header() http.Header {
	h := http.Header{}
	last := ""
	if a.r.End >= 0 {
		last = strconv.FormatInt(a.r.End-1, 10)
	}
	h.Set("Range", "bytes="+strconv.FormatInt(a.r.Start, 10)+"-"+last)
	if strong(a.r.If.ETag) {
		h.Set("If-Range", a.r.If.ETag)
	}
	return h
}

// failed returns the error of a request, or of a body, that ended with err.
func (a *asking) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err = bare(err); final(err) {
		return err
	}
	return &transportError{err}
}

// answer takes the headers.
func (a *asking) answer(resp *http.Response) (layout.Part, error) {
	p := layout.Part{
		Validators: layout.Validators{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")},
		TLSKey:     tlsKey(resp),
	}
	p.Modified, _ = http.ParseTime(p.Validators.LastModified)
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return p, a.senseless("is encoded (%.40q), which was not asked for", coding)
	}
	switch resp.StatusCode {
	case http.StatusPartialContent:
		return p, a.partial(resp, &p)
	case http.StatusOK:
		p.Whole, p.End, p.Total = true, resp.ContentLength, resp.ContentLength
		return p, nil
	case http.StatusRequestedRangeNotSatisfiable:
		return p, a.beyond(resp)
	}
	status := a.c.statusError(a.url, resp)
	if status.RetryAfter > 0 && status.Temporary() {
		return p, &layout.LaterError{After: status.RetryAfter, Err: status}
	}
	return p, status
}

// partial holds an answer of a part to what was asked, and to itself.
func (a *asking) partial(resp *http.Response, p *layout.Part) error {
	start, end, total, err := contentRange(resp.Header.Get("Content-Range"))
	if err != nil {
		return a.senseless("%v", err)
	}
	switch {
	case start != a.r.Start:
		return a.senseless("begins at byte %d and not at %d as it was asked to", start, a.r.Start)
	case a.r.End >= 0 && end > a.r.End:
		return a.senseless("ends at byte %d, after %d as it was asked to", end, a.r.End)
	case resp.ContentLength >= 0 && resp.ContentLength != end-start:
		return a.senseless("has %d bytes and calls them %d-%d", resp.ContentLength, start, end-1)
	}
	p.Start, p.End, p.Total = start, end, total
	return nil
}

// beyond handles the answer that nothing is there.
func (a *asking) beyond(resp *http.Response) error {
	total, err := strconv.ParseInt(strings.TrimPrefix(resp.Header.Get("Content-Range"), "bytes */"), 10, 64)
	if err != nil || total < 0 {
		total = -1
	}
	return &RangeError{URL: a.url, Start: a.r.Start, Total: total}
}

func (a *asking) senseless(format string, args ...any) error {
	return &ContentError{URL: a.url, Why: fmt.Sprintf(format, args...)}
}
