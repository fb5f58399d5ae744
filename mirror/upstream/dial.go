package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// dialStagger is how long one address is tried alone before the next is
	// tried beside it (RFC 8305, section 5): a broken IPv6 must not cost a
	// time-out on each connection.
	dialStagger = 300 * time.Millisecond
	maxAddrs    = 8 // of one name that are tried
)

type originKey struct{}

// withOrigin hands the source's limits to the connections and redirects that
// a request leads to. A pooled connection may serve another source; it too has
// then the operator's word for that host, for the pool goes by host and port.
func withOrigin(ctx context.Context, o *Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(ctx context.Context) *Origin {
	o, _ := ctx.Value(originKey{}).(*Origin)
	return o
}

// dial resolves addr, checks what it leads to against the request's origin and
// connects. The check and the connection use the same addresses, so a name
// cannot change in between.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*dialTimeout)
	defer cancel()
	found, err := c.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	allowed, err := c.permitted(ctx, host, port, found)
	if err != nil {
		return nil, err
	}
	return c.dialFirst(ctx, network, allowed)
}

// Lookup returns the addresses of a host, as a fetch would find them. It connects
// to nothing but the system's resolver.
func (c *Client) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return c.resolve(ctx, host)
}

func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if c.Resolve != nil {
		return c.Resolve(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// permitted returns the addresses of host that may be connected to, or the
// reason why none may.
func (c *Client) permitted(ctx context.Context, host, port string, found []netip.Addr) ([]string, error) {
	var allowed []string
	var refused error = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	o, proxy := originOf(ctx), c.isProxy(host, port)
	for _, a := range found {
		if err := checkDial(o, host, a, proxy); err != nil {
			refused = err
			continue
		}
		allowed = append(allowed, net.JoinHostPort(a.Unmap().String(), port))
	}
	if len(allowed) == 0 {
		return nil, refused
	}
	return allowed[:min(len(allowed), maxAddrs)], nil
}

func checkDial(o *Origin, host string, a netip.Addr, proxy bool) error {
	if proxy {
		return nil
	}
	if o == nil {
		return errors.New("connection without a source")
	}
	return o.checkAddress(host, a)
}

// isProxy reports whether a connection goes to the proxy that the operator
// configured, which may be anywhere.
func (c *Client) isProxy(host, port string) bool {
	if c.Proxy == nil || canonicalHost(c.Proxy.Hostname()) != canonicalHost(host) {
		return false
	}
	return proxyPort(c.Proxy) == port
}

func proxyPort(u *url.URL) string {
	if u.Port() == "" && (u.Scheme == "socks5" || u.Scheme == "socks5h") {
		return "1080"
	}
	return portOf(u)
}

type dialed struct {
	conn net.Conn
	err  error
}

// dialFirst connects to the first address that answers, starting the next one
// whenever one fails or dialStagger has passed. Late connections are closed.
func (c *Client) dialFirst(ctx context.Context, network string, addrs []string) (net.Conn, error) {
	if len(addrs) == 1 {
		return c.dialOne(ctx, network, addrs[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialed)
	started, failed := 0, 0
	start := func() {
		if started == len(addrs) {
			return
		}
		addr := addrs[started]
		started++
		go func() {
			conn, err := c.dialOne(ctx, network, addr)
			results <- dialed{conn, err}
		}()
	}
	next := time.NewTimer(0)
	defer next.Stop()
	var first error
	for failed < len(addrs) {
		select {
		case <-next.C:
			start()
			next.Reset(dialStagger)
		case r := <-results:
			if r.err == nil {
				cancel()
				drop(results, started-failed-1)
				return r.conn, nil
			}
			failed++
			first = cmpError(first, r.err)
			next.Reset(0)
		}
	}
	return nil, first
}

// drop waits for n dials, already cancelled, and closes what they brought.
func drop(results <-chan dialed, n int) {
	for range n {
		if r := <-results; r.conn != nil {
			r.conn.Close()
		}
	}
}

func cmpError(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

func (c *Client) dialOne(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx, network, addr)
	}
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return d.DialContext(ctx, network, addr)
}
