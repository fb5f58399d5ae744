package main

import (
	"context"
	"errors"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

func (a *app) wantCommand() *cobra.Command {
	var opt mirror.WantOptions
	var asked bool
	cmd := &cobra.Command{
		Use:   "want [UPDATE…] [--asked] [--to DIR]",
		Short: "Ask the near side for files that are not here",
		Long: `Without arguments, print what hosts asked this server for and did not get, what was
asked for last first; what is here by now is left out.

On a far side, with --to, write a signed want file for what the catalog names and this
far side does not have: with --asked what hosts asked for; with UPDATE, an id or a KB
number, the files of these updates, also those that the near side itself only lists;
with --absent everything that the near side holds and that bundles of the catalog alone
left out.

Carry the file with its .asc to the near side, where patchferry sync --want fetches
what is only listed and patchferry export --want carries the rest. It names files by
their digests, and nothing of this site but its name.`,
		Example: "  patchferry want\n  patchferry want --asked --to /media/back\n  patchferry want KB835732 --to /media/back",
		Args:    arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if opt.To == "" && len(args) == 0 && !opt.Absent {
				return a.printAsked(cmd.Context(), &l.Config)
			}
			if l.Role != config.Far {
				return withHint(usageError("this is a near side, which asks nobody over the gap"), "patchferry sync fetches what is listed and selected")
			}
			if opt.To == "" {
				return withHint(usageError("want needs a directory for the want file"), "patchferry want UPDATE… --to DIR")
			}
			opt.Updates, opt.Destination = args, l.Name
			if asked {
				if opt.Asked, err = mirror.ReadAsked(l.WorkFile(askedFile)); err != nil {
					return err
				}
				opt.Asked = append([]mirror.Asked{}, opt.Asked...) // asked for, even where it is nothing
			}
			return explainWant(a.want(cmd.Context(), &l.Config, opt))
		},
	}
	cmd.Flags().StringVar(&opt.To, "to", "", "write the want file into `DIR`")
	cmd.Flags().BoolVar(&asked, "asked", false, "ask for what hosts asked this server for and did not get")
	cmd.Flags().BoolVar(&opt.Absent, "absent", false, "ask for every file that the near side holds and that is not here")
	return cmd
}

func (a *app) want(ctx context.Context, c *config.Config, opt mirror.WantOptions) error {
	j, err := a.openJob(ctx, c, true, nil)
	if err != nil {
		return err
	}
	defer j.Close() // it was only read
	reports, err := j.Want(ctx, opt)
	if err != nil {
		return err
	}
	if len(reports) == 0 && !a.json {
		return a.printf("everything that is asked for is here\n")
	}
	for i := range reports {
		r := &reports[i]
		if a.json {
			err = a.printJSON(r)
		} else {
			err = a.printf("%s: asks stream %s for %s (%s)\n", r.File, r.Stream, plural(r.Missing+r.Files, "file", "files"), humanize.Bytes(uint64(r.Bytes)))
		}
		if err != nil {
			return err
		}
	}
	if len(reports) > 0 {
		a.note("carry back each with its .asc; on the near side: patchferry sync --want FILE for what is only listed there, then patchferry export --want FILE --to DIR")
	}
	return nil
}

// explainWant gives the error of a want its exit status and the next command.
func explainWant(err error) error {
	if senseless, ok := errors.AsType[*mirror.WantError](err); ok {
		err = withCode(exitUsage, err)
		if senseless.Next != "" {
			return withHint(err, "%s", senseless.Next)
		}
		return err
	}
	return explain(err)
}

// noteWanted says what a sync did about files that a far side asks for.
func (a *app) noteWanted(all []mirror.WantedReport) {
	for i := range all {
		r := &all[i]
		if i == maxFailures {
			a.note("… and %d more wanted files; --json lists all", len(all)-i)
			return
		}
		text := r.Outcome
		switch r.Outcome {
		case mirror.WantedListed:
			text = "its source was not asked, or lists it no longer"
		case mirror.WantedUnlisted:
			text = "no source lists it"
		case mirror.WantedFailed:
			continue // named with the failures
		}
		a.note("wanted %s: %s", oneLine(r.WantedFile.String(), 200), text)
	}
}
