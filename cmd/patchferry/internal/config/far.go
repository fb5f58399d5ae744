package config

import (
	"net"
	"net/netip"
	"strconv"
)

// Origins says how many signatures a transfer bundle needs.
type Origins struct {
	Threshold int `toml:"threshold"`
}

// maxThreshold is how many signatures may be demanded at most.
const maxThreshold = 16

func (o *Origins) fields() []field {
	return []field{
		{"origin.threshold", &o.Threshold, "How many of the certificates that are pinned as origins must have signed a transfer bundle: on a near side before it is finished, on a far side before it is taken."},
	}
}

// far holds a far side to what it is: it has a name, by which near sides
// address it, and nothing to dial.
func (c *checker) far() {
	if n := c.l.Origin.Threshold; n < 1 || n > maxThreshold {
		c.fail("origin.threshold", strconv.Itoa(n), "allowed: 1 to %d", maxThreshold)
	}
	if c.l.Name != "" && !validName(c.l.Name) {
		c.fail("name", strconv.Quote(c.l.Name), "allowed: lower-case letters, digits and hyphens, a letter or digit first, at most 32")
	}
	if c.l.Role != Far {
		return
	}
	if c.l.Name == "" {
		c.fail("name", "", "is missing: a far side has a name, by which near sides address transfer bundles to it")
	}
	if len(c.l.Sources) > 0 {
		c.fail("source[0].name", strconv.Quote(c.l.Sources[0].Name), "a far side has no sources: all that it has is carried to it in transfer bundles")
	}
	host, _, err := net.SplitHostPort(c.l.Listen)
	if _, wrong := netip.ParseAddr(host); err == nil && host != "" && wrong != nil {
		c.fail("listen", strconv.Quote(c.l.Listen), "a far side looks up no names; allowed: an address, for example :8530, 192.0.2.7:8530 or [::1]:8530")
	}
}
