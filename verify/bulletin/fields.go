package bulletin

import (
	"regexp"
	"strings"

	"patchferry/layout"
)

// fields reads labelled lines into a bulletin. Of fields that stand in several
// places the first counts, but for lists and ratings, which add up.
type fields struct {
	layout.Bulletin
	at     field // the field that the line before was of
	indent int   // of its label
	blank  bool  // a blank line stands between
	items  int   // lines that the field has taken so far
	bullet bool  // the first of them has a bullet
	prose  bool  // a sentence stands above the items
	values map[field]string
	listed []string // affected software, line by line
}

func newFields() fields { return fields{values: make(map[field]string)} }

// read reads the lines of one bulletin.
func (f *fields) read(lines []line) {
	for i, l := range lines {
		if l.text == "" {
			f.blank = true
			continue
		}
		var below line
		if i+1 < len(lines) {
			below = lines[i+1]
		}
		switch at, value, ok := f.begins(l, below); {
		case ok:
			f.at, f.indent, f.items, f.bullet, f.prose = at, l.indent, 0, false, false
			f.value(value)
		case l.ruler():
		default:
			f.more(l)
		}
		f.blank = false
	}
}

// begins reports whether a field begins with the line.
func (f *fields) begins(l, below line) (at field, value string, ok bool) {
	if at, value, ok := l.label(); ok {
		return at, value, true
	}
	at, ok = heading(l, below)
	return at, "", ok
}

// value takes what stands behind a label.
func (f *fields) value(s string) {
	switch f.at {
	case title, released, revised, revision, name, severity:
		if f.values[f.at] != "" {
			f.at = ignored
			return
		}
		f.values[f.at] = clean(s, 2*maxTitle)
	case software, products:
		f.listed = append(f.listed, s)
	case ratings:
		f.Severity = worse(f.Severity, rating(s))
	case replaced:
		f.Supersedes = append(f.Supersedes, bulletinIDs(s)...)
	case article:
		f.KBs = append(f.KBs, digitRuns(s)...)
	}
}

// cells parts a rating from what it rates, and the columns of a table.
var cells = regexp.MustCompile(`:|\t|\s{2,}`)

// more takes a line that has no label of its own: it goes on with the field
// before it, or ends that.
func (f *fields) more(l line) {
	item, bullet := l.item()
	inside := bullet || l.indent > f.indent
	switch f.at {
	case title, released, revised, revision, name, severity:
		if f.blank || bullet || !inside {
			f.at = none
			return
		}
		if len(f.values[f.at]) < maxTitle {
			f.values[f.at] = clean(f.values[f.at]+" "+clean(l.text, maxTitle), 2*maxTitle)
		}
	case software:
		if f.blank || !inside {
			f.at = none
			return
		}
		f.listed = append(f.listed, item)
	case products:
		f.list(item, bullet, inside)
	case ratings:
		if f.blank && !inside && f.items > 0 {
			f.at = none
			return
		}
		f.items++
		// "Client systems: Low", or a row of a table: "IIS 4.0    Low    None".
		for _, cell := range cells.Split(item, 20)[1:] {
			f.Severity = worse(f.Severity, rating(cell))
		}
	case replaced:
		if f.blank && !bullet {
			f.at = none
			return
		}
		f.Supersedes = append(f.Supersedes, bulletinIDs(item)...)
	}
}

// list takes a line of a list of software, whose items have bullets or are
// indented. A paragraph above the first item is a sentence about the list; a
// line without a bullet among lines that have one goes on with that before it.
func (f *fields) list(item string, bullet, inside bool) {
	switch {
	case !inside && f.items == 0 && !(f.blank && f.prose):
		f.prose = true
	case !inside:
		f.at = none
	case f.bullet && !bullet && !f.blank:
		extend(&f.listed[len(f.listed)-1], item)
	default:
		f.bullet = f.bullet || f.items == 0 && bullet
		f.listed = append(f.listed, item)
		f.items++
	}
}

// versionPattern is a revision in the value of a field: "1.2", "V2.0 (…)".
var versionPattern = regexp.MustCompile(`(?i)^(?:version|v|revision)?\.? ?([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})\b`)

// versionInside is a revision that stands behind a date: "18 March 2002
// (version 2.0)".
var versionInside = regexp.MustCompile(`(?i)\b(?:version|v|revision) ?([0-9]{1,3}(?:\.[0-9]{1,3}){1,3})\b`)

// finish turns the values of the fields into the bulletin, for a text of
// Microsoft's with the numbers of KB articles in its titles and products.
func (f *fields) finish(microsoft bool) {
	f.Title = clean(f.values[title], maxTitle)
	f.Released = dayOf(f.values[released], microsoft)
	f.Revised = dayOf(f.values[revised], microsoft)
	if m := versionPattern.FindStringSubmatch(f.values[revision]); m != nil {
		f.Revision = m[1]
	} else if m := versionInside.FindStringSubmatch(f.values[revised]); m != nil {
		f.Revision = m[1]
	}
	f.Severity = worse(f.Severity, rating(f.values[severity]))
	if microsoft {
		f.KBs = append(f.KBs, titleArticles(f.Title)...)
	}
	for _, s := range joined(f.listed) {
		if microsoft {
			f.KBs = append(f.KBs, titleArticles(s)...)
			s = productTail.ReplaceAllString(s, "")
		}
		f.Products = append(f.Products, product(s))
	}
}

// joined puts names of software together that a line end broke: behind a comma,
// "and" or "or", and before a word in small letters or a version number.
func joined(lines []string) []string {
	var all []string
	for _, s := range lines {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if len(all) > 0 && goesOn(all[len(all)-1], s) {
			extend(&all[len(all)-1], s)
			continue
		}
		all = append(all, s)
	}
	return all
}

// extend adds a word to the name of a product that is not too long already.
func extend(name *string, s string) {
	if len(*name) <= maxProduct {
		*name += " " + clean(s, maxProduct)
	}
}

func goesOn(before, s string) bool {
	for _, end := range [...]string{",", " and", " or", " with", "&", "/"} {
		if strings.HasSuffix(before, end) {
			return true
		}
	}
	return strings.Count(before, "(") > strings.Count(before, ")") || 'a' <= s[0] && s[0] <= 'z'
}

// productTail is what Microsoft's bulletins say of a product behind its name.
var productTail = regexp.MustCompile(`(?i)\s+[-–—]+\s+(?:download the update|review the faq|see the|none\b).*$|\s*\((?:KB|Q)?[0-9]{6,7}\)`)

// product returns one line of affected software as a name.
func product(s string) string {
	return strings.TrimRight(clean(s, maxProduct), ":;, ")
}
