package bulletin

import (
	"regexp"
	"strings"
)

const (
	top        = 60    // lines at the beginning of a mail that tell its kind
	maxHeading = 1_000 // bytes of a line that can begin something
)

var (
	// bulletinHeading begins a bulletin of 1998 to 2001, "Microsoft Security
	// Bulletin (MS00-046)", and those of the web, "Microsoft Security Bulletin
	// MS08-067 - Critical".
	bulletinHeading = regexp.MustCompile(`(?i)^\W*Microsoft Security Bulletin\s*\(?(MS[0-9]{2}-[0-9]{3})\)?\s*(?:[-–—:]+\s*(.*))?$`)
	// bulletinLabel is the line of a bulletin of 2001 to 2003: "Bulletin: MS02-017".
	bulletinLabel = regexp.MustCompile(`(?i)^\W*Bulletin(?: number| ID)?\s*:\s*(MS[0-9]{2}-[0-9]{3})\b`)
	// collectionTitle begins the mails that have several bulletins.
	collectionTitle = regexp.MustCompile(`(?i)\bMicrosoft (?:[\w.& ]{1,40} )?Security Bulletins? (Summary|Advanced? Notification|Re-?releases?|(?:Minor |Major )?Revisions?)\b`)
)

// readMicrosoft reads a mail of Microsoft's notification services and reports
// whether it is one.
func readMicrosoft(found *list, lines []line) bool {
	single, several := -1, -1
	for i := range lines[:min(len(lines), top)] {
		text := lines[i].text
		if len(text) > maxHeading {
			continue
		}
		if single < 0 && (bulletinHeading.MatchString(text) || bulletinLabel.MatchString(text)) {
			single = i
		}
		if several < 0 && collectionTitle.MatchString(topText(lines[i:])) {
			several = i
		}
	}
	switch {
	case several >= 0 && (single < 0 || several < single):
		readCollection(found, lines, several)
	case single >= 0:
		readSingle(found, lines, single)
	default:
		return false
	}
	return len(found.all) > 0
}

// topText joins a line with the next, where that goes on with it: long titles
// are broken.
func topText(lines []line) string {
	text := lines[0].text
	if len(lines) > 1 && lines[1].text != "" && len(lines[1].text) <= maxHeading && !lines[1].ruler() {
		if _, _, labelled := lines[1].label(); !labelled {
			text += " " + lines[1].text
		}
	}
	return text
}

// readSingle reads a mail about one bulletin, whose name stands in line at.
func readSingle(found *list, lines []line, at int) {
	f := newFields()
	text := lines[at].text
	headed := bulletinHeading.FindStringSubmatch(text)
	if headed != nil {
		f.Name = strings.ToUpper(headed[1])
		f.Severity = rating(headed[2])
	} else {
		f.Name = strings.ToUpper(bulletinLabel.FindStringSubmatch(text)[1])
	}
	f.read(lines)
	f.finish(true)
	if f.Title == "" && headed != nil {
		f.Title = titleBelow(lines[at+1:])
		f.KBs = append(f.KBs, titleArticles(f.Title)...)
	}
	f.fill(lines)
	if len(f.KBs) == 0 {
		f.knowledge(lines)
	}
	found.add(f.Bulletin)
}

// titleBelow returns the first paragraph below a heading.
func titleBelow(lines []line) string {
	var all []string
	for _, l := range lines[:min(len(lines), 20)] {
		_, _, labelled := l.label()
		switch {
		case l.text == "" && len(all) == 0, l.ruler() && len(all) == 0:
			continue
		case l.text == "", l.ruler(), labelled:
			return clean(strings.Join(all, " "), maxTitle)
		}
		all = append(all, l.text)
	}
	return clean(strings.Join(all, " "), maxTitle)
}

// fill adds what a bulletin says anywhere in its lines: its CVEs and the web
// page that has its name.
func (f *fields) fill(lines []line) {
	for _, l := range lines {
		f.CVEs = append(f.CVEs, cves(l.text)...)
		if f.URL == "" {
			f.URL = pageOf(f.Name, l.text)
		}
	}
}

// knowledge adds the articles that the sentences of a bulletin name. It is for
// those of before 2002, whose titles and lists name none: later ones also
// mention articles about other things.
func (f *fields) knowledge(lines []line) {
	for i, l := range lines {
		f.KBs = append(f.KBs, articles(l.text)...)
		f.KBs = append(f.KBs, knowledgeArticles(topText(lines[i:]))...)
	}
}
