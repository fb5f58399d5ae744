package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"patchferry/layout"
	"patchferry/layout/durable"
)

// Bounds of one fetch.
const (
	maxRestarts = 3        // starts from zero because the file changed
	repeatBelow = 64 << 20 // bytes: smaller wrong files are fetched once more
	// maxAttempts and bytesPerAttempt bound the attempts in all, so that a
	// server that hands out single bytes does not hold a fetch for ever.
	maxAttempts     = 100
	bytesPerAttempt = 64 << 10
)

// Fetch gets one file. When it returns without error, the file is at w.Path,
// complete, synced and as w states. (Its directory is not synced: after a
// power loss the name may be missing, never the content wrong.) Whatever else
// happens, w.Path is not touched.
//
// What was received of a file that is not complete stays beside it, and the
// next call with the same w goes on there if the publisher still has the same
// file; bytes of two versions are never mixed. A wrong size or digest is a
// *layout.MismatchError, and the bytes are at w.Path+".bad" where there are
// any. To rule out the transport it is reported only after a second look, if
// the first was resumed or the file is small. An HTML page in place of a file
// is a *ContentError.
//
// A caller that has put the file where it belongs calls Discard. Until then
// the same call again finds it, without a word to the publisher: whoever is
// killed in between need not fetch it again.
//
// The connection is free for others before the file is synced, so a caller
// who runs twice as many calls at once as there are connections keeps the line
// busy meanwhile. The caller sees to it that no two calls have the same Path at
// the same time.
func (c *Client) Fetch(ctx context.Context, o *Origin, w layout.Want) (layout.Got, error) {
	t := &transfer{c: c, o: o, w: w, limit: c.maxFile(w)}
	got, err := t.fetch(ctx)
	if err != nil {
		return got, fmt.Errorf("fetch %w", err)
	}
	return got, nil
}

func (c *Client) maxFile(w layout.Want) int64 {
	if w.Size > 0 {
		return w.Size
	}
	return orDefault(c.MaxFile, DefaultMaxFile)
}

// transfer is one call of Fetch or Refresh.
type transfer struct {
	c     *Client
	o     *Origin
	w     layout.Want
	limit int64 // bytes
	list  bool  // a list: text, whatever the server calls it

	part *partial
	got  layout.Got
	url  string // for messages: without secrets
}

func (t *transfer) fetch(ctx context.Context) (layout.Got, error) {
	t.c.start()
	u, err := url.Parse(t.w.URL)
	if err != nil {
		return t.got, &URLError{Source: t.o.source, URL: t.w.URL, Why: "it is malformed"}
	}
	t.url = u.Redacted()
	if err := t.o.Allows(u); err != nil {
		return t.got, err
	}
	if done, err := t.complete(); done || err != nil {
		return t.got, t.named(err)
	}
	release, err := t.c.slots.take(ctx, hostPort(u))
	if err != nil {
		return t.got, t.named(err)
	}
	defer release()
	t.part, err = openPartial(t.w)
	if err != nil {
		return t.got, t.named(err)
	}
	err = t.try(ctx)
	if t.c.health.note(hostPort(u), err) {
		t.c.log().WarnContext(ctx, "host is down: one attempt for each of its files from now on", "url", t.url, "err", err)
	}
	release() // what follows is about the disk; the line is free for others
	return t.got, t.settle(err)
}

// complete reports whether an earlier call brought the file here, as it is
// wanted now. Lists are not kept for long enough.
func (t *transfer) complete() (bool, error) {
	if t.list {
		return false, nil
	}
	var err error
	if t.part, err = openComplete(t.w); t.part == nil || err != nil {
		return false, err
	}
	wrong := t.part.check(t.w, &t.got)
	t.describe(nil)
	if err := t.part.file.Close(); err != nil {
		return false, err
	}
	if wrong != nil {
		t.got = layout.Got{} // it is fetched anew, and then replaced
	}
	return wrong == nil, nil
}

