package fill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"patchferry/layout"
)

const (
	// badAnswers is how many answers in a row may make no sense.
	badAnswers = 5
	// firstPause and longestPause bound the time between requests that fail.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// progress is how much must come until an origin counts as being back, in bytes.
	progress = 64 << 10
)

// changedError says that an origin has another file by now.
type changedError struct{ what, was, is string }

func (e *changedError) Error() string {
	return fmt.Sprintf("%v: its %s was %s and is %s", errChanged, e.what, e.was, e.is)
}

func (e *changedError) Unwrap() error { return errChanged }

// answerError is an answer that is not what was asked for.
type answerError struct{ why string }

func (e *answerError) Error() string { return "the origin's answer " + e.why }

// errBusy: an answer with the whole file cannot be used while other parts come.
var errBusy = errors.New("the origin's answer is the whole file, though a part was asked for")

// diskError is a disk that does not take what came.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// bodyError is a body that ended before its time.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// trouble is what went wrong with requests.
type trouble struct {
	fatal    error     // ends the fill
	changed  error     // asks for another attempt
	last     error     // of a request that is to be made again
	failures int       // in a row
	since    time.Time // when the first of them failed
	until    time.Time // no request before
	bad      int       // answers in a row that made no sense
	url      string    // whose refusal fatal is
	came     int64     // bytes since a request failed
}

// passed notes bytes that came, and reports whether the origin is back with them.
func (t *trouble) passed(n int64) bool {
	t.bad = 0
	t.came += n
	if t.failures == 0 || t.came < progress {
		return false
	}
	t.failures, t.since = 0, time.Time{}
	return true
}

// judge notes what became of a request. a.mu is held.
func (a *attempt) judge(ctx context.Context, url string, err error) {
	t := &a.trouble
	if err == nil {
		t.failures, t.since = 0, time.Time{}
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	t.last = err
	if _, changed := errors.AsType[*changedError](err); changed {
		if t.changed == nil {
			t.changed = err
		}
		return
	}
	if errors.Is(err, errBusy) {
		a.pause(0)
		return
	}
	if _, bad := errors.AsType[*answerError](err); bad {
		t.bad++
		if t.bad < badAnswers {
			a.pause(0)
			return
		}
	}
	if !again(err) || t.bad >= badAnswers {
		if t.fatal == nil {
			t.fatal, t.url = err, url
		}
		return
	}
	var after time.Duration
	if later, ok := errors.AsType[*layout.LaterError](err); ok {
		after = later.After
	}
	if after > a.pool.patience() && t.fatal == nil {
		t.fatal, t.url = err, url
	}
	a.pause(after)
}

// pause puts off the next request, each time longer, and by after at least. Requests that
// fail together count once. a.mu is held.
func (a *attempt) pause(after time.Duration) {
	t := &a.trouble
	now := a.pool.now()
	a.pool.faults.Add(1)
	if t.since.IsZero() {
		t.since = now
	}
	if now.Before(t.until) {
		return
	}
	wait := firstPause
	for range min(t.failures, 12) {
		wait += wait / 2
	}
	t.failures++
	a.plan.pace.spread.forget(now)
	t.came = 0
	t.until = now.Add(max(min(wait, longestPause), after))
}

// again reports whether a request that failed is worth making again.
func again(err error) bool {
	if _, disk := errors.AsType[*diskError](err); disk {
		return false
	}
	if yes, said := temporary(err); said {
		return yes
	}
	if _, later := errors.AsType[*layout.LaterError](err); later {
		return true
	}
	if _, body := errors.AsType[*bodyError](err); body {
		return true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	if _, network := errors.AsType[net.Error](err); network {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// temporary returns what an error, or one that it wraps, says of itself. Errors of the
// network say it of every one of their kind, so their word does not count.
func temporary(err error) (yes, said bool) {
	if err == nil {
		return false, false
	}
	if t, ok := err.(interface{ Temporary() bool }); ok {
		if _, network := err.(net.Error); !network {
			return t.Temporary(), true
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return temporary(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if yes, said := temporary(one); said {
				return yes, said
			}
		}
	}
	return false, false
}

// isFull reports whether an error says that the disk is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
