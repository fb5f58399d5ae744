package s3

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	idleTimeout = 60 * time.Second
	idlePerHost = 64 // connections kept

	// writeBuffer is what a connection sends at a time. What it reads is not
	// buffered further than Go does by itself: a reader with larger pieces reads
	// past the buffer.
	writeBuffer = 64 << 10

	maxHeaders  = 64 << 10
	maxFailure  = 64 << 10 // of an error document
	maxDocument = 16 << 20 // of a listing
)

// newTransport returns what carries requests to the engine and nowhere else: no
// proxy, no redirect (minio-go follows none), HTTP/1.1 alone, which is the
// cheaper for bulk.
func newTransport(c Config) (*http.Transport, error) {
	roots, err := rootCAs(c)
	if err != nil {
		return nil, err
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxIdleConns:           idlePerHost,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true, // lengths and digests are of the bytes as they are
		MaxResponseHeaderBytes: maxHeaders,
		WriteBufferSize:        writeBuffer,
	}, nil
}

func rootCAs(c Config) (*x509.CertPool, error) {
	if c.RootCAs != nil || c.CA == "" {
		return c.RootCAs, nil
	}
	data, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("certificates of the engine: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("certificates of the engine: %s holds none (PEM, BEGIN CERTIFICATE)", c.CA)
	}
	return pool, nil
}

// exchange is what is known of a request to the engine and its answer beyond
// what minio-go says of it. It is in the context of the request, and read when
// that has returned.
type exchange struct {
	err        error // of the transport; nil where there was an answer
	status     int
	code       string // of the error document, "" where there was none
	message    string
	region     string        // that the engine names in an error
	skew       time.Duration // the engine's clock less ours
	clock      bool          // skew is known
	retryAfter time.Duration
	server     string
	id         string // of the request, by the engine
	total      int64  // of the object, by an answer 416; -1 unknown
}

type exchangeKey struct{}

type patienceKey struct{}

// patient lets a request stall for times as long as others.
func patient(ctx context.Context, times int) context.Context {
	return context.WithValue(ctx, patienceKey{}, times)
}

func patience(ctx context.Context) time.Duration {
	times, _ := ctx.Value(patienceKey{}).(int)
	return time.Duration(max(1, times))
}

// errStalled is the error of a request on which no byte moved for too long.
var errStalled = errors.New("no byte came or went for too long")

// errLongAnswer is the error for a listing that does not end.
var errLongAnswer = fmt.Errorf("the engine's answer is longer than %d bytes", maxDocument)

// observer is the transport that notes exchanges, ends what stalls, and bounds
// what is read into memory.
type observer struct {
	next  http.RoundTripper
	stall time.Duration
}

// RoundTrip implements http.RoundTripper.
func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := newWatch(o.stall*patience(ctx), cancel)
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &requestBody{req.Body, w}
	}
	x := exchangeOf(req)
	resp, err := o.next.RoundTrip(req)
	w.answer()
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			err = cause
		}
		x.err = err
		cancel(err)
		return nil, err
	}
	resp.Body = &answerBody{resp.Body, w, func() error { return context.Cause(ctx) }}
	if err := o.note(x, req, resp); err != nil {
		x.err = err
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

// exchangeOf returns where to note a request. Requests that are not to the
// engine, which are those for an instance's credentials, are noted nowhere.
func exchangeOf(req *http.Request) *exchange {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok || req.Header.Get("Authorization") == "" {
		return new(exchange)
	}
	*x = exchange{total: -1}
	return x
}

// note reads what the engine says of an error, and bounds what it says else,
// but for objects.
func (o *observer) note(x *exchange, req *http.Request, resp *http.Response) error {
	h := resp.Header
	x.status, x.server = resp.StatusCode, h.Get("Server")
	x.id, x.region = h.Get("X-Amz-Request-Id"), h.Get("X-Amz-Bucket-Region")
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		x.skew, x.clock = time.Until(date), true
	}
	x.retryAfter = retryAfter(h.Get("Retry-After"))
	if _, total, ok := strings.Cut(h.Get("Content-Range"), "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			x.total = n
		}
	}
	if resp.StatusCode < 300 {
		if req.URL.RawQuery != "" {
			resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxDocument}
		}
		return nil
	}
	if req.Method == http.MethodHead {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFailure))
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var doc struct{ Code, Message, Region string }
	if xml.Unmarshal(body, &doc) == nil {
		x.code, x.message = doc.Code, doc.Message
		if doc.Region != "" {
			x.region = doc.Region
		}
	}
	return nil
}

// retryAfter reads the header (RFC 9110, section 10.2.3): seconds or a date.
func retryAfter(header string) time.Duration {
	if header == "" {
		return 0
	}
	if n, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(0, time.Until(date))
}

// watch ends a request on which nothing moves. It runs while a request is sent
// and answered, and then within each Read of the answer.
type watch struct {
	limit  time.Duration
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	timer    *time.Timer
	answered bool
}

func newWatch(limit time.Duration, cancel context.CancelCauseFunc) *watch {
	w := &watch{limit: limit, cancel: cancel}
	w.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w (%s)", errStalled, limit)) })
	return w
}

// moved is called for each piece of a request. What the transport still reads
// of it after the answer does not count.
func (w *watch) moved() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.answered {
		w.timer.Reset(w.limit)
	}
}

func (w *watch) answer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
	w.timer.Stop()
}

// requestBody watches what is sent.
type requestBody struct {
	io.ReadCloser
	watch *watch
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.watch.moved()
	return b.ReadCloser.Read(p)
}

// answerBody watches what is received. Only the time within Read counts: whoever
// reads may be slow.
type answerBody struct {
	io.ReadCloser
	watch *watch
	cause func() error // why the request was ended, if it was
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.watch.timer.Reset(b.watch.limit)
	n, err := b.ReadCloser.Read(p)
	b.watch.timer.Stop()
	if err != nil && err != io.EOF {
		if cause := b.cause(); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.cancel(nil)
	return err
}

// limitedBody is an error once more than left bytes were read.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errLongAnswer
	}
	return n, err
}
