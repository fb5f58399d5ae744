package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/trusted"
)

func ringFlag(cmd *cobra.Command, ring *string, usage string) {
	cmd.Flags().StringVar(ring, "ring", "", usage)
}

// chosenRing returns the ring of a flag, or the last one where it is not given.
func chosenRing(c *config.Config, ring string) (string, error) {
	if ring == "" {
		return c.LastRing(), nil
	}
	if !slices.Contains(c.Rings.Names, ring) {
		return "", withHint(usageError("no ring is called %q", ring), "one of %s", strings.Join(c.Rings.Names, ", "))
	}
	return ring, nil
}

// explainRing gives what makes no sense its exit status and the next command.
func explainRing(err *mirror.RingError) error {
	failed := withCode(exitUsage, err)
	if err.Next == "" {
		return failed
	}
	return withHint(failed, "%s", err.Next)
}

// ringShown returns what a ring shows, for commands that need it to show
// something.
func (s *site) ringShown(ctx context.Context, ring string) (*trusted.Shown, error) {
	state, err := s.reader.Newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of states: %w", err)
	}
	if state == nil || len(state.Positions()) == 0 {
		return nil, withHint(errors.New("nothing was published yet"), "%s", s.refill)
	}
	shown, err := s.reader.Shown(ctx, state, ring)
	if err != nil {
		return nil, fmt.Errorf("read what ring %s shows: %w", ring, err)
	}
	if shown.Ring.IsZero() {
		return nil, withHint(fmt.Errorf("ring %s shows nothing yet", ring), "patchferry promote %s", ring)
	}
	return shown, nil
}

// withoutRevoked yields updates without the files that were taken back: a tree
// of files cannot say 410.
func withoutRevoked(updates iter.Seq2[*layout.Update, error], revoked []layout.Revoked) iter.Seq2[*layout.Update, error] {
	gone := make(map[layout.Digest]bool, len(revoked))
	for _, r := range revoked {
		gone[r.SHA256] = true
	}
	return func(yield func(*layout.Update, error) bool) {
		for u, err := range updates {
			if err == nil {
				u.Files = slices.DeleteFunc(u.Files, func(f layout.File) bool { return f.Held && gone[f.SHA256] })
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// ringJob runs a job on rings and prints its report.
func (a *app) ringJob(cmd *cobra.Command, dryRun bool, run func(j *job) (*mirror.RingReport, error)) error {
	l, err := a.load(cmd, nil)
	if err != nil {
		return err
	}
	j, err := a.openJob(cmd.Context(), &l.Config, !dryRun, nil)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	r, err := run(j)
	if err != nil {
		return explain(err)
	}
	if a.json {
		return a.printJSON(r)
	}
	return a.printRingReport(cmd.Name(), r)
}

// printRingReport says what was done, and how to take it back.
func (a *app) printRingReport(verb string, r *mirror.RingReport) error {
	if !r.Changed {
		return a.printf("nothing to do: it is so already\n")
	}
	var text strings.Builder
	if r.DryRun {
		text.WriteString("would ")
	}
	text.WriteString(verb)
	switch {
	case len(r.Updates) > 0:
		fmt.Fprintf(&text, " %s", strings.Join(r.Updates, " "))
	case r.From != "":
		fmt.Fprintf(&text, " what %s shows", r.From)
	}
	text.WriteString(ringWords(verb, r))
	if r.DryRun {
		text.WriteString("; dry run, nothing was changed")
	}
	text.WriteByte('\n')
	if len(r.Shared) > 0 {
		fmt.Fprintf(&text, "the same files are gone from %s\n", strings.Join(r.Shared, " "))
	}
	if !r.DryRun && r.Was != 0 { // what showed nothing cannot show that again
		fmt.Fprintf(&text, "to take it back: patchferry revert %s --to %d --reason TEXT\n", r.Ring, r.State-1)
	}
	return a.printf("%s", text.String())
}

// ringWords says where, and what came of it.
func ringWords(verb string, r *mirror.RingReport) string {
	var text string
	switch {
	case verb == "promote":
		text = " to " + r.Ring
	case verb == "revert":
		text = fmt.Sprintf(" %s to the catalog of state %d", r.Ring, r.Shows)
	case verb == "revoke":
		text = " (" + plural(len(r.Files), "file", "files") + ")"
	case r.Ring != "":
		text = " in " + r.Ring
	default:
		text = " in all rings"
	}
	if r.State > 0 {
		text += fmt.Sprintf(": state %d", r.State)
	}
	if r.Generation > 0 {
		text += fmt.Sprintf(", generation %d", r.Generation)
	}
	return text
}

// needReason refuses hold, revoke and revert without --reason.
func needReason(cmd *cobra.Command, args []string, reason string) error {
	if reason != "" {
		return nil
	}
	err := errors.New("a reason is needed: it stays in the log of states")
	return withHint(withCode(exitUsage, err), "%s %s --reason TEXT", cmd.CommandPath(), strings.Join(args, " "))
}
