package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"time"

	"patchferry/layout"
)

// maxReading bounds the time that one document may take, from its first
// request on: a server that sends a byte now and then never stalls.
const maxReading = time.Hour

// Read gets a small document whole into memory: a bulletin, a signature, an
// index. It returns no bytes, and Document.NotModified, where the publisher's
// is still the one that prev belongs to. It is one request where nothing fails;
// it keeps no file, and a body that is cut short is asked for again from its
// start, up to Client.Retries times.
//
// A document of more than limit bytes is a *LimitError, an HTML page in place
// of one a *ContentError, any other answer a *StatusError. That matches
// fs.ErrNotExist where the publisher says that there is no such document.
func (p *Publisher) Read(ctx context.Context, url string, prev layout.Validators, limit int64) ([]byte, layout.Document, error) {
	r := &reading{transfer: transfer{
		c: p.Client, o: p.Origin, list: true, limit: limit,
		w: layout.Want{URL: url, If: prev},
	}}
	err := r.read(ctx)
	r.doc.URL, r.doc.At = url, layout.At(time.Now())
	if err != nil {
		return nil, r.doc, fmt.Errorf("read %w", err)
	}
	return r.body, r.doc, nil
}

// Is makes the answer that there is no such file match fs.ErrNotExist, and that it is
// not for whoever asks so fs.ErrPermission.
func (e *StatusError) Is(target error) bool {
	switch e.Code {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	}
	return false
}

// reading is one call of Read: a transfer that has memory in place of a
// partial file.
type reading struct {
	transfer
	body []byte
	doc  layout.Document
}

func (r *reading) read(ctx context.Context) error {
	r.c.start()
	u, err := url.Parse(r.w.URL)
	if err != nil {
		return &URLError{Source: r.o.source, URL: r.w.URL, Why: "it is malformed"}
	}
	r.url = u.Redacted()
	if err := r.o.Allows(u); err != nil {
		return err
	}
	release, err := r.c.slots.take(ctx, hostPort(u))
	if err != nil {
		return r.named(err)
	}
	defer release()
	if err := r.c.waitOpen(ctx); err != nil {
		return r.named(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxReading, fmt.Errorf("it is not here after %v", maxReading))
	defer cancel()
	err = r.try(ctx)
	if r.c.health.note(hostPort(u), err) {
		r.c.log().WarnContext(ctx, "host is down: one attempt for each of its files from now on", "url", r.url, "err", err)
	}
	return r.named(err)
}

// try repeats attempts until the document is here or there is no more reason to.
func (r *reading) try(ctx context.Context) error {
	for n := 0; ; n++ {
		err := r.attempt(ctx)
		var broken *cut
		if !errors.As(err, &broken) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if n >= r.c.retries() {
			return &CutError{URL: r.url, Offset: int64(len(r.body)), Total: r.doc.Size, Attempts: n + 1, Err: broken.err}
		}
		if err := sleep(ctx, r.c.backoff(r.c.retryWait(), maxRetryWait, n, nil)); err != nil {
			return context.Cause(ctx)
		}
	}
}

// attempt makes one request and receives its body from the start.
func (r *reading) attempt(ctx context.Context) error {
	header := http.Header{}
	setIf(header, "If-None-Match", r.w.If.ETag)
	setIf(header, "If-Modified-Since", r.w.If.LastModified)
	resp, err := r.c.get(ctx, r.o, r.w.URL, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r.doc.TLSKey = tlsKey(resp)
	switch {
	case resp.StatusCode == http.StatusOK:
	case resp.StatusCode == http.StatusNotModified && !r.w.If.IsZero():
		r.doc.NotModified, r.doc.Validators = true, r.w.If
		return nil
	default:
		return r.c.statusError(r.url, resp)
	}
	if err := r.checkLength(resp); err != nil {
		return r.orPage(resp, err)
	}
	r.doc.Validators = layout.Validators{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	if err := r.receive(ctx, resp); err != nil {
		return err
	}
	r.doc.Size, r.doc.SHA256 = int64(len(r.body)), layout.DigestOf(r.body)
	return nil
}

// checkLength refuses what is too long, and what ends with its connection, cut
// short or not.
func (r *reading) checkLength(resp *http.Response) error {
	r.doc.Size = resp.ContentLength
	if resp.ContentLength > r.limit {
		return &LimitError{URL: r.url, Limit: r.limit}
	}
	if resp.ContentLength < 0 && !slices.Contains(resp.TransferEncoding, "chunked") {
		return &ContentError{URL: r.url, Why: "does not say how long it is"}
	}
	return nil
}

func (r *reading) receive(ctx context.Context, resp *http.Response) error {
	buf := buffers.Get().(*[chunk]byte)
	defer buffers.Put(buf)
	r.body = r.body[:0]
	for first := true; ; first = false {
		n, err := fill(resp.Body, buf[:], first)
		r.doc.Fetched += int64(n)
		r.c.progress(n)
		if first && n > 0 {
			if why := r.notTheFile(resp, buf[:n]); why != "" {
				return &ContentError{URL: r.url, Why: why}
			}
		}
		if int64(len(r.body)+n) > r.limit {
			return &LimitError{URL: r.url, Limit: r.limit}
		}
		r.body = append(r.body, buf[:n]...)
		if err := r.spend(ctx, n); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &cut{err}
		}
	}
}
