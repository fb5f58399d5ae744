package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
	"patchferry/mirror/bundle"
)

const exportHelp = `Write the newest generation, and the objects that the far side may lack, as a
transfer bundle: plain directories, signed, that are checked by hand with gpg and
sha256sum and imported by patchferry import.

The first bundles of a stream carry everything. Later ones carry what is not in
every generation since an earlier seq: over a diode so far back that two bundles in a
row may be lost, with receipts since what is known to have arrived. A stream of the
configuration with a selection carries the selected updates, and what they need.

--catalog-only carries the catalog and the bulletins, and no content: a far side lists
what there is before the disk comes that brings it. --new-epoch starts a stream afresh,
for when far sides can no longer follow: each operator there has to type the epoch in.

--want FILE answers a want file that a far side sent back: it carries what is asked
for, and what is newer than the bundle that the far side speaks of. The file is
believed only with the signature beside it, by the key that is pinned for that far
side; what it says has arrived is noted. What cannot be carried is named.

A bundle has its name only when it is whole, signed and read back from the medium.
Killed, or out of space, the same command completes it; --abandon gives it up.

Where origin.threshold demands several signatures, the bundle keeps the name
NAME.partial until others have signed it, each on a machine of their own, with
patchferry bundle sign (exit status 3); then the same command here ends it.

--with-tools brings programs along for a far side that has none yet. They are a
convenience and prove nothing (README.txt on the medium says so): an import neither
runs nor keeps them.`

// exportFlags are the flags of export.
type exportFlags struct {
	to, stream, volumeSize     string
	after                      string
	want, signature            string
	since                      uint64
	full, dryRun, abandon, raw bool
	catalogOnly, newEpoch      bool
	unsigned                   bool
	tools                      string
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export --to DIR",
		Short: "Write a transfer bundle for the far side",
		Long:  exportHelp,
		Example: "  patchferry export --to /media/disk\n" +
			"  patchferry export --to /media/disk --with-tools=dist\n" +
			"  patchferry export --dry-run --volume-size dvd\n" +
			"  patchferry export --to /media/disk --stream labs --since 12\n" +
			"  patchferry export --to /media/disk --catalog-only\n" +
			"  patchferry export --to /media/disk --new-epoch\n" +
			"  patchferry export --to /media/disk --new-epoch --after /archive/main-e001-s000042\n" +
			"  patchferry export --to /media/disk --want /media/back/WANT-plant-000041.json",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if err := needNear(&l.Config, "it makes no generations, and exports none", "patchferry export --to DIR, on the near side"); err != nil {
				return err
			}
			return explainExport(a.runExport(cmd.Context(), &l.Config, &f))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "make the bundle's folder in `DIR`")
	flags.StringVar(&f.stream, "stream", "main", "export the stream `NAME` of the configuration")
	flags.BoolVar(&f.full, "full", false, "carry everything")
	flags.Uint64Var(&f.since, "since", 0, "carry what is not in every generation since `SEQ`")
	flags.BoolVar(&f.catalogOnly, "catalog-only", false, "carry the catalog and the bulletins, and no content")
	flags.BoolVar(&f.newEpoch, "new-epoch", false, "start the stream afresh with a full bundle of the next epoch")
	flags.StringVar(&f.after, "after", "", "with --new-epoch, on a near side that was rebuilt: continue the stream of the earlier bundle in `DIR`")
	flags.StringVar(&f.want, "want", "", "carry what the want `FILE` of a far side asks for")
	flags.StringVar(&f.signature, "signature", "", "the signature `FILE` of the want file, where it is not beside it")
	flags.StringVar(&f.volumeSize, "volume-size", "none", "cut into volumes of `SIZE`: 4.7GB, 25GiB …, fat32, dvd, dvd-dl, bd, bd-dl, none")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be written, with the bytes of each volume, and write nothing")
	flags.BoolVar(&f.abandon, "abandon", false, "give up the bundle that was begun and not finished, and write the next")
	flags.BoolVar(&f.unsigned, "unsigned", false, "stop before the origin's own signature: others sign first, see patchferry bundle sign")
	flags.StringVar(&f.tools, "with-tools", "", "put this program into the folder tools, with all that SHA256SUMS beside it lists; or what make dist left in `DIR`")
	flags.Lookup("with-tools").NoOptDefVal = besideProgram
	flags.BoolVar(&f.raw, "no-readback", false, "do not read everything back from the medium")
	return cmd
}

