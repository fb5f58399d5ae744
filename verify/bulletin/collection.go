package bulletin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"patchferry/layout"
)

var (
	// blockName begins the part of a mail that is about one of its bulletins:
	// "MS04-011 - Security Update for …", "* MS04-028", "MS08-067".
	blockName = regexp.MustCompile(`(?i)^(?:Microsoft Security Bulletin |Bulletin (?:Identifier|ID|Number)?:? ?)?\(?(MS[0-9]{2}-[0-9]{3})\)?(?:\s*[-–—:]+\s+(.*)|\s{2,}(.*))?$`)
	// blockUnnamed begins the part of an advance notice about a bulletin that
	// has no number yet: "Windows Bulletin 1".
	blockUnnamed = regexp.MustCompile(`(?i)^(?:[\w.&]+ ){0,6}Bulletin [0-9]{1,2}$`)
	// sectionSeverity is the heading above the bulletins of one severity.
	sectionSeverity = regexp.MustCompile(`(?i)^(Critical|Important|Moderate|Low) (?:Security )?(?:Bulletins?|Updates?)\b`)
	// planned is how advance notices of 2004 to 2007 put it.
	planned = regexp.MustCompile(`(?i)\bSecurity Bulletins? affecting `)
	// plannedSeverity is the sentence behind that.
	plannedSeverity = regexp.MustCompile(`(?i)\bMaximum Severity rating (?:for (?:these|this) )?is (Critical|Important|Moderate|Low)\b`)
)

// collection is a mail about several bulletins.
type collection struct {
	found   *list
	advance bool            // it announces what is to come
	summary bool            // it lists what came out that month
	head    fields          // what it says above the first bulletin
	month   layout.Bulletin // the mail as a whole; without a name where it is for no one month
	section layout.Severity // what the heading above the lines says
}

// readCollection reads a mail whose title stands in line at.
func readCollection(found *list, lines []line, at int) {
	text := topText(lines[at:])
	m := collectionTitle.FindStringSubmatchIndex(text)
	kind := strings.ToLower(text[m[2]:m[3]])
	c := collection{found: found, head: newFields(), advance: kind[0] == 'a', summary: kind[0] == 's'}
	// Each bulletin goes to the next one or to the heading of the next
	// severity.
	from, fresh := at, true
	for i := at; i < len(lines); i++ {
		start, starts := c.starts(lines[i])
		_, section := sectionOf(lines[i])
		// A name alone on a line may also be the rest of a sentence, or of a
		// list of bulletins that are replaced.
		if section || starts && (fresh || start[1] != "") {
			c.part(lines[from:i])
			from, fresh = i, true
			continue
		}
		fresh = lines[i].text == "" || lines[i].ruler()
	}
	c.part(lines[from:])
	if c.summary || c.advance {
		c.month.Name = monthName(text[m[0]:m[2]], text[m[3]:])
		c.month.Title = first(c.head.Title, clean(text[m[0]:], maxTitle))
		c.whole(lines)
	}
}

// starts returns the name and the title with which a bulletin begins in the
// line; the name is empty for one that is to come and has none.
func (c *collection) starts(l line) (m [2]string, ok bool) {
	text, _ := l.item()
	if text = strings.TrimRight(text, "* "); len(text) > maxHeading {
		return m, false
	}
	if found := blockName.FindStringSubmatch(text); found != nil {
		return [2]string{strings.ToUpper(found[1]), found[2] + found[3]}, true
	}
	return m, c.advance && blockUnnamed.MatchString(text)
}

func sectionOf(l line) (layout.Severity, bool) {
	text, _ := l.item()
	m := sectionSeverity.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return rating(m[1]), true
}

// part reads the lines from one beginning to the next.
func (c *collection) part(lines []line) {
	if len(lines) == 0 {
		return
	}
	if severity, ok := sectionOf(lines[0]); ok {
		c.section = severity
		return
	}
	start, ok := c.starts(lines[0])
	if !ok {
		c.head.read(lines)
		c.head.finish(true)
		return
	}
	c.block(start[0], start[1], lines)
}

