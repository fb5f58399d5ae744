package config

import (
	"fmt"
	"strings"

	"patchferry/layout"
)

// Deadlines says how long after its release an update of each severity is to be
// deployed. A severity that the file names is the file's alone: what it leaves
// out there is not filled in from the default.
type Deadlines struct {
	Critical  Deadline `toml:"critical"`
	Important Deadline `toml:"important"`
	Moderate  Deadline `toml:"moderate"`
	Low       Deadline `toml:"low"`
}

// Deadline is what one severity asks for; the zero Deadline asks for nothing.
type Deadline struct {
	Within  Term `toml:"within"`
	Tested  Term `toml:"tested"`
	OrWith  bool `toml:"or_with"`
	MaySkip bool `toml:"may_skip"`
}

// Term is a span of calendar time, "24h", "14d", "2w" or "4mo", or empty.
type Term string

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Term) UnmarshalText(b []byte) error {
	t, err := layout.ParseTerm(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a term of days, weeks or months; allowed: for example 24h, 14d, 2w, 4mo, or nothing", b)
	}
	*v = Term(t.String())
	return nil
}

// term returns the span; one that is no term, which check has refused, is none.
func (v Term) term() layout.Term {
	t, _ := layout.ParseTerm(string(v))
	return t
}

func defaultDeadlines() Deadlines {
	all := layout.DefaultDeadlines()
	deadline := func(s layout.Severity) Deadline {
		d := all[s]
		return Deadline{Term(d.Within.String()), Term(d.Tested.String()), d.OrWith, d.MaySkip}
	}
	return Deadlines{
		Critical:  deadline(layout.Critical),
		Important: deadline(layout.Important),
		Moderate:  deadline(layout.Moderate),
		Low:       deadline(layout.Low),
	}
}

// rated is the deadline of one severity with the name of its table.
type rated struct {
	severity layout.Severity
	table    string
	deadline *Deadline
}

func (d *Deadlines) rated() []rated {
	return []rated{
		{layout.Critical, "deadlines.critical", &d.Critical},
		{layout.Important, "deadlines.important", &d.Important},
		{layout.Moderate, "deadlines.moderate", &d.Moderate},
		{layout.Low, "deadlines.low", &d.Low},
	}
}

// Layout returns the deadlines in the words of layout.
func (d Deadlines) Layout() layout.Deadlines {
	all := make(layout.Deadlines)
	for _, r := range d.rated() {
		all[r.severity] = layout.Deploy{
			Within: r.deadline.Within.term(), Tested: r.deadline.Tested.term(),
			OrWith: r.deadline.OrWith, MaySkip: r.deadline.MaySkip,
		}
	}
	return all
}

func (d *Deadlines) fields() []field {
	var fields []field
	for _, r := range d.rated() {
		name := string(r.severity)
		fields = append(fields,
			field{r.table + ".within", &r.deadline.Within, "Within what time of its release a " + name + " update is to be deployed (h, d, w, mo); empty is no such deadline."},
			field{r.table + ".tested", &r.deadline.Tested, "The same, where it is tested first."},
			field{r.table + ".or_with", &r.deadline.OrWith, "Whether it may wait for the next service pack or roll-up that includes it."},
			field{r.table + ".may_skip", &r.deadline.MaySkip, "Whether it may be skipped as irrelevant."},
		)
	}
	return fields
}

// replaceDeadlines empties what the file leaves out of a severity that it
// names: half of a policy of one's own and half of a default is nobody's.
func (l *Loaded) replaceDeadlines() {
	for _, r := range l.Deadlines.rated() {
		if !l.places.names(r.table) {
			continue
		}
		own, written := *r.deadline, func(key string) bool { return l.places.line[r.table+"."+key] > 0 }
		if !written("within") {
			own.Within = ""
		}
		if !written("tested") {
			own.Tested = ""
		}
		own.OrWith = own.OrWith && written("or_with")
		own.MaySkip = own.MaySkip && written("may_skip")
		*r.deadline = own
	}
}

// names reports whether the file has the table, or a key in it.
func (p *places) names(table string) bool {
	if p.line[table] > 0 {
		return true
	}
	for key := range p.line {
		if strings.HasPrefix(key, table+".") {
			return true
		}
	}
	return false
}

// deadlines refuses a table in which testing first would cost time.
func (c *checker) deadlines() {
	const release = layout.Date("2002-11-01")
	for _, r := range c.l.Deadlines.rated() {
		within, tested := r.deadline.Within.term().After(release), r.deadline.Tested.term().After(release)
		if tested != "" && tested < within {
			c.fail(r.table+".tested", fmt.Sprintf("%q", r.deadline.Tested), "is shorter than within = %q; testing first takes longer", r.deadline.Within)
		}
	}
}
