package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"patchferry/layout"
	"patchferry/verify"
)

// remember reads the rotations that were accepted here before.
func (i *importing) remember(ctx context.Context) error {
	state, err := i.m.Trusted.Newest(ctx)
	if err == nil {
		i.known, err = i.m.Trusted.Rotations(ctx, state)
	}
	return err
}

// verifier holds the signatures of one reading of the bundle to the pins of
// this side, and to the rotations that were accepted here before.
func (i *importing) verifier() *OriginVerifier {
	i.origins = &OriginVerifier{Trust: i.m.Trusted.Trust, Threshold: i.opt.Threshold, Known: i.known}
	return i.origins
}

// rotations makes sure that the bundle carries every change of key that was
// accepted of its origin, and adds to them. A new epoch may begin a new list.
func (i *importing) rotations(newEpoch bool) error {
	accepted, err := lastChain(i.known, i.h.Origin)
	if err != nil {
		return err
	}
	carried := i.origins.carried
	for n, want := range accepted {
		if n < len(carried) && bytes.Equal(carried[n].Document, want.Document) {
			continue
		}
		if newEpoch && n == 0 {
			return nil
		}
		return refused(CodeKey, "ask the near side for its newest bundle: patchferry export --to DIR",
			"it carries %s, and not rotation %d of its origin's key as it was accepted here", number(len(carried), "rotation"), n+1)
	}
	return nil
}

// lastChain returns the rotations of an origin that count from 1 last.
func lastChain(all []verify.Rotation, origin string) ([]verify.Rotation, error) {
	var chain []verify.Rotation
	for _, one := range all {
		r, err := layout.ParseRotation(one.Document)
		if err != nil {
			return nil, err
		}
		if r.Origin != origin {
			continue
		}
		if r.Number == 1 {
			chain = nil
		}
		chain = append(chain, one)
	}
	return chain, nil
}

// putRotations puts what the bundle adds to the accepted rotations, byte for
// byte, and reports those that lead from a pin.
func (i *importing) putRotations(ctx context.Context) ([]layout.SignedRef, error) {
	if len(i.origins.brought) == 0 {
		return nil, nil
	}
	for _, r := range i.origins.followed.Followed() {
		isNew := func(one verify.Rotation) bool {
			parsed, err := layout.ParseRotation(one.Document)
			return err == nil && *parsed == r
		}
		if slices.ContainsFunc(i.origins.brought, isNew) {
			i.report.Rotations = append(i.report.Rotations, reportRotation(&r))
		}
	}
	return i.m.putRotations(ctx, i.origins.brought)
}

// putRotations puts rotations with their signatures.
func (m *Mirror) putRotations(ctx context.Context, all []verify.Rotation) ([]layout.SignedRef, error) {
	var refs []layout.SignedRef
	for _, one := range all {
		doc, err := m.Writer.PutDocument(ctx, one.Document)
		if err != nil {
			return nil, fmt.Errorf("put a rotation: %w", err)
		}
		sig, err := m.Writer.PutDocument(ctx, one.Signature)
		if err != nil {
			return nil, fmt.Errorf("put the signatures of a rotation: %w", err)
		}
		refs = append(refs, layout.SignedRef{Document: doc, Signature: sig})
	}
	return refs, nil
}

// accept adds rotations to a state that has those which were known when they
// were judged.
func (i *importing) accept(s *layout.State, brought []layout.SignedRef) error {
	var known []layout.SignedRef
	if i.state != nil {
		known = i.state.Rotations
	}
	if !slices.Equal(s.Rotations, known) || len(known) != len(i.known) {
		return errors.New("keys of origins were changed meanwhile; the same command again")
	}
	s.Rotations = append(slices.Clone(known), brought...)
	return nil
}
