package upstream

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"

	"patchferry/layout"
)

// partBody is the body of a part, which ends where its headers said. It waits for
// the rates before a read and not after it: what has come is wanted at once.
type partBody struct {
	body    io.ReadCloser
	left    int64        // bytes until the announced end; -1: unknown
	owed    atomic.Int64 // bytes that came and were not waited for
	head    []byte       // that was looked at, and not read yet
	err     error        // that ended it
	rates   rates
	failed  func(error) error
	came    func(n int)
	release func() // the slot
}

// rates are the limits that a body keeps to.
type rates struct {
	limits []*limiter
	wait   func(n int) error // until so much may have come
}

// pace returns how much of n bytes to read at once.
func (r *rates) pace(n int) int {
	for _, l := range r.limits {
		n = l.turn(n)
	}
	return n
}

// owe leaves what came last to whoever comes next.
func (r *rates) owe(n int) {
	for _, l := range r.limits {
		l.owe(n)
	}
}

func (a *asking) rates(ctx context.Context) rates {
	limits := []*limiter{a.c.limit, a.o.limiter()}
	return rates{limits: limits, wait: func(n int) error {
		err := spend(ctx, n, limits...)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return a.named(err)
	}}
}

// receiving returns the body of a part. The context is the request's.
func (a *asking) receiving(ctx context.Context, resp *http.Response, p layout.Part, release func()) *partBody {
	b := &partBody{
		body: resp.Body, left: p.End - p.Start, release: release, came: a.c.progress, rates: a.rates(ctx),
		failed: func(err error) error { return a.named(a.failed(ctx, err)) },
	}
	if p.End < 0 {
		b.left = -1
	}
	return b
}

// peek reads the beginning of a file and refuses a page in place of it.
func (b *partBody) peek(a *asking, resp *http.Response) error {
	head := make([]byte, sniffLen)
	n := 0
	for n < len(head) && b.err == nil {
		var more int
		more, b.err = b.receive(head[n:])
		n += more
	}
	b.head = head[:n]
	if n == 0 && b.err != nil && b.err != io.EOF {
		return b.err
	}
	if why := pageInPlace(a.at.Path, resp.Header, b.head, true); n > 0 && why != "" {
		return &ContentError{URL: a.url, Why: why}
	}
	return nil
}

// Read implements io.Reader.
func (b *partBody) Read(p []byte) (int, error) {
	n := copy(p, b.head)
	b.head = b.head[n:]
	if len(b.head) > 0 || n == len(p) && b.err == nil {
		return n, nil
	}
	if b.err == nil {
		var more int
		more, b.err = b.receive(p[n:])
		n += more
	}
	return n, b.err
}

// receive takes what is there. The last piece comes with io.EOF, when the
// connection is free for the next part.
func (b *partBody) receive(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.gone(io.EOF)
	}
	if err := b.rates.wait(int(b.owed.Swap(0))); err != nil {
		return 0, b.gone(err)
	}
	p = p[:b.rates.pace(len(p))]
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.owed.Store(int64(n))
	b.came(n)
	if b.left > 0 {
		b.left -= int64(n)
	}
	switch {
	case b.left == 0:
		return n, b.gone(io.EOF) // what an origin sends beyond is not looked at
	case err == io.EOF && b.left > 0:
		return n, b.gone(b.failed(io.ErrUnexpectedEOF))
	case err == io.EOF:
		return n, b.gone(io.EOF)
	case err != nil:
		return n, b.gone(b.failed(err))
	}
	return n, nil
}

// gone settles a body that has ended before the caller closes it.
func (b *partBody) gone(err error) error {
	b.rates.owe(int(b.owed.Swap(0)))
	b.release()
	return err
}

// Close implements io.Closer, also for another goroutine than the reader's. A connection on which more was to come is closed, too.
func (b *partBody) Close() error {
	b.gone(nil)
	return b.body.Close()
}

// drain reads a short body to its end, so that its connection can be used again,
// and closes it.
func drain(resp *http.Response) {
	if n := resp.ContentLength; n >= 0 && n <= maxDrain {
		io.CopyN(io.Discard, resp.Body, n) // where that fails, the connection is closed
	}
	resp.Body.Close()
}

// maxDrain is the length in bytes of what is rather read than given up with its
// connection.
const maxDrain = 16 << 10
