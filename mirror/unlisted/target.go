package unlisted

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

const (
	maxPath  = 2 << 10 // bytes
	maxQuery = 4 << 10 // bytes
)

// target is what a request asks for, when it may be asked for.
type target struct {
	key    layout.Digest // of origin, path and digest
	url    string        // without a query
	file   string        // its name
	sha1   layout.SHA1   // zero: nobody says
	query  string
	origin fill.Origin
	fixed  bool // what the path names never changes
}

// aim returns the target of a request, or layout.ErrNoFill.
func (c *Cache) aim(q layout.PathRequest) (target, error) {
	no := func(why string) (target, error) {
		return target{}, fmt.Errorf("%.100q of %.100q: %s: %w", q.Path, q.Origin, why, layout.ErrNoFill)
	}
	if q.Origin == "" || c.Publisher == nil {
		return no("nobody says whose it is")
	}
	if !plainPath(q.Path) {
		return no("it is no path of a file")
	}
	if !plainQuery(q.Query) {
		return no("its query is malformed")
	}
	origin, base := c.Publisher(q.Origin)
	if base == nil {
		return no("that origin is not allowed")
	}
	at := url.URL{Scheme: base.Scheme, Host: base.Host, Path: q.Path}
	t := target{url: at.String(), file: path.Base(q.Path), sha1: q.SHA1, query: q.Query, origin: origin}
	t.key = layout.DigestOf([]byte(t.url + "\n" + t.sha1.String()))
	t.fixed = !t.sha1.IsZero() || !c.changes(t.file) && named(q.Path)
	return t, nil
}

// plainPath reports whether p is a path of a file, with nothing in it that servers
// read differently.
func plainPath(p string) bool {
	return len(p) <= maxPath && utf8.ValidString(p) && strings.HasPrefix(p, "/") && path.Clean(p) == p && p != "/" &&
		!strings.ContainsRune(p, '\\') && !strings.ContainsFunc(p, unicode.IsControl)
}

// plainQuery reports whether q can stand in a request as it is.
func plainQuery(q string) bool {
	return len(q) <= maxQuery && !strings.ContainsFunc(q, func(r rune) bool { return r <= ' ' || r == '#' || r == '\\' || r >= 0x7f })
}

// changes reports whether a file of that name changes in place.
func (c *Cache) changes(file string) bool {
	patterns := c.Changing
	if patterns == nil {
		patterns = DefaultChanging()
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(strings.ToLower(p), strings.ToLower(file))
		return ok && err == nil
	})
}

// named reports whether a path names one content for good: by a GUID, or by a digest.
func named(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		digits := 0
		for _, r := range segment {
			switch {
			case strings.ContainsRune("0123456789abcdefABCDEF", r):
				digits++
			case r != '-':
				digits = 0
			}
			if digits == 32 {
				return true
			}
		}
	}
	return false
}

// version is a state of a file at its origin; zero where nobody has asked.
type version struct {
	size       int64 // -1: the origin does not say
	validators layout.Validators
}

// fillKey names the fill of a version of t.
func (t *target) fillKey(v version) layout.Digest {
	return sha256.Sum256(fmt.Appendf(nil, "unlisted\n%s\n%d\n%q\n%q\n", t.key, v.size, v.validators.ETag, v.validators.LastModified))
}
