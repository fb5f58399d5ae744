package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"patchferry/verify"
)

// The kinds of sources.
const (
	KindLinks     Kind = "links"     // a list of URLs
	KindMetalink  Kind = "metalink"  // a Metalink 3 or 4
	KindUpdates   Kind = "updates"   // a list of updates in a JSON format of ours
	KindBulletins Kind = "bulletins" // signed mails and advisories: a mailbox, a folder, pages
	KindCSAF      Kind = "csaf"      // a publisher of CSAF advisories
)

var kinds = [...]Kind{KindLinks, KindMetalink, KindUpdates, KindBulletins, KindCSAF}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Kind) UnmarshalText(b []byte) error { return word(v, b, kindNames()...) }

func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return names
}

// Announces reports whether a source of the kind has bulletins; the others have
// updates.
func (v Kind) Announces() bool { return v == KindBulletins || v == KindCSAF }

// Profile is how strictly the documents of a source are judged: csaf,
// historical, or empty for what its kind asks for.
type Profile verify.Profile

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Profile) UnmarshalText(b []byte) error {
	switch verify.Profile(b) {
	case "":
		*v = ""
		return nil
	case verify.ProfileBundle:
		return errors.New(`"bundle" is for documents of patchferry's own; allowed: csaf, historical`)
	}
	return word(v, b, string(verify.ProfileCSAF), string(verify.ProfileHistorical))
}

// IsSigned reports whether the documents of the source must be signed; they
// must unless the operator wrote signed = false.
func (s *Source) IsSigned() bool { return s.Signed == nil || *s.Signed }

// Judged returns how strictly the documents of the source are judged: as its
// kind asks for, unless the operator chose.
func (s *Source) Judged() verify.Profile {
	switch {
	case s.Profile != "":
		return verify.Profile(s.Profile)
	case s.Kind == KindBulletins:
		return verify.ProfileHistorical
	}
	return verify.ProfileCSAF
}

// Places returns the URLs of the source, none where it is local.
func (s *Source) Places() []string {
	if s.URL != "" {
		return []string{s.URL}
	}
	return s.URLs
}

// place demands that a source is in one place.
func (c *checker) place(key string, s *Source) {
	if len(s.URLs) > 0 && s.Kind != KindBulletins {
		return // which foreign reports
	}
	allowed := "a url or a path"
	if s.Kind == KindBulletins {
		allowed = "a url, urls or a path"
	}
	beside := func(name, value, first string) {
		c.fail(key+name, value, "stands beside %s: a source has one of them", first)
	}
	switch {
	case s.URL != "" && s.Path != "":
		beside("path", strconv.Quote(s.Path), "url")
	case s.URL != "" && len(s.URLs) > 0:
		beside("urls", "", "url")
	case len(s.URLs) > 0 && s.Path != "":
		beside("path", strconv.Quote(s.Path), "urls")
	case s.URL == "" && s.Path == "" && len(s.URLs) == 0:
		c.fail(key+"url", "", "is missing: a source has %s", allowed)
	}
	if s.URL != "" {
		c.url(key+"url", s.URL, "https", "http")
	}
	seen := make(map[string]bool)
	for _, u := range s.URLs {
		c.url(key+"urls", u, "https", "http")
		if seen[u] {
			c.fail(key+"urls", strconv.Quote(u), "stands twice")
		}
		seen[u] = true
	}
}

// foreign refuses keys that mean nothing for the kind of a source: somebody who
// wrote one believes that it does something.
func (c *checker) foreign(key string, s *Source) {
	if s.Kind == "" {
		return
	}
	for _, f := range s.fields() {
		if _, written := c.l.origins[key+f.name]; !written {
			continue
		}
		if problem := s.means(f.name); problem != "" {
			c.fail(key+f.name, "", "%s", problem)
		}
	}
	if !s.IsSigned() && s.Profile != "" {
		c.fail(key+"profile", strconv.Quote(string(s.Profile)), "stands beside signed = false: without a signature there is nothing to judge")
	}
}

// means says why a key means nothing for the kind of the source, or "".
func (s *Source) means(key string) string {
	switch {
	case s.Kind.Announces() && key == "trust":
		return fmt.Sprintf("means nothing for kind = %q: a bulletin counts by its signature, and by the pin of its key (patchferry key pin)", s.Kind)
	case s.Kind.Announces() && strings.HasPrefix(key, "select."):
		return fmt.Sprintf("means nothing for kind = %q: every bulletin is kept", s.Kind)
	case s.Kind.Announces() && key == "fill":
		return fmt.Sprintf("means nothing for kind = %q: every bulletin is kept", s.Kind)
	case key == "urls" && s.Kind != KindBulletins:
		return fmt.Sprintf("means nothing for kind = %q; allowed: url or path, or kind = %q", s.Kind, KindBulletins)
	case !s.Kind.Announces() && (key == "signed" || key == "profile"):
		return fmt.Sprintf("means nothing for kind = %q: it is for kind = %q and %q", s.Kind, KindBulletins, KindCSAF)
	}
	return ""
}

// plain warns of places that somebody on the way can change.
func (s *Source) plain() string {
	for _, place := range s.Places() {
		u, err := url.Parse(place)
		switch {
		case err != nil || u.Scheme != "http":
		case !s.Kind.Announces():
			return fmt.Sprintf("source %s comes over plain http: its list vouches for nothing", s.Name)
		case !s.IsSigned():
			return fmt.Sprintf("source %s is unsigned and comes over plain http: whoever is on the way can change what it announces", s.Name)
		}
	}
	return ""
}
