package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/verify"
)

// noticeReport is one line of bulletin show with --json (docs/json.md): a
// document with all that is known of it.
type noticeReport struct {
	State      uint64            `json:"state"`
	Generation uint64            `json:"generation"`
	Notice     *layout.Notice    `json:"notice"`
	Historical bool              `json:"historical"`
	Vouches    bool              `json:"vouches"`
	Names      []string          `json:"signer_names"` // as the key says; whoever made it could write anything
	Pin        *pinReport        `json:"pin,omitempty"`
	Next       string            `json:"next,omitempty"`
	Bulletins  []bulletinDetails `json:"bulletins"`
}

// bulletinDetails is one bulletin of a noticeReport.
type bulletinDetails struct {
	Name string `json:"name"`
	layout.Due
	InForce    bool          `json:"in_force"` // no later revision or other document replaced it
	ReplacedBy []string      `json:"replaced_by,omitempty"`
	Updates    []namedUpdate `json:"updates"`
	bulletin   *layout.Bulletin
	severity   layout.Severity // in force, which an earlier revision may have said
}

// namedUpdate is an update of the catalog that a bulletin names.
type namedUpdate struct {
	ID    string `json:"id"`
	Title string `json:"title,omitempty"`
	By    string `json:"by"` // kb, bulletin or cve
	Files int    `json:"files"`
	Held  int    `json:"held"` // of these
}

func (a *app) bulletinShowCommand() *cobra.Command {
	var original string
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show everything known of a bulletin, with its evidence",
		Long: `Show the document that announces the bulletin NAME (MS08-067, ICSA-24-032-01,
CVE-2026-21333), or the documents of that id (SOURCE:NAME, from bulletin list
--json): what its signature is worth and why, who signed, all bulletins in it with
their deadlines, and the updates of the catalog that they name.

--original writes the document as its publisher made it, and a detached signature
beside it, so that any other program can check it.`,
		Example: "  patchferry bulletin show MS08-067\n  patchferry bulletin show MS08-067 --original ms08-067.txt && gpgv ms08-067.txt",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSite(cmd, func(s *site, c *config.Config) error {
				return a.showBulletin(cmd.Context(), s, c, args[0], original)
			})
		},
	}
	cmd.Flags().StringVar(&original, "original", "", "write the document to this new `FILE`, - for standard output, and show nothing")
	return cmd
}

