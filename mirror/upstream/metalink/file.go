package metalink

import (
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// maxURLs is how many URLs of a file are looked at.
const maxURLs = 1000

// file is a file element while it is being read.
type file struct {
	name  string
	depth int // of the element itself

	identity    string
	description string
	size        string
	languages   []string
	systems     []string
	hashes      []hash
	urls        []link

	kind string // attribute "type" of the open hash
	rank int    // of the open url: the lowest is the best
}

type hash struct{ kind, value string }

type link struct {
	url  string
	rank int
}

// open takes the attributes of an element inside the file.
func (f *file) open(t xml.StartElement) {
	switch t.Name.Local {
	case "hash":
		f.kind = strings.ToLower(attr(t, "type"))
	case "url":
		f.rank = rank(attr(t, "priority"), attr(t, "preference"))
	}
}

// rank orders URLs: by priority (version 4: 1 is the best, RFC 5854 section
// 4.2.16), else by preference (version 3: 100 is the best); those without
// either come last.
func rank(priority, preference string) int {
	if n, err := strconv.Atoi(priority); err == nil && n > 0 {
		return n
	}
	if n, err := strconv.Atoi(preference); err == nil && n >= 0 && n <= 100 {
		return 101 - n
	}
	return math.MaxInt
}

// close takes the text of an element inside the file; at are the names of the
// elements from the file down to it.
func (f *file) close(at []string, text string) {
	switch strings.Join(at, "/") {
	case "identity":
		f.identity = text
	case "description":
		f.description = text
	case "size":
		f.size = text
	case "language":
		f.languages = append(f.languages, text)
	case "os":
		f.systems = append(f.systems, text)
	case "hash", "verification/hash":
		f.hashes = append(f.hashes, hash{f.kind, text})
	case "url", "resources/url":
		if len(f.urls) < maxURLs {
			f.urls = append(f.urls, link{text, f.rank})
		}
	}
}

func (f *file) update(l upstream.List) (*layout.Update, error) {
	name, err := plainName(f.name)
	if err != nil {
		return nil, err
	}
	out := layout.File{Name: name}
	if out.Size, err = parseSize(f.size); err != nil {
		return nil, fmt.Errorf("file %q: %w", name, err)
	}
	if err := f.digests(&out); err != nil {
		return nil, fmt.Errorf("file %q: %w", name, err)
	}
	if out.URL, err = f.best(l); err != nil {
		return nil, fmt.Errorf("file %q: %w", name, err)
	}
	u := &layout.Update{
		ID:          l.ID(f.name, out.URL),
		Type:        layout.Software,
		Title:       f.identity,
		Description: f.description,
		Files:       []layout.File{out},
	}
	if u.Title == "" {
		u.Title, u.Description = u.Description, ""
	}
	if len(f.languages) == 1 {
		u.Language, _ = layout.ParseLanguage(f.languages[0])
	}
	for _, s := range f.systems {
		if os, ok := layout.ParseOS(s); ok {
			u.OS = append(u.OS, os)
		}
	}
	return u, nil
}

// plainName refuses the names that RFC 5854, section 4.1.2.1, tells readers to
// refuse, and drops folders before the name: where a file stands is ours to
// say.
func plainName(s string) (string, error) {
	if s == "" {
		return "", errors.New("file without a name")
	}
	if strings.HasPrefix(s, "/") || strings.Contains(s, `\`) || len(s) > 1 && s[1] == ':' {
		return "", fmt.Errorf("file name %.80q leads out of its folder", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." || part == "." || part == "" {
			return "", fmt.Errorf("file name %.80q leads out of its folder", s)
		}
	}
	return upstream.FileName(path.Base(s))
}

func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("size %.40q is not a number of bytes", s)
	}
	return n, nil
}

// digests reads the hashes by their names in version 4 (the IANA registry of
// hash function textual names) and in version 3.
func (f *file) digests(out *layout.File) error {
	for _, h := range f.hashes {
		var err error
		switch h.kind {
		case "sha-256", "sha256":
			out.SHA256, err = layout.ParseDigest(h.value)
		case "sha-1", "sha1":
			out.SHA1, err = layout.ParseSHA1(h.value)
		case "md5":
			out.MD5, err = layout.ParseMD5(h.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// best returns the best URL that can be fetched.
func (f *file) best(l upstream.List) (string, error) {
	best, found := link{}, false
	var firstErr error
	for _, c := range f.urls {
		u, err := l.URL(c.url)
		if err != nil && firstErr == nil {
			firstErr = err
		}
		if err == nil && (!found || c.rank < best.rank) {
			best, found = link{u.String(), c.rank}, true
		}
	}
	if found {
		return best.url, nil
	}
	if firstErr != nil {
		return "", firstErr
	}
	return "", errors.New("no URL")
}
