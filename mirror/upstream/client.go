package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Defaults of the fields of Client.
const (
	DefaultConnections   = 16
	DefaultPerHost       = 8
	DefaultFills         = 64
	DefaultStall         = time.Minute
	DefaultFillStall     = 10 * time.Second
	DefaultRetries       = 5
	DefaultRetryWait     = 500 * time.Millisecond
	DefaultMaxRetryAfter = 5 * time.Minute
	DefaultMaxList       = 1 << 30
	DefaultMaxFile       = 64 << 30
	DefaultUserAgent     = "patchferry"
)

// Client fetches for all sources. The zero value is ready; its fields must not
// change after the first use. It is safe for concurrent use and must not be
// copied. It speaks HTTP/1.1, where a connection is a download and limits mean
// what they say; it takes no proxy from the environment, keeps no cookies and
// sends no credentials.
type Client struct {
	Connections int         // fetches at once; 0 is DefaultConnections
	PerHost     int         // of these from one host and port; 0 is DefaultPerHost
	Fills       int         // parts at once from one host and port that hosts wait for, beside Connections; 0 is DefaultFills
	Rate        int64       // bytes a second over all sources, for all that is fetched; 0 is no limit
	Rates       []TimedRate // what holds in place of Rate at times of day, the first that is open
	Windows     []Window    // when fetching is allowed; outside of all it waits. Empty: always. What hosts wait for is fetched at any time

	Stall         time.Duration // silence after which a connection is given up; 0 is DefaultStall. There is no time-out of a whole download
	FillStall     time.Duration // the same for what hosts wait for; 0 is DefaultFillStall, or Stall where that is shorter
	Retries       int           // attempts after the first that bring no new byte; 0 is DefaultRetries, negative is none. A host whose last 3*PerHost files all failed gets none until one succeeds
	RetryWait     time.Duration // before the first retry, then doubled up to 30 s, give or take half; 0 is DefaultRetryWait
	MaxRetryAfter time.Duration // a server that asks for a longer wait ends the fetch; 0 is DefaultMaxRetryAfter
	MaxList       int64         // bytes of a list; 0 is DefaultMaxList
	MaxFile       int64         // bytes of a file whose size nobody stated; 0 is DefaultMaxFile

	Proxy     *url.URL       // http, https or socks5; nil is none. It then resolves names, so addresses are not checked here
	RootCAs   *x509.CertPool // nil is the system's
	UserAgent string         // empty is DefaultUserAgent
	Pseudonym string         // what Via calls this program in its requests; empty is a random one
	Log       *slog.Logger   // nil is silent

	// Dial opens a connection to an address ("192.0.2.1:443") that was
	// checked; nil is net.Dialer. Resolve finds a host's addresses; nil is the
	// system's resolver.
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	// Progress is told of every piece of a body that arrives, in bytes. It is
	// called concurrently and must not block.
	Progress func(n int64)

	once      sync.Once
	transport *http.Transport
	requests  *retryablehttp.Client
	single    *retryablehttp.Client // without retries
	health    *health
	slots     *slots
	limit     *limiter
	fills     fills
	pseudonym string
	came      counter
}

// fills is what parts are fetched by: connections and slots that no sync takes away
// from hosts that wait.
type fills struct {
	transport *http.Transport
	client    *http.Client
	slots     *slots
}

// fillHosts is how many hosts can have all of their Fills under way at once.
const fillHosts = 8

// Close closes idle connections. Fetches under way go on; the Client may be
// used again.
func (c *Client) Close() {
	c.start()
	c.transport.CloseIdleConnections()
	c.fills.transport.CloseIdleConnections()
}

// start fills in what the first use needs.
func (c *Client) start() {
	c.once.Do(func() {
		c.pseudonym = orDefault(c.Pseudonym, newPseudonym())
		c.limit = newLimiter(c.Rate, c.Rates)
		c.startFetches()
		c.startFills()
	})
}

func (c *Client) startFetches() {
	perHost := orDefault(c.PerHost, DefaultPerHost)
	c.slots = newSlots(orDefault(c.Connections, DefaultConnections), perHost)
	c.transport = c.newTransport(perHost)
	c.requests = &retryablehttp.Client{
		HTTPClient:   c.newHTTP(c.transport, c.stall(), false),
		RetryMax:     c.retries(),
		RetryWaitMin: c.retryWait(),
		RetryWaitMax: maxRetryWait,
		CheckRetry:   c.checkRetry,
		Backoff:      c.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	c.single = &retryablehttp.Client{
		HTTPClient:   c.requests.HTTPClient,
		CheckRetry:   c.checkRetry,
		Backoff:      c.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	c.health = newHealth(3 * perHost)
}

func (c *Client) startFills() {
	perHost := orDefault(c.Fills, DefaultFills)
	c.fills.slots = newSlots(fillHosts*perHost, perHost)
	c.fills.transport = c.newTransport(perHost)
	c.fills.client = c.newHTTP(c.fills.transport, orDefault(c.FillStall, min(c.stall(), DefaultFillStall)), true)
}

// newTransport returns a pool of at most so many connections to a host, all of
// which it keeps for the next request.
func (c *Client) newTransport(perHost int) *http.Transport {
	t := &http.Transport{
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true, // digests and ranges are of the file, not of an encoding
		MaxIdleConnsPerHost:    perHost,
		MaxConnsPerHost:        perHost, // redirects may lead many hosts to one
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		ReadBufferSize:         32 << 10,
	}
	if c.Proxy != nil {
		t.Proxy = http.ProxyURL(c.Proxy)
	}
	return t
}

func (c *Client) newHTTP(t *http.Transport, stall time.Duration, fill bool) *http.Client {
	return &http.Client{
		Transport:     &watch{next: t, stall: stall, fill: fill, came: &c.came},
		CheckRedirect: checkRedirect,
	}
}

func (c *Client) stall() time.Duration     { return orDefault(c.Stall, DefaultStall) }
func (c *Client) retryWait() time.Duration { return orDefault(c.RetryWait, DefaultRetryWait) }
func (c *Client) maxRetryAfter() time.Duration {
	return orDefault(c.MaxRetryAfter, DefaultMaxRetryAfter)
}

func (c *Client) retries() int {
	if c.Retries < 0 {
		return 0
	}
	return orDefault(c.Retries, DefaultRetries)
}

func (c *Client) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

func (c *Client) progress(n int) {
	if c.Progress != nil {
		c.Progress(int64(n))
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
