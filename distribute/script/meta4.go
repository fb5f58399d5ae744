package script

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"strings"
)

// The elements of a Metalink document, version 4 (RFC 5854).
type metalinkXML struct {
	XMLName   xml.Name       `xml:"urn:ietf:params:xml:ns:metalink metalink"`
	Generator string         `xml:"generator"`
	Published string         `xml:"published,omitempty"`
	Files     []metalinkFile `xml:"file"`
}

type metalinkFile struct {
	Name     string         `xml:"name,attr"`
	Size     int64          `xml:"size,omitempty"`
	Identity string         `xml:"identity,omitempty"`
	Language string         `xml:"language,omitempty"`
	OS       []string       `xml:"os,omitempty"`
	Hashes   []metalinkHash `xml:"hash"`
	URLs     []metalinkURL  `xml:"url"`
}

type metalinkHash struct {
	Type  string `xml:"type,attr"`
	Value string `xml:",chardata"`
}

type metalinkURL struct {
	Priority int    `xml:"priority,attr"`
	URL      string `xml:",chardata"`
}

// metalink writes bundle.meta4 over all packages: for aria2 and the like, and
// for another mirror, whose source it can be. A file is named by its path in
// the tree, so that whoever fetches them all has that part of the tree. Its
// first URL is relative to where this document came from; then come the bases
// that are URLs.
func (s *Set) metalink() ([]byte, error) {
	doc := metalinkXML{Generator: "patchferry", Published: s.Edition.Created.String()}
	about := s.aboutPaths()
	for _, p := range s.payloads() {
		f := metalinkFile{Name: p.path, Size: p.size}
		it := about[p.path]
		f.Identity = it.Title
		f.Language = it.Gate.Language.Tag()
		for _, os := range it.Gate.OS {
			f.OS = append(f.OS, string(os))
		}
		for _, h := range []metalinkHash{{"sha-256", p.sha256}, {"sha-1", p.sha1}, {"md5", p.md5}} {
			if h.Value != "" {
				f.Hashes = append(f.Hashes, h)
			}
		}
		for _, u := range s.urls(p.path) {
			f.URLs = append(f.URLs, metalinkURL{len(f.URLs) + 1, u})
		}
		doc.Files = append(doc.Files, f)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", " ")
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// aboutPaths finds the first item that a path belongs to.
func (s *Set) aboutPaths() map[string]*Item {
	about := make(map[string]*Item)
	for i := range s.Items {
		it := &s.Items[i]
		paths := []string{it.Path}
		for _, m := range it.Members {
			paths = append(paths, m.Path)
		}
		for _, p := range paths {
			if about[p] == nil {
				about[p] = it
			}
		}
	}
	return about
}

// urls returns where a file of the tree is: relative to the set's folder, then
// below each base that is a URL.
func (s *Set) urls(path string) []string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	escaped := strings.Join(parts, "/")
	all := []string{up(s.Place) + escaped}
	for _, base := range s.Bases {
		if isURL(base) {
			all = append(all, strings.TrimRight(base, "/")+"/"+escaped)
		}
	}
	return all
}

// isURL tells a base that is fetched over HTTP from a UNC path.
func isURL(base string) bool {
	lower := strings.ToLower(base)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}
