package bulletin

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// line is one line of a text without the blanks around it.
type line struct {
	indent int    // columns before the text; a tab counts to the next multiple of eight
	text   string // without control characters; empty on a blank line
}

// splitLines splits a text at line ends of any system.
func splitLines(text string) ([]line, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if strings.Count(text, "\n") > maxLines {
		return nil, fmt.Errorf("read bulletin: more than %d lines", maxLines)
	}
	lines := make([]line, 0, strings.Count(text, "\n")+1)
	for s := range strings.SplitSeq(text, "\n") {
		lines = append(lines, newLine(s))
	}
	return lines, nil
}

func newLine(s string) line {
	indent := 0
	for i, r := range s {
		if r == '\t' {
			indent += 8 - indent%8
			continue
		}
		if !unicode.IsSpace(r) {
			return line{indent, strings.TrimRightFunc(s[i:], unicode.IsSpace)}
		}
		indent++
	}
	return line{}
}

// bullets are what stands before the items of lists.
const bullets = "*-•·–◦o>+ \t"

// item returns the text behind the bullet of an item of a list. A word that
// begins like one ("o" for a hollow bullet) needs a blank behind it.
func (l line) item() (text string, ok bool) {
	rest := l.text
	for {
		mark, after, found := strings.Cut(rest, " ")
		if !found || mark == "" || strings.Trim(mark, bullets) != "" {
			break
		}
		rest, ok = strings.TrimLeft(after, " \t"), true
	}
	return rest, ok
}

var rulerPattern = regexp.MustCompile(`^(?:[-=*_+~#] ?)+$`)

// ruler reports whether the line draws a line.
func (l line) ruler() bool {
	return len(l.text) >= 3 && rulerPattern.MatchString(l.text)
}

// field is what a labelled line says something about.
type field int

// The fields. A label that is known and not wanted is ignored, which also ends
// the field before it.
const (
	none field = iota
	ignored
	title
	released
	revised
	revision
	severity
	name
	software
	products
	ratings
	replaced
	article
)

// labels are the words before a colon, or in a heading, in lower case. Which
// publisher and which years use which is in docs/bulletins.md.
var labels = map[string]field{
	"title": title, "topic": title, "synopsis": title,

	"date": released, "issued": released, "published": released, "announced": released, "originally posted": released,
	"originally issued": released, "original release date": released, "originally released": released, "issue date": released,
	"release date": released, "date issued": released, "first published": released,

	"updated": revised, "revised": revised, "re-released": revised, "rereleased": revised, "last updated": revised,
	"last revised": revised, "updated on": revised, "bulletin updated": revised,

	"version": revision, "version number": revision, "revision": revision,

	"max risk": severity, "maximum risk": severity, "maximum severity rating": severity, "maximum severity": severity,
	"max severity": severity, "bulletin severity rating": severity, "severity": severity, "aggregate severity rating": severity,
	"bulletin maximum severity rating": severity, "maximum severity rating and vulnerability impact": severity,

	"bulletin": name, "bulletin number": name, "bulletin id": name, "bulletin identifier": name, "advisory id": name,
	"advisory number": name, "security bulletin": name,

	"software":          software,
	"affected software": products, "affected software versions": products, "affected components": products, "affected": products,
	"affected products": products, "affected software and components": products, "affects": products, "systems affected": products,
	"affected component": products,

	"risk rating": ratings, "severity rating": ratings, "severity ratings": ratings, "severity ratings and vulnerability identifiers": ratings,
	"aggregate severity ratings": ratings,

	"replaces": replaced, "bulletins replaced": replaced, "bulletin replaced": replaced, "replaced bulletins": replaced,
	"security update replacement": replaced, "bulletins replaced by this update": replaced, "supersedes": replaced,
	"superseded bulletins": replaced, "bulletins replaced by this bulletin": replaced,

	"knowledge base article": article, "knowledge base articles": article, "kb article": article, "kb articles": article,
	"microsoft knowledge base article": article, "kb": article, "knowledge base": article,

	"impact": ignored, "impact of vulnerability": ignored, "maximum security impact": ignored, "recommendation": ignored,
	"caveats": ignored, "known issues": ignored, "restart requirement": ignored, "restart required": ignored, "restart": ignored,
	"non-affected software": ignored, "not affected": ignored, "unaffected software": ignored, "non affected software": ignored,
	"reason for revision": ignored, "reason for major revision": ignored, "reason for minor revision": ignored, "issue": ignored,
	"summary": ignored, "mitigating factors": ignored, "patch availability": ignored, "acknowledgment": ignored,
	"acknowledgments": ignored, "corrected": ignored, "credits": ignored, "category": ignored, "module": ignored,
	"freebsd only": ignored, "cve name": ignored, "cve names": ignored, "detection": ignored, "removal information": ignored,
	"who should read this document": ignored, "who should read this bulletin": ignored, "executive summary": ignored,
	"revisions": ignored, "more information": ignored, "source": ignored, "patches": ignored, "note": ignored,
	"patch location": ignored, "workarounds": ignored, "technical details": ignored, "overview": ignored, "details": ignored,
}

// maxLabel is the longest label in bytes.
const maxLabel = 60

// label splits a line into the field that it begins and the value behind the
// colon.
func (l line) label() (f field, value string, ok bool) {
	text, _ := l.item()
	before, value, found := strings.Cut(text, ":")
	if !found || len(before) > maxLabel {
		return none, "", false
	}
	f, ok = labels[words(before)]
	return f, strings.TrimSpace(value), ok
}

// heading returns the field of a heading: a line with a ruler below it, or one
// of a known list of its own with a blank line below. A ruled heading of another
// kind ends the field before it.
func heading(l, below line) (f field, ok bool) {
	if l.text == "" || len(l.text) > maxLabel || l.ruler() {
		return none, false
	}
	f, known := labels[words(strings.TrimRight(l.text, ": "))]
	switch {
	case below.ruler() && !known:
		return ignored, true
	case below.ruler():
		return f, true
	}
	return f, below.text == "" && known && (f == products || f == ratings || f == ignored)
}

// words returns s in lower case with single blanks.
func words(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
}
