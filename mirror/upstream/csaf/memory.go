package csaf

import (
	"encoding/json"
	"time"

	"patchferry/layout"
)

// askAgain is how long what a provider says of itself is taken for true, and
// how long an index is trusted to name every change.
const askAgain = 24 * time.Hour

const memoryVersion = 1

// memory is what a Provider wants back at its next List. Losing it costs one
// full list.
type memory struct {
	Version int    `json:"version"`
	Place   string `json:"place"` // the Provider's URL or Path
	// Asked is when the provider was last asked for everything, and not only
	// for what names the latest changes.
	Asked         layout.Time     `json:"asked,omitzero"`
	Metadata      string          `json:"metadata,omitempty"`  // its URL; empty where there is none
	Canonical     string          `json:"canonical,omitempty"` // where that says it stands
	Distributions []distribution  `json:"distributions,omitempty"`
	Keys          []keyPlace      `json:"keys,omitempty"`
	Pages         map[string]page `json:"pages,omitempty"` // metadata, feeds and indexes by URL
	// Unstamped says that for some documents only asking tells whether they
	// changed: an unchanged index is then no reason not to ask, once a day.
	Unstamped bool `json:"unstamped,omitempty"`
	// Shadowed are distributions that list other documents under names that
	// documents of a distribution before them have.
	Shadowed []string `json:"shadowed,omitempty"`
	// Folder is the digest of what a local folder held.
	Folder layout.Digest `json:"folder,omitzero"`
}

// page is what is remembered of one of the provider's lists.
type page struct {
	Validators layout.Validators `json:"validators,omitzero"`
	SHA256     layout.Digest     `json:"sha256,omitzero"`
	Missing    bool              `json:"missing,omitempty"` // the provider has no such file
}

// recall reads a memory. One of another place, of another version or that
// cannot be read is none.
func recall(raw json.RawMessage, place string) memory {
	var m memory
	usable := len(raw) > 0 && json.Unmarshal(raw, &m) == nil && m.Version == memoryVersion && m.Place == place
	if !usable || len(m.Distributions) > maxDistributions || len(m.Keys) > maxKeys {
		m = memory{}
	}
	if m.Pages == nil {
		m.Pages = map[string]page{}
	}
	return m
}

// due reports whether the provider must be asked for everything. A clock that
// was set back does not keep it from being asked.
func (m *memory) due(now time.Time) bool {
	since := now.Sub(m.Asked.Time())
	return since < 0 || since >= askAgain
}

// lead is the URL of what names the latest changes of a distribution.
func (m *memory) lead(d distribution) string {
	if d.Feed {
		return d.URL
	}
	if m.Pages[d.URL+changesName].Missing {
		return d.URL + indexName
	}
	return d.URL + changesName
}

// questions are the URLs that tell whether anything changed: one for each
// distribution and what could not be had the last time, or everything.
func (m *memory) questions(everything bool) []string {
	var urls []string
	if everything && m.Metadata != "" {
		urls = append(urls, m.Metadata)
	}
	for _, d := range m.Distributions {
		urls = append(urls, m.lead(d))
		if d.Feed {
			continue
		}
		for _, u := range []string{d.URL + changesName, d.URL + indexName} {
			if _, known := m.Pages[u]; u != m.lead(d) && (everything || !known) {
				urls = append(urls, u)
			}
		}
	}
	return urls
}
