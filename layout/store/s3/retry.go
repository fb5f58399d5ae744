package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"
)

// attempt says to a request what became of those before it.
type attempt struct {
	// unclear: an earlier one may have had its effect, though its answer did
	// not say so.
	unclear bool
}

// request makes one request until its answer is clear: op is called again, after
// a pause, where the answer says nothing about the request itself (no
// connection, a time-out, 500, 503, too many requests). An error names act and
// cause.
func (b *Bucket) request(ctx context.Context, act string, op func(context.Context, attempt) error) error {
	var a attempt
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", act, err)
		}
		var x exchange
		used := b.keys.version()
		err := op(context.WithValue(ctx, exchangeKey{}, &x), a)
		if err == nil {
			b.met.Store(true)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", act, ctx.Err())
		}
		if x.mayBeKeys() && b.keys.renew(used) {
			continue // with those that the file holds now; it ends, for they changed
		}
		if x.status > 0 {
			b.met.Store(true)
		}
		if try >= b.tries(&x) || !x.again(err) {
			return fmt.Errorf("%s: %w", act, b.explain(&x, err))
		}
		a.unclear = a.unclear || x.unclear()
		pause := b.pause(try, &x)
		b.config.Log.Info("storage is asked again", "act", act, "after", pause, "err", b.explain(&x, err))
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("%s: %w", act, err)
		}
	}
}

// tries returns how often a failed request is made again. Where nobody has ever
// answered, an address that is wrong is likelier than an engine that is away.
func (b *Bucket) tries(x *exchange) int {
	if !b.met.Load() && !x.sent() {
		return min(1, b.config.Retries)
	}
	return b.config.Retries
}

// pause doubles with each attempt, less a random half, and is at least what the
// engine asked for.
func (b *Bucket) pause(try int, x *exchange) time.Duration {
	full := min(b.config.RetryWait<<min(try, 16), maxRetryWait)
	pause := full - rand.N(full/2+1)
	return min(max(pause, x.retryAfter), maxRetryWait)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// passing are the codes of answers that may be others a moment later, whatever
// their status.
var passing = [...]string{
	"InternalError", "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite", "RequestTimeout",
	"Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled", "TooManyRequests",
	"OperationAborted", "ConditionalRequestConflict",
	// The bytes were other ones when they arrived: the line did that.
	"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody",
}

// again reports whether the same request may have another answer.
func (x *exchange) again(err error) bool {
	if x.err != nil {
		return !lasting(x.err)
	}
	if x.status == 0 {
		return false // minio-go made no request
	}
	if x.noSpace() {
		return false
	}
	if slices.Contains(passing[:], x.code) {
		return true
	}
	switch x.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	// The answer began well and did not end, or was no document.
	return x.status < 300 && !isContract(err)
}

// lasting reports whether a connection would fail in the same way again.
func lasting(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var name *net.DNSError
	return errors.As(err, &certificate) || errors.As(err, &record) ||
		errors.As(err, &name) && name.IsNotFound || errors.Is(err, errLongAnswer)
}

// sent reports whether the engine may have had the request.
func (x *exchange) sent() bool {
	var op *net.OpError
	return x.err == nil || !errors.As(x.err, &op) || op.Op != "dial"
}

// unclear reports whether the request may have had its effect although its
// answer is an error.
func (x *exchange) unclear() bool {
	if x.err != nil {
		return x.sent()
	}
	return x.status < 300 || x.status >= 500 || x.status == http.StatusRequestTimeout || x.status == http.StatusConflict
}

// contract is the error of an answer that was understood and is not what was
// asked for. It is not asked for again.
type contract struct{ what string }

func (e *contract) Error() string { return e.what }

func breach(format string, args ...any) error { return &contract{fmt.Sprintf(format, args...)} }

func isContract(err error) bool {
	var c *contract
	return errors.As(err, &c)
}
