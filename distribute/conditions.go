package distribute

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// validators identify one content for ever: they come from the catalog, so
// that a download that began before a restart, or on another replica, goes on.
type validators struct {
	etag     string    // strong: the digest in quotes
	modified time.Time // whole seconds; zero where unknown
	spoiled  bool      // others than before: a Range by itself does not say which are meant
}

// precondition evaluates the conditional headers of a GET or HEAD in the order
// of RFC 9110, 13.2.2. It returns 304 or 412 where the answer ends there, else
// 200.
func (v validators) precondition(h http.Header) int {
	if match := headerList(h, "If-Match"); match != "" {
		if !v.listed(match, strongly) {
			return http.StatusPreconditionFailed
		}
	} else if t, ok := headerTime(h, "If-Unmodified-Since"); ok && !v.modified.IsZero() && v.modified.After(t) {
		return http.StatusPreconditionFailed
	}
	if match := headerList(h, "If-None-Match"); match != "" {
		if v.listed(match, weakly) {
			return http.StatusNotModified
		}
		return http.StatusOK
	}
	if t, ok := headerTime(h, "If-Modified-Since"); ok && !v.modified.IsZero() && !v.modified.After(t) {
		return http.StatusNotModified
	}
	return http.StatusOK
}

// ifRange reports whether a Range header counts (RFC 9110, 13.1.5): without
// If-Range always, else only if the validator is exactly the file's. A weak tag
// never matches.
func (v validators) ifRange(h http.Header) bool {
	value := textproto.TrimString(h.Get("If-Range"))
	if value == "" {
		return true
	}
	if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "W/") {
		return value == v.etag
	}
	t, err := http.ParseTime(value)
	return err == nil && !v.modified.IsZero() && t.Equal(v.modified)
}

// conditional reports whether a request says to what its Range belongs.
func conditional(h http.Header) bool {
	return h.Get("If-Range") != "" || h.Get("If-Match") != "" || h.Get("If-Unmodified-Since") != ""
}

// The two ways to compare entity tags (RFC 9110, 8.8.3.2). Ours is always
// strong, so that they differ only in whether the other may be weak.
const (
	strongly = false
	weakly   = true
)

// listed reports whether a list of entity tags holds the file's, or is "*".
func (v validators) listed(list string, weak bool) bool {
	if list == "*" {
		return true
	}
	for list != "" {
		list = strings.TrimLeft(list, " \t,")
		isWeak := strings.HasPrefix(list, "W/")
		tag := strings.TrimPrefix(list, "W/")
		if !strings.HasPrefix(tag, `"`) {
			return false // not a tag: what follows cannot be read either
		}
		end := strings.IndexByte(tag[1:], '"')
		if end < 0 {
			return false
		}
		if tag[:end+2] == v.etag && (weak || !isWeak) {
			return true
		}
		list = tag[end+2:]
	}
	return false
}

// headerList joins the lines of a list header.
func headerList(h http.Header, name string) string {
	return textproto.TrimString(strings.Join(h[name], ", "))
}

// headerTime reads a header that holds one HTTP date; one that does not is
// ignored (RFC 9110, 13.1.3 and 13.1.4).
func headerTime(h http.Header, name string) (time.Time, bool) {
	value := h.Get(name)
	if value == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(value)
	return t, err == nil
}
