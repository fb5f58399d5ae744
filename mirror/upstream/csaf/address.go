package csaf

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"patchferry/mirror/upstream"
)

// Address reads the URL of a provider as operators write it. It may be that of
// provider metadata, of a ROLIE feed, of a directory or of a file index.txt or
// changes.csv in one; or a domain, "example.net" or "https://example.net/",
// whose provider metadata is then looked for. Without a scheme it is https.
func Address(raw string) (*url.URL, error) {
	s := strings.TrimSpace(raw)
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := web(nil, s)
	if err != nil {
		return nil, fmt.Errorf("CSAF provider %q: %w", raw, err)
	}
	for _, name := range []string{indexName, changesName} {
		if rest, ok := strings.CutSuffix(u.Path, "/"+name); ok {
			u.Path, u.RawPath = rest+"/", ""
		}
	}
	return u, nil
}

// isDomain reports whether an address names a host alone.
func isDomain(u *url.URL) bool { return u.Path == "" || u.Path == "/" }

// wellKnown returns where the metadata of a host must be (CSAF 2.0, section
// 7.1.9).
func wellKnown(host *url.URL) *url.URL {
	return host.ResolveReference(&url.URL{Path: "/.well-known/csaf/" + metadataName})
}

// securityTexts returns where a host's security.txt is, since RFC 9116 and
// before.
func securityTexts(host *url.URL) []*url.URL {
	return []*url.URL{
		host.ResolveReference(&url.URL{Path: "/.well-known/security.txt"}),
		host.ResolveReference(&url.URL{Path: "/security.txt"}),
	}
}

// dataHost returns the host that a domain sets aside for its metadata (CSAF
// 2.0, section 7.1.10).
func dataHost(host *url.URL) *url.URL {
	return &url.URL{Scheme: "https", Host: "csaf.data.security." + host.Hostname(), Path: "/"}
}

// Limits of a security.txt.
const (
	maxSecurity      = 64 << 10 // bytes
	maxSecurityLines = 1000
	maxSecurityCSAF  = 8 // fields CSAF that are followed
)

// parseSecurity returns the URLs of the fields CSAF of a security.txt (RFC
// 9116; CSAF 2.0, section 7.1.8). Those that are no https URL are left out.
func parseSecurity(b []byte) []*url.URL {
	var found []*url.URL
	for line, err := range upstream.Lines(bytes.NewReader(b), maxLine, maxSecurityLines) {
		if err != nil {
			continue
		}
		name, value, ok := strings.Cut(string(line.Text), ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "CSAF") || len(found) == maxSecurityCSAF {
			continue
		}
		if u, err := web(nil, value); err == nil && u.Scheme == "https" {
			found = append(found, u)
		}
	}
	return found
}
