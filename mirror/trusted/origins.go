package trusted

import (
	"context"
	"fmt"
	"slices"

	"patchferry/layout"
	"patchferry/verify"
)

// maxRotationSignature is the largest object of signatures of a rotation in
// bytes.
const maxRotationSignature = 64 << 10

// origins is what signatures of origins are held to while a state with these
// rotations is the newest.
type origins struct {
	rotations []layout.SignedRef
	trust     Checker
}

// Origins returns what signatures of origins are held to: the pins, and the
// keys to which the rotations of the newest state that was read here lead from
// them. A state's rotations are statements that are followed, and never
// believed by themselves; one that is not what it should be is a
// *verify.TrustError.
func (r *Reader) Origins(ctx context.Context) (Checker, error) {
	var rotations []layout.SignedRef
	if s := r.newest.Load(); s != nil {
		rotations = s.Rotations
	}
	if len(rotations) == 0 {
		return r.Trust, nil
	}
	if known := r.origins.Load(); known != nil && slices.Equal(known.rotations, rotations) {
		return known.trust, nil
	}
	signed, err := r.rotations(ctx, rotations)
	if err != nil {
		return nil, err
	}
	trust, err := r.Trust.Follow(signed)
	if err != nil {
		return nil, fmt.Errorf("follow the rotations of the newest state: %w", err)
	}
	r.origins.Store(&origins{rotations, trust})
	return trust, nil
}

// Rotations reads the rotations that a state names, in their order: byte for
// byte as they were signed, and followed by nobody. state may be nil.
func (r *Reader) Rotations(ctx context.Context, state *State) ([]verify.Rotation, error) {
	if state == nil {
		return nil, nil
	}
	return r.rotations(ctx, state.Rotations)
}

func (r *Reader) rotations(ctx context.Context, refs []layout.SignedRef) ([]verify.Rotation, error) {
	all := make([]verify.Rotation, 0, len(refs))
	for i, ref := range refs {
		doc, err := r.document(ctx, ref.Document, layout.MaxRotation)
		if err != nil {
			return nil, fmt.Errorf("rotation %d of the newest state: %w", i+1, err)
		}
		sig, err := r.document(ctx, ref.Signature, maxRotationSignature)
		if err != nil {
			return nil, fmt.Errorf("signatures of rotation %d of the newest state: %w", i+1, err)
		}
		all = append(all, verify.Rotation{Document: doc, Signature: sig})
	}
	return all, nil
}

// saw notes the newest state whose place in the log was checked.
func (r *Reader) saw(state *State) {
	for {
		newest := r.newest.Load()
		if newest != nil && newest.Number >= state.Number || r.newest.CompareAndSwap(newest, state) {
			return
		}
	}
}
