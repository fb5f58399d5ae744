package mirror

import (
	"context"
	"slices"

	"patchferry/layout"
	"patchferry/verify"
)

// RotationProof is a change of the origin's key, as it was signed by the old
// key and by the new one.
type RotationProof struct {
	RotationReport
	Document  []byte
	Signature []byte
}

// readRotations follows the rotations of the newest state.
func (p *Prover) readRotations(ctx context.Context) (err error) {
	if p.turns, err = p.Reader.Rotations(ctx, p.newest); err != nil {
		return err
	}
	p.origins, err = p.Trust.Follow(p.turns)
	return err
}

// rotations gathers the changes of keys that lead from a pin to a key that
// signed a generation of the proof, or the header of its bundle.
func (p *Prover) rotations(proof *Proof) {
	proof.Keys = p.origins.Keys
	var signers []string
	for _, e := range [...]*Edition{proof.Newest, proof.First} {
		all := e.Signed.Signers
		if e.Header != nil {
			all = slices.Concat(all, e.Header.Signed.Signers)
		}
		for _, s := range all {
			signers = append(signers, s.Fingerprint.String())
		}
	}
	followed := p.origins.Followed()
	needed := 0
	for i, r := range followed {
		if slices.Contains(signers, r.New) {
			needed = i + 1
		}
	}
	for _, r := range followed[:needed] {
		at := slices.IndexFunc(p.turns, func(one verify.Rotation) bool {
			parsed, err := layout.ParseRotation(one.Document)
			return err == nil && *parsed == r
		})
		if at >= 0 {
			proof.Rotations = append(proof.Rotations, RotationProof{reportRotation(&r), p.turns[at].Document, p.turns[at].Signature})
		}
	}
}
