package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

// sweeper is a store in which killed jobs leave what has no name, and so cannot
// be needed: a bucket.
type sweeper interface {
	Sweep(ctx context.Context, olderThan time.Duration) (int, error)
	Abandoned(ctx context.Context, olderThan time.Duration) (int, error)
}

// abandonedAfter is how old an upload must be before it counts as abandoned. The
// largest one on the thinnest line takes less.
const abandonedAfter = 48 * time.Hour

// pruneFlags are the flags of prune.
type pruneFlags struct {
	apply  string
	dryRun bool
}

// planReport is what prune prints with --json, and prunedReport with --apply
// (docs/json.md).
type planReport struct {
	*mirror.PrunePlan
	DryRun  bool `json:"dry_run,omitempty"`
	Uploads int  `json:"uploads,omitempty"` // abandoned ones, in a bucket, that were removed; in a dry run that would be
}

type prunedReport struct {
	*mirror.PruneReport
	Uploads int `json:"uploads,omitempty"`
}

func (a *app) pruneCommand() *cobra.Command {
	var f pruneFlags
	cmd := &cobra.Command{
		Use:   "prune [--apply PLAN]",
		Short: "Remove what no kept generation needs",
		Long: `Plan what to remove: objects that no kept generation needs. Kept are the last four
generations, on a far side of every stream; all that are younger than prune.keep, where
they are made; what rings show and showed before; and what a lease asks for. The
plan removes nothing; after the grace time --apply removes what is still not needed.

Of a store in a bucket both also remove uploads that were begun more than two days ago
and never ended. --dry-run writes no plan and removes nothing.

Several machines may have one store. While one of them applies a plan the others wait
(exit status 9); one that died at it is taken over an hour later, or at once by the next
job with its work directory.`,
		Example: "  patchferry prune\n  patchferry prune --dry-run\n  patchferry prune --apply 20260310-180000-1f2e3d4c",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.dryRun && f.apply != "" {
				return usageError("--dry-run and --apply exclude each other")
			}
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if f.apply != "" {
				return explain(a.applyPrune(cmd.Context(), &l.Config, f.apply))
			}
			return explain(a.planPrune(cmd.Context(), &l.Config, f.dryRun))
		},
	}
	cmd.Flags().StringVar(&f.apply, "apply", "", "carry out `PLAN`, once its grace time has passed")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be planned, and removed, and change nothing")
	return cmd
}

func (a *app) planPrune(ctx context.Context, c *config.Config, dryRun bool) error {
	j, err := a.openJob(ctx, c, false, nil)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	r := planReport{DryRun: dryRun}
	plan := j.PlanPrune
	if dryRun {
		plan = j.RehearsePrune
	}
	r.PrunePlan, err = plan(ctx)
	if errors.Is(err, mirror.ErrNoEdition) {
		return withHint(err, "%s", refill(c))
	}
	if err != nil {
		return err
	}
	r.Uploads = j.sweep(ctx, dryRun)
	if a.json {
		return a.printJSON(r)
	}
	return a.printPlan(&r)
}

func (a *app) printPlan(r *planReport) error {
	if err := a.printUploads(r.Uploads, r.DryRun); err != nil {
		return err
	}
	switch {
	case r.Count == 0:
		return a.printf("nothing to remove\n")
	case r.DryRun:
		return a.printf("would plan to remove %s (%s); kept: generations %v; dry run, nothing was changed\n",
			plural(r.Count, "object", "objects"), humanize.Bytes(uint64(r.PrunePlan.Bytes)), r.Generations)
	}
	return a.printf("plan %s: %s (%s); kept: generations %v\nnext: patchferry prune --apply %s, from %s on\n",
		r.ID, plural(r.Count, "object", "objects"), humanize.Bytes(uint64(r.PrunePlan.Bytes)), r.Generations, r.ID, r.After)
}

func (a *app) printUploads(n int, dryRun bool) error {
	if n == 0 {
		return nil
	}
	verb := "removed"
	if dryRun {
		verb = "would be removed"
	}
	return a.printf("%s, begun more than two days ago: %s\n", plural(n, "abandoned upload", "abandoned uploads"), verb)
}

// sweep removes from a bucket what killed uploads left, or counts it. What cannot
// be removed costs space and does no harm.
func (j *job) sweep(ctx context.Context, dryRun bool) int {
	bucket, ok := j.site.store.(sweeper)
	if !ok {
		return 0
	}
	sweep := bucket.Sweep
	if dryRun {
		sweep = bucket.Abandoned
	}
	n, err := sweep(ctx, abandonedAfter)
	if err != nil {
		j.Log.Warn("look for abandoned uploads", "err", err)
	}
	return n
}

func (a *app) applyPrune(ctx context.Context, c *config.Config, id string) error {
	show := a.newDisplay(c.Progress)
	j, err := a.openJob(ctx, c, true, show)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	show.start()
	r, err := j.ApplyPrune(ctx, id)
	show.stop()
	if err != nil {
		return withHint(err, "plans that wait: %v", j.PrunePlans())
	}
	uploads := j.sweep(ctx, false)
	if a.json {
		return a.printJSON(prunedReport{r, uploads})
	}
	if err := a.printUploads(uploads, false); err != nil {
		return err
	}
	spared := ""
	if r.Spared > 0 {
		spared = fmt.Sprintf("; %d are needed since and stay", r.Spared)
	}
	return a.printf("%s removed (%s)%s\n", plural(r.Removed, "object", "objects"), humanize.Bytes(uint64(r.Bytes)), spared)
}
