package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

func (a *app) bundleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Look at transfer bundles, check them, keep track of them, and write them again",
	}
	group(cmd)
	cmd.AddCommand(a.bundleInspectCommand(), a.bundleVerifyCommand(), a.bundleSignCommand(), a.bundleListCommand(), a.bundleConfirmCommand(), a.bundleAgainCommand())
	return cmd
}

func (a *app) bundleListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List what was exported, and what is known to have arrived",
		Long: `List the transfer bundles of each stream, newest first, back to the oldest that is
still needed, and how far each destination is known to have followed. An export
acknowledges nothing.`,
		Example: "  patchferry bundle list\n  patchferry bundle list --json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSite(cmd, func(s *site, _ *config.Config) error { return a.listBundles(cmd.Context(), s) })
		},
	}
}

func (a *app) listBundles(ctx context.Context, s *site) error {
	e, err := s.mustNewest(ctx)
	if err != nil {
		return err
	}
	all := mirror.Ledger(&e.state.State)
	if len(all) == 0 && !a.json {
		return a.printf("nothing was exported yet\nnext: patchferry export --to DIR\n")
	}
	for i := range all {
		print := a.printLedger
		if a.json {
			print = func(r *mirror.LedgerReport) error { return a.printJSON(r) }
		}
		if err := print(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printLedger(r *mirror.LedgerReport) error {
	if err := a.printf("stream %s (%s), epoch %d\n", r.Stream, r.ID, r.Epoch); err != nil {
		return err
	}
	for _, b := range r.Bundles {
		if err := a.printf("  %s  %s  %-12s  generation %d  %s\n", b.Name, b.At, b.Kind, b.Generation, b.Status); err != nil {
			return err
		}
	}
	for _, d := range r.Arrived {
		if err := a.printf("  %s has seq %d (%s, %s)\n", d.Destination, d.Seq, d.By, d.At); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) bundleConfirmCommand() *cobra.Command {
	var stream, destination string
	cmd := &cobra.Command{
		Use:   "confirm SEQ --destination NAME",
		Short: "Note that a destination has imported a bundle",
		Long: `Note that a destination has imported the transfer bundle SEQ, on your word: later
increments rely on it. An earlier seq than is known says that a far side was set back.`,
		Example: "  patchferry bundle confirm 41 --destination plant-1",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return withHint(usageError("%q is not a seq", args[0]), "patchferry bundle list")
			}
			if destination == "" {
				return withHint(usageError("bundle confirm needs the name of the destination"), "patchferry bundle confirm %d --destination NAME", seq)
			}
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if err := needNear(&l.Config, "it exports nothing that could arrive", "patchferry bundle confirm SEQ --destination NAME, on the near side"); err != nil {
				return err
			}
			s, err := streamOf(&l.Config, stream)
			if err != nil {
				return err
			}
			return explainExport(a.confirmBundle(cmd.Context(), &l.Config, mirror.Confirmation{Stream: s, Seq: seq, Destination: destination}))
		},
	}
	cmd.Flags().StringVar(&destination, "destination", "", "the far side `NAME`")
	cmd.Flags().StringVar(&stream, "stream", "main", "of the stream `NAME`")
	return cmd
}

func (a *app) confirmBundle(ctx context.Context, c *config.Config, confirmation mirror.Confirmation) error {
	j, err := a.openJob(ctx, c, true, nil)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	r, err := j.Confirm(ctx, confirmation)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	if !r.Changed {
		return a.printf("%s has seq %d, as was known\n", r.Destination, r.Seq)
	}
	return a.printf("%s has seq %d of stream %s\n", r.Destination, r.Seq, r.Stream)
}
