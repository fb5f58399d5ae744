package csaf

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// Limits of what a provider lists.
const (
	maxIndex = 16 << 20 // bytes of an index or a feed
	maxTotal = 64 << 20 // bytes of all of them
	maxItems = 200_000  // documents
	maxLine  = 4 << 10  // bytes of a line of an index

	// maxListed is after how many documents no further list is read. One that
	// stands in a directory and in a feed counts twice.
	maxListed = 2 * maxItems
)

// change is a line of a changes.csv.
type change struct {
	path  string // below the directory
	stamp string // "" where the line's time cannot be read
}

// parseIndex reads an index.txt (CSAF 2.0, section 7.1.12): the path of each
// document below the directory, one a line. Paths that come twice are dropped,
// as are the files beside documents, which some publishers list as well.
func parseIndex(b []byte) ([]string, *problems) {
	var paths []string
	bad := new(problems)
	seen := map[string]bool{}
	for line, err := range upstream.Lines(bytes.NewReader(b), maxLine, maxItems) {
		if err != nil {
			bad.add(err)
			continue
		}
		text := strings.TrimSpace(string(line.Text))
		if text == "" || isBeside(text) {
			continue
		}
		p, err := documentPath(text, line.UTF8)
		if err != nil {
			bad.add(&upstream.LineError{Line: line.Number, Err: err})
			continue
		}
		if !seen[p] {
			seen[p] = true
			paths = append(paths, p)
		}
	}
	return paths, bad
}

// parseChanges reads a changes.csv (CSAF 2.0, section 7.1.13): path and time of
// each document, the latest first. Fields with and without quotes are found, the
// two in the other order, and a heading. Of a path that comes twice the latest
// time counts.
func parseChanges(b []byte) ([]change, *problems) {
	var changes []change
	bad := new(problems)
	seen := map[string]int{}
	for line, err := range upstream.Lines(bytes.NewReader(b), maxLine, maxItems) {
		if err != nil {
			bad.add(err)
			continue
		}
		text := strings.TrimSpace(string(line.Text))
		if text == "" || isHeading(line.Number, text) {
			continue
		}
		c, err := parseChange(text, line.UTF8)
		if c.path == "" && err == nil {
			continue
		}
		if err != nil {
			bad.add(&upstream.LineError{Line: line.Number, Err: err})
		}
		if c.path == "" {
			continue
		}
		if i, again := seen[c.path]; again {
			changes[i].stamp = later(changes[i].stamp, c.stamp)
			continue
		}
		seen[c.path] = len(changes)
		changes = append(changes, c)
	}
	return changes, bad
}

// isHeading reports whether the first line names columns.
func isHeading(number int, text string) bool {
	return number == 1 && !strings.Contains(strings.ToLower(text), ".json")
}

// parseChange reads one line. It returns no path and no error for one of a file
// beside a document, and a path with an error where only the time is wrong.
func parseChange(text string, utf8 bool) (change, error) {
	first, rest, err := field(text)
	if err != nil {
		return change{}, err
	}
	second, _, err := field(rest)
	if err != nil {
		return change{}, err
	}
	name, when := first, second
	if stamp(first) != "" {
		name, when = second, first
	}
	if isBeside(name) {
		return change{}, nil
	}
	p, err := documentPath(name, utf8)
	if err != nil {
		return change{}, err
	}
	c := change{path: p, stamp: stamp(when)}
	if c.stamp == "" {
		return c, fmt.Errorf("%.80q is not a time", when)
	}
	return c, nil
}

// field returns the first field of a line of comma separated values, and what
// stands after its comma. Names of documents hold neither commas nor quotes
// (CSAF 2.0, section 5.1), so there is nothing to unescape.
func field(s string) (value, rest string, err error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), rest, nil
	}
	value, rest, ok := strings.Cut(s[1:], `"`)
	rest = strings.TrimSpace(rest)
	if !ok || rest != "" && rest[0] != ',' {
		return "", "", errors.New("quotes that do not match")
	}
	return value, strings.TrimPrefix(rest, ","), nil
}

// later returns the later of two stamps.
func later(a, b string) string {
	if moment(a).Before(moment(b)) {
		return b
	}
	return a
}

// beside are the extensions of what stands beside documents.
var beside = [...]string{".asc", ".sig", ".sha256", ".sha512"}

// isBeside reports whether name is that of a file which is no document and may
// stand in an index all the same.
func isBeside(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	for _, e := range beside {
		if ext == e {
			return true
		}
	}
	switch path.Base(name) {
	case metadataName, "aggregator.json", indexName, changesName:
		return true
	}
	return false
}

// documentPath returns the path of a document as an index has it, or why it
// cannot be one. Nothing in it is decoded: "%2e" is three characters of a name.
func documentPath(s string, utf8 bool) (string, error) {
	p := strings.TrimPrefix(s, "./")
	if !utf8 {
		return "", fmt.Errorf("path %.80q is not UTF-8", s)
	}
	if strings.Contains(p, "://") {
		return "", fmt.Errorf("%.80q is a URL and not a path below the directory", s)
	}
	if err := layout.CheckPath(p); err != nil {
		return "", err
	}
	if !isDocument(p) {
		return "", fmt.Errorf("%.80q is not the name of a JSON document", s)
	}
	return p, nil
}

func isDocument(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }
