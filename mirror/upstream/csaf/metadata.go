package csaf

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"patchferry/mirror/upstream"
)

// The names of files that CSAF 2.0 fixes.
const (
	metadataName = "provider-metadata.json"
	indexName    = "index.txt"
	changesName  = "changes.csv"
)

// Limits of provider metadata.
const (
	maxMetadata      = 1 << 20 // bytes
	maxDistributions = 64
	maxKeys          = 64
)

// metadata is what is used of a provider-metadata.json (CSAF 2.0, section
// 7.1.7).
type metadata struct {
	canonical     *url.URL       // where it says that it stands
	distributions []distribution // sorted by URL, each once; only of what everybody may read
	keys          []keyPlace
}

// distribution is a place where documents are listed.
type distribution struct {
	URL  string `json:"url"`            // of the feed; of the directory with a slash at its end
	Feed bool   `json:"feed,omitempty"` // a ROLIE feed; else a directory
}

// keyPlace is where a provider offers a certificate.
type keyPlace struct {
	Claimed string `json:"claimed,omitempty"` // the fingerprint as stated
	URL     string `json:"url"`
}

type rawMetadata struct {
	Canonical     string `json:"canonical_url"`
	Version       string `json:"metadata_version"`
	Distributions []struct {
		Directory string `json:"directory_url"`
		Rolie     struct {
			Feeds []struct {
				Label string `json:"tlp_label"`
				URL   string `json:"url"`
			} `json:"feeds"`
		} `json:"rolie"`
	} `json:"distributions"`
	Keys []struct {
		Fingerprint string `json:"fingerprint"`
		URL         string `json:"url"`
	} `json:"public_openpgp_keys"`
	Aggregator json.RawMessage `json:"aggregator"`
}

// parseMetadata reads provider metadata that came from the place at: members
// that are not used may be missing or wrong. A distribution or key that cannot
// be used is a problem; so many of them that no real provider has them, or
// metadata without canonical_url, is an error.
func parseMetadata(b []byte, at *url.URL) (*metadata, *problems, error) {
	var raw rawMetadata
	if err := decode(b, &raw); err != nil {
		return nil, nil, err
	}
	if raw.Aggregator != nil {
		return nil, nil, errors.New("is an aggregator's list of providers: configure the metadata of one of them")
	}
	if raw.Version != "" && !strings.HasPrefix(raw.Version, "2.") {
		return nil, nil, fmt.Errorf("is provider metadata of version %.20q, and only 2 is known", raw.Version)
	}
	if len(raw.Distributions) > maxDistributions || len(raw.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("has %d distributions and %d keys; at most %d and %d are taken",
			len(raw.Distributions), len(raw.Keys), maxDistributions, maxKeys)
	}
	canonical, err := web(nil, raw.Canonical)
	if err != nil {
		return nil, nil, fmt.Errorf("canonical_url: %w", err)
	}
	m, bad := &metadata{canonical: canonical}, new(problems)
	if err := m.distribute(&raw, at, bad); err != nil {
		return nil, nil, err
	}
	for _, k := range raw.Keys {
		u, err := web(at, k.URL)
		if err != nil {
			bad.add(fmt.Errorf("key %.80q: %w", k.Fingerprint, err))
			continue
		}
		m.keys = append(m.keys, keyPlace{Claimed: fmt.Sprintf("%.128s", k.Fingerprint), URL: u.String()})
	}
	return m, bad, nil
}

// distribute takes the directories and the feeds. Feeds that are not for
// everybody are passed over in silence: they belong to the provider's customers.
func (m *metadata) distribute(raw *rawMetadata, at *url.URL, bad *problems) error {
	for _, d := range raw.Distributions {
		if d.Directory != "" {
			m.addDirectory(at, d.Directory, bad)
		}
		for _, f := range d.Rolie.Feeds {
			if isPublic(f.Label) {
				m.addFeed(at, f.URL, bad)
			}
		}
	}
	if len(raw.Distributions) == 0 {
		// A CSAF publisher need not name one; its documents then stand beside
		// its metadata.
		m.addDirectory(at, "./", bad)
	}
	slices.SortFunc(m.distributions, func(a, b distribution) int { return cmp.Compare(a.URL, b.URL) })
	m.distributions = slices.Compact(m.distributions)
	if len(m.distributions) > maxDistributions {
		return fmt.Errorf("has %d directories and feeds; at most %d are taken", len(m.distributions), maxDistributions)
	}
	return nil
}

func (m *metadata) addDirectory(at *url.URL, raw string, bad *problems) {
	d, err := directory(at, raw)
	switch {
	case err != nil:
		bad.add(err)
	case isPublicFolder(d.URL):
		m.distributions = append(m.distributions, d)
	}
}

func (m *metadata) addFeed(at *url.URL, raw string, bad *problems) {
	u, err := web(at, raw)
	if err != nil {
		bad.add(fmt.Errorf("feed: %w", err))
		return
	}
	m.distributions = append(m.distributions, distribution{URL: u.String(), Feed: true})
}

// directory returns the directory at a URL, which publishers write with and
// without the slash that makes paths relative to it.
func directory(at *url.URL, raw string) (distribution, error) {
	u, err := web(at, raw)
	if err != nil {
		return distribution{}, fmt.Errorf("directory: %w", err)
	}
	if u.RawQuery != "" {
		return distribution{}, fmt.Errorf("directory: %s has a query", u)
	}
	return distribution{URL: strings.TrimRight(u.String(), "/") + "/"}, nil
}

// isPublic reports whether a label of the Traffic Light Protocol lets everybody
// read: WHITE, since its version 2 CLEAR.
func isPublic(label string) bool {
	label = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(label)), "TLP:")
	return label == "WHITE" || label == "CLEAR"
}

// isPublicFolder reports whether the last folder of a URL is not named after
// a label that keeps documents from the public.
func isPublicFolder(raw string) bool {
	switch strings.ToLower(path.Base(raw)) {
	case "green", "amber", "amber+strict", "amber%2bstrict", "red":
		return false
	}
	return true
}

// web reads a URL of http or https, relative to base unless that is nil. One
// that leaves https is refused.
func web(base *url.URL, raw string) (*url.URL, error) {
	if strings.TrimSpace(raw) == "" {
		return nil, errors.New("there is no URL")
	}
	u, err := upstream.List{Base: base}.URL(strings.TrimSpace(raw))
	if err != nil {
		return nil, err
	}
	if base != nil && base.Scheme == "https" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s leaves https", u.Redacted())
	}
	return u, nil
}

// decode reads one JSON value in any Unicode encoding that Windows' editors
// leave behind.
func decode(b []byte, v any) error {
	text, err := io.ReadAll(upstream.Decode(bytes.NewReader(b)))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("is not the JSON that CSAF asks for: %w", err)
	}
	return nil
}
