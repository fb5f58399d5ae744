package bulletin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
)

const (
	yearGroup  = `(?P<y>[0-9]{4})`
	dayGroup   = `(?P<d>[0-9]{1,2})`
	monthGroup = `(?P<m>[A-Za-z]{3,9})\.?`
	ordinal    = `(?:st|nd|rd|th)?`
)

// forms are the ways of writing a day.
var forms = [...]*regexp.Regexp{
	regexp.MustCompile(`\b` + yearGroup + `-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})\b`),                       // 2002-04-04
	regexp.MustCompile(`\b` + dayGroup + ordinal + `[ -]` + monthGroup + `,?[ -]` + yearGroup + `\b`), // 04 April 2002
	regexp.MustCompile(`\b` + monthGroup + ` ` + dayGroup + ordinal + `,? ` + yearGroup + `\b`),       // April 13, 2004
	regexp.MustCompile(`\b` + yearGroup + ` ` + monthGroup + ` ` + dayGroup + `\b`),                   // 2004 April 20
	regexp.MustCompile(`\b(?P<m>[0-9]{1,2})/` + dayGroup + `/` + yearGroup + `\b`),                    // 10/14/2008, as in the USA
}

// american is the form that is one day in the USA and another elsewhere.
const american = len(forms) - 1

// dayOf returns the first day that s states, or none. The form 10/14/2008 is
// read only for publishers in the USA.
func dayOf(s string, usa bool) layout.Date {
	var found layout.Date
	place := len(s) + 1
	for i, f := range forms {
		if i == american && !usa {
			continue
		}
		m := f.FindStringSubmatchIndex(s)
		if m == nil || m[0] >= place {
			continue
		}
		group := func(name string) string {
			g := 2 * f.SubexpIndex(name)
			return s[m[g]:m[g+1]]
		}
		if day := newDay(group("y"), group("m"), group("d")); day != "" {
			found, place = day, m[0]
		}
	}
	return found
}

// newDay returns the day, or none where the calendar has no such day or it is
// older than any bulletin.
func newDay(year, month, day string) layout.Date {
	y, _ := strconv.Atoi(year)
	d, _ := strconv.Atoi(day)
	m, err := strconv.Atoi(month)
	if err != nil {
		m = monthNamed(month)
	}
	if y < 1988 || y > 2199 {
		return ""
	}
	date, err := layout.ParseDate(fmt.Sprintf("%04d-%02d-%02d", y, m, d))
	if err != nil {
		return ""
	}
	return date
}

// monthNamed returns the number of a month by its English name or the first
// three letters or more of that; 0 is no month.
func monthNamed(s string) int {
	for m := time.January; m <= time.December; m++ {
		if len(s) >= 3 && len(s) <= len(m.String()) && strings.EqualFold(m.String()[:len(s)], s) {
			return int(m)
		}
	}
	return 0
}

// instantDay returns the day in UTC of an instant as XML and JSON write it; a
// time without a zone is taken as UTC.
func instantDay(s string) layout.Date {
	s = strings.TrimSpace(s)
	for _, f := range [...]string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(f, s); err == nil && t.Year() >= 1988 && t.Year() < 2200 {
			return layout.Date(t.UTC().Format(time.DateOnly))
		}
	}
	return ""
}