func (a *app) showBulletin(ctx context.Context, s *site, c *config.Config, name, original string) error {
	e, err := s.mustNewest(ctx)
	if err != nil {
		return err
	}
	notices, err := s.notices(ctx, e)
	if err != nil {
		return err
	}
	found := announcing(notices)
	chosen := choose(notices, found, name)
	if len(chosen) == 0 {
		return withHint(fmt.Errorf("show %s: no such bulletin in generation %d", oneLine(name, 100), e.generation.Number), "patchferry bulletin list --all")
	}
	if original != "" {
		if len(chosen) > 1 {
			return withHint(usageError("%s is in %d documents", name, len(chosen)), "patchferry bulletin show %s --original FILE", chosen[0].ID)
		}
		return a.writeOriginal(ctx, s, chosen[0], original)
	}
	var reports []*noticeReport
	for _, n := range chosen {
		reports = append(reports, s.report(e, n, found, c.Deadlines.Layout()))
	}
	if err := s.joinUpdates(ctx, e, found, reports); err != nil {
		return err
	}
	for i, r := range reports {
		if err := a.printNotice(r, i > 0); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the notice of that id, or those of an id without the digest at
// its end, or the notices in which bulletins of that name, in any case, are in
// force.
func choose(notices []*layout.Notice, found *announcements, name string) []*layout.Notice {
	var chosen []*layout.Notice
	for _, n := range notices {
		if n.ID == name {
			return []*layout.Notice{n}
		}
		if strings.HasPrefix(n.ID, name+"@") {
			chosen = append(chosen, n)
		}
	}
	for _, i := range found.byName[strings.ToUpper(name)] {
		chosen = append(chosen, found.all[i].Notice)
	}
	return chosen
}

// report gathers what is known of a notice, but for the updates that it names.
func (s *site) report(e *edition, n *layout.Notice, found *announcements, d layout.Deadlines) *noticeReport {
	r := &noticeReport{
		State: e.state.Number, Generation: e.generation.Number, Notice: n, Historical: n.Historical(), Vouches: n.Vouches(),
		Names: []string{}, Bulletins: []bulletinDetails{},
	}
	if signer := verify.Fingerprint(n.Signer); signer != "" {
		r.Names = append(r.Names, s.trust.Keys.Names(signer)...)
		r.Pin = pinOf(s.trust.Pins, n, signer)
	}
	if len(n.Bulletins) == 0 {
		r.Next = nextFor(n)
	}
	for i := range n.Bulletins {
		b := &n.Bulletins[i]
		details := bulletinDetails{Name: b.Name, Due: dueOf(d, b), ReplacedBy: found.replacing(n, b), Updates: []namedUpdate{}, bulletin: b}
		if current := found.all[found.at[b.Name]]; current.Latest == b {
			// What this revision leaves out, earlier ones have said.
			details.InForce, details.Due, details.severity = true, dueOf(d, current.Bulletin), current.Severity
		}
		r.Bulletins = append(r.Bulletins, details)
	}
	return r
}

// pinOf returns the pin that a notice's signer has for bulletins of its source,
// the one that names the source most exactly.
func pinOf(pins *verify.Pins, n *layout.Notice, signer verify.Fingerprint) *pinReport {
	source, _, _ := strings.Cut(n.ID, ":")
	var best *pinReport
	for _, p := range pins.For(verify.PurposeBulletin) {
		matches, _ := path.Match(p.Source, source) // a pattern that is none matches nothing
		if p.Fingerprint != signer || p.Source != "" && !matches {
			continue
		}
		if best == nil || best.Source == "" || p.Source == source {
			r := reportPin(p)
			best = &r
		}
	}
	return best
}

// joinUpdates adds the updates of the catalog that the bulletins name.
func (s *site) joinUpdates(ctx context.Context, e *edition, found *announcements, reports []*noticeReport) error {
	for u, err := range s.updates(ctx, e) {
		if err != nil {
			return fmt.Errorf("read the catalog: %w", err)
		}
		named := map[string]string{}
		which, how := found.naming(u)
		for k, i := range which {
			named[found.all[i].Name] = how[k]
		}
		for _, r := range reports {
			for i := range r.Bulletins {
				if by, ok := named[r.Bulletins[i].Name]; ok {
					r.Bulletins[i].Updates = append(r.Bulletins[i].Updates, nameUpdate(u, by))
				}
			}
		}
	}
	return nil
}

func nameUpdate(u *layout.Update, by string) namedUpdate {
	n := namedUpdate{ID: u.ID, Title: u.Title, By: by, Files: len(u.Files)}
	for i := range u.Files {
		if u.Files[i].Held {
			n.Held++
		}
	}
	return n
}

// writeOriginal writes a document as its publisher made it, and its detached
// signature beside it.
func (a *app) writeOriginal(ctx context.Context, s *site, n *layout.Notice, name string) error {
	document, err := s.whole(ctx, n.Original)
	if err != nil {
		return fmt.Errorf("read the original of %s: %w", n.ID, err)
	}
	if name == "-" {
		if _, err := a.stdout.Write(document); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		return nil
	}
	if err := durable.WriteNew(name, 0o644, document); err != nil {
		return err
	}
	if n.Signature.IsZero() {
		return a.printf("%s: %s, %s\n", name, verdictWords(n), n.ID)
	}
	signature, err := s.whole(ctx, n.Signature)
	if err != nil {
		return fmt.Errorf("read the signature of %s: %w", n.ID, err)
	}
	beside := name + ".sig"
	if strings.HasSuffix(n.SigFile, ".asc") {
		beside = name + ".asc"
	}
	if err := durable.WriteNew(beside, 0o644, signature); err != nil {
		return err
	}
	return a.printf("%s, %s: %s, %s\n", name, beside, verdictWords(n), n.ID)
}

// maxOriginal is the largest document of a publisher in bytes.
const maxOriginal = 4 << 20

// whole reads a small object and checks it.
func (s *site) whole(ctx context.Context, ref layout.ObjectRef) ([]byte, error) {
	if ref.Size > maxOriginal {
		return nil, fmt.Errorf("%d bytes, where at most %d are read", ref.Size, maxOriginal)
	}
	in, err := s.store.Open(ctx, ref.SHA256, 0, -1)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(layout.NewVerifyReader(in, ref.Size, ref.SHA256))
	if wrong, ok := errors.AsType[*layout.MismatchError](err); ok {
		return nil, &verify.TrustError{
			Code: verify.CodeDigest, Subject: "object " + ref.SHA256.String(), Err: wrong,
			Reason: "the store holds other bytes under this name", Next: "patchferry audit",
		}
	}
	return b, err
}
