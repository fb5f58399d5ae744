package mirror

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// Source is one publisher, or one list, that updates come from.
type Source struct {
	// Name prefixes the ids of the source's updates: "<name>:<native id>".
	Name string
	// Kind names the format, for messages; Parse reads it.
	Kind  string
	Parse ParseFunc
	// URL or Path says where the list is. A list on local disk was named by
	// the operator and counts as a channel (layout.GradeChannel).
	URL  string
	Path string
	// Trust says what to do with a file that nothing vouches for.
	Trust Trust
	// Hosts are the host names, or host:port, besides that of URL that the
	// source's lists and files may come from.
	Hosts []string
	// Rate limits what comes from this source, in bytes a second; 0 is no
	// limit of its own.
	Rate int64
	// Select replaces the mirror's selection for this source.
	Select *layout.Selection
}

// ParseFunc turns a publisher's format into updates. It is pure, yields what
// it can read and an error for each part that it cannot.
type ParseFunc func(r io.Reader, l upstream.List) iter.Seq2[*layout.Update, error]

// Trust is the operator's word for files that nothing vouches for (DESIGN
// section 2, law 3).
type Trust string

// The ways to trust.
const (
	TrustVouched  Trust = ""          // refuse them
	TrustFirstUse Trust = "first-use" // pin their first digest; a later change is an error
	TrustCapture  Trust = "capture"   // they change in place by design: keep every version, dated
)

// validate checks what a sync relies on.
func (s *Source) validate() error {
	switch {
	case s.Name == "" || strings.ContainsAny(s.Name, ":/\\ \t\r\n"):
		return fmt.Errorf("source %q: a name is needed, without blanks, colons or slashes", s.Name)
	case s.Parse == nil:
		return fmt.Errorf("source %s: kind %q cannot be read", s.Name, s.Kind)
	case (s.URL == "") == (s.Path == ""):
		return fmt.Errorf("source %s: one of url and path is needed", s.Name)
	}
	switch s.Trust {
	case TrustVouched, TrustFirstUse, TrustCapture:
		return nil
	}
	return fmt.Errorf("source %s: trust %q is not first-use or capture", s.Name, s.Trust)
}

// list returns the parsed URL of the source's list, nil for a local one.
func (s *Source) list() (*url.URL, error) {
	if s.URL == "" {
		return nil, nil
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", s.Name, err)
	}
	return u, nil
}

// place names where the list is, for evidence and messages.
func (s *Source) place() string {
	if s.URL != "" {
		return s.URL
	}
	return s.Path
}

// listName is the file name of the list; some formats say things in it.
func (s *Source) listName() string {
	if s.Path != "" {
		return filepath.Base(s.Path)
	}
	u, err := s.list()
	if err != nil {
		return ""
	}
	return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
}

// overChannel reports whether a digest in the source's list vouches for a
// file: metadata over plain http counts for nothing by itself.
func (s *Source) overChannel() bool {
	return s.Path != "" || strings.HasPrefix(strings.ToLower(s.URL), "https:")
}

// settings digests everything in the configuration that decides what a list
// turns into, so that an unchanged list is read again when it changes.
func (s *Source) settings(sel layout.Selection, metadataOnly bool) layout.Digest {
	doc, _ := json.Marshal(struct {
		Reading      int // raised when this program reads lists differently
		Kind, Place  string
		Trust        Trust
		Hosts        []string
		Select       layout.Selection
		MetadataOnly bool
	}{1, s.Kind, s.place(), s.Trust, s.Hosts, sel, metadataOnly})
	return sha256.Sum256(doc)
}
