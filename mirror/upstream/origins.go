package upstream

import (
	"net/netip"
	"net/url"
	"strings"
)

// Origins are what this program may talk to for a host of the LAN that names a
// publisher's host itself: the origins of the sources, then that of files which
// no catalog lists.
type Origins []*Origin

// For returns the first Origin that may talk to host, and the URL of that host with
// the path "/": in lower case, by https on port 443 and by http elsewhere, without
// the port 80. host is as it came from a host of the LAN, in a Host header or in a
// query, and is not to be trusted: where nothing allows it, which is what anything
// gets but a name or an address with or without a port, both are nil.
//
// What it leads to is asked of again when a connection is made.
func (l Origins) For(host string) (*Origin, *url.URL) {
	u, ok := serverURL(host)
	if !ok {
		return nil, nil
	}
	for _, o := range l {
		if o.Allows(u) == nil {
			return o, u
		}
	}
	return nil, nil
}

// serverURL returns the URL of a server that is called host: by http, but on the
// port of https.
func serverURL(host string) (*url.URL, bool) {
	name, port, err := splitHost(host)
	if err != nil || !plausible(name) {
		return nil, false
	}
	u := &url.URL{Scheme: "http", Host: canonicalHost(name), Path: "/"}
	if strings.Contains(u.Host, ":") {
		u.Host = "[" + u.Host + "]"
	}
	switch port {
	case "", "80":
	case "443":
		u.Scheme = "https"
	default:
		u.Host += ":" + port
	}
	return u, true
}

// maxHost is the longest name of a host in bytes (RFC 1035, section 2.3.4).
const maxHost = 253

// plausible reports whether name can be the name or address of a host: no pattern,
// nothing escaped, no name that only looks like an address.
func plausible(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return !strings.Contains(name, "%")
	}
	if name == "" || len(name) > maxHost || strings.Contains(name, "..") || strings.HasPrefix(name, ".") {
		return false
	}
	last := strings.TrimSuffix(name, ".")
	last = last[strings.LastIndexByte(last, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return false // 0177.1, 2130706433
	}
	return strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
