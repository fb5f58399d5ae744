package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"patchferry/layout"
	"patchferry/verify"
)

// pinReport is a pin in JSON, as key pin prints it (docs/json.md).
type pinReport struct {
	Fingerprint verify.Fingerprint `json:"fingerprint"`
	Purpose     verify.Purpose     `json:"purpose"`
	Source      string             `json:"source,omitempty"`
	Legacy      bool               `json:"legacy,omitempty"`
	NotBefore   layout.Date        `json:"not_before,omitempty"`
	NotAfter    layout.Date        `json:"not_after,omitempty"`
	Note        string             `json:"note,omitempty"`
	AddedBy     string             `json:"added_by,omitempty"`
	AddedAt     layout.Time        `json:"added_at,omitzero"`
}

func reportPin(p verify.Pin) pinReport {
	return pinReport{
		Fingerprint: p.Fingerprint, Purpose: p.Purpose, Source: p.Source, Legacy: p.Legacy,
		NotBefore: p.NotBefore, NotAfter: p.NotAfter, Note: p.Note, AddedBy: p.AddedBy, AddedAt: p.AddedAt,
	}
}

// words says for what the pin stands, for people.
func (p *pinReport) words() string {
	text := "for " + string(p.Purpose)
	switch {
	case p.Source == "":
	case p.Purpose == verify.PurposeDestination:
		text += " " + p.Source
	default:
		text += " from sources " + p.Source
	}
	if p.Legacy {
		text += ", old algorithms allowed"
	}
	if p.NotBefore != "" {
		text += ", signatures from " + string(p.NotBefore)
	}
	if p.NotAfter != "" {
		text += ", signatures up to " + string(p.NotAfter)
	}
	return text
}

// by says who pinned it, when and why, for people; empty where nobody wrote it.
func (p *pinReport) by() string {
	var text string
	if p.AddedBy != "" {
		text += " by " + printable(p.AddedBy)
	}
	if !p.AddedAt.IsZero() {
		text += " on " + day(p.AddedAt)
	}
	if p.Note != "" {
		text += ": " + printable(p.Note)
	}
	if text == "" {
		return ""
	}
	return "pinned" + text
}

// keyPinReport is what key pin prints with --json (docs/json.md).
type keyPinReport struct {
	pinReport
	Key    *certificateReport `json:"key,omitempty"`    // the certificate, where it is here
	Copied []string           `json:"copied,omitempty"` // the sources that offered the certificate, where it was copied from there
	Notes  []string           `json:"notes"`
}

// pinning is one run of key pin.
type pinning struct {
	purpose, source, notBefore, notAfter, note, by string
	legacy                                         bool
}

func (a *app) keyPinCommand() *cobra.Command {
	var p pinning
	cmd := &cobra.Command{
		Use:   "pin FINGERPRINT --purpose PURPOSE",
		Short: "Trust a key by its full fingerprint, for one purpose",
		Long: `Pin a key by the full fingerprint of its primary key, typed from a second source:
40 digits, in groups or not, with colons, 0x, in lower case, as it is printed. A
letter that cannot be a digit (O for 0) is refused with its place and a suggestion,
and never corrected silently. Short key ids can be forged and are refused.

Purposes: bulletin (what a publisher announces), origin (generations of a near
side), destination (receipts of a far side), site (the states of this store).

--source limits a bulletin pin to sources whose name matches, and names the far side
that a destination pin speaks for, which it must; --legacy lets a bulletin pin vouch
by algorithms of its time (MD5, SHA-1, DSA and RSA of 1024 bits), for historical
bulletins only; --not-after closes the door to signatures that are dated later, which
is wise for a key that was retired.

Where a source offered the key, its certificate is copied into the directory of keys.`,
		Example: "  patchferry key pin 144A ED0A 57BE … --purpose bulletin --source 'cisa*' --note 'read out by phone'\n" +
			"  patchferry key pin C374 0FC5 69A6 … --purpose bulletin --legacy --not-after 2013-12-31\n" +
			"  patchferry key pin 7E31 C0AA 2B54 … --purpose destination --source plant-1",
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			if p.by == "" {
				p.by = actor(&l.Config)
			}
			keys, err := openKeys(&l.Config)
			if err != nil {
				return err
			}
			now := time.Now()
			report, err := keys.pin(cmd.Context(), p, args, now)
			if err != nil {
				return err
			}
			return a.printPinned(report, now)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.purpose, "purpose", "", "`PURPOSE`: bulletin, origin, destination, site")
	f.StringVar(&p.source, "source", "", "`GLOB` over the names of sources, for bulletin (all of them without it); the name of the far side, for destination")
	f.BoolVar(&p.legacy, "legacy", false, "allow the algorithms of old bulletins")
	f.StringVar(&p.notBefore, "not-before", "", "refuse signatures dated before this `DAY` (YYYY-MM-DD)")
	f.StringVar(&p.notAfter, "not-after", "", "refuse signatures dated after this `DAY` (YYYY-MM-DD)")
	f.StringVar(&p.note, "note", "", "`TEXT` for whoever reads the pin later: how it was compared")
	f.StringVar(&p.by, "by", "", "`NAME` of who pins it (default: the key actor, else the user)")
	return cmd
}

