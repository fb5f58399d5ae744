package bulletin

import (
	"regexp"
	"strings"

	"patchferry/layout"
)

// opening is how one publisher begins its advisories.
type opening struct {
	// begins matches the line that has the name, as its first group, and
	// perhaps the title, as its second.
	begins *regexp.Regexp
	// titleBelow: the title is the next paragraph.
	titleBelow bool
}

// openings are those of the publishers that Parse knows, and last that of all
// who label the name.
var openings = [...]opening{
	{begins: regexp.MustCompile(`^(FreeBSD-(?:SA|EN|SN)-[0-9]{2}:[0-9]{2,3}(?:\.[\w.+-]{1,40})?)\s+(?:Security Advisory|Errata Notice|Security Notice)$`)},
	{begins: regexp.MustCompile(`^Technical Cyber Security Alert (TA[0-9]{2}-[0-9]{3}[A-Z])$`), titleBelow: true},
	{begins: regexp.MustCompile(`^CERT(?:\([Rr]\))? Advisory (CA-[0-9]{4}-[0-9]{2})(?:[: ]+(.*))?$`)},
	{begins: regexp.MustCompile(`^(?:US-CERT )?Vulnerability Note (VU#[0-9]{3,8})(?:[: -]+(.*))?$`), titleBelow: true},
	{begins: regexp.MustCompile(`^Debian Security Advisory (DSA[- ][0-9]{1,5}(?:-[0-9]{1,2})?)\b`)},
	{begins: regexp.MustCompile(`(?i)^(?:Cisco )?Advisory (?:ID|number)\s*:\s*([A-Za-z][\w.:#-]{2,60})$`)},
}

// advisoryTop is how many lines at the beginning have the name.
const advisoryTop = 60

var (
	ciscoTitle   = regexp.MustCompile(`^Cisco Security Advisory:\s+(\S.*)$`)
	ciscoRelease = regexp.MustCompile(`(?i)^For Public Release\s+(.*)$`)
	// history is a line of a list of revisions: "v1.1  2001-08-30  Update …".
	history = regexp.MustCompile(`^v([0-9]{1,3}\.[0-9]{1,3})\s+(\S+)(?:\s|$)`)
)

// readAdvisory reads an advisory of a publisher other than Microsoft. It
// reports false where there is none; of what it returns then nothing counts.
func readAdvisory(lines []line) (layout.Bulletin, bool) {
	f := newFields()
	for i, l := range lines[:min(len(lines), advisoryTop)] {
		for _, p := range openings {
			if len(l.text) > maxHeading {
				break
			}
			m := p.begins.FindStringSubmatch(l.text)
			if m == nil {
				continue
			}
			f.Name = strings.ReplaceAll(m[1], " ", "-")
			if len(m) > 2 {
				f.values[title] = clean(m[2], maxTitle)
			}
			if p.titleBelow && f.values[title] == "" {
				f.values[title] = titleBelow(lines[i+1:])
			}
			f.advisory(lines)
			return f.Bulletin, true
		}
	}
	return layout.Bulletin{}, false
}

// advisory reads the lines of an advisory whose name is known.
func (f *fields) advisory(lines []line) {
	for _, l := range lines {
		if m := ciscoTitle.FindStringSubmatch(l.text); m != nil && f.values[title] == "" {
			f.values[title] = clean(m[1], maxTitle)
		}
		if m := ciscoRelease.FindStringSubmatch(l.text); m != nil && f.values[released] == "" {
			f.values[released] = clean(m[1], maxTitle)
		}
	}
	f.read(lines)
	f.finish(false)
	f.KBs, f.Supersedes = nil, nil // of Microsoft's alone
	for _, l := range lines {
		if m := history.FindStringSubmatch(l.text); m != nil {
			f.Revision = m[1]
			f.Revised = first(dayOf(m[2], false), f.Revised)
		}
	}
	f.fill(lines)
}
