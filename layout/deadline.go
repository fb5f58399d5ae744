package layout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Term is a span of calendar time, as deadlines are given in: "24 hours" is a
// day, a month is the same day of a later month. The zero Term is none.
type Term struct {
	Months, Days int
}

// ParseTerm reads "24h", "14d", "2w", "4mo" or the empty Term "". Hours must
// make whole days.
func ParseTerm(s string) (Term, error) {
	text := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), " ", "")
	if text == "" {
		return Term{}, nil
	}
	i := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if i <= 0 {
		return Term{}, fmt.Errorf("term %q is not a number with h, d, w or mo, as in 24h, 14d, 2w, 4mo", clip(s))
	}
	n, err := strconv.Atoi(text[:i])
	if err != nil || n <= 0 || n > 36500 {
		return Term{}, fmt.Errorf("term %q is out of range", clip(s))
	}
	switch unit := text[i:]; {
	case unit == "h" && n%24 == 0:
		return Term{Days: n / 24}, nil
	case unit == "d":
		return Term{Days: n}, nil
	case unit == "w":
		return Term{Days: 7 * n}, nil
	case unit == "mo":
		return Term{Months: n}, nil
	}
	return Term{}, fmt.Errorf("term %q is not whole days (h, d), weeks (w) or months (mo)", clip(s))
}

// IsZero reports whether the term is none.
func (t Term) IsZero() bool { return t == Term{} }

// String returns the form that ParseTerm reads.
func (t Term) String() string {
	switch {
	case t.IsZero():
		return ""
	case t.Months > 0:
		return fmt.Sprintf("%dmo", t.Months)
	}
	return fmt.Sprintf("%dd", t.Days)
}

// After returns the day that is the term after d; a month that has no such day
// ends on its last. An empty date or term is no day.
func (t Term) After(d Date) Date {
	from := d.Time()
	if from.IsZero() || t.IsZero() {
		return ""
	}
	first := time.Date(from.Year(), from.Month()+time.Month(t.Months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return Date(first.AddDate(0, 0, min(from.Day(), last)-1+t.Days).Format(time.DateOnly))
}

// Deadlines says how long after its release an update of each severity is to be
// deployed. DefaultDeadlines has the MSRC's recommendation.
type Deadlines map[Severity]Deploy

// Deploy is what one severity asks for.
type Deploy struct {
	Within  Term // of release
	Tested  Term // of release, when it is tested first
	OrWith  bool // or with the next service pack or roll-up that includes it
	MaySkip bool // may be skipped as irrelevant
}

// DefaultDeadlines returns the recommendation of the Microsoft Security
// Response Center of November 2002.
func DefaultDeadlines() Deadlines {
	return Deadlines{
		Critical:  {Within: Term{Days: 1}, Tested: Term{Days: 14}},
		Important: {Within: Term{Months: 1}, Tested: Term{Months: 2}},
		Moderate:  {Within: Term{Months: 4}, Tested: Term{Months: 6}, OrWith: true},
		Low:       {OrWith: true, MaySkip: true},
	}
}

// Due is when one update is to be deployed.
type Due struct {
	DeployBy Date `json:"deploy_by,omitempty"`
	Tested   Date `json:"deploy_by_tested,omitempty"` // when it is tested first
	OrWith   bool `json:"or_with,omitempty"`          // or with the service pack or roll-up that includes it
	MaySkip  bool `json:"may_skip,omitempty"`
}

// Due returns the deadlines of an update of that severity and release.
// Without a severity there are none.
func (d Deadlines) Due(s Severity, released Date) Due {
	rule := d[s]
	return Due{rule.Within.After(released), rule.Tested.After(released), rule.OrWith, rule.MaySkip}
}

// Days returns how many days are left until the later of the deadlines;
// negative when it has passed. ok is false where there is none.
func (d Due) Days(now time.Time) (left int, ok bool) {
	last := max(d.DeployBy, d.Tested)
	if last == "" {
		return 0, false
	}
	today := Date(now.UTC().Format(time.DateOnly)).Time()
	return int(last.Time().Sub(today).Hours() / 24), true
}
