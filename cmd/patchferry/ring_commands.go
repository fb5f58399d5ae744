package main

import (
	"github.com/spf13/cobra"

	"patchferry/mirror"
)

// What the help of all commands on rings says of how they write.
const ringHelp = `

It is one new state of the log, with who did it and why; hosts see it within a
second. What makes no sense changes nothing and is exit status 2.`

func (a *app) promoteCommand() *cobra.Command {
	var p mirror.Promotion
	cmd := &cobra.Command{
		Use:   "promote RING [UPDATE…]",
		Short: "Release updates to the next ring",
		Long: `Let RING show what the ring before it shows, or --from; or of that only the updates
named, by id or KB number, besides what it has. Those stay as they are now, whatever
becomes of them in the ring that they came from, until RING is promoted whole.` + ringHelp,
		Example: "  patchferry promote pilot\n  patchferry promote production KB824146 --reason \"asked for by plant 2\"\n  patchferry promote production --from test --dry-run",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Ring, p.Updates = args[0], args[1:]
			return a.ringJob(cmd, p.DryRun, func(j *job) (*mirror.RingReport, error) { return j.Promote(cmd.Context(), p) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.From, "from", "", "`RING` to take it from, in place of the one before")
	f.StringVar(&p.Reason, "reason", "", "`TEXT` for the log of states")
	f.BoolVar(&p.DryRun, "dry-run", false, "say what would be done and change nothing")
	return cmd
}

func (a *app) holdCommand() *cobra.Command {
	var w mirror.Withholding
	cmd := &cobra.Command{
		Use:   "hold UPDATE… --reason TEXT",
		Short: "Keep updates from hosts until they are released",
		Long: `Hold updates back, named by id or KB number: from all rings, or the one of --ring.
Hosts get 404 for them, a tree has them no more, and patchferry show says why. A hold
from all rings travels to other sites with the next generation.` + ringHelp,
		Example: "  patchferry hold KB824146 --reason \"breaks the scanner of plant 2\"\n  patchferry hold xp:1f2e --ring production --reason \"not before the audit\"",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needReason(cmd, args, w.Reason); err != nil {
				return err
			}
			w.Updates = args
			return a.ringJob(cmd, w.DryRun, func(j *job) (*mirror.RingReport, error) { return j.Hold(cmd.Context(), w) })
		},
	}
	withholdingFlags(cmd, &w, true)
	return cmd
}

func (a *app) releaseCommand() *cobra.Command {
	var w mirror.Withholding
	cmd := &cobra.Command{
		Use:   "release UPDATE…",
		Short: "Give hosts again what was held back",
		Long: `End the holds of updates, named by id or KB number: all of them, or that of --ring.
Hosts get them again in the rings that show them.` + ringHelp,
		Example: "  patchferry release KB824146 --reason \"the scanner was mended\"",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Updates = args
			return a.ringJob(cmd, w.DryRun, func(j *job) (*mirror.RingReport, error) { return j.Release(cmd.Context(), w) })
		},
	}
	withholdingFlags(cmd, &w, true)
	return cmd
}

func (a *app) revokeCommand() *cobra.Command {
	var w mirror.Withholding
	cmd := &cobra.Command{
		Use:   "revoke UPDATE… --reason TEXT",
		Short: "Take files back for good, in every ring and at every site",
		Long: `Revoke the files of updates, named by id or KB number, in every edition that a ring
shows: all hosts get 410 for their bytes under every name, here at once, at other
sites with the next generation. It cannot be undone; hold is for what may come back.` + ringHelp,
		Example: "  patchferry revoke KB824146 --dry-run --reason test\n  patchferry revoke KB824146 --reason \"withdrawn by the publisher\"",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needReason(cmd, args, w.Reason); err != nil {
				return err
			}
			w.Updates = args
			return a.ringJob(cmd, w.DryRun, func(j *job) (*mirror.RingReport, error) { return j.Revoke(cmd.Context(), w) })
		},
	}
	withholdingFlags(cmd, &w, false)
	return cmd
}

func withholdingFlags(cmd *cobra.Command, w *mirror.Withholding, ring bool) {
	f := cmd.Flags()
	if ring {
		ringFlag(cmd, &w.Ring, "only in this `RING`; by default in all of them")
	}
	f.StringVar(&w.Reason, "reason", "", "`TEXT` for the log of states")
	f.BoolVar(&w.DryRun, "dry-run", false, "say what would be done and change nothing")
}

func (a *app) revertCommand() *cobra.Command {
	var r mirror.Reversion
	cmd := &cobra.Command{
		Use:   "revert RING --to STATE --reason TEXT",
		Short: "Let a ring show again what it showed before",
		Long: `Let RING show what it showed in STATE, which patchferry promote and patchferry status
name. The log goes on: nothing is taken out of it, and what was held back or revoked
since stays so. What was pruned cannot be shown again; kept is always what each ring
shows and what it showed before its last change.` + ringHelp,
		Example: "  patchferry revert production --to 41 --reason \"KB824146 does not boot\"",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("to") {
				return withHint(usageError("revert needs --to STATE"), "patchferry status names the states that rings show, then patchferry revert %s --to STATE --reason TEXT", args[0])
			}
			if err := needReason(cmd, args, r.Reason); err != nil {
				return err
			}
			r.Ring = args[0]
			return a.ringJob(cmd, r.DryRun, func(j *job) (*mirror.RingReport, error) { return j.Revert(cmd.Context(), r) })
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&r.To, "to", 0, "number of the `STATE` whose view of the ring comes back")
	f.StringVar(&r.Reason, "reason", "", "`TEXT` for the log of states")
	f.BoolVar(&r.DryRun, "dry-run", false, "say what would be done and change nothing")
	return cmd
}