func (a *app) runExport(ctx context.Context, c *config.Config, f *exportFlags) error {
	opt, err := exportOptions(c, f)
	if err != nil {
		return err
	}
	if err := checkMedium(opt.To); err != nil {
		return err
	}
	show := a.newDisplay(c.Progress)
	if f.dryRun {
		show = nil
	}
	j, err := a.openJob(ctx, c, !f.dryRun, show)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	show.start()
	r, err := j.Export(ctx, opt)
	show.stop()
	waits, unfinished := errors.AsType[*mirror.SignaturesError](err)
	if err != nil && !unfinished {
		return err
	}
	print := a.printExport
	if a.json {
		print = func(r *mirror.ExportReport) error { return a.printJSON(r) }
	}
	if failed := print(r); failed != nil {
		return failed
	}
	if unfinished {
		return withHint(waits, "%s", signingHint(r.Dir))
	}
	if r.Unfinished && !a.json && !r.DryRun {
		a.note("next: %s", signingHint(r.Dir))
	}
	return nil
}

// exportOptions turns flags and configuration into what mirror is asked for.
func exportOptions(c *config.Config, f *exportFlags) (opt mirror.ExportOptions, err error) {
	stream, err := streamOf(c, f.stream)
	if err != nil {
		return opt, err
	}
	if f.to == "" && !f.dryRun {
		return opt, withHint(usageError("export needs a directory"), "patchferry export --to DIR")
	}
	size, err := bundle.ParseVolumeSize(f.volumeSize)
	if err != nil {
		return opt, usageError("%w", err)
	}
	opt = mirror.ExportOptions{
		Stream: stream,
		Full:   f.full, Since: f.since, VolumeSize: size, NoReadback: f.raw, Abandon: f.abandon, DryRun: f.dryRun,
		CatalogOnly: f.catalogOnly, NewEpoch: f.newEpoch,
		Threshold: c.Origin.Threshold, Unsigned: f.unsigned,
		Tool: "patchferry " + currentBuild().Version,
	}
	if f.after != "" {
		if opt.After, err = filepath.Abs(f.after); err != nil {
			return opt, err
		}
	}
	if f.tools != "" {
		if opt.Tools, err = bundleTools(f.tools); err != nil {
			return opt, err
		}
	}
	if f.want != "" {
		if opt.Want, err = mirror.ReadReturned(f.want, f.signature); err != nil {
			return opt, err
		}
	}
	if f.to != "" {
		opt.To, err = filepath.Abs(f.to)
	}
	return opt, err
}

// streamOf returns a stream of the configuration as mirror knows it.
func streamOf(c *config.Config, name string) (mirror.OutboundStream, error) {
	s, ok := c.Stream(name)
	if !ok {
		return mirror.OutboundStream{}, withHint(usageError("there is no stream %q", name),
			"one of: %s; or a [[stream]] of that name in the configuration", strings.Join(c.StreamNames(), ", "))
	}
	return outboundStream(&s), nil
}

func outboundStream(s *config.Stream) mirror.OutboundStream {
	return mirror.OutboundStream{
		Name: s.Name, Audience: s.Audience, Return: mirror.ReturnPath(s.Mode),
		Overlap: time.Duration(s.Overlap), Every: time.Duration(s.Every), Select: s.Selection(),
	}
}

// outboundStreams returns all streams of the configuration as mirror knows them.
func outboundStreams(c *config.Config) []mirror.OutboundStream {
	var all []mirror.OutboundStream
	for i := range c.Streams {
		all = append(all, outboundStream(&c.Streams[i]))
	}
	return all
}

