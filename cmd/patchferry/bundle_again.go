package main

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

func (a *app) bundleAgainCommand() *cobra.Command {
	var opt mirror.AgainOptions
	cmd := &cobra.Command{
		Use:   "again SEQ --to DIR",
		Short: "Write a transfer bundle once more, with the same bytes",
		Long: `Write the transfer bundle SEQ once more: the same header and signatures, the same
volumes, the same bytes. So a volume that was lost or damaged is copied from it, and a
far side takes it for the one that it is.

A near side writes what is in its ledger (patchferry bundle list), a far side the last
four bundles that it imported, to pass them on over a second gap. The header binds the
volumes; to cut what it carries otherwise takes another bundle.`,
		Example: "  patchferry bundle again 41 --to /media/disk\n" +
			"  patchferry bundle again 7 --to /media/disk --stream labs",
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if opt.Seq, err = strconv.ParseUint(args[0], 10, 64); err != nil || opt.Seq == 0 {
				return withHint(usageError("%q is not a seq", args[0]), "patchferry bundle list")
			}
			if opt.To == "" {
				return withHint(usageError("it takes a directory"), "patchferry bundle again %d --to DIR", opt.Seq)
			}
			if opt.To, err = filepath.Abs(opt.To); err != nil {
				return err
			}
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			return explainExport(a.writeAgain(cmd.Context(), &l.Config, opt))
		},
	}
	cmd.Flags().StringVar(&opt.To, "to", "", "make the bundle's folder in `DIR`")
	cmd.Flags().StringVar(&opt.Stream, "stream", "", "of the stream `NAME`; on a far side also its UUID")
	cmd.Flags().BoolVar(&opt.NoReadback, "no-readback", false, "do not read everything back from the medium")
	return cmd
}

func (a *app) writeAgain(ctx context.Context, c *config.Config, opt mirror.AgainOptions) error {
	show := a.newDisplay(c.Progress)
	j, err := a.openJob(ctx, c, true, show)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	show.start()
	r, err := j.Again(ctx, opt)
	show.stop()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	return a.printf("%s again: %s, %s, header %s\n%s\n", r.Name, plural(r.Volumes, "volume", "volumes"),
		humanize.Bytes(uint64(r.Bytes)), r.Header, r.Dir)
}