// try runs the download and looks at the result, twice where a wrong one may
// be the transport's fault.
func (t *transfer) try(ctx context.Context) error {
	for second := false; ; second = true {
		err := t.run(ctx)
		if err == nil && !t.got.NotModified {
			err = t.part.check(t.w, &t.got)
		}
		if err == nil || second || !t.worthRepeating(err) {
			return err
		}
		t.c.log().WarnContext(ctx, "fetch once more from the start", "url", t.url, "err", err)
		if err := t.part.reset(); err != nil {
			return t.named(err)
		}
		t.part.best = 0
	}
}

// worthRepeating reports whether err says that the content is wrong, and
// another look may find it right at a reasonable price: a stale or broken
// cache on the way gives wrong bytes once, the publisher every time.
func (t *transfer) worthRepeating(err error) bool {
	var content *ContentError
	var wrong *layout.MismatchError
	if errors.As(err, &content) {
		return true
	}
	return errors.As(err, &wrong) && (t.part.resumed || t.part.offset < repeatBelow)
}

// settle leaves the files as the outcome demands.
func (t *transfer) settle(err error) error {
	if err == nil && t.got.NotModified {
		return t.named(t.part.discard())
	}
	if err == nil {
		return t.named(t.finish())
	}
	var wrong *layout.MismatchError
	var kept error
	switch {
	case errors.As(err, &wrong) && t.part.offset > 0:
		kept = t.part.finish(badSuffix)
	case keeps(err):
		kept = t.part.suspend()
	default:
		kept = t.part.discard()
	}
	if kept != nil {
		t.c.log().Warn("partial file is lost", "path", t.part.path, "err", kept)
	}
	return t.named(err)
}

// finish gives the complete file its name. Nobody asks for a list twice.
func (t *transfer) finish() error {
	err := t.part.finish("")
	if err == nil && t.list && t.part.recorded {
		err = durable.Remove(t.part.path + journalSuffix)
	}
	return err
}

// named puts the URL before an error that does not begin with it.
func (t *transfer) named(err error) error { return named(t.url, err) }

// keeps reports whether the bytes that came before err are worth keeping.
func keeps(err error) bool {
	var content *ContentError
	var changed *ChangedError
	var limit *LimitError
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code >= 500 || status.Code == 408 || status.Code == 425 || status.Code == 429
	}
	return !errors.As(err, &content) && !errors.As(err, &changed) && !errors.As(err, &limit)
}

// errClosed ends an attempt when the last window closes.
var errClosed = errors.New("outside of the hours in which fetching is allowed")

// cut is the end of an attempt whose connection broke.
type cut struct{ err error }

func (c *cut) Error() string { return c.err.Error() }

// run repeats attempts until the file is complete or there is no more reason
// to. An attempt that brought a byte starts the count anew; the attempts in
// all are bounded all the same.
func (t *transfer) run(ctx context.Context) error {
	idle, restarts := 0, 0
	for attempt := 1; ; attempt++ {
		if err := t.c.waitOpen(ctx); err != nil {
			return t.named(err)
		}
		best := t.part.best
		err := t.attempt(ctx)
		var broken *cut
		var changed *ChangedError
		switch {
		case errors.Is(err, errClosed):
			continue
		case errors.As(err, &changed):
			restarts++
			if restarts > maxRestarts {
				return err
			}
			if err := t.part.reset(); err != nil {
				return t.named(err)
			}
			continue
		case !errors.As(err, &broken):
			return err
		}
		idle++
		if t.part.best > best {
			idle = 0
		}
		most := maxAttempts + int(t.part.best/bytesPerAttempt)
		if idle > t.c.retries() || attempt >= most {
			return &CutError{URL: t.url, Offset: t.part.offset, Total: t.part.j.Total, Attempts: attempt, Err: broken.err}
		}
		t.c.log().DebugContext(ctx, "go on after a broken transfer", "url", t.url, "size", t.part.offset, "err", broken.err)
		if err := sleep(ctx, t.c.backoff(t.c.retryWait(), maxRetryWait, idle, nil)); err != nil {
			return t.named(err)
		}
	}
}
