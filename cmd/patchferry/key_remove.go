package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"patchferry/verify"
)

// keyRemoveReport is what key remove prints with --json (docs/json.md).
type keyRemoveReport struct {
	Fingerprint verify.Fingerprint `json:"fingerprint"`
	Pins        int                `json:"pins"`  // removed
	Left        []pinReport        `json:"left"`  // other pins of the same key
	Files       []string           `json:"files"` // of the certificate, removed
	Kept        []string           `json:"kept"`  // files that still hold the certificate
}

// removal is one run of key remove.
type removal struct {
	purpose      string
	key, certain bool
}

func (a *app) keyRemoveCommand() *cobra.Command {
	var r removal
	cmd := &cobra.Command{
		Use:   "remove FINGERPRINT",
		Short: "Stop trusting a key",
		Long: `Remove the pins of a key, for one purpose or for all. With --key also its
certificate in the directory of keys, when no pin of it is left.

Documents that only this key vouches for are no longer valid; each sync judges them
anew. A pin for site or origin goes only with --yes: without it what the key signed
of this store cannot be read.`,
		Example: "  patchferry key remove 144A ED0A 57BE … --purpose bulletin\n  patchferry key remove 144AED0A57BE… --key",
		Args:    arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			keys, err := openKeys(&l.Config)
			if err != nil {
				return err
			}
			if r.purpose != "" && !slices.Contains(purposes(), verify.Purpose(r.purpose)) {
				return usageError("--purpose %q is none of %s", r.purpose, joined(purposes()))
			}
			f, err := keys.typedFingerprint(args)
			if err != nil {
				return err
			}
			report, err := keys.remove(cmd.Context(), f, r)
			if err != nil {
				return err
			}
			return a.printRemoved(report)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.purpose, "purpose", "", "remove only the pins for this `PURPOSE`")
	f.BoolVar(&r.key, "key", false, "remove the certificate too, when no pin of it is left")
	f.BoolVar(&r.certain, "yes", false, "also a pin for site or origin")
	return cmd
}

// remove takes pins away, and the certificate where that was asked for.
func (s *keyStore) remove(ctx context.Context, f verify.Fingerprint, r removal) (keyRemoveReport, error) {
	report := keyRemoveReport{Fingerprint: f, Left: []pinReport{}, Files: []string{}, Kept: []string{}}
	err := s.pins.Update(ctx, func(pins *verify.Pins) error {
		if err := r.check(pins, f); err != nil {
			return err
		}
		report.Pins = pins.Remove(f, verify.Purpose(r.purpose))
		for _, p := range pins.All() {
			if p.Fingerprint == f {
				report.Left = append(report.Left, reportPin(p))
			}
		}
		return nil
	})
	if err != nil {
		return report, err
	}
	if report.Pins == 0 && !(r.key && len(s.filesOf(f)) > 0) {
		return report, withHint(fmt.Errorf("remove %s: it is not pinned%s", f.Grouped(), r.forPurpose()), "patchferry key list")
	}
	own := s.dir.File(f)
	if r.key && len(report.Left) == 0 {
		err := s.dir.Remove(ctx, f)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return report, err
		}
		if err == nil {
			report.Files = append(report.Files, own)
		}
	}
	for _, name := range s.filesOf(f) {
		if !slices.Contains(report.Files, name) {
			report.Kept = append(report.Kept, name)
		}
	}
	return report, nil
}

// check refuses what would make a store unreadable, unless it is meant.
func (r *removal) check(pins *verify.Pins, f verify.Fingerprint) error {
	losses := map[verify.Purpose]string{
		verify.PurposeSite:   "the states that it signed can no longer be read, and every command on the store fails",
		verify.PurposeOrigin: "the generations that it signed can no longer be read, and every command on the catalog fails",
	}
	for _, p := range pins.All() {
		loss, serious := losses[p.Purpose]
		if p.Fingerprint != f || !serious || r.certain || r.purpose != "" && r.purpose != string(p.Purpose) {
			continue
		}
		return withHint(usageError("remove %s: it is pinned for %s: without that pin %s; nothing was removed", f.Grouped(), p.Purpose, loss),
			"the same with --yes if you mean it, or with --purpose bulletin for another of its pins")
	}
	return nil
}

func (r *removal) forPurpose() string {
	if r.purpose == "" {
		return ""
	}
	return " for " + r.purpose
}

func (a *app) printRemoved(r keyRemoveReport) error {
	if a.json {
		return a.printJSON(r)
	}
	text := fmt.Sprintf("%s removed  %s\n", plural(r.Pins, "pin", "pins"), r.Fingerprint.Grouped())
	for _, p := range r.Left {
		text += "still pinned " + printable(p.words()) + "\n"
	}
	for _, name := range r.Files {
		text += "removed " + name + "\n"
	}
	for _, name := range r.Kept {
		text += "the certificate stays in " + name + "\n"
	}
	return a.printf("%s", text)
}