func (a *app) printExport(r *mirror.ExportReport) error {
	verb := "exported"
	switch {
	case r.DryRun:
		verb = "would export"
	case r.Unfinished:
		verb = "wrote, not finished,"
	case r.Resumed:
		verb = "completed"
	}
	since := ""
	if r.Since > 0 {
		since = " since seq " + humanize.Comma(int64(r.Since))
	}
	rest := "required"
	if r.Kind == bundle.CatalogOnly {
		rest = "left out"
	}
	if err := a.printf("%s %s: generation %d, %s%s, %s (%s); %s %s (%s)\n", verb, r.Name, r.Generation, r.Kind, since,
		plural(r.Objects, "object", "objects"), humanize.Bytes(uint64(r.Bytes)),
		plural(r.Required, "object", "objects"), rest, humanize.Bytes(uint64(r.RequiredBytes))); err != nil {
		return err
	}
	if err := a.printSelected(r.Selected); err != nil {
		return err
	}
	for _, v := range r.Volumes {
		if err := a.printf("  %s: %s, at most %s\n", bundle.VolumeName(v.Index, len(r.Volumes)),
			plural(v.Objects, "object", "objects"), humanize.Bytes(uint64(v.Bytes))); err != nil {
			return err
		}
	}
	a.noteLeftOut(r)
	if r.FullAdvised {
		a.note("the increment passes half of a full bundle: --full brings far sides that lost more up to date as well")
	}
	if r.After != "" {
		a.note("it continues the stream of %s", r.After)
	}
	if r.NewEpoch {
		a.note("epoch %d begins: tell each far side by another way than this medium, for its operator to type: patchferry import DIR --accept-epoch %d", r.Epoch, r.Epoch)
	}
	if r.DryRun {
		return nil
	}
	return a.printf("state root %s\n%s\n", r.StateRoot, r.Dir)
}

// printSelected says what a selection made.
func (a *app) printSelected(s *mirror.ExportSelection) error {
	if s == nil {
		return nil
	}
	return a.printf("  selected: %s, of these %d because others need them, and %d left out; %s, and %d left out\n",
		plural(s.Updates, "update", "updates"), s.Prerequisites, s.LeftOut, plural(s.Notices, "document", "documents"), s.NoticesLeftOut)
}

// signingHint says how a bundle comes by the signatures that it waits for.
func signingHint(dir string) string {
	return "whoever else signs, on a machine of their own: patchferry bundle sign DIR --key FILE, DIR being " + filepath.Base(dir) +
		" or a copy; then here, with all signatures in it: patchferry export --to " + filepath.Dir(dir)
}

// noteLeftOut names what a want file asks for and the bundle does not carry.
func (a *app) noteLeftOut(r *mirror.ExportReport) {
	if r.Wanted > 0 {
		a.note("of what is asked for it carries %s", plural(r.Wanted, "object", "objects"))
	}
	for i := range r.LeftOut {
		if i == maxFailures {
			a.note("… and %d more left out; --json lists all", len(r.LeftOut)-i)
			return
		}
		a.note("left out %s: %s", oneLine(r.LeftOut[i].WantedFile.String(), 200), r.LeftOut[i].Reason)
	}
}

// explainExport gives the error of an export its exit status and the next
// command.
func explainExport(err error) error {
	if senseless, ok := errors.AsType[*mirror.ExportError](err); ok {
		err = withCode(exitUsage, err)
		if senseless.Next != "" {
			return withHint(err, "%s", senseless.Next)
		}
		return err
	}
	if space, ok := errors.AsType[*bundle.SpaceError](err); ok {
		return withHint(err, "make %s of space, or --to another medium; --dry-run says how much each --volume-size takes", humanize.Bytes(uint64(space.Need-space.Free)))
	}
	return explain(err)
}

// checkMedium finds before the work that a medium is not there. A dry run needs
// none.
func checkMedium(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(usageError("export to %s: there is no such directory", dir), "mount the medium, or mkdir -p %s; then the same command", shellWord(dir))
	}
	if err == nil && !info.IsDir() {
		return usageError("export to %s: it is no directory", dir)
	}
	return err // that it cannot be looked at, and why
}
