package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"patchferry/layout"
)

// Rotation is a statement by which one key of an origin takes the place of
// another (layout.Rotation), as it was signed.
type Rotation struct {
	Document  []byte
	Signature []byte // armored and detached, by the old key and by the new one
}

// Follow returns what t believes once rotations were followed, in their order,
// from the pins of t. Those of one origin count from 1 without a gap, and each
// begins with the key that the one before ended with; a list that begins again
// at 1 is that of a new epoch.
//
// From a rotation on the new key is believed as the old one is, for
// PurposeOrigin, and the old one only for what it signed up to the time of the
// rotation (Signer.Ended). A rotation whose old key is not believed here is
// passed over: it leads to a key that is pinned itself, or to none that counts.
//
// A rotation that is out of order, or not signed by both keys, or that begins
// with a key which another has replaced already, is a *TrustError.
func (t *Trust) Follow(all []Rotation) (*Trust, error) {
	next := *t
	next.turns = nil
	last := make(map[string]*layout.Rotation) // by origin
	for i := range all {
		r, err := layout.ParseRotation(all[i].Document)
		if err != nil {
			return nil, &TrustError{Code: CodeFormat, Subject: fmt.Sprintf("rotation %d", i+1), Reason: "it cannot be read", Err: err}
		}
		refusal := inOrder(last[r.Origin], r)
		if refusal == nil {
			refusal = next.turn(r, &all[i])
		}
		if refusal != nil {
			refusal.Subject = fmt.Sprintf("rotation %d", r.Number)
			return nil, refusal
		}
		last[r.Origin] = r
	}
	return &next, nil
}

// Followed returns the rotations that lead from a pin, in their order: those
// passed over are not among them.
func (t *Trust) Followed() []layout.Rotation {
	var all []layout.Rotation
	for _, r := range t.turns {
		all = append(all, *r)
	}
	return all
}

// OriginPin returns why a certificate is believed for PurposeOrigin: the pin of
// the operator, or else the one that a rotation stands for.
func (t *Trust) OriginPin(f Fingerprint) (Pin, bool) {
	for _, p := range t.Pins.For(PurposeOrigin) {
		if p.Fingerprint == f {
			return p, true
		}
	}
	if r := t.brought(f); r != nil {
		return succeeds(r), true
	}
	return Pin{}, false
}

// inOrder makes sure that a rotation follows the one before it.
func inOrder(before, r *layout.Rotation) *TrustError {
	switch {
	case r.Number == 1:
		return nil
	case before == nil:
		return &TrustError{Code: CodeKey, Reason: "the ones before it are missing"}
	case r.Number != before.Number+1:
		return &TrustError{Code: CodeKey, Reason: fmt.Sprintf("it follows rotation %d; there is a gap", before.Number)}
	case r.Old != before.New:
		return &TrustError{Code: CodeKey, Fingerprint: Fingerprint(r.Old),
			Reason: fmt.Sprintf("it replaces %s, but rotation %d has put %s in force", r.Old, before.Number, before.New)}
	}
	return nil
}

// turn takes one rotation in.
func (t *Trust) turn(r *layout.Rotation, signed *Rotation) *TrustError {
	old, fresh := Fingerprint(r.Old), Fingerprint(r.New)
	if !t.isOrigin(old) {
		return nil
	}
	for _, f := range [...]Fingerprint{old, fresh} {
		if ended := t.ended(f); ended != nil {
			return &TrustError{Code: CodeKey, Fingerprint: f,
				Reason: fmt.Sprintf("it names %s, which is out of force since rotation %d put %s in its place", f, ended.Number, ended.New)}
		}
	}
	ring, refusal := t.successor(r)
	if refusal != nil {
		return refusal
	}
	if refusal := t.signedBy(old, signed); refusal != nil {
		return refusal
	}
	pins := &Pins{}
	if err := pins.Add(Pin{Fingerprint: fresh, Purpose: PurposeOrigin}); err != nil {
		return &TrustError{Code: CodeFormat, Reason: "it leads to what is no key", Err: err}
	}
	if refusal := (&Trust{Keys: ring, Pins: pins, Clock: t.Clock}).signedBy(fresh, signed); refusal != nil {
		return refusal
	}
	t.Keys = ring
	t.turns = append(slices.Clip(t.turns), r)
	return nil
}

// successor returns the keys of t with the new certificate.
func (t *Trust) successor(r *layout.Rotation) (*Keyring, *TrustError) {
	if r.Key == "" {
		return t.Keys, nil
	}
	ring, err := ReadKeyring(strings.NewReader(r.Key))
	if err != nil {
		return nil, &TrustError{Code: CodeFormat, Reason: "its certificate cannot be read", Err: err}
	}
	if got := ring.Fingerprints(); len(got) != 1 || got[0] != Fingerprint(r.New) {
		return nil, &TrustError{Code: CodeKey, Reason: fmt.Sprintf("it brings other certificates than %s", r.New)}
	}
	return MergeKeyrings(t.Keys, ring), nil
}

// signedBy makes sure that a certificate has signed a rotation.
func (t *Trust) signedBy(f Fingerprint, r *Rotation) *TrustError {
	refusal := &TrustError{Code: CodeKey, Fingerprint: f, Reason: fmt.Sprintf("it is not signed by %s, as it must be by the old key and by the new one", f)}
	signed, err := t.CheckDetached(r.Document, r.Signature, PurposeOrigin)
	if err == nil {
		if slices.ContainsFunc(signed.Signers, func(s Signer) bool { return s.Fingerprint == f }) {
			return nil
		}
		for _, ignored := range signed.Ignored {
			if ignored.Fingerprint == f {
				return ignored
			}
		}
		return refusal
	}
	if bad, ok := err.(*TrustError); ok && bad.Fingerprint == f {
		return bad
	}
	refusal.Err = err
	return refusal
}

// isOrigin reports whether a certificate is believed for origins: pinned, or
// brought by a rotation.
func (t *Trust) isOrigin(f Fingerprint) bool {
	_, ok := t.OriginPin(f)
	return ok
}

// brought returns the rotation that put a certificate in force, or nil.
func (t *Trust) brought(f Fingerprint) *layout.Rotation {
	for _, r := range t.turns {
		if Fingerprint(r.New) == f {
			return r
		}
	}
	return nil
}

// ended returns the rotation that put another certificate in the place of f,
// or nil.
func (t *Trust) ended(f Fingerprint) *layout.Rotation {
	for _, r := range t.turns {
		if Fingerprint(r.Old) == f {
			return r
		}
	}
	return nil
}

// succeeds returns the pin that a rotation stands for.
func succeeds(r *layout.Rotation) Pin {
	return Pin{
		Fingerprint: Fingerprint(r.New), Purpose: PurposeOrigin, AddedAt: r.Created,
		Note: fmt.Sprintf("rotation %d put it in the place of %s", r.Number, r.Old),
	}
}

// judgeEnd refuses what a certificate signed, as far as it says itself, after
// another had taken its place.
func judgeEnd(f Fingerprint, ended *layout.Rotation, at time.Time) *TrustError {
	if ended == nil || !at.After(ended.Created.Time()) {
		return nil
	}
	return &TrustError{
		Code: CodeKey, Fingerprint: f,
		Reason: fmt.Sprintf("signed on %s by %s, which is out of force since rotation %d put %s in its place on %s",
			layout.At(at), f, ended.Number, ended.New, ended.Created),
		Next: "what is signed by the new key counts; on the near side patchferry key rotate ends a change of keys that was interrupted",
	}
}
