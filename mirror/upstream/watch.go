package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// watch ends requests and bodies that stay silent for too long. Only waiting
// for the server counts, neither connecting (which has time-outs of its own)
// nor the time that the reader of a body takes between two reads. It also counts
// what comes.
type watch struct {
	next  http.RoundTripper
	stall time.Duration
	fill  bool // somebody waits for what is asked
	came  *counter
}

func (w *watch) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	silent := &StallError{URL: shown(req.URL), After: w.stall}
	a := newAlarm(w.stall, func() { cancel(silent) })
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { a.set() }}
	resp, err := w.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	a.seal()
	ended := func(err error) error {
		if stalled := (*StallError)(nil); errors.As(context.Cause(ctx), &stalled) {
			return stalled
		}
		return err
	}
	if err != nil {
		err = ended(err)
		cancel(nil)
		return nil, err
	}
	body := newAlarm(w.stall, func() { cancel(silent) })
	resp.Body = &watchedBody{body: resp.Body, alarm: body, ended: ended, cancel: func() { cancel(nil) }, came: w.counted(req)}
	return resp, nil
}

// counted returns what counts the bytes of the answer to req.
func (w *watch) counted(req *http.Request) func(n int) {
	o := originOf(req.Context())
	return func(n int) {
		w.came.add(n, w.fill)
		if o != nil {
			o.came.add(n, w.fill)
		}
	}
}

// watchedBody is a body whose reads sound an alarm when they take too long.
type watchedBody struct {
	body   io.ReadCloser
	alarm  *alarm
	ended  func(error) error // names the stall where it was the reason
	cancel func()
	came   func(n int)
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.alarm.set()
	n, err := b.body.Read(p)
	b.alarm.stop()
	b.came(n)
	if err != nil && err != io.EOF {
		err = b.ended(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.alarm.seal()
	err := b.body.Close()
	b.cancel()
	return err
}

// alarm rings once when it was set and not stopped for the given time. After
// seal it can be set no more: the trace of a request may call late, when its
// answer is already being read.
type alarm struct {
	after  time.Duration
	mu     sync.Mutex
	timer  *time.Timer
	sealed bool
}

func newAlarm(after time.Duration, ring func()) *alarm {
	a := &alarm{after: after, timer: time.AfterFunc(after, ring)}
	a.timer.Stop()
	return a
}

func (a *alarm) set() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.sealed {
		a.timer.Reset(a.after)
	}
}

func (a *alarm) stop() { a.timer.Stop() }

func (a *alarm) seal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sealed = true
	a.timer.Stop()
}
