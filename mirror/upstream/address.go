package upstream

import "net/netip"

// class says what kind of host an address belongs to.
type class string

const (
	public      class = ""
	loopback    class = "loopback"
	internal    class = "private"
	linkLocal   class = "link-local"
	unspecified class = "unspecified"
	multicast   class = "multicast"
	reserved    class = "reserved"
)

// ranges are the special-purpose blocks of the IANA registries (RFC 6890)
// that are not part of the public Internet. Those for documentation count as
// public: nothing answers there.
var ranges = [...]struct {
	prefix netip.Prefix
	class  class
}{
	{netip.MustParsePrefix("0.0.0.0/8"), unspecified},
	{netip.MustParsePrefix("10.0.0.0/8"), internal},
	{netip.MustParsePrefix("100.64.0.0/10"), internal}, // CGNAT, RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal},
	{netip.MustParsePrefix("172.16.0.0/12"), internal},
	{netip.MustParsePrefix("192.0.0.0/24"), reserved},
	{netip.MustParsePrefix("192.168.0.0/16"), internal},
	{netip.MustParsePrefix("198.18.0.0/15"), internal}, // benchmarks, RFC 2544
	{netip.MustParsePrefix("224.0.0.0/4"), multicast},
	{netip.MustParsePrefix("240.0.0.0/4"), reserved},
	{netip.MustParsePrefix("::/128"), unspecified},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("64:ff9b:1::/48"), internal}, // local NAT64, RFC 8215
	{netip.MustParsePrefix("fc00::/7"), internal},
	{netip.MustParsePrefix("fe80::/10"), linkLocal},
	{netip.MustParsePrefix("fec0::/10"), internal}, // site-local, RFC 3879
	{netip.MustParsePrefix("ff00::/8"), multicast},
}

// embedding are the IPv6 blocks that lead to an IPv4 address, with the offset
// of its four bytes.
var embedding = [...]struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4, RFC 3056
	{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible, RFC 4291
}

// classify says what a is, looking through the IPv6 forms of an IPv4 address.
func classify(a netip.Addr) class {
	a = a.WithZone("").Unmap()
	for _, r := range ranges {
		if r.prefix.Contains(a) {
			return r.class
		}
	}
	for _, e := range embedding {
		if e.prefix.Contains(a) {
			b := a.As16()
			return classify(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	return public
}
