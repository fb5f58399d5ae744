package upstream

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// newPseudonym returns a name for Client.Pseudonym that tells programs apart and
// nothing about them: 64 random bits.
func newPseudonym() string {
	var b [8]byte
	rand.Read(b[:])
	return DefaultUserAgent + "-" + hex.EncodeToString(b[:])
}

// Looped reports whether a request with these headers has come through this Client
// (RFC 9110, section 7.6.3): an origin that is this very server by another name, or
// a proxy that leads back to it. Whoever answers such a request by a fetch would
// never end; 508 is what to say.
func (c *Client) Looped(h http.Header) bool {
	c.start()
	for _, line := range h.Values("Via") {
		for hop := range strings.SplitSeq(line, ",") {
			words := strings.Fields(hop)
			if len(words) >= 2 && strings.EqualFold(words[1], c.pseudonym) {
				return true
			}
		}
	}
	return false
}

// shown is a URL as errors and logs have it: without a password, and without its
// query, which may be somebody's key for the day.
func shown(u *url.URL) string {
	if u.RawQuery == "" {
		return u.Redacted()
	}
	short := *u
	short.RawQuery = "…"
	return short.Redacted()
}