// block reads what a mail says of one bulletin.
func (c *collection) block(name, heading string, lines []line) {
	f := newFields()
	f.Name = name
	lines = lines[:blockEnd(lines)]
	next := 1
	for heading != "" && next < len(lines) && goesOnHeading(lines[0], lines[next]) {
		heading += " " + lines[next].text
		next++
	}
	// "MS08-056 - Moderate" has the rating in place of a title.
	if f.Severity = rating(heading); f.Severity == "" {
		f.values[title] = clean(heading, maxTitle)
	}
	f.read(lines[next:])
	f.finish(true)
	f.Severity = first(f.Severity, c.section)
	if name == "" {
		c.month.Severity = worse(c.month.Severity, f.Severity)
		c.month.Products = append(c.month.Products, f.Products...)
		return
	}
	f.fill(lines)
	c.date(&f)
	c.found.add(f.Bulletin)
}

// blockEnd returns where the lines of a bulletin end: at the next heading of
// another kind, such as that of what stands at the foot of a mail, which has
// dates and links of its own.
func blockEnd(lines []line) int {
	for i := 2; i < len(lines); i++ {
		if !lines[i].ruler() {
			continue
		}
		f, headed := heading(lines[i-1], lines[i])
		switch {
		case headed && f == ignored:
			return i - 1
		case !headed:
			return i
		}
	}
	return len(lines)
}

// goesOnHeading reports whether l goes on with the title of a bulletin.
func goesOnHeading(start, l line) bool {
	_, bullet := l.item()
	_, _, labelled := l.label()
	return l.text != "" && !bullet && !labelled && !l.ruler() && l.indent > start.indent
}

// date sets what follows for a bulletin from the mail that it stands in.
func (c *collection) date(f *fields) {
	switch {
	case c.advance:
		f.Status, f.Released, f.Revised = layout.StatusAnnounced, "", ""
	case c.summary:
		f.Released = first(f.Released, c.head.Released)
	default:
		f.Revised = first(f.Revised, c.head.Released)
	}
}

// whole adds the mail as a whole: the advance notice of a month, in whose
// place its summary comes under the same name.
func (c *collection) whole(lines []line) {
	if c.month.Name == "" {
		return
	}
	c.month.Revision = c.head.Revision
	for _, l := range lines {
		c.month.URL = first(c.month.URL, pageOf(c.month.Name, l.text))
	}
	if c.advance {
		c.month.Status = layout.StatusAnnounced
		c.plans(lines)
	} else {
		// The bulletins have ratings and products of their own.
		c.month.Severity, c.month.Products = "", nil
		c.month.Released, c.month.Revised = c.head.Released, c.head.Revised
	}
	c.found.add(c.month)
}

// plans reads the sentences of an advance notice that has no list.
func (c *collection) plans(lines []line) {
	var all strings.Builder
	for _, l := range lines {
		all.WriteString(" " + l.text)
	}
	text := all.String()
	for _, m := range planned.FindAllStringIndex(text, maxProducts) {
		affected, _, _ := strings.Cut(text[m[1]:], ".")
		c.month.Products = append(c.month.Products, product(affected))
	}
	for _, m := range plannedSeverity.FindAllStringSubmatch(text, maxProducts) {
		c.month.Severity = worse(c.month.Severity, rating(m[1]))
	}
}

// monthPattern is the month in the title of a collection.
var monthPattern = regexp.MustCompile(`(?i)^[ ,-]*(?:for |of )?([A-Za-z]{3,9}),? ([0-9]{4})\b`)

// monthName returns the name under which Microsoft keeps the summary of a
// month, and before its release the advance notice: "MS07-OCT". The summaries
// of 2003, one for each family of products, have none.
func monthName(before, after string) string {
	if words(before) != "microsoft security bulletin" {
		return ""
	}
	m := monthPattern.FindStringSubmatch(after)
	if m == nil || monthNamed(m[1]) == 0 {
		return ""
	}
	year, _ := strconv.Atoi(m[2])
	return fmt.Sprintf("MS%02d-%s", year%100, strings.ToUpper(m[1][:3]))
}
