package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/verify"
)

// evidenceOptions are the flags of evidence.
type evidenceOptions struct {
	to        string
	noContent bool
}

// evidenceMatch is one line of evidence with --json where several files fit
// what was asked for (docs/json.md).
type evidenceMatch struct {
	ID     string        `json:"id"`
	File   string        `json:"file"`
	SHA256 layout.Digest `json:"sha256,omitzero"`
	Held   bool          `json:"held"`
	Title  string        `json:"title,omitempty"`
}

func (a *app) evidenceCommand() *cobra.Command {
	var o evidenceOptions
	cmd := &cobra.Command{
		Use:   "evidence UPDATE|DIGEST|FILE-NAME [FILE-NAME] --to DIR",
		Short: "Write all that proves one file, to be checked by hand",
		Long: `Write to DIR everything that an auditor needs to check one file again, without
patchferry: the file, the catalog that names it, the signed generation and states
from the first to the newest, the bulletins that concern it with their signatures,
the public keys, and CHECK.txt. That says in plain words what is proved by what,
with the gpg, sha256sum and zstd line of each step and what it should answer, and
ends with the weakest link and the fingerprints to compare with a second source.

The file is named by its update (SOURCE:NATIVE or a KB number), by its SHA-256 or
SHA-1, or by its name; by two of these where one is not enough (exit status 2 lists
what fits).`,
		Example: "  patchferry evidence KB835732 --to audit\n  patchferry evidence xp:0f343b0931126a20 WindowsXP-KB835732-x86-DEU.EXE --to audit --no-content",
		Args:    arguments(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.to == "" {
				return withHint(usageError("evidence needs --to DIR"), "patchferry evidence %s --to DIR", args[0])
			}
			return a.withSite(cmd, func(s *site, _ *config.Config) error {
				return a.evidence(cmd.Context(), s, args, o)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`DIR`ectory to write to; new or empty")
	f.BoolVar(&o.noContent, "no-content", false, "leave out the file itself, for an auditor who has it")
	return cmd
}

func (a *app) evidence(ctx context.Context, s *site, names []string, o evidenceOptions) error {
	dir, err := filepath.Abs(o.to)
	if err != nil {
		return fmt.Errorf("find %s: %w", o.to, err)
	}
	p := &mirror.Prover{Reader: s.reader, Trust: s.trust}
	if s.judge != nil {
		p.Judged = newJudging(s).byPins
	}
	found, err := p.Find(ctx, names...)
	if errors.Is(err, mirror.ErrNoEdition) {
		return withHint(err, "%s", s.refill)
	}
	if err != nil {
		return err
	}
	match, err := a.oneMatch(s, names, found)
	if err != nil {
		return err
	}
	proof, err := p.Prove(ctx, match)
	if err != nil {
		return err
	}
	d, err := openDossier(dir)
	if err != nil {
		return err
	}
	report, err := d.write(ctx, p, &evidenceCase{Proof: proof, keys: proof.Keys, noContent: o.noContent})
	if err = errors.Join(err, d.close(err == nil)); err != nil {
		return fmt.Errorf("write the evidence to %s: %w", dir, err)
	}
	return a.printEvidence(dir, report)
}

// oneMatch returns the one held file that was asked for, or says what there is
// instead.
func (a *app) oneMatch(s *site, names []string, found []mirror.Match) (mirror.Match, error) {
	asked := joinNames(names)
	if len(found) == 0 {
		return mirror.Match{}, withHint(fmt.Errorf("evidence of %s: no kept generation names such a file", asked),
			"patchferry tree --to DIR --dry-run lists every file; patchferry show UPDATE those of an update")
	}
	if len(found) == 1 && found[0].File.Held {
		return found[0], nil
	}
	for i := range found {
		if err := a.printMatch(&found[i]); err != nil {
			return mirror.Match{}, err
		}
	}
	if !found[0].File.Held {
		return mirror.Match{}, withHint(fmt.Errorf("evidence of %s: nothing held: it is only listed, its bytes never were here", asked), "%s", s.refill)
	}
	return mirror.Match{}, withHint(usageError("evidence of %s: %d files fit", asked, len(found)),
		"name one by update and file: patchferry evidence %s %s --to DIR", quoteShell(found[0].Update.ID), quoteShell(found[0].File.Entry()))
}

func joinNames(names []string) string {
	text := oneLine(names[0], 100)
	for _, name := range names[1:] {
		text += " " + oneLine(name, 100)
	}
	return text
}

func (a *app) printMatch(m *mirror.Match) error {
	r := evidenceMatch{ID: m.Update.ID, File: m.File.Entry(), SHA256: m.File.SHA256, Held: m.File.Held, Title: m.Update.Title}
	if a.json {
		return a.printJSON(r)
	}
	digest := "only listed"
	if r.Held {
		digest = r.SHA256.String()
	}
	return a.printf("%s  %s  %s\n", oneLine(r.ID, maxWords), oneLine(r.File, maxWords), digest)
}

func (a *app) printEvidence(dir string, r *evidenceReport) error {
	if a.json {
		r.Dir = dir
		return a.printJSON(r)
	}
	size := humanize.Bytes(uint64(r.Size))
	if r.Content == "" {
		size += ", not written"
	}
	if err := a.printf("%s: evidence of %s (%s), state %d, generation %d\nweakest link: %s\n",
		dir, oneLine(r.File, maxWords), size, r.Newest.State, r.Newest.Generation, r.Weakest); err != nil {
		return err
	}
	for _, k := range r.Compare {
		if err := a.printf("compare: %s (%s)\n", verify.Fingerprint(k.Fingerprint).Grouped(), k.Role); err != nil {
			return err
		}
	}
	return a.printf("read: %s\n", filepath.Join(dir, checkName))
}
