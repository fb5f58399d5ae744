package distribute

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"patchferry/layout"
)

// wish is what a request says of the publisher whose file it wants. All of it was
// chosen by whoever sent the request.
type wish struct {
	origin string // host, or host:port; empty: it names none
	path   string // decoded; empty: it can be nobody's path
	query  string // raw, without what named the origin
}

// originKey is the parameter by which Delivery Optimization tells a cache where a file
// comes from.
const originKey = "cacheHostOrigin"

// maxPath and maxQuery bound what is passed on to an origin, in bytes.
const (
	maxPath  = 2048
	maxQuery = 8192
)

// origin returns the host that a request says its file comes from, or "". It reports
// false where the request contradicts itself, or names what cannot be a host.
func (s *Server) origin(r *http.Request) (origin string, named, ok bool) {
	if origin, _, named, ok = takeOrigin(r.URL.RawQuery); named || !ok {
		return origin, named, ok
	}
	if s.Origins == nil {
		return "", false, true
	}
	if host, ok := hostPort(r.Host); ok && s.Origins(host) {
		return host, false, true
	}
	return "", false, true
}

// wishOf reads a request for a path of the view that answers it.
func (s *Server) wishOf(r *http.Request, path string) wish {
	w := wish{path: publisherPath(r.URL, path)}
	w.origin, _, _ = s.origin(r)
	_, w.query, _, _ = takeOrigin(r.URL.RawQuery)
	return w
}

// takeOrigin takes the origin out of a query, wherever and however often it stands
// there, and leaves the rest as it is.
func takeOrigin(raw string) (origin, rest string, found, ok bool) {
	if len(raw) < len(originKey) {
		return "", raw, false, true
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || !strings.EqualFold(key, originKey) {
			kept = append(kept, pair)
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return "", "", true, false
		}
		host, valid := hostPort(value)
		if !valid || found && host != origin {
			return "", "", true, false
		}
		origin, found = host, true
	}
	return origin, strings.Join(kept, "&"), found, true
}

// hostPort brings a host, with or without a port, to its one form: in lower case, and
// without a port that goes without saying. It reports false for what is none.
func hostPort(text string) (string, bool) {
	if text == "" || len(text) > 255+len(":65535") {
		return "", false
	}
	host, port := strings.ToLower(text), ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' {
			return "", false
		}
	}
	if !isHost(host) {
		return "", false
	}
	if port == "" || port == "80" || port == "443" {
		return host, true
	}
	return host + ":" + port, true
}

// isHost reports whether text is a name or an address, in brackets where it has colons.
func isHost(text string) bool {
	inner, v6 := strings.CutPrefix(text, "[")
	if v6 {
		var closed bool
		if inner, closed = strings.CutSuffix(inner, "]"); !closed {
			return false
		}
	}
	for _, c := range []byte(inner) {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.'
		if !letter && (v6 || c != '-' && c != '_') && (!v6 || c != ':') {
			return false
		}
	}
	return inner != "" && inner[0] != '.' && inner[len(inner)-1] != '.' && !strings.Contains(inner, "..")
}

// publisherPath returns the path as a publisher's, "" where it cannot be one: paths that
// servers read differently are nobody's. Only how it begins is mended: who joins
// http://server/ and /path asks for //path.
func publisherPath(u *url.URL, path string) string {
	raw := strings.ToLower(u.EscapedPath())
	if strings.Contains(raw, "%2f") || strings.Contains(raw, "%5c") || strings.Contains(raw, "%25") {
		return ""
	}
	path = "/" + strings.TrimLeft(path, "/")
	if len(path) > maxPath || !utf8.ValidString(path) {
		return ""
	}
	for _, c := range []byte(path) {
		if c < ' ' || c == 0x7f || c == '\\' {
			return ""
		}
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return ""
		}
	}
	return path
}

// sumInName returns the SHA-1 that a publisher's file name ends in, before its
// extension: windows10.0-kb3195781-x64_<40 hexadecimal digits>.msu.
func sumInName(path string) (d layout.SHA1, ext string, ok bool) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	ext = extension(name)
	if ext == "" {
		return layout.SHA1{}, "", false
	}
	stem := name[:len(name)-len(ext)-1]
	if len(stem) < 42 || stem[len(stem)-41] != '_' {
		return layout.SHA1{}, "", false
	}
	d, err := layout.ParseSHA1(stem[len(stem)-40:])
	return d, layout.Fold(ext), err == nil
}
