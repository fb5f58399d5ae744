package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/layout/store"
)

// treeOptions are the flags of tree.
type treeOptions struct {
	to, ring                string
	copy, dryRun, noScripts bool
}

// treeReport is the last line of tree with --json (docs/json.md).
type treeReport struct {
	Dir        string `json:"dir"`
	Ring       string `json:"ring"`
	Generation uint64 `json:"generation"`
	DryRun     bool   `json:"dry_run,omitempty"`
	distribute.TreeCounts
}

func (a *app) treeCommand() *cobra.Command {
	var o treeOptions
	cmd := &cobra.Command{
		Use:   "tree --to DIR",
		Short: "Make the catalog tree as hard links, for SMB shares and media",
		Long: `Make the catalog tree in DIR, or bring it up to date: hard links of the store's
objects, which take no room; copies, each checked, where DIR is on another file
system, or with --copy. Share it read-only: whoever writes to a link damages the
store. It has what the last ring shows, or --ring, without what is held back or was
revoked.

Besides packages it has the scripts that patchferry serve hands out below /install/,
with the same bytes: for every kind of host, bulletin and update, and install.cmd and
README.txt in each update's folder; --no-scripts leaves them out. That is some 15 small
files for each update. What is unchanged is not written again. Packages come first,
then scripts, then what is gone is removed: who reads meanwhile finds each file whole,
and no script that names a package which is not there.

It removes only what an earlier run made and the catalog no longer has, and replaces
nothing that it did not make. A file that is in the way is named and left alone (exit
status 3).`,
		Example: "  patchferry tree --to /srv/updates\n  patchferry tree --to /media/disk --copy --dry-run",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.to == "" {
				return withHint(usageError("tree needs --to DIR"), "patchferry tree --to DIR")
			}
			return a.withSite(cmd, func(s *site, c *config.Config) (err error) {
				if o.ring, err = chosenRing(c, o.ring); err != nil {
					return err
				}
				return a.tree(cmd.Context(), s, c, o)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`DIR`ectory of the tree; made where it is missing")
	ringFlag(cmd, &o.ring, "make what this `RING` shows; by default the last")
	f.BoolVar(&o.copy, "copy", false, "copy files, checking each, in place of linking them")
	f.BoolVar(&o.noScripts, "no-scripts", false, "make packages alone, and remove the scripts of earlier runs")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done and change nothing")
	return cmd
}

func (a *app) tree(ctx context.Context, s *site, c *config.Config, o treeOptions) error {
	dir, err := filepath.Abs(o.to)
	if err != nil {
		return fmt.Errorf("find %s: %w", o.to, err)
	}
	shown, err := s.ringShown(ctx, o.ring)
	if err != nil {
		return err
	}
	var failed error
	t := &distribute.Tree{Dir: dir, Source: s.store, DryRun: o.dryRun, Step: func(step distribute.TreeStep) {
		failed = errors.Join(failed, a.printStep(step, o.dryRun))
	}, Copying: func(error) { a.note("%s is not on the store's file system: each file is copied, and checked", dir) }}
	if !o.noScripts {
		t.Scripts = &distribute.TreeScripts{Meta: viewMeta(shown), Options: installOptions(c, o.ring, c.LastRing())}
	}
	if linker, ok := s.store.(store.Linker); ok && !o.copy {
		t.Links = linker
	} else if !o.copy {
		a.note("%s has no files to link to: each file is copied, and checked", s.name)
	}
	notices, err := s.ringNotices(ctx, shown)
	if err != nil {
		return err
	}
	updates := withoutRevoked(shown.Updates(ctx), shown.Revoked)
	if t.Scripts != nil { // which name what was taken back
		updates = withBulletins(shown.Updates(ctx), notices)
	}
	counts, err := t.Make(ctx, updates, bulletinFolders(notices)...)
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	r := treeReport{Dir: dir, Ring: o.ring, Generation: viewMeta(shown).Generation, DryRun: o.dryRun, TreeCounts: counts}
	if err := a.printTree(r); err != nil {
		return err
	}
	if counts.Failed > 0 {
		return withHint(withCode(exitPart, fmt.Errorf("%d files are not as they should be", counts.Failed)),
			"move them out of %s, then the same command again", dir)
	}
	return nil
}

// printStep names a change that would be made, or a file that was left alone.
func (a *app) printStep(step distribute.TreeStep, dryRun bool) error {
	routine := step.Do == "make" || step.Do == "remove"
	switch {
	case routine && !dryRun:
		return nil
	case a.json:
		return a.printJSON(step)
	case routine:
		return a.printf("%-6s  %s\n", step.Do, step.Path)
	}
	a.note("%s: %s", step.Do, step.Path)
	return nil
}

func (a *app) printTree(r treeReport) error {
	if a.json {
		return a.printJSON(r)
	}
	verb := ""
	if r.DryRun {
		verb = "would be "
	}
	return a.printf("%s: %s%d made (%s), %d present, %d removed, %d failed\n",
		r.Dir, verb, r.Made, humanize.Bytes(uint64(r.Bytes)), r.Present, r.Removed, r.Failed)
}
