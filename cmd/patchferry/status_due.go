package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// duty is one thing to deploy (docs/json.md): what a bulletin announces, or,
// where none names it, an update by its own severity and release, all of one KB
// article in one.
type duty struct {
	Name     string          `json:"name"` // of the bulletin; else the KB article or the update's id
	Title    string          `json:"title,omitempty"`
	Severity layout.Severity `json:"severity,omitempty"`
	Released layout.Date     `json:"released,omitempty"`
	layout.Due
	Left       *int           `json:"days_left,omitempty"` // until the later deadline; less than 0 is overdue
	Overdue    bool           `json:"overdue"`
	From       string         `json:"from"` // bulletin or update
	Notice     string         `json:"notice,omitempty"`
	Verdict    layout.Verdict `json:"verdict,omitempty"`
	Historical bool           `json:"historical,omitempty"`
	ReplacedBy []string       `json:"replaced_by,omitempty"`
	Updates    int            `json:"updates"` // of the catalog
	Held       int            `json:"held"`    // of these, with every file here
	worth      string
}

// fromBulletin says that a deadline follows from a bulletin's severity.
const fromBulletin = "bulletin"

// ledger gathers duties.
type ledger struct {
	deadlines layout.Deadlines
	now       time.Time
	said      *announcements
	bulletins map[int]*duty    // by index of said.all
	updates   map[string]*duty // by KB article, or id
}

// duties lists what is to be deployed until when, the most pressing first:
// what is overdue, then what is due next, last what has no day. Only what is
// due before the end of within counts, unless that is empty.
func (s *site) duties(ctx context.Context, e *edition, d layout.Deadlines, within layout.Term, now time.Time) ([]duty, error) {
	notices, err := s.notices(ctx, e)
	if err != nil {
		return nil, err
	}
	l := &ledger{deadlines: d, now: now, said: announcing(notices), bulletins: map[int]*duty{}, updates: map[string]*duty{}}
	l.announced()
	for u, err := range s.updates(ctx, e) {
		if err != nil {
			return nil, fmt.Errorf("read the catalog: %w", err)
		}
		l.enter(u)
	}
	last := within.After(layout.Date(now.UTC().Format(time.DateOnly)))
	all := []duty{}
	for _, one := range slices.AppendSeq(slices.Collect(maps.Values(l.bulletins)), maps.Values(l.updates)) {
		if within.IsZero() || dueDay(one.Due) <= string(last) {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, func(a, b duty) int {
		return cmp.Or(a.late()-b.late(), cmp.Compare(dueDay(a.Due), dueDay(b.Due)),
			cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// late orders what is overdue before the rest.
func (d *duty) late() int {
	if d.Overdue {
		return 0
	}
	return 1
}

// announced enters the bulletins that have deadlines.
func (l *ledger) announced() {
	for i, said := range l.said.all {
		due := dueOf(l.deadlines, said.Bulletin)
		if due == (layout.Due{}) {
			continue
		}
		d := l.duty(said.Name, said.Severity, said.Released, due)
		d.Title, d.From = said.Title, fromBulletin
		d.Notice, d.Verdict, d.Historical, d.worth = said.Notice.ID, said.Notice.Verdict, said.Notice.Historical(), verdictWords(said.Notice)
		d.ReplacedBy = l.said.replacing(said.Notice, said.Bulletin)
		l.bulletins[i] = d
	}
}

func (l *ledger) duty(name string, s layout.Severity, released layout.Date, due layout.Due) *duty {
	d := &duty{Name: name, Severity: s, Released: released, Due: due}
	if left, ok := due.Days(l.now); ok {
		d.Left, d.Overdue = &left, left < 0
	}
	return d
}

// enter counts an update for the bulletins that name it by KB or name; one that
// no deadline of theirs covers has its own.
func (l *ledger) enter(u *layout.Update) {
	covered := false
	found, how := l.said.naming(u)
	for k, i := range found {
		if d := l.bulletins[i]; d != nil && how[k] != byCVE {
			d.count(u)
			covered = true
		}
	}
	due := l.deadlines.Due(u.Severity, u.Released)
	if covered || due == (layout.Due{}) {
		return
	}
	name := u.ID
	if u.KB != "" {
		name = "KB" + u.KB
	}
	d := l.updates[name]
	if d == nil || pressing(due, d.Due) {
		strict := l.duty(name, u.Severity, u.Released, due)
		strict.Title, strict.From = u.Title, fromUpdate
		if d != nil {
			strict.Updates, strict.Held = d.Updates, d.Held
		}
		d, l.updates[name] = strict, strict
	}
	d.count(u)
}

func (d *duty) count(u *layout.Update) {
	d.Updates++
	if isHeld(u) {
		d.Held++
	}
}

// addDue adds to a report what is to be deployed.
func (a *app) addDue(ctx context.Context, r *statusReport, c *config.Config, within layout.Term, now time.Time) error {
	r.Due = []duty{}
	s, err := openSite(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close() // it was only read
	e, err := s.newest(ctx)
	if err != nil || e == nil {
		return err
	}
	r.Due, err = s.duties(ctx, e, c.Deadlines.Layout(), within, now)
	return err
}

// printDuties prints a table. Most of what large publishers announce names no
// update of the catalog: of that it prints what is signed and still to come,
// for it may be missing here, and of the rest the number, or with all each.
func printDuties(out io.Writer, duties []duty, now time.Time, all bool) error {
	foreign := func(d duty) bool {
		return !all && d.Updates == 0 && (d.Overdue || d.Left == nil || d.Verdict != layout.Valid)
	}
	kept := slices.DeleteFunc(slices.Clone(duties), foreign)
	if left := len(duties) - len(kept); left > 0 {
		defer fmt.Fprintf(out, "and %s no update of the catalog, overdue or unsigned; --all lists them\n", plural(left, "bulletin that names", "bulletins that name"))
	}
	if len(kept) == 0 {
		_, err := fmt.Fprintln(out, "nothing is due")
		return err
	}
	duties = kept
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "DEPLOY BY\tTESTED FIRST\tLEFT\tSEVERITY\tWHAT\tHERE\tSAYS\tTITLE\n")
	for _, d := range duties {
		says := "the update"
		if d.From == fromBulletin {
			says = "bulletin, " + d.worth
		}
		if len(d.ReplacedBy) > 0 {
			says += ", replaced by " + oneLine(d.ReplacedBy[0], 40)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cmp.Or(d.DeployBy, "-"), cmp.Or(d.Tested, "-"), leftWords(d.Due, now),
			oneLine(string(d.Severity), 20), oneLine(d.Name, 60), heldWords(d.Updates, d.Held), says, oneLine(d.Title, 80))
	}
	return w.Flush()
}
