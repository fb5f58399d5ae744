package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
)

func (a *app) syncCommand() *cobra.Command {
	var opt mirror.SyncOptions
	var want, signature string
	cmd := &cobra.Command{
		Use:   "sync [SOURCE…]",
		Short: "Refresh sources, download and check, publish a generation",
		Long: `Refresh the lists of all sources, or of those named, fetch what is new and
selected, check every file, and publish a generation of the catalog if anything
changed. Nothing new costs one request a source and writes nothing.

A file that cannot be had, or that nothing vouches for, is named and stays listed;
the others go on (exit status 3). Ctrl-C stops cleanly: what was complete is kept,
what was begun is resumed by the same command.

--want FILE fetches, of all that is listed and not held, what the want file of a far
side asks for, and no more. The file is believed only with the signature beside it,
by the key that is pinned for that far side; patchferry export --want carries what
came.

Of a source with fill = "on-demand" only the list is read, and what a [[prefetch]] rule
selects is fetched; with --metadata-only nothing is. What is left is fetched when a host
first asks patchferry serve for it (docs/fill.md).

A service pack that is a cabinet in a program is also taken apart, unless fetch.extract
is false: what is in it stands in a folder beside it. One that came before this could be
done is taken apart by --recheck.`,
		Example: "  patchferry sync\n  patchferry sync xp --dry-run",
		Args:    arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if err := needNear(&l.Config, "it has nobody to ask, and imports what others fetched", "patchferry import DIR"); err != nil {
				return err
			}
			if opt.Only, err = enabledSources(l, args); err != nil {
				return err
			}
			if want != "" {
				if opt.Want, err = mirror.ReadReturned(want, signature); err != nil {
					return explain(err)
				}
			}
			opt.Streams = outboundStreams(&l.Config)
			return a.sync(cmd.Context(), &l.Config, opt)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opt.DryRun, "dry-run", false, "ask publishers and say what would be done; change nothing")
	f.BoolVar(&opt.MetadataOnly, "metadata-only", false, "publish the catalog without fetching files")
	f.BoolVar(&opt.Recheck, "recheck", false, "look for every held file in the store, fetch again what is gone, and look into packages that nobody looked into before")
	f.StringVar(&want, "want", "", "of what is listed, fetch what the want `FILE` of a far side asks for")
	f.StringVar(&signature, "signature", "", "the signature `FILE` of the want file, where it is not beside it")
	return cmd
}

// enabledSources checks the names of sources on the command line.
func enabledSources(c *config.Loaded, names []string) ([]string, error) {
	var enabled []string
	for i := range c.Sources {
		if c.Sources[i].IsEnabled() {
			enabled = append(enabled, c.Sources[i].Name)
		}
	}
	for _, name := range names {
		if _, ok := c.Source(name); !ok {
			return nil, withHint(usageError("no source is called %q", name), "patchferry sync %s", strings.Join(enabled, " | "))
		}
		if !slices.Contains(enabled, name) {
			return nil, withHint(usageError("source %s is disabled", name), "set enabled = true for it")
		}
	}
	if len(enabled) == 0 {
		return nil, withHint(usageError("no source is configured"), "add a [[source]] to %s; its comments show how", c.File)
	}
	return names, nil
}

func (a *app) sync(ctx context.Context, c *config.Config, opt mirror.SyncOptions) error {
	show := a.newDisplay(c.Progress)
	j, err := a.openJob(ctx, c, !opt.DryRun, show)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	h := a.hooks(c)
	if !opt.DryRun && len(c.Hooks.PrePublish) > 0 {
		j.Before = h.proposed
	}
	show.start()
	report, err := j.Sync(ctx, opt)
	show.stop()
	synced := err
	if report != nil {
		err = errors.Join(err, a.printSync(c.Deadlines.Layout(), report))
	}
	h.synced(ctx, j, report, synced)
	if !opt.DryRun {
		if err := countFetched(c, j.origins); err != nil {
			j.Log.Warn("what came from outside is not counted", "err", err)
		}
	}
	if !opt.DryRun && ctx.Err() == nil {
		if err := h.stale(ctx, sourceReports(j, c, time.Now()), nil); err != nil {
			j.Log.Error("look for silent sources", "err", err)
		}
	}
	return explain(err)
}

// maxFailures is how many failures are printed for people; --json has all.
const maxFailures = 20

func (a *app) printSync(d layout.Deadlines, r *mirror.SyncReport) error {
	if a.json {
		return a.printJSON(r)
	}
	for _, s := range r.Sources {
		if s.Error != "" {
			a.note("source %s: %s", s.Name, s.Error)
		}
		for _, p := range s.Problems {
			a.note("source %s: %s", s.Name, p)
		}
	}
	for i, f := range r.Failures {
		if i == maxFailures {
			a.note("… and %d more; --json lists all", len(r.Failures)-i)
			break
		}
		a.note("%s: %s: %s", f.Update, f.File, f.Error)
	}
	for _, p := range r.Unextracted {
		a.note("%s: %s is handed out as it is, and not taken apart: %s", p.Update, p.File, p.Why)
	}
	a.noteWanted(r.Wanted)
	if err := a.printNews(d, r.Notices); err != nil {
		return err
	}
	outcome := "nothing new to publish"
	switch {
	case r.DryRun:
		outcome = "dry run, nothing was changed"
	case r.Published:
		outcome = fmt.Sprintf("published generation %d: %s, %s held (%s)", r.Generation,
			plural(r.Counts.Updates, "update", "updates"), plural(r.Counts.Held, "file", "files"), humanize.Bytes(uint64(r.Counts.Bytes)))
	}
	return a.printf("%d new, %d present, %d skipped, %d failed%s%s; %s fetched, %s saved\n%s%s\n", r.New, r.Present, r.Skipped, r.Failed,
		mayBeAsked(r.Left), takenOut(r.Extracted), humanize.Bytes(uint64(r.Fetched)), humanize.Bytes(uint64(r.Saved)), countNotices(r.Notices), outcome)
}

// mayBeAsked says how many files are left for hosts to ask for, as the end of a
// list; nothing where there are none.
func mayBeAsked(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d left for hosts to ask for", n)
}

// takenOut says how many files came out of service packs, likewise.
func takenOut(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d taken out of service packs", n)
}

// countNotices counts the documents by verdict, on a line of its own; it is
// empty where there are none.
func countNotices(reports []mirror.NoticeReport) string {
	count := make(map[layout.Verdict]int)
	for _, r := range reports {
		count[r.Verdict]++
	}
	var parts []string
	for _, v := range layout.Verdicts() {
		if n := count[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return plural(len(reports), "document", "documents") + " of publishers: " + strings.Join(parts, ", ") + "\n"
}
