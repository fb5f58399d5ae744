package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/distribute/script"
	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/mirror/trusted"
)

// scriptOptions are the flags of script.
type scriptOptions struct {
	os, arch, languages, bulletins []string
	since, until                   string
	ring, base, to, shell, what    string
}

func (a *app) scriptCommand() *cobra.Command {
	var o scriptOptions
	cmd := &cobra.Command{
		Use:   "script UPDATE… | --os SYSTEM…",
		Short: "Print the script that installs, validates or rolls back updates",
		Long: `Print one script: for the updates that are named, by id or KB number; for a kind of
host (--os and --arch, and --lang where updates have one), in the order in which it
needs them; for a bulletin; or for a selection by several of these. It is the one that
patchferry serve hands out below /install/ and patchferry tree makes, byte for byte.

With --to the whole set is written into DIR: scripts that install, validate and roll
back, for cmd (Windows 2000 and later) and PowerShell (2.0 and later), manifest, sums
and README.txt. They find the packages above their folder where DIR is three folders
below the root of a tree; elsewhere name it by --base, or when the script is run.

What a script cannot install is named on standard error, with the reason. With --json
the plan is printed: what is run in which order, and what is left out and why.`,
		Example: "  patchferry script KB824146\n" +
			"  patchferry script --os windows2000 --arch x86 --lang EN --to /srv/updates/install/select/mine\n" +
			"  patchferry script --bulletin MS04-011 --shell ps1 --what validate",
		Args: arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			return a.withSite(cmd, func(s *site, c *config.Config) (err error) {
				if o.ring, err = chosenRing(c, o.ring); err != nil {
					return err
				}
				return a.script(cmd.Context(), s, c, &o, args)
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.os, "os", nil, "for these `SYSTEMS`: windows2000, windows11-24h2")
	f.StringSliceVar(&o.arch, "arch", nil, "for these `ARCHITECTURES`: x86, x64, arm64, ia64")
	f.StringSliceVar(&o.languages, "lang", nil, "in these `LANGUAGES`, and what has none: EN, DE")
	f.StringVar(&o.since, "since", "", "released on this `DAY` or later: 2004-01-01")
	f.StringVar(&o.until, "until", "", "released on this `DAY` or earlier")
	f.StringSliceVar(&o.bulletins, "bulletin", nil, "named by these `BULLETINS`: MS04-011")
	ringFlag(cmd, &o.ring, "what this `RING` shows; by default the last")
	f.StringVar(&o.shell, "shell", "cmd", "for which `SHELL`: cmd, ps1")
	f.StringVar(&o.what, "what", "install", "`WHAT` the script does: install, validate, rollback")
	f.StringVar(&o.base, "base", "", "where the tree is, `URL` or UNC path, where it is not above the script")
	f.StringVar(&o.to, "to", "", "write the whole set into `DIR`, made where it is missing")
	return cmd
}

// check finds out what makes no sense before anything is opened.
func (o *scriptOptions) check(args []string) error {
	expression := o.expression()
	switch {
	case len(args) == 0 && expression == "":
		return withHint(usageError("script needs an UPDATE, or a selection"), "patchferry script KB824146, or patchferry script --os windows2000 --arch x86 --lang EN")
	case len(args) > 0 && expression != "":
		return usageError("script takes updates or a selection, not both")
	case o.shell != "cmd" && o.shell != "ps1":
		return usageError("--shell %s: it is cmd or ps1", o.shell)
	case o.what != "install" && o.what != "validate" && o.what != "rollback":
		return usageError("--what %s: it is install, validate or rollback", o.what)
	case o.base != "" && !script.CheckBase(o.base):
		return usageError("--base %s: it is no plain URL and no UNC path", o.base)
	}
	if expression == "" {
		return nil
	}
	if _, err := distribute.ParseSelected(expression); err != nil {
		return withHint(withCode(exitUsage, err), "patchferry script --os windows2000 --arch x86 --lang EN; docs/install.md has every word")
	}
	return nil
}

// expression spells the selection of the flags; empty where there is none.
func (o *scriptOptions) expression() string {
	var terms []string
	add := func(key string, words ...string) {
		if value := strings.Join(words, "+"); value != "" {
			terms = append(terms, key+"="+value)
		}
	}
	add("os", o.os...)
	add("arch", o.arch...)
	add("lang", o.languages...)
	add("bulletin", o.bulletins...)
	add("since", o.since)
	add("until", o.until)
	return strings.Join(terms, ",")
}

// script prints a script, or writes a set.
func (a *app) script(ctx context.Context, s *site, c *config.Config, o *scriptOptions, args []string) error {
	shown, err := s.ringShown(ctx, o.ring)
	if err != nil {
		return err
	}
	set, err := s.scriptSet(ctx, c, shown, o, args)
	if err != nil {
		return err
	}
	if a.json && o.to == "" {
		return a.printJSON(planOf(set))
	}
	for _, l := range set.Left {
		a.note("left out: %s: %s", oneLine(strings.TrimSpace(l.Update+" "+l.File), maxWords), l.Why)
	}
	for _, n := range set.Notes {
		a.note("note: %s", n)
	}
	if len(set.Items) == 0 {
		return withHint(errors.New("no script can install any of it"), "patchferry show UPDATE says what is here of it")
	}
	files, err := set.Files()
	if err != nil {
		return fmt.Errorf("write the scripts: %w", err)
	}
	if o.to != "" {
		return a.writeSet(set, files, o.to)
	}
	name := o.what + "." + o.shell
	i := slices.IndexFunc(files, func(f script.File) bool { return f.Name == name })
	if i < 0 {
		return fmt.Errorf("the set has no %s", name)
	}
	if _, err := a.stdout.Write(files[i].Data); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// scriptSet plans the set that is asked for, from what a ring shows.
func (s *site) scriptSet(ctx context.Context, c *config.Config, shown *trusted.Shown, o *scriptOptions, args []string) (*script.Set, error) {
	options := installOptions(c, o.ring, c.LastRing())
	if o.base != "" {
		options.Bases = append([]string{o.base}, options.Bases...)
	}
	wants, where := func(u *layout.Update) bool { return isAny(u, args) }, ""
	if len(args) == 0 {
		selected, err := distribute.ParseSelected(o.expression())
		if err != nil {
			return nil, withCode(exitUsage, err)
		}
		wants, where = selected.Match, selectedPlace(selected)
	}
	notices, err := s.ringNotices(ctx, shown)
	if err != nil {
		return nil, err
	}
	view, err := distribute.BuildView(viewMeta(shown), wanted(withBulletins(shown.Updates(ctx), notices), wants))
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	if view.Counts().Updates == 0 {
		return nil, withHint(fmt.Errorf("ring %s shows no update that is meant", o.ring), "patchferry show UPDATE, or fewer words; patchferry tree --to DIR --dry-run lists every file")
	}
	if where != "" {
		return view.Set(where, options)
	}
	if home, ok := view.Home(); ok {
		return view.Set(installUpdates+home, options)
	}
	return view.Together(strings.Join(args, "-"), installUpdates+"several", options)
}

// installUpdates is the folder of the sets of single updates, below the root of a tree.
const installUpdates = "install/updates/"

// selectedPlace returns where the set of a selection stands: one that says no more than
// the kind of a host, or the id of a bulletin, is that host's or that bulletin's.
func selectedPlace(s *distribute.Selected) string {
	many := len(s.Bulletins) + len(s.OS) + len(s.Arch) + len(s.Languages)
	dated := s.Since != "" || s.Until != ""
	switch {
	case !dated && many == 1 && len(s.Bulletins) == 1:
		return "install/bulletins/" + s.Bulletins[0]
	case dated || len(s.Bulletins) > 0 || len(s.OS) != 1 || s.OS[0].Release() != "" || len(s.Arch) != 1 || len(s.Languages) > 1:
		return "install/select/" + s.String()
	}
	h := script.Host{OS: s.OS[0], Arch: s.Arch[0]}
	if len(s.Languages) == 1 {
		h.Language = s.Languages[0]
	}
	return script.HostPlace(h)
}

// withBulletins yields updates that name, besides their own, the bulletins in force that
// name their article: those are the sets below install/bulletins. Documents are taken as
// whoever made the generation read them: they say what belongs together, and vouch for
// nothing here.
func withBulletins(updates iter.Seq2[*layout.Update, error], notices []*layout.Notice) iter.Seq2[*layout.Update, error] {
	said := announcing(notices)
	return func(yield func(*layout.Update, error) bool) {
		for u, err := range updates {
			if err == nil && u.KB != "" {
				for _, i := range said.byKB[u.KB] {
					name := said.all[i].Name
					if !slices.ContainsFunc(u.Bulletins, func(has string) bool { return strings.EqualFold(has, name) }) {
						u.Bulletins = append(u.Bulletins, name)
					}
				}
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

func isAny(u *layout.Update, names []string) bool {
	return slices.ContainsFunc(names, u.Is)
}

// wanted yields the updates that are wanted.
func wanted(updates iter.Seq2[*layout.Update, error], wants func(*layout.Update) bool) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		for u, err := range updates {
			if err == nil && !wants(u) {
				continue
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// writeSet writes the files of a set, each in place of one of that name.
func (a *app) writeSet(set *script.Set, files []script.File, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", to, err)
	}
	for _, f := range files {
		if err := durable.Replace(filepath.Join(to, f.Name), 0o644, f.Data); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	if a.json {
		return a.printJSON(scriptReport{Dir: to, Files: len(files), scriptPlan: planOf(set)})
	}
	return a.printf("%s: %d files; as administrator: install.cmd, or install.cmd /base URL where the packages are not above it\n", to, len(files))
}
