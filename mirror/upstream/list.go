package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// List says where the text that a source's parser reads comes from.
type List struct {
	Source string   // name of the source; ids begin with it
	Name   string   // file name of the list: "StaticDownloadLinks-wxp-x86-deu.txt"
	Base   *url.URL // what relative URLs refer to; nil: the list is a local file and they are errors
}

// NewList returns the list of a source at a URL or, where that is nil, in a
// local file.
func NewList(source string, at *url.URL, file string) List {
	if at == nil {
		return List{Source: source, Name: filepath.Base(file)}
	}
	return List{Source: source, Name: at.Path[strings.LastIndexByte(at.Path, '/')+1:], Base: at}
}

// ID returns the id of an update that the source itself gives no id.
//
// It is made from what tells the record from others of the same list, above
// all its URL: sixteen hexadecimal digits (64 bits, ample for a list's lines)
// of the SHA-256 over these parts, so that it stays the same however the list
// is sorted, commented or named.
func (l List) ID(parts ...string) string {
	h := sha256.New()
	for i, p := range parts {
		if i > 0 {
			h.Write([]byte{'\n'})
		}
		h.Write([]byte(p))
	}
	return l.Source + ":" + hex.EncodeToString(h.Sum(nil)[:8])
}

// maxURL is the longest URL of a file, in bytes.
const maxURL = 8 << 10

// URL reads the URL of a file as a list has it and returns its canonical form:
// absolute, the host in lower case, without a fragment. The case of the path
// is kept, for servers may tell it apart.
func (l List) URL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("URL has %d bytes, more than %d", len(raw), maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%q is not a URL", raw)
	}
	if l.Base != nil {
		u = l.Base.ResolveReference(u)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q is not a URL of http or https", raw)
	case u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("URL %q names no host", raw)
	case u.User != nil:
		return nil, fmt.Errorf("URL %q holds a user name or password", u.Redacted())
	}
	u.Host = strings.ToLower(u.Host)
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// NameOf returns the file name that a URL ends in, or an error where it ends
// in none that can be used.
func NameOf(u *url.URL) (string, error) {
	if strings.HasSuffix(u.Path, "/") || u.Path == "" {
		return "", fmt.Errorf("URL %q names no file: give a name", u)
	}
	return FileName(path.Base(u.Path))
}

// maxName is the longest file name in bytes.
const maxName = 255

// FileName returns s if it can be a publisher's name of a file: one element of
// a path, valid UTF-8 without control characters. What a file system makes of
// it is layout's concern.
func FileName(s string) (string, error) {
	var err error
	switch {
	case s == "" || s == "." || s == "..":
		err = errors.New("is no name")
	case len(s) > maxName:
		err = fmt.Errorf("has %d bytes, more than %d", len(s), maxName)
	case !utf8.ValidString(s):
		err = errors.New("is not UTF-8")
	case strings.ContainsAny(s, `/\`):
		err = errors.New("holds a folder")
	case strings.ContainsFunc(s, unicode.IsControl):
		err = errors.New("holds a control character")
	default:
		return s, nil
	}
	return "", fmt.Errorf("file name %.80q %w", s, err)
}
