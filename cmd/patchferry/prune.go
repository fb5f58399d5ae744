package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

func (a *app) pruneCommand() *cobra.Command {
	var apply string
	cmd := &cobra.Command{
		Use:   "prune [--apply PLAN]",
		Short: "Remove what no kept generation needs",
		Long: `Plan what to remove: objects that no kept generation needs. Kept are the last four
generations, on a far side of every stream; all that are younger than prune.keep, where
they are made; what rings show and showed before; and what a lease asks for. The
plan removes nothing; after the grace time --apply removes what is still not needed.`,
		Example: "  patchferry prune\n  patchferry prune --apply 20260310-180000-1f2e3d4c",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if apply != "" {
				return explain(a.applyPrune(cmd.Context(), &l.Config, apply))
			}
			return explain(a.planPrune(cmd.Context(), &l.Config))
		},
	}
	cmd.Flags().StringVar(&apply, "apply", "", "carry out `PLAN`, once its grace time has passed")
	return cmd
}

func (a *app) planPrune(ctx context.Context, c *config.Config) error {
	j, err := a.openJob(ctx, c, false, nil)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	p, err := j.PlanPrune(ctx)
	if errors.Is(err, mirror.ErrNoEdition) {
		return withHint(err, "%s", refill(c))
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	if p.Count == 0 {
		return a.printf("nothing to remove\n")
	}
	return a.printf("plan %s: %s (%s); kept: generations %v\nnext: patchferry prune --apply %s, from %s on\n",
		p.ID, plural(p.Count, "object", "objects"), humanize.Bytes(uint64(p.Bytes)), p.Generations, p.ID, p.After)
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
	if a.json {
		return a.printJSON(r)
	}
	spared := ""
	if r.Spared > 0 {
		spared = fmt.Sprintf("; %d are needed since and stay", r.Spared)
	}
	return a.printf("%s removed (%s)%s\n", plural(r.Removed, "object", "objects"), humanize.Bytes(uint64(r.Bytes)), spared)
}
