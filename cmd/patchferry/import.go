package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
)

func (a *app) importCommand() *cobra.Command {
	var opt mirror.ImportOptions
	cmd := &cobra.Command{
		Use:   "import DIR…",
		Short: "Verify a transfer bundle and publish what it carries",
		Long: `Verify the transfer bundle in DIR, which is its folder, the medium that holds it, or
one of its volumes, and publish what it carries with one state. The medium is only
read, and nothing of it enters the store before all of it was found right.

Several volumes may be named at once, or come on different days, each with the same
command: until the last one is here it is exit status 3. A bundle that is refused is
exit status 4, with the reason; one that is imported already is 10.

The first bundle of a stream binds this side to its origin. A stream that began anew
(a new epoch), or another stream beside those that are followed, must be typed in.`,
		Example: "  patchferry import /media/disk\n" +
			"  patchferry import /media/a /media/b --receipt receipts\n" +
			"  patchferry import /media/disk --accept-epoch 2",
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if l.Role != config.Far {
				return withHint(usageError("this is a near side: it makes generations of its own, and imports none"), "patchferry init far --help")
			}
			return a.importBundle(cmd.Context(), &l.Config, args, opt)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opt.DryRun, "dry-run", false, "check everything that is on the medium and change nothing")
	f.Uint32Var(&opt.AcceptEpoch, "accept-epoch", 0, "accept that the stream begins anew with epoch `N`")
	f.StringVar(&opt.AcceptStream, "accept-stream", "", "follow `STREAM`, a name or UUID, beside those that are followed")
	f.StringVar(&opt.Receipt, "receipt", "", "`DIR`ectory for the signed receipt, or want file, to carry back")
	return cmd
}

func (a *app) importBundle(ctx context.Context, c *config.Config, dirs []string, opt mirror.ImportOptions) error {
	show := a.newDisplay(c.Progress)
	j, err := a.openJob(ctx, c, !opt.DryRun, show)
	if err != nil {
		return err
	}
	defer j.Close() // everything that was written is durable already
	h := a.hooks(c)
	opt.Destination, opt.Threshold = c.Name, c.Origin.Threshold
	if len(c.Hooks.PrePublish) > 0 {
		opt.Before = h.incoming
	}
	show.start()
	r, err := j.Import(ctx, dirs, opt)
	show.stop()
	if r.Status == mirror.StatusImported {
		h.imported(ctx, r)
		a.tellStale(ctx, j, h)
	}
	if r.Bundle == "" { // none was opened
		err = explainMedium(err)
	}
	return explain(errors.Join(err, a.printImport(r)))
}

// tellStale looks, after an import, which streams are overdue.
func (a *app) tellStale(ctx context.Context, j *job, h *hooks) {
	e, err := j.site.newest(context.WithoutCancel(ctx))
	if err == nil && e != nil {
		err = h.stale(context.WithoutCancel(ctx), nil, streamReports(&e.state.State, h.now()))
	}
	if err != nil {
		j.Log.Error("look for what is stale", "err", err)
	}
}

func (a *app) printImport(r *mirror.ImportReport) error {
	if a.json {
		return a.printJSON(r)
	}
	for _, id := range r.Unpinned {
		a.note("%s: its key is not pinned here, so it announces nothing; compare its fingerprint and type it: patchferry key pin … --purpose bulletin", oneLine(id, 100))
	}
	for _, name := range r.Ignored {
		a.note("%s: a key in the bundle that nobody pinned; ignored", oneLine(name, 100))
	}
	if len(r.Missed) > 0 && (r.Status == mirror.StatusImported || r.Status == mirror.StatusChecked) {
		a.note("%s before it never came here: %s; nothing that it needs is missing", plural(len(r.Missed), "bundle", "bundles"), seqs(r.Missed))
	}
	if r.Absent > 0 {
		a.note("it carries the catalog and leaves out %s that the near side holds; to ask for what is needed: patchferry want UPDATE… --to DIR, or --absent for all", plural(r.Absent, "file", "files"))
	}
	if r.Receipt != "" {
		a.note("carry back: %s with its .asc", r.Receipt)
	}
	switch r.Status {
	case mirror.StatusImported, mirror.StatusChecked:
		return a.printImported(r)
	case mirror.StatusAlready:
		return a.printf("%s is imported already; nothing was changed\n", r.Bundle)
	}
	return nil
}

func (a *app) printImported(r *mirror.ImportReport) error {
	var b strings.Builder
	if r.First {
		fmt.Fprintf(&b, "origin      %s\nstream      %s (%s), followed from now on\n", r.Origin, r.StreamName, r.Stream)
	}
	for _, t := range r.Rotations {
		fmt.Fprintf(&b, "origin key  %s\n", rotated(t))
	}
	fmt.Fprintf(&b, "signed by   %s\nstate root  %s\n", strings.Join(r.Signers, ", "), r.StateRoot)
	if r.Status == mirror.StatusChecked {
		fmt.Fprintf(&b, "%s is right; dry run, nothing was changed\n", r.Bundle)
		return a.printf("%s", b.String())
	}
	fmt.Fprintf(&b, "imported %s: generation %d, %s, %s new (%s read)", r.Bundle, r.Generation,
		plural(r.Counts.Updates, "update", "updates"), plural(r.Objects, "object", "objects"), humanize.Bytes(uint64(r.Bytes)))
	if r.Ring != "" {
		fmt.Fprintf(&b, "; in ring %s", r.Ring)
	}
	return a.printf("%s\n", b.String())
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// seqs writes the first few of the numbers.
func seqs(all []uint64) string {
	const most = 10
	var words []string
	for i, n := range all {
		if i == most {
			return strings.Join(words, ", ") + ", …"
		}
		words = append(words, fmt.Sprint(n))
	}
	return strings.Join(words, ", ")
}

// incomingEvent is the JSON of pre_publish before an import (docs/json.md). The
// files of the bundle are in quarantine, below the folder.
type incomingEvent struct {
	hookHead
	Bundle     string        `json:"bundle"`
	Quarantine string        `json:"quarantine"`
	Generation uint64        `json:"generation"`
	Counts     layout.Counts `json:"counts"`
}

// incoming asks the operator's program whether a bundle may be published.
func (h *hooks) incoming(ctx context.Context, p *mirror.ProposedImport) error {
	head := h.head(prePublish, fmt.Sprintf("%s proposed: generation %d", p.Bundle, p.Generation.Number))
	err := h.run(ctx, head, incomingEvent{head, p.Bundle, p.Dir, p.Generation.Number, p.Generation.Counts})
	return withHint(err, "see why the program refuses; the bundle stays in quarantine, and the same command tries again")
}

// importEvent is the JSON of on_import (docs/json.md).
type importEvent struct {
	hookHead
	*mirror.ImportReport
}

// imported tells that a bundle was published.
func (h *hooks) imported(ctx context.Context, r *mirror.ImportReport) {
	head := h.head(onImport, fmt.Sprintf("%s imported: generation %d, %s", r.Bundle, r.Generation, plural(r.Objects, "new object", "new objects")))
	h.tell(ctx, head, importEvent{head, r})
}
