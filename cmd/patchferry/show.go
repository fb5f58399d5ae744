package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// showReport is one line of show with --json (docs/json.md).
type showReport struct {
	State      uint64         `json:"state"`
	Generation uint64         `json:"generation"`
	Update     *layout.Update `json:"update"`
	Streams    []string       `json:"streams,omitempty"` // on a far side: those that have it, the one whose record this is first
	Paths      []string       `json:"paths"`             // of the files in the catalog tree, in the order of update.files
	// AnnouncedBy has the bulletins in force that name the update, the surest
	// first; Due the deadline that counts among theirs and the update's own.
	AnnouncedBy []announcedBy  `json:"announced_by,omitempty"`
	Due         dueFrom        `json:"due,omitzero"`
	Rings       []updateInRing `json:"rings,omitempty"` // how it stands in each, where rings are used
	Install     *installHow    `json:"install,omitempty"`
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show UPDATE",
		Short: "Show everything known of an update, with evidence",
		Long: `Show the updates that UPDATE names: an id (SOURCE:NATIVE), or a KB number, with or
without the letters (KB824146, Q311967, 824146), of which there may be several;
with its files and what vouches for each, the bulletins that announce it, until when
to deploy it, which rings have it: who promoted, held or revoked it, when and why; and
the commands that install it: from a share, by HTTP, and by hand.`,
		Example: "  patchferry show xp:0f343b0931126a20\n  patchferry show KB824146 --json",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSite(cmd, func(s *site, c *config.Config) error {
				return a.show(cmd.Context(), s, c, args[0])
			})
		},
	}
}

func (a *app) show(ctx context.Context, s *site, c *config.Config, name string) error {
	deadlines := c.Deadlines.Layout()
	e, err := s.mustNewest(ctx)
	if err != nil {
		return err
	}
	notices, err := s.notices(ctx, e)
	if err != nil {
		return err
	}
	stands, err := s.stands(ctx, c, e.state, name)
	if err != nil {
		return err
	}
	var meant []*layout.Update
	for u, err := range s.everyUpdate(ctx, e) {
		if err != nil {
			return fmt.Errorf("read the catalog: %w", err)
		}
		if u.Is(name) {
			meant = append(meant, u)
		}
	}
	streams, err := s.streamsOf(ctx, e, name)
	if err != nil {
		return err
	}
	said := announcing(notices)
	var found []showReport
	for _, u := range append(meant, stands.others(meant)...) {
		r := showReport{State: e.state.Number, Generation: e.generation.Number, Update: u, Streams: streams[u.ID], Paths: []string{}}
		r.AnnouncedBy, r.Due = said.announced(deadlines, u), said.dueOfUpdate(deadlines, u)
		for i := range u.Files {
			r.Paths = append(r.Paths, u.Files[i].Path(u))
		}
		if r.Rings, err = stands.of(ctx, u); err != nil {
			return err
		}
		r.Install = installOf(c, u)
		found = append(found, r)
	}
	if len(found) == 0 {
		return withHint(fmt.Errorf("show %s: no such update in generation %d", name, e.generation.Number),
			"give an id (SOURCE:NATIVE) or a KB number; patchferry tree --to DIR --dry-run lists every file")
	}
	for i, r := range found {
		if err := a.printUpdate(r, i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printUpdate(r showReport, another bool) error {
	if a.json {
		return a.printJSON(r)
	}
	u := r.Update
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	if another {
		fmt.Fprintln(w)
	}
	row := rows{w}.add
	row("id", u.ID)
	row("title", u.Title)
	row("kb", u.KB)
	row("type", string(u.Type))
	row("classification", string(u.Classification))
	row("severity", string(u.Severity))
	row("released", string(u.Released))
	row("systems", joined(u.OS))
	row("architectures", joined(u.Arch))
	row("language", string(u.Language))
	row("bulletins", strings.Join(u.Bulletins, " "))
	row("cves", strings.Join(u.CVEs, " "))
	row("supersedes", strings.Join(u.Supersedes, " "))
	if u.Driver != nil {
		row("maker", u.Driver.Maker)
		row("class", u.Driver.Class)
		row("version", u.Driver.Version)
		row("hardware", strings.Join(u.Driver.HardwareIDs, " "))
	}
	printDue(row, &r)
	printRings(row, r.Rings)
	row("stream", oneLine(strings.Join(r.Streams, ", "), maxWords))
	row("folder", u.Folder)
	printInstall(row, r.Install)
	for i := range u.Files {
		if f := &u.Files[i]; f.From.IsZero() {
			printFile(row, f)
			printExtracted(row, u, f)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// printExtracted sums up what was taken out of a file.
func printExtracted(row func(name, value string), u *layout.Update, f *layout.File) {
	n, top := 0, ""
	for i := range u.Files {
		if e := &u.Files[i]; !f.SHA256.IsZero() && e.From == f.SHA256 {
			n++
			top, _, _ = strings.Cut(e.In, "/")
		}
	}
	if n > 0 {
		row("  extracted", fmt.Sprintf("%s in the folder %s", plural(n, "file", "files"), top))
	}
}

func printFile(row func(name, value string), f *layout.File) {
	row("file", f.Entry())
	printPackage(row, f)
	row("  url", f.URL)
	switch {
	case !f.Held && !f.Modified.IsZero(): // it was held where the bundle was made
		row("  held", "no, the bundle left it out; patchferry want UPDATE --to DIR asks for it")
		return
	case !f.Held:
		row("  held", "no, only listed")
	}
	if f.Size > 0 || f.Held {
		row("  size", fmt.Sprintf("%d bytes (%s)", f.Size, humanize.Bytes(uint64(f.Size))))
	}
	if !f.SHA256.IsZero() {
		row("  sha256", f.SHA256.String())
	}
	printEvidence(row, f)
}

// printEvidence says what vouches for a file; of one that is only listed, who will
// when it comes.
func printEvidence(row func(name, value string), f *layout.File) {
	for _, e := range f.Evidence {
		words := []string{string(e.Grade)}
		if e.Algorithm != "" {
			words = append(words, e.Algorithm)
		}
		if e.Weak {
			words = append(words, "(weak)")
		}
		if e.By != "" {
			words = append(words, "by "+e.By)
		}
		if !e.At.IsZero() {
			words = append(words, "at "+e.At.String())
		}
		row("  evidence", strings.Join(words, " "))
	}
}

func joined[T ~string](words []T) string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, " ")
}
