package distribute

import (
	"net/url"
	"strings"
	"time"

	"patchferry/layout"
)

// file is one file of the catalog. Its text, and what only some files have, stands in
// tables of the View, so that a file has no pointer.
type file struct {
	name     span // where the URL ends in it, a part of rest
	rest     span // what follows the origin in the publisher's URL; empty: there is none
	update   uint32
	origin   uint16 // index in View.origins; 0: rest is the whole URL, not to be found by path
	marks    marks
	size     int64 // bytes; 0 where it is unknown and the file is not held
	modified int64 // Unix seconds, 0 where unknown
	sha256   layout.Digest
	sha1     layout.SHA1
	extra    uint32 // index in View.extras and 1; 0: there is none
}

// marks say how things stand with a file.
type marks uint8

const (
	isRevoked  marks = 1 << iota // its content was taken back
	isHeld                       // the store has it
	isFillable                   // listed, handed out by somebody and vouched for by somebody
)

// gradeShift is where marks have the rank of the grade of what vouches for a listed
// file, in three bits.
const gradeShift = 3

func (f *file) grade() layout.Grade { return layout.GradeOf(int(f.marks >> gradeShift & 7)) }

func (f *file) revoked() bool  { return f.marks&isRevoked != 0 }
func (f *file) held() bool     { return f.marks&isHeld != 0 }
func (f *file) fillable() bool { return f.marks&isFillable != 0 }

// extra is what few files have.
type extra struct {
	tag span // the entity tag, without quotes, of a held file that is known by another than its digest
	md5 layout.MD5
}

// modifiedTime returns the file's Last-Modified, zero where it is unknown.
func (f *file) modifiedTime() time.Time {
	if f.modified == 0 {
		return time.Time{}
	}
	return time.Unix(f.modified, 0).UTC()
}

// extraOf returns what a file has besides, or zero.
func (v *View) extraOf(f *file) extra {
	if f.extra == 0 {
		return extra{}
	}
	return v.extras[f.extra-1]
}

// tag returns the entity tag of a held file, without quotes.
func (v *View) tag(f *file) string {
	if t := v.extraOf(f).tag; t.n > 0 {
		return v.text.get(t)
	}
	return f.sha256.String()
}

// listed returns a file as the catalog lists it, for whoever fetches it; of what
// vouches for it the grade alone.
func (v *View) listed(f *file) layout.Listed {
	return layout.Listed{
		Update: v.text.get(v.updates[f.update]),
		File: layout.File{
			Name: v.text.get(f.name), Size: f.size, SHA256: f.sha256, SHA1: f.sha1, MD5: v.extraOf(f).md5, URL: v.url(f),
			Evidence: []layout.Evidence{{Grade: f.grade()}},
		},
	}
}

// url returns the publisher's URL as the catalog has it, or "".
func (v *View) url(f *file) string {
	return v.text.get(v.origins[f.origin]) + v.text.get(f.rest)
}

// splitURL cuts a URL before its path; origin is empty where it is no URL of a file
// that is to be found by its path.
func splitURL(raw string) (origin, rest string) {
	scheme, after, ok := strings.Cut(raw, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", raw
	}
	i := strings.IndexAny(after, "/?#")
	if i < 1 || after[i] != '/' {
		return "", raw
	}
	at := len(raw) - len(after) + i
	return raw[:at], raw[at:]
}

// isFetchable reports whether a URL is one that a file can be fetched from.
func isFetchable(raw string) bool {
	origin, _ := splitURL(raw)
	return origin != ""
}

// pathOf returns the path of the publisher's URL, decoded; "" where it has none.
func (v *View) pathOf(f *file) string {
	if f.origin == 0 {
		return ""
	}
	path := v.text.get(f.rest)
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return path // no request can be for it
	}
	return plain
}

// queryOf returns the query of the publisher's URL, raw.
func (v *View) queryOf(f *file) string {
	rest, _, _ := strings.Cut(v.text.get(f.rest), "#")
	_, query, _ := strings.Cut(rest, "?")
	return query
}

// hostOf returns the host of the publisher's URL as requests name it; "" where it has
// none.
func (v *View) hostOf(f *file) string {
	_, host, _ := strings.Cut(v.text.get(v.origins[f.origin]), "://")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	host, _ = hostPort(host)
	return host
}

// sameContent reports whether two files are known to have the same bytes.
func (v *View) sameContent(a, b *file) bool {
	if a.size != b.size && (a.size > 0 || a.held()) && (b.size > 0 || b.held()) {
		return false
	}
	switch {
	case !a.sha256.IsZero() && !b.sha256.IsZero():
		return a.sha256 == b.sha256
	case !a.sha1.IsZero() && !b.sha1.IsZero():
		return a.sha1 == b.sha1
	}
	return v.url(a) == v.url(b) && a.rest.n > 0
}

// better returns which of two files with the same bytes is to be handed out: one that
// is here before one that is not, and of those that are here one with a tag of its own,
// as hosts knew it before the others were. a may be nil.
func better(a, b *file) *file {
	rank := func(f *file) int {
		switch {
		case f.held() && f.extra != 0:
			return 3
		case f.held():
			return 2
		case f.fillable():
			return 1
		}
		return 0
	}
	if a == nil || rank(b) > rank(a) {
		return b
	}
	return a
}
