package csaf

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// items are the documents of all distributions, each once.
type items struct {
	bases    []string // folders of the distributions, the longest first
	all      []layout.Announced
	files    map[string]files // by name, where they are not where the rule puts them
	byURL    map[string]int   // index in all
	byName   map[string]int   // index in all
	bad      problems         // of single documents
	strange  map[string]error // by host: why none of its documents may be asked for
	strangeN map[string]int   // how many these are
	shadowed []string         // distributions with documents that lost their name to another
	problems []error          // for the list
	full     bool             // more than maxItems are listed
}

// items joins the lists in the order of their distributions' URLs.
//
// A document is named by its path below the folder of its distribution. Which
// folders there are is known from the metadata alone, so a name does not depend
// on which distributions answered. Where two documents have one name, the one
// of the distribution whose URL sorts first is taken.
func (s *survey) items(lists []listing) *items {
	t := &items{
		files: map[string]files{}, byURL: map[string]int{}, byName: map[string]int{},
		strange: map[string]error{}, strangeN: map[string]int{},
	}
	for _, d := range s.is.Distributions {
		t.bases = append(t.bases, d.folder())
	}
	slices.SortFunc(t.bases, func(a, b string) int { return len(b) - len(a) })
	partial := len(lists) < len(s.is.Distributions)
	for _, l := range lists {
		if partial && slices.Contains(s.was.Shadowed, l.of.URL) {
			t.shadowed = append(t.shadowed, l.of.URL)
			t.problems = append(t.problems, fmt.Errorf("%s: left out until every distribution can be read: it shares names with another", l.of.URL))
			continue
		}
		t.join(s, l)
	}
	t.conclude()
	return t
}

// folder is what the documents of a distribution stand below.
func (d distribution) folder() string {
	place, _, _ := strings.Cut(d.URL, "?")
	return place[:strings.LastIndexByte(place, '/')+1]
}

func (t *items) join(s *survey, l listing) {
	lost := 0
	for _, e := range l.entries {
		took, err := t.add(s, e)
		switch {
		case err != nil:
			t.bad.add(err)
		case !took:
			lost++
		}
	}
	if lost > 0 {
		t.shadowed = append(t.shadowed, l.of.URL)
		t.problems = append(t.problems, fmt.Errorf("%s: %d documents have the names of others and are left out; "+
			"to take them, make this URL that of a source of its own", l.of.URL, lost))
	}
}

// add takes an entry, or reports that another document has its name.
func (t *items) add(s *survey, e entry) (took bool, err error) {
	if i, again := t.byURL[e.url]; again {
		t.merge(i, e)
		return true, nil
	}
	u, err := url.Parse(e.url)
	if err != nil {
		return false, err
	}
	if path.Base(u.Path) == metadataName {
		return true, nil
	}
	if err := s.from.allows(u); err != nil {
		t.refuse(u, err)
		return true, nil
	}
	name, err := t.name(u)
	if err != nil {
		return false, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	if _, taken := t.byName[name]; taken {
		return false, nil
	}
	if len(t.all) == maxItems {
		t.full = true
		return true, nil
	}
	t.byURL[e.url], t.byName[name] = len(t.all), len(t.all)
	t.all = append(t.all, layout.Announced{Name: name, File: path.Base(name), By: e.url, Stamp: e.stamp})
	if !e.files.isZero() {
		t.files[name] = e.files
	}
	return true, nil
}

// merge adds what a second list knows of a document.
func (t *items) merge(i int, e entry) {
	item := &t.all[i]
	if item.Stamp == "" {
		item.Stamp = e.stamp
	}
	known := t.files[item.Name]
	if known.signature == "" {
		known.signature = e.files.signature
	}
	if len(known.sums) == 0 {
		known.sums = e.files.sums
	}
	if !known.isZero() {
		t.files[item.Name] = known
	}
}

// refuse counts a document that may not be asked for; a host is told once.
func (t *items) refuse(u *url.URL, err error) {
	if _, known := t.strange[u.Host]; !known && len(t.strange) == maxProblems {
		t.bad.add(err)
		return
	}
	if t.strangeN[u.Host]++; t.strangeN[u.Host] == 1 {
		t.strange[u.Host] = err
	}
}

// name returns the path of a document below the folder that is nearest to it;
// where it is below none, below all hosts.
func (t *items) name(u *url.URL) (string, error) {
	place := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
	name := strings.ReplaceAll(u.Host, ":", "_") + u.Path
	for _, base := range t.bases {
		if rest, ok := strings.CutPrefix(place, base); ok {
			plain, err := url.PathUnescape(rest)
			if err != nil {
				return "", err
			}
			name = plain
			break
		}
	}
	if err := layout.CheckPath(name); err != nil {
		return "", err
	}
	_, err := upstream.FileName(path.Base(name))
	return name, err
}

func (t *items) conclude() {
	for _, host := range slices.Sorted(maps.Keys(t.strange)) {
		t.problems = append(t.problems, fmt.Errorf("%d documents are not asked for: %w", t.strangeN[host], t.strange[host]))
	}
	t.problems = append(t.problems, t.bad.of("documents")...)
	if t.full {
		t.problems = append(t.problems, fmt.Errorf("more than %d documents are listed; the rest is left out", maxItems))
	}
}

// unstamped reports whether there is a document of which only asking tells
// whether it changed.
func (t *items) unstamped() bool {
	return slices.ContainsFunc(t.all, func(a layout.Announced) bool { return a.Stamp == "" })
}
