package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Origin is what one source may talk to: the host of its own URL and the
// hosts that the operator wrote beside it. Nothing that a publisher sends
// adds to it. It is safe for concurrent use once Rate and Rates are set.
type Origin struct {
	Rate  int64       // bytes a second for this source; 0 is no limit of its own
	Rates []TimedRate // what holds in place of Rate at times of day, the first that is open

	source string
	hosts  map[string]bool     // "host:port"; a host of "*.example.net" is all below it
	names  map[string]bool     // host, without port; never such a pattern
	addrs  map[netip.Addr]bool // hosts that are addresses
	once   sync.Once
	limit  *limiter
	came   counter
}

// NewOrigin returns the Origin of the source of that name. list is the URL of
// its list, nil where the list is a local file; hosts are further "host" or
// "host:port". A host without a port may be used on the ports of http and
// https, as may the host of a URL without one; with a port, on that port only.
//
// "*.example.net" is every host below example.net, for publishers whose
// delivery networks have a name for each machine. It stands for public
// addresses only: a host in the local network must be written as it is.
func NewOrigin(source string, list *url.URL, hosts []string) (*Origin, error) {
	o := &Origin{source: source, hosts: map[string]bool{}, names: map[string]bool{}, addrs: map[netip.Addr]bool{}}
	if list != nil {
		if err := o.checkForm(list); err != nil {
			return nil, err
		}
		o.add(list.Hostname(), explicitPort(list))
	}
	for _, h := range hosts {
		name, port, err := splitHost(h)
		if err != nil {
			return nil, fmt.Errorf("source %q: hosts: %q: %w", source, h, err)
		}
		o.add(name, port)
	}
	return o, nil
}

// Source returns the name of the source.
func (o *Origin) Source() string { return o.source }

// Allows returns nil if the source may fetch u, else a *HostError or a
// *URLError. Addresses behind names are checked when they are connected to.
func (o *Origin) Allows(u *url.URL) error {
	if err := o.checkForm(u); err != nil {
		return err
	}
	host := canonicalHost(u.Hostname())
	if o.hosts[hostPort(u)] || o.allowsBelow(host, portOf(u)) {
		return nil
	}
	if p := explicitPort(u); p != "" {
		host = net.JoinHostPort(host, p)
	}
	return &HostError{Source: o.source, URL: shown(u), Host: host}
}

// allowsBelow reports whether a pattern covers host.
func (o *Origin) allowsBelow(host, port string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	for {
		_, parent, ok := strings.Cut(host, ".")
		if !ok {
			return false
		}
		if o.hosts[net.JoinHostPort("*."+parent, port)] {
			return true
		}
		host = parent
	}
}

// checkForm refuses what has no place in any URL of a source. Credentials
// would be sent to whoever the list names, so they are never taken from a URL.
func (o *Origin) checkForm(u *url.URL) error {
	why := ""
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		why = "it is neither http nor https"
	case u.Hostname() == "":
		why = "it names no host"
	case u.User != nil:
		why = "it holds a user name or password"
	default:
		return nil
	}
	return &URLError{Source: o.source, URL: shown(u), Why: why}
}

func (o *Origin) add(host, port string) {
	host = canonicalHost(host)
	if !strings.HasPrefix(host, "*.") {
		o.names[host] = true
	}
	if a, err := netip.ParseAddr(host); err == nil {
		o.addrs[a] = true
	}
	ports := []string{port}
	if port == "" {
		ports = []string{"80", "443"}
	}
	for _, p := range ports {
		o.hosts[net.JoinHostPort(host, p)] = true
	}
}

// checkAddress returns nil if host, which resolved to a, may be connected to.
// A name that the operator wrote may be at any public or internal address.
// Nobody names a publisher at a link-local address or the like: there the
// operator must have written the address itself, so that a name server cannot
// turn a fetch against, say, a cloud's metadata service.
func (o *Origin) checkAddress(host string, a netip.Addr) error {
	class := classify(a)
	if class == public || o.addrs[a.Unmap()] {
		return nil
	}
	if class == internal || class == loopback {
		if o.names[canonicalHost(host)] {
			return nil
		}
	}
	return &AddressError{Source: o.source, Host: host, Address: a, Class: string(class)}
}

func (o *Origin) limiter() *limiter {
	o.once.Do(func() { o.limit = newLimiter(o.Rate, o.Rates) })
	return o.limit
}

var errHost = errors.New("not a host or host:port")

// CheckHost returns why s cannot be one of the hosts of NewOrigin.
func CheckHost(s string) error {
	_, _, err := splitHost(s)
	return err
}

// splitHost reads "host", "host:port", "[v6]", "[v6]:port", a bare v6 address,
// or "*." before a name with a dot in it.
func splitHost(s string) (host, port string, err error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), "", nil
	}
	name := strings.TrimPrefix(s, "*.")
	if strings.ContainsAny(name, "/\\@*?# \t") || name == "" || name != s && !strings.Contains(name, ".") {
		return "", "", errHost
	}
	u, err := url.Parse("//" + name)
	if err != nil || u.Hostname() == "" || strings.HasSuffix(s, ":") {
		return "", "", errHost
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0) {
		return "", "", errHost
	}
	return s[:len(s)-len(name)] + u.Hostname(), u.Port(), nil
}

// canonicalHost brings the spellings of one host to one form.
func canonicalHost(h string) string {
	if a, err := netip.ParseAddr(h); err == nil {
		return a.Unmap().String()
	}
	return strings.TrimSuffix(strings.ToLower(h), ".")
}

// hostPort names the server of u: the same for all spellings of it.
func hostPort(u *url.URL) string {
	return net.JoinHostPort(canonicalHost(u.Hostname()), portOf(u))
}

// explicitPort returns the port of u, empty where it is the scheme's own.
func explicitPort(u *url.URL) string {
	if p := u.Port(); p != schemePort(u.Scheme) {
		return p
	}
	return ""
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return schemePort(u.Scheme)
}

func schemePort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}
