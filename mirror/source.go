package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"patchferry/layout"
)

// Source is one publisher, or one list, that updates come from.
type Source struct {
	// Name prefixes the ids of the source's updates: "<name>:<native id>".
	Name string
	// Kind names the format, for messages; Parse reads it.
	Kind  string
	Parse ParseFunc
	// Upstream fetches the list and the files, within what the operator
	// allowed for this source.
	Upstream Upstream
	// URL or Path says where the list is. A list on local disk was named by
	// the operator and counts as a channel (layout.GradeChannel).
	URL  string
	Path string
	// Trust says what to do with a file that nothing vouches for.
	Trust Trust
	// Select replaces the mirror's selection for this source.
	Select *layout.Selection
	// OnDemand leaves the files of the source to be fetched when a host first
	// asks for one (Filler): a sync only lists them, with what vouches for each.
	OnDemand bool
	// Prefetch are the updates of such a source whose files a sync fetches all
	// the same: those that any of these selects.
	Prefetch []layout.Selection
}

// ParseFunc turns the source's list into updates. It is pure, yields what it
// can read and an error for each part that it cannot.
type ParseFunc func(r io.Reader) iter.Seq2[*layout.Update, error]

// Upstream talks to the publisher of one source; *upstream.Publisher does. All
// methods may be called concurrently.
type Upstream interface {
	// Refresh gets the list at url into the file dst, as a whole, unless it is
	// the one that prev belongs to.
	Refresh(ctx context.Context, url string, prev layout.Validators, dst string) (layout.Document, error)
	// Fetch gets a file to w.Path: complete, synced, and as w states. Of what
	// it leaves there when it fails, the next call with the same w makes use.
	Fetch(ctx context.Context, w layout.Want) (layout.Got, error)
	// Discard removes what Fetch left at path.
	Discard(path string) error
}

// Trust is the operator's word for files that nothing vouches for (docs/trust.md).
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
	case s.Upstream == nil:
		return fmt.Errorf("source %s: nothing fetches for it", s.Name)
	case (s.URL == "") == (s.Path == ""):
		return fmt.Errorf("source %s: one of url and path is needed", s.Name)
	}
	switch s.Trust {
	case TrustVouched, TrustFirstUse, TrustCapture:
		return nil
	}
	return fmt.Errorf("source %s: trust %q is not first-use or capture", s.Name, s.Trust)
}

// place names where the list is, for evidence and messages.
func (s *Source) place() string {
	if s.URL != "" {
		return s.URL
	}
	return s.Path
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
		Select       layout.Selection
		MetadataOnly bool
		OnDemand     bool
		Prefetch     []layout.Selection
	}{2, s.Kind, s.place(), s.Trust, sel, metadataOnly, s.OnDemand, s.Prefetch})
	return sha256.Sum256(doc)
}
