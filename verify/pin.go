package verify

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"patchferry/layout"
)

// Purpose is what a key is believed for. A key that is pinned for one purpose
// proves nothing for another.
type Purpose string

// The purposes of pins.
const (
	PurposeSite        Purpose = "site"        // the states of this store
	PurposeOrigin      Purpose = "origin"      // generations and transfer bundles of a near side
	PurposeDestination Purpose = "destination" // receipts and want files of a far side
	PurposeBulletin    Purpose = "bulletin"    // what a publisher announces
)

var purposes = [...]Purpose{PurposeSite, PurposeOrigin, PurposeDestination, PurposeBulletin}

// Pin is one key that the operator believes in.
type Pin struct {
	Fingerprint Fingerprint // of the certificate's primary key
	Purpose     Purpose
	Source      string      // for PurposeBulletin: pattern over source names as of path.Match, empty is every source; for PurposeDestination: the destination's name
	Legacy      bool        // allows old algorithms, for PurposeBulletin only
	NotBefore   layout.Date // signatures made before this day are refused; empty is no limit
	NotAfter    layout.Date // signatures made after this day are refused; empty is no limit
	Note        string
	AddedBy     string
	AddedAt     layout.Time
}

// check reports what is wrong with the pin.
func (p *Pin) check() error {
	fpr, err := ParseFingerprint(string(p.Fingerprint))
	if err != nil {
		return err
	}
	if fpr != p.Fingerprint {
		return fmt.Errorf("fingerprint %q is not written in plain upper-case digits, want %q", p.Fingerprint, fpr)
	}
	if !slices.Contains(purposes[:], p.Purpose) {
		return fmt.Errorf("purpose %q is none of %v", p.Purpose, purposes)
	}
	if err := p.checkSource(); err != nil {
		return err
	}
	if p.Purpose != PurposeBulletin && p.Fingerprint.IsV3() {
		return fmt.Errorf("a version 3 key is pinned for purpose=%s only, not for %s", PurposeBulletin, p.Purpose)
	}
	return p.checkDates()
}

// checkSource holds whom a pin is limited to against its purpose. A destination
// is named in full: a key that speaks for one far side speaks for no other.
func (p *Pin) checkSource() error {
	switch {
	case p.Legacy && p.Purpose != PurposeBulletin:
		return fmt.Errorf("legacy goes with purpose=%s only, not with %s", PurposeBulletin, p.Purpose)
	case p.Purpose == PurposeDestination && p.Source == "":
		return fmt.Errorf("a pin for purpose=%s needs source, the name of the far side that the key speaks for", PurposeDestination)
	case p.Purpose == PurposeDestination && strings.ContainsAny(p.Source, `*?[\`):
		return fmt.Errorf("source %q is a pattern, and a pin for purpose=%s names one far side", p.Source, PurposeDestination)
	case p.Purpose != PurposeBulletin && p.Purpose != PurposeDestination && p.Source != "":
		return fmt.Errorf("source goes with purpose=%s or %s only, not with %s", PurposeBulletin, PurposeDestination, p.Purpose)
	}
	if _, err := path.Match(p.Source, ""); err != nil {
		return fmt.Errorf("source %q is no pattern: %w", p.Source, err)
	}
	return nil
}

func (p *Pin) checkDates() error {
	for _, d := range []layout.Date{p.NotBefore, p.NotAfter} {
		if d == "" {
			continue
		}
		if _, err := layout.ParseDate(string(d)); err != nil {
			return err
		}
	}
	if p.NotBefore != "" && p.NotAfter != "" && p.NotBefore > p.NotAfter {
		return fmt.Errorf("not-before %s is later than not-after %s", p.NotBefore, p.NotAfter)
	}
	return nil
}

// covers reports whether a signature of that day is believed.
func (p *Pin) covers(day layout.Date) bool {
	return (p.NotBefore == "" || day >= p.NotBefore) && (p.NotAfter == "" || day <= p.NotAfter)
}

func (p *Pin) same(q *Pin) bool {
	return p.Fingerprint == q.Fingerprint && p.Purpose == q.Purpose && p.Source == q.Source
}

// Pins are the keys that the operator believes in, in the order of the file
// they came from. The zero value is empty and ready: nothing is trusted.
// Pins may be read concurrently as long as nobody changes them.
type Pins struct {
	lines []pinLine
}

// pinLine is a line as it was read; pin is nil for comments and empty lines.
type pinLine struct {
	raw string
	pin *Pin
}

// Add appends a pin. A pin that is there already, for the same purpose and
// source, is an error: remove it first.
func (ps *Pins) Add(p Pin) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("pin %s: %w", p.Fingerprint, err)
	}
	for _, l := range ps.lines {
		if l.pin != nil && l.pin.same(&p) {
			return fmt.Errorf("pin %s: already pinned for %s", p.Fingerprint, p.Purpose)
		}
	}
	raw, err := formatPin(&p)
	if err != nil {
		return fmt.Errorf("pin %s: %w", p.Fingerprint, err)
	}
	ps.lines = append(ps.lines, pinLine{raw: raw, pin: &p})
	return nil
}

// Remove takes away the pins of a fingerprint for a purpose, for every purpose
// if it is empty, and returns how many there were.
func (ps *Pins) Remove(f Fingerprint, p Purpose) int {
	before := len(ps.lines)
	ps.lines = slices.DeleteFunc(ps.lines, func(l pinLine) bool {
		return l.pin != nil && l.pin.Fingerprint == f && (p == "" || l.pin.Purpose == p)
	})
	return before - len(ps.lines)
}

// All returns every pin, in order.
func (ps *Pins) All() []Pin { return ps.For("") }

// For returns the pins of a purpose, in order.
func (ps *Pins) For(p Purpose) []Pin {
	if ps == nil {
		return nil
	}
	var out []Pin
	for _, l := range ps.lines {
		if l.pin != nil && (p == "" || l.pin.Purpose == p) {
			out = append(out, *l.pin)
		}
	}
	return out
}

// PinAll returns pins for all certificates of a keyring, for bulletins of
// every source. It is for key files that the operator names for one run: who
// names exactly the keys to check against has said whom to believe, as the
// pin file would, but for this run only. legacy is each pin's Legacy.
func PinAll(k *Keyring, legacy bool) *Pins {
	pins := &Pins{}
	for _, f := range k.Fingerprints() {
		// The fingerprints of a keyring are well-formed and differ.
		_ = pins.Add(Pin{Fingerprint: f, Purpose: PurposeBulletin, Legacy: legacy})
	}
	return pins
}
