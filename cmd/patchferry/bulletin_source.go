package main

import (
	"net/url"
	"path/filepath"
	"strings"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/bulletins"
	"patchferry/mirror/upstream/csaf"
	"patchferry/verify"
	"patchferry/verify/bulletin"
	"patchferry/verify/envelope"
)

// bulletinSource returns a source of bulletins as mirror knows it, bound to what
// it may talk to and to the keys and pins of the operator.
func bulletinSource(c *config.Config, s *config.Source, client *upstream.Client, trust *verify.Trust) (mirror.BulletinSource, error) {
	announcer, err := announcer(c, s, client)
	if err != nil {
		return mirror.BulletinSource{}, withCode(exitUsage, err)
	}
	place := c.Path(s.Path)
	if place == "" {
		place = strings.Join(s.Places(), " ")
	}
	return mirror.BulletinSource{
		Name:      s.Name,
		Kind:      string(s.Kind),
		Announcer: announcer,
		Place:     place,
		Judge:     &verify.Judge{Keys: trust.Keys, Pins: trust.Pins, Profile: s.Judged(), Source: s.Name, Clock: trust.Clock},
		Unsigned:  !s.IsSigned(),
		Read:      readBulletins,
	}, nil
}

// readBulletins reads a text in the characters of its mail.
func readBulletins(text verify.Text) ([]layout.Bulletin, error) {
	return bulletin.Parse(envelope.Decode(text.Body, text.Charset))
}

// announcer returns what lists and gets the documents of a source. A local one
// is allowed no host at all.
func announcer(c *config.Config, s *config.Source, client *upstream.Client) (mirror.Announcer, error) {
	if s.Path != "" && s.Kind == config.KindCSAF {
		return &csaf.Provider{Path: c.Path(s.Path), Unsigned: !s.IsSigned()}, nil
	}
	if s.Path != "" {
		return &bulletins.Folder{Path: c.Path(s.Path)}, nil
	}
	at, hosts := s.Places(), s.Hosts
	first, err := url.Parse(at[0])
	if err != nil {
		return nil, err
	}
	for _, place := range at[1:] {
		u, err := url.Parse(place)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts[:len(hosts):len(hosts)], u.Host)
	}
	origin, err := upstream.NewOrigin(s.Name, first, hosts)
	if err != nil {
		return nil, err
	}
	origin.Rate, origin.Rates = s.Rate.Upstream()
	publisher := &upstream.Publisher{Client: client, Origin: origin}
	if s.Kind == config.KindCSAF {
		return &csaf.Provider{Publisher: publisher, URL: s.URL, Unsigned: !s.IsSigned()}, nil
	}
	return &bulletins.Pages{Publisher: publisher, URLs: at, Unsigned: !s.IsSigned()}, nil
}

// keptJudge returns the judge of documents that are kept: the operator's keys and
// pins, and the certificates that their sources offered.
func keptJudge(c *config.Config, trust *verify.Trust) func(source string, profile verify.Profile) *verify.Judge {
	return func(source string, profile verify.Profile) *verify.Judge {
		keys := []*verify.Keyring{trust.Keys}
		// A source that was never asked has offered nothing.
		offered, _ := filepath.Glob(filepath.Join(c.WorkFile("sources"), source, "keys", "*.asc"))
		for _, name := range offered {
			if ring, err := verify.ReadKeyFile(name); err == nil {
				keys = append(keys, ring)
			}
		}
		return &verify.Judge{Keys: verify.MergeKeyrings(keys...), Pins: trust.Pins, Profile: profile, Source: source, Clock: trust.Clock}
	}
}
