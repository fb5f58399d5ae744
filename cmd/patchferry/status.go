package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/mirror"
)

// statusReport is what status prints with --json (docs/json.md).
type statusReport struct {
	Store      string         `json:"store"`
	State      uint64         `json:"state"` // 0: nothing was published yet
	At         layout.Time    `json:"at,omitzero"`
	Actor      string         `json:"actor,omitempty"`
	Why        string         `json:"why,omitempty"`
	Generation uint64         `json:"generation,omitempty"`
	Created    layout.Time    `json:"created,omitzero"`
	Counts     *layout.Counts `json:"counts,omitempty"`
	Absent     int            `json:"absent,omitempty"` // contents that bundles of the catalog alone left out
	Rings      []ringReport   `json:"rings,omitempty"`
	Pruning    bool           `json:"pruning"` // a plan is being applied
	Sources    []sourceReport `json:"sources"`
	Streams    []streamReport `json:"streams,omitempty"` // that are followed, on a far side

	Rotations []mirror.RotationReport `json:"rotations,omitempty"` // of origins' keys, that are in force

	Traffic trafficReport `json:"traffic,omitzero"`  // what serve sent and what came from outside, on this machine
	Refused int           `json:"refused,omitempty"` // files of publishers in quarantine: their bytes were not what was promised

	Hosts *distribute.HostCounts `json:"hosts,omitempty"` // by their reports; none where there are no reports

	Quarantine []mirror.Quarantined `json:"quarantine,omitempty"` // bundles that are not published
	Stale      bool                 `json:"stale"`                // of some source, or stream
	// ClockBehind is how many seconds the system's clock lies before the newest
	// state or bundle that was accepted; 0 where it does not.
	ClockBehind int64  `json:"clock_behind,omitempty"`
	Due         []duty `json:"due,omitzero"` // with --due
}

// sourceReport is one source of a statusReport.
type sourceReport struct {
	mirror.SourceStatus
	Stale bool `json:"stale"`
}

func (a *app) statusCommand() *cobra.Command {
	var due, all bool
	var within string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say where things stand",
		Long: `Print the newest state and generation of the store, after checking both, and when
each source last answered; on a far side, how far it has followed each stream, when the
next transfer bundle is due, and which bundles in quarantine wait for what; where rings
are used, what each shows and what waits in the ring before it. Exit status 20 when a
source has not answered for longer than the key stale allows, or a transfer bundle is
overdue. The time is that of the system's clock, but no earlier than the newest date
that was accepted here: a clock behind that is said.

With --due also what is to be deployed until when, what is overdue first: what
bulletins announce, and updates that none names by their own severity and release
(docs/deadlines.md). Of bulletins that name no update of the catalog the signed ones
that are still to come are listed, the rest is counted; --all and --json list them. What hosts lack of that, patchferry hosts missing says, as far as they report.`,
		Example: "  patchferry status\n  patchferry status --due --within 14d",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			term, err := layout.ParseTerm(within)
			if err != nil {
				return usageError("--within: %w", err)
			}
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			now := time.Now()
			r, err := a.status(cmd.Context(), &l.Config, now)
			if err == nil && (due || within != "") {
				err = a.addDue(cmd.Context(), &r, &l.Config, term, now)
			}
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(r)
			} else {
				err = a.printStatus(r, now, all)
			}
			if err == nil && r.State == 0 && !a.json {
				a.note("next: %s", refill(&l.Config))
			}
			if err == nil && r.Stale {
				return staleError(&l.Config)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&due, "due", false, "say what is to be deployed until when")
	cmd.Flags().BoolVar(&all, "all", false, "with --due: also bulletins that name no update of the catalog")
	cmd.Flags().StringVar(&within, "within", "", "with --due: only what is due in this `TIME`, as in 14d, 2w, 1mo, or overdue")
	return cmd
}

// staleError says what is stale on this side.
func staleError(c *config.Config) error {
	what := "stale: a source has not answered for too long"
	if c.Role == config.Far {
		what = "stale: a transfer bundle is overdue; what is here is served all the same"
	}
	return withHint(withCode(exitStale, errors.New(what)), "%s", refill(c))
}