// pin adds a pin that somebody typed, and copies its certificate where a
// source offered it.
func (s *keyStore) pin(ctx context.Context, p pinning, words []string, now time.Time) (keyPinReport, error) {
	var r keyPinReport
	f, err := s.typedFingerprint(words)
	if err != nil {
		return r, err
	}
	pin, err := p.pin(f, now)
	if err != nil {
		return r, err
	}
	// The certificate comes first: a pin without it trusts nothing yet, a
	// certificate without its pin never does.
	if s.offeredBy(f) != nil {
		added, err := s.dir.Add(ctx, s.offered(), f)
		if err != nil {
			return r, err
		}
		if added != verify.AddedPresent {
			r.Copied = s.offeredBy(f)
		}
	}
	err = s.pins.Update(ctx, func(pins *verify.Pins) error {
		if err := pins.Add(pin); err != nil {
			return withHint(withCode(exitUsage, err), "patchferry key list; to change a pin, patchferry key remove … --purpose %s first", p.purpose)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	r.pinReport = reportPin(pin)
	r.Key = find(verify.MergeKeyrings(s.ring(), s.offered()), f)
	r.Notes = pinNotes(&r, now)
	return r, nil
}

// pin checks what was typed beside the fingerprint.
func (p *pinning) pin(f verify.Fingerprint, now time.Time) (verify.Pin, error) {
	pin := verify.Pin{
		Fingerprint: f, Purpose: verify.Purpose(p.purpose), Source: p.source, Legacy: p.legacy,
		Note: strings.TrimSpace(p.note), AddedBy: p.by, AddedAt: layout.At(now),
	}
	if p.purpose == "" {
		return pin, withHint(usageError("key pin needs --purpose"), "patchferry key pin … --purpose bulletin (or origin, destination, site)")
	}
	for _, d := range []struct {
		flag, text string
		into       *layout.Date
	}{{"--not-before", p.notBefore, &pin.NotBefore}, {"--not-after", p.notAfter, &pin.NotAfter}} {
		if d.text == "" {
			continue
		}
		date, err := layout.ParseDate(d.text)
		if err != nil {
			return pin, usageError("%s: %w", d.flag, err)
		}
		*d.into = date
	}
	if pin.Purpose == verify.PurposeDestination && pin.Source == "" {
		return pin, withHint(usageError("key pin --purpose destination needs the name of the far side that the key speaks for"),
			"patchferry key pin … --purpose destination --source NAME")
	}
	// What else may be wrong, a list of pins says; this one is thrown away.
	if err := new(verify.Pins).Add(pin); err != nil {
		return pin, withHint(usageError("%w", err), "patchferry key pin --help")
	}
	return pin, nil
}

// pinNotes says what the pin alone will not do.
func pinNotes(r *keyPinReport, now time.Time) []string {
	notes := []string{}
	if r.Key == nil {
		return append(notes, "no key with this fingerprint is here yet: patchferry key add FILE, or a sync of a source that offers it")
	}
	if problem := r.Key.problem(r.Purpose, now); problem != "" {
		notes = append(notes, "the key is "+problem)
	}
	if weak := weakKey(r.Key); weak != "" && r.Purpose == verify.PurposeBulletin && !r.Legacy {
		notes = append(notes, weak+" proves too little today: what it signed is refused unless the pin is --legacy")
	}
	if r.Legacy && r.NotAfter == "" {
		notes = append(notes, "a legacy pin without --not-after also takes what is dated later, up to the last day of each algorithm")
	}
	return notes
}

// weakKey names the kind of a key that is historical, or returns "".
func weakKey(c *certificateReport) string {
	old := c.MD5 != "" || c.Algorithm == "DSA" || c.Algorithm == "RSA" && c.Bits < 2048
	if !old {
		return ""
	}
	return fmt.Sprintf("%s of %d bits", c.Algorithm, c.Bits)
}

func (a *app) printPinned(r keyPinReport, now time.Time) error {
	if a.json {
		return a.printJSON(r)
	}
	text := fmt.Sprintf("pinned  %s\n        %s\n", r.Fingerprint.Grouped(), printable(r.words()))
	if r.Key != nil {
		for _, line := range r.Key.lines(now) {
			text += "        " + line + "\n"
		}
	}
	if r.Copied != nil {
		text += "        certificate copied from what " + strings.Join(r.Copied, ", ") + " offered\n"
	}
	for _, note := range r.Notes {
		text += "note: " + note + "\n"
	}
	return a.printf("%s", text)
}
