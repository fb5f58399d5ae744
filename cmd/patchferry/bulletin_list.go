package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
)

// bulletinReport is one line of bulletin list with --json (docs/json.md): a
// bulletin, or a document that announces none, without the members of bulletins.
type bulletinReport struct {
	dueBulletin
	Notice     string         `json:"notice"` // the document that says so
	File       string         `json:"file"`
	Verdict    layout.Verdict `json:"verdict"`
	Qualifiers []string       `json:"qualifiers,omitempty"`
	Historical bool           `json:"historical"` // the signature proves little by today's measure
	Vouches    bool           `json:"vouches"`    // the digests that it states vouch for files
	Reason     string         `json:"reason,omitempty"`
	Signer     string         `json:"signer,omitempty"`
	SignedAt   layout.Time    `json:"signed_at,omitzero"`
	Captured   layout.Time    `json:"captured,omitzero"`
	Updates    int            `json:"updates"`               // of the catalog that it names
	Held       int            `json:"held"`                  // of these, with every file here
	ReplacedBy []string       `json:"replaced_by,omitempty"` // bulletins that say so
	// Quarantined is the folder of a document that was not let in.
	Quarantined string `json:"quarantined,omitempty"`
	Next        string `json:"next,omitempty"` // for a document that announces nothing
}

// bulletinFilter is the flags of bulletin list.
type bulletinFilter struct {
	severities []string
	since      string
	verdict    string
	all        bool
}