// status gathers what is known without asking anybody.
func (a *app) status(ctx context.Context, c *config.Config, now time.Time) (statusReport, error) {
	r := statusReport{Store: c.StoreName(), Sources: []sourceReport{}}
	j, err := a.openJob(ctx, c, false, nil)
	if err != nil {
		return r, err
	}
	defer j.Close() // it was only read
	r.Sources = sourceReports(j, c, now)
	for _, s := range r.Sources {
		r.Stale = r.Stale || s.Stale
	}
	if r.Quarantine, err = j.Quarantine(); err != nil {
		return r, err
	}
	if r.Traffic, err = readTraffic(c); err != nil {
		return r, err
	}
	r.Refused = len(j.RefusedFiles())
	if r.Hosts, err = countHosts(c, now); err != nil {
		return r, err
	}
	e, err := j.site.newest(ctx)
	if err != nil || e == nil {
		return r, err
	}
	r.State, r.At, r.Actor, r.Why = e.state.Number, e.state.At, e.state.Actor, e.state.Why
	r.Pruning = e.state.Prune != nil
	if r.Rotations, err = mirror.Rotations(ctx, j.site.reader); err != nil {
		return r, err
	}
	r.Generation, r.Created, r.Counts = e.generation.Number, e.generation.Created, &e.generation.Counts
	r.Absent = len(e.absent)
	at, behind := j.site.clock(now)
	r.Streams, r.ClockBehind = streamReports(&e.state.State, at), int64(behind/time.Second)
	for _, s := range r.Streams {
		r.Stale = r.Stale || s.Stale
	}
	r.Rings, err = j.site.ringReports(ctx, c, e.state)
	return r, err
}

// sourceReports says how each source stands.
func sourceReports(j *job, c *config.Config, now time.Time) []sourceReport {
	all := []sourceReport{}
	for _, s := range j.SourceStatus() {
		all = append(all, sourceReport{s, now.Sub(s.Checked.Time()) > time.Duration(c.Stale)})
	}
	return all
}

func (a *app) printStatus(r statusReport, now time.Time, all bool) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "store\t%s\n", r.Store)
	if r.State == 0 {
		fmt.Fprintf(w, "state\tnothing was published yet\n")
	} else {
		fmt.Fprintf(w, "state\t%d, %s by %s: %s\n", r.State, r.At, r.Actor, r.Why)
		fmt.Fprintf(w, "generation\t%d, made %s\n", r.Generation, humanize.RelTime(r.Created.Time(), now, "ago", "from now"))
		fmt.Fprintf(w, "updates\t%d\n", r.Counts.Updates)
		fmt.Fprintf(w, "files\t%d, of these %d held\n", r.Counts.Files, r.Counts.Held)
		fmt.Fprintf(w, "objects\t%d, %s\n", r.Counts.Objects, humanize.Bytes(uint64(r.Counts.Bytes)))
	}
	if r.Absent > 0 {
		fmt.Fprintf(w, "absent\t%s that the catalog names and no bundle brought yet\n", plural(r.Absent, "object", "objects"))
	}
	printStreams(w, &r, now)
	printRingReports(w, r.Rings, now)
	for _, t := range r.Rotations {
		fmt.Fprintf(w, "origin key\t%s\n", rotated(t))
	}
	printTraffic(w, &r)
	printHostCounts(w, r.Hosts)
	printQuarantine(w, r.Quarantine, now)
	if r.Pruning {
		fmt.Fprintf(w, "prune\tunder way; the next job that changes the store ends it\n")
	}
	for _, s := range r.Sources {
		fmt.Fprintf(w, "source\t%s\n", s.sentence(now))
	}
	if r.Due != nil {
		fmt.Fprintln(w)
	}
	err := w.Flush()
	if err == nil && r.Due != nil {
		err = printDuties(a.stdout, r.Due, now, all)
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// sentence says how a source stands.
func (s sourceReport) sentence(now time.Time) string {
	text := s.Name + ": never asked"
	if !s.Checked.IsZero() {
		text = s.Name + ": asked " + humanize.RelTime(s.Checked.Time(), now, "ago", "from now")
	}
	if s.Failed > 0 {
		text += ", " + plural(s.Failed, "file", "files") + " could not be had"
	}
	if s.Left > 0 {
		text += fmt.Sprintf(", %s listed for hosts to ask for", plural(s.Left, "file", "files"))
	}
	if s.Refused > 0 {
		text += ", " + plural(s.Refused, "document", "documents") + " in quarantine"
	}
	if s.Problem != "" {
		text += ", " + s.Problem
	}
	if s.Stale {
		text += " (stale)"
	}
	return text
}
