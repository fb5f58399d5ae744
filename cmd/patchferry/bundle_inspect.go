package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/mirror/bundle"
)

func (a *app) bundleInspectCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "inspect DIR…",
		Short: "Show what the header of a transfer bundle says",
		Long: `Show what the header of the transfer bundle in DIR says. It needs neither a store nor
a configuration. Without --key nothing is checked: whatever it shows anybody may have
written. With --key the header's signature is, by the certificates in FILE, whoever
they belong to, and nothing else; patchferry bundle verify checks all of it.`,
		Example: "  patchferry bundle inspect /media/disk\n  patchferry bundle inspect /media/disk --key origin.asc",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var v bundle.Verifier // none
			if key != "" {
				trusted, err := a.bundleVerifier(cmd, key)
				if err != nil {
					return err
				}
				v = trusted
			}
			b, err := bundle.Open(cmd.Context(), args, v, bundle.ReadOptions{})
			if err != nil {
				return explainBundle(err)
			}
			defer b.Close() // it was only read
			return a.printBundle(b.Inspect())
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "check the header's signature by the public keys in `FILE`")
	return cmd
}

// printBundle shows what is known of a bundle.
func (a *app) printBundle(r *bundle.Report) error {
	if a.json {
		return a.printJSON(r)
	}
	h := r.Header
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, oneLine(fmt.Sprintf(format, args...), 0))
	}
	row("bundle", "%s, %s", r.Name, h.Kind)
	row("made", "%s by %s", h.Created, h.Tool)
	row("stream", "%s (%s) of origin %s", h.StreamName, h.Stream, h.Origin)
	if len(h.Audience) > 0 {
		row("for", "%s", strings.Join(h.Audience, ", "))
	}
	row("generation", "%d, %s of %s", h.Generation.Number, plural(h.Objects, "object", "objects"), humanize.Bytes(uint64(h.Bytes)))
	row("shipped", "%s; %d required from before", plural(h.Entries.Count, "object", "objects"), h.Requires.Count)
	row("volumes", "%d of %d here", len(r.Present), len(h.Volumes))
	row("header", "%s", r.Digest)
	row("state root", "%s", h.StateRoot)
	if r.Rotations > 0 {
		row("keys", "%s of the origin's key", plural(r.Rotations, "change", "changes"))
	}
	for _, name := range r.IgnoredKeys {
		row("ignored", "%s: a key in the bundle counts for nothing", name)
	}
	signers, checked := strings.Join(r.Signers, ", "), "the header alone; the rest: patchferry bundle verify DIR"
	if !r.Verified {
		signers, checked = "not checked: patchferry bundle verify DIR", "nothing"
	}
	if r.Files > 0 {
		checked = fmt.Sprintf("%s, %s", plural(r.Files, "file", "files"), humanize.Bytes(uint64(r.Bytes)))
	}
	row("signed by", "%s", signers)
	row("checked", "%s", checked)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
