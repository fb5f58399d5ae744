package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"patchferry/layout"
)

const (
	maxRedirects = 5
	maxRetryWait = 30 * time.Second
)

// get asks for a URL until headers come that are no reason to ask again, or
// Retries are used up. The caller closes the body.
func (c *Client) get(ctx context.Context, o *Origin, asked string, header http.Header) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(withOrigin(ctx, o), http.MethodGet, asked, nil)
	if err != nil {
		return nil, err
	}
	c.dress(req.Header, header)
	client := c.requests
	if c.health.down(hostPort(req.URL)) {
		client = c.single
	}
	resp, err := client.Do(req)
	if err != nil && resp != nil {
		resp.Body.Close()
	}
	if ctx.Err() != nil {
		return nil, named(asked, context.Cause(ctx))
	}
	if err == nil {
		return resp, nil
	}
	err = bare(err)
	if !final(err) {
		err = &transportError{err}
	}
	return nil, named(asked, err)
}

// dress adds what every request carries to what this one asks for.
func (c *Client) dress(h, asks http.Header) {
	maps.Copy(h, asks)
	h.Set("User-Agent", orDefault(c.UserAgent, DefaultUserAgent))
	h.Set("Accept", "*/*")
	h.Set("Accept-Encoding", "identity")
	h.Set("Via", "1.1 "+c.pseudonym)
}

// bare takes net/http's wrapping off an error.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// named puts the URL before an error that does not begin with it.
func named(asked string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), asked) {
		return err
	}
	return fmt.Errorf("%s: %w", asked, err)
}

// checkRedirect holds every hop to the rules of the first. The Referer that
// net/http adds would tell one publisher of another.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	refuse := func(why string) error {
		return &RedirectError{From: shown(from), To: shown(req.URL), Why: why}
	}
	if len(via) > maxRedirects {
		return refuse(fmt.Sprintf("more than %d in a row", maxRedirects))
	}
	if from.Scheme == "https" && req.URL.Scheme != "https" {
		return refuse("it leaves https")
	}
	req.Header.Del("Referer")
	if err := originOf(req.Context()).Allows(req.URL); err != nil {
		return fmt.Errorf("redirect to %w", err)
	}
	return nil
}

// checkRetry says whether to ask again after an answer or its absence.
func (c *Client) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return !final(err), nil
	}
	return passes(resp.StatusCode) && retryAfter(resp) <= c.maxRetryAfter(), nil
}

// final reports whether err would come again.
func final(err error) bool {
	var host *HostError
	var addr *AddressError
	var form *URLError
	var redirect *RedirectError
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var dns *net.DNSError
	return errors.As(err, &host) || errors.As(err, &addr) || errors.As(err, &form) || errors.As(err, &redirect) ||
		errors.As(err, &cert) || errors.As(err, &authority) || errors.As(err, &name) ||
		errors.As(err, &dns) && dns.IsNotFound
}

// backoff returns the wait before retry number attempt, counted from 0: what
// the server asked for, which checkRetry has bounded, else a doubling time
// that is spread so that many fetches do not return at once.
func (c *Client) backoff(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if d := retryAfter(resp); d > 0 {
			return d
		}
	}
	d := min(least<<min(attempt, 20), most)
	return d/2 + rand.N(d)
}

// retryAfter returns what Retry-After asks for, in seconds or as a date
// (RFC 9110, section 10.2.3); 0 where it asks for nothing that can be read.
func retryAfter(resp *http.Response) time.Duration {
	v := resp.Header.Get("Retry-After")
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

func (c *Client) statusError(url string, resp *http.Response) *StatusError {
	e := &StatusError{URL: url, Code: resp.StatusCode, Status: resp.Status, RetryAfter: retryAfter(resp)}
	if e.RetryAfter > c.maxRetryAfter() {
		e.Limit = c.maxRetryAfter()
	}
	return e
}

// tlsKey returns the SHA-256 of the public key of the server that sent resp;
// zero without TLS.
func tlsKey(resp *http.Response) layout.Digest {
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return layout.Digest{}
	}
	return layout.DigestOf(resp.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo)
}