func (a *app) bulletinListCommand() *cobra.Command {
	var f bulletinFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what publishers announce, newest first",
		Long: `List the bulletins in force, newest first: name, severity, release, until when to
deploy, what the signature is worth, and how many updates of the catalog it names
by KB article, bulletin or CVE. Then come the documents that announce nothing, and
those in quarantine, with what to do about each: nothing that is not rightly signed by a pinned key is
read as a bulletin, but of sources with signed = false, which are marked.`,
		Example: "  patchferry bulletin list --severity critical,important --since 2026-01-01\n  patchferry bulletin list --verdict unpinned",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			keep, err := f.parse()
			if err != nil {
				return err
			}
			return a.withSite(cmd, func(s *site, c *config.Config) error {
				return a.listBulletins(cmd.Context(), s, c, f.all, keep)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.severities, "severity", nil, "only of these `SEVERITIES`: critical, important, moderate, low")
	flags.StringVar(&f.since, "since", "", "only released or revised on this `DAY` or later, YYYY-MM-DD")
	flags.StringVar(&f.verdict, "verdict", "", "only with this `VERDICT`: valid, unpinned, unknown-key, unsigned, refused, …")
	flags.BoolVar(&f.all, "all", false, "also bulletins that a later revision or another document replaced")
	return cmd
}

// parse checks the flags and returns what they let through.
func (f *bulletinFilter) parse() (func(*bulletinReport) bool, error) {
	severities := map[layout.Severity]bool{}
	for _, word := range f.severities {
		s, ok := layout.ParseSeverity(word)
		if !ok || s == "" {
			return nil, usageError("%q is no severity; allowed: critical, important, moderate, low", word)
		}
		severities[s] = true
	}
	since := layout.Date("")
	if f.since != "" {
		var err error
		if since, err = layout.ParseDate(f.since); err != nil {
			return nil, usageError("--since: %w", err)
		}
	}
	verdict := layout.Verdict(f.verdict)
	if verdict != "" && !slices.Contains(layout.Verdicts(), verdict) {
		return nil, usageError("%q is no verdict; allowed: %s", f.verdict, strings.ReplaceAll(joined(layout.Verdicts()), " ", ", "))
	}
	return func(r *bulletinReport) bool {
		if r.Bulletin == nil && (len(severities) > 0 || since != "") || verdict != "" && r.Verdict != verdict {
			return false
		}
		return r.Bulletin == nil || (len(severities) == 0 || severities[r.Severity]) && r.changed() >= since
	}, nil
}

// changed returns the day of the bulletin's newest revision.
func (r *bulletinReport) changed() layout.Date { return max(r.Released, r.Revised) }

// reportNotice returns what is said of a notice whatever it announces.
func reportNotice(n *layout.Notice) bulletinReport {
	return bulletinReport{
		Notice: n.ID, File: n.File, Verdict: n.Verdict, Qualifiers: n.Qualifiers, Historical: n.Historical(), Vouches: n.Vouches(),
		Reason: n.Reason, Signer: n.Signer, SignedAt: n.SignedAt, Captured: n.Captured,
	}
}

func (a *app) listBulletins(ctx context.Context, s *site, c *config.Config, all bool, keep func(*bulletinReport) bool) error {
	e, err := s.mustNewest(ctx)
	if err != nil {
		return err
	}
	notices, err := s.notices(ctx, e)
	if err != nil {
		return err
	}
	found := announcing(notices)
	updates, held, err := s.countNamed(ctx, e, found)
	if err != nil {
		return err
	}
	var bulletins, silent []bulletinReport
	for _, n := range notices {
		if r := reportNotice(n); len(n.Bulletins) == 0 {
			r.Next = nextFor(n)
			silent = append(silent, r)
		}
		for i := range n.Bulletins {
			r, b := reportNotice(n), &n.Bulletins[i]
			r.ReplacedBy = found.replacing(n, b)
			at := found.at[b.Name]
			current := found.all[at]
			if current.Latest != b && !all {
				continue
			}
			if current.Latest == b {
				b = current.Bulletin // with what this revision leaves out
			}
			r.dueBulletin = dueBulletin{b, dueOf(c.Deadlines.Layout(), b)}
			r.Updates, r.Held = updates[at], held[at]
			bulletins = append(bulletins, r)
		}
	}
	silent = append(silent, refusedReports(c)...)
	slices.SortStableFunc(bulletins, func(x, y bulletinReport) int {
		return cmp.Or(-cmp.Compare(x.changed(), y.changed()), cmp.Compare(x.Name, y.Name))
	})
	no := func(r bulletinReport) bool { return !keep(&r) }
	return a.printBulletins(slices.DeleteFunc(bulletins, no), slices.DeleteFunc(silent, no))
}

// refusedReports returns what is said of the documents in quarantine. They are
// no part of the store.
func refusedReports(c *config.Config) []bulletinReport {
	var all []bulletinReport
	for _, q := range mirror.QuarantinedNotices(c.Path(c.Work)) {
		reason := strings.Join(q.Judgement.Reasons, "; ")
		if d := q.Judgement.Diagnosis; d != nil {
			reason += "; likely: " + d.Text
		}
		n := &layout.Notice{Verdict: q.Judgement.Verdict, Qualifiers: q.Judgement.Qualifiers}
		all = append(all, bulletinReport{
			Notice: q.Source + ":" + q.Name, File: q.File, Verdict: q.Judgement.Verdict, Qualifiers: q.Judgement.Qualifiers,
			Reason: reason, Captured: q.At, Quarantined: q.Dir, Next: nextFor(n),
		})
	}
	return all
}

// countNamed counts the updates that each bulletin names, and of these those
// that are held.
func (s *site) countNamed(ctx context.Context, e *edition, a *announcements) (updates, held []int, err error) {
	updates, held = make([]int, len(a.all)), make([]int, len(a.all))
	if len(a.all) == 0 {
		return updates, held, nil
	}
	for u, err := range s.updates(ctx, e) {
		if err != nil {
			return nil, nil, fmt.Errorf("read the catalog: %w", err)
		}
		found, _ := a.naming(u)
		for _, i := range found {
			updates[i]++
			if isHeld(u) {
				held[i]++
			}
		}
	}
	return updates, held, nil
}

func (a *app) printBulletins(bulletins, silent []bulletinReport) error {
	if a.json {
		for _, r := range append(bulletins, silent...) {
			if err := a.printJSON(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(bulletins)+len(silent) == 0 {
		a.note("no bulletins")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	if len(bulletins) > 0 {
		fmt.Fprintln(w, "DATE\tBULLETIN\tSEVERITY\tDEPLOY\tVERDICT\tUPDATES\tTITLE")
	}
	for _, r := range bulletins {
		severity := string(r.Severity)
		if r.Status != layout.StatusReleased {
			severity = strings.TrimSpace(severity + " (" + string(r.Status) + ")")
		}
		n := layout.Notice{Verdict: r.Verdict, Qualifiers: r.Qualifiers, Captured: r.Captured}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.changed(), oneLine(r.Name, 40), cmp.Or(oneLine(severity, 30), "-"), deployBy(r.Due),
			verdictWords(&n), heldWords(r.Updates, r.Held), oneLine(r.Title, 100))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	for _, r := range silent {
		what, where := "announces nothing", ""
		if r.Quarantined != "" {
			what, where = "in quarantine", "  kept apart in "+r.Quarantined+"\n"
		}
		if err := a.printf("%s: %s: %s%s\n%s  next: %s\n", what, oneLine(r.Notice, 200), r.Verdict, because(r.Reason), where, r.Next); err != nil {
			return err
		}
	}
	return nil
}

// deployBy says the deadline in a column.
func deployBy(d layout.Due) string {
	switch {
	case d.DeployBy != "" || d.Tested != "":
		return "by " + string(cmp.Or(d.DeployBy, d.Tested))
	case d.OrWith:
		return "with the next service pack"
	case d.MaySkip:
		return "may be skipped"
	}
	return "-"
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + oneLine(reason, 300)
}
