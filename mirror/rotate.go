package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// RotateReport says what a change of the origin's key did, or would do.
type RotateReport struct {
	RotationReport
	DryRun bool   `json:"dry_run"`
	State  uint64 `json:"state,omitempty"` // that records it; none in a dry run
}

// Rotate puts the key fresh in the place of the origin's key old: a statement,
// signed by both, that is recorded in a state and goes with every transfer
// bundle from then on. Far sides follow it from the key that they pinned. From
// that state on this store takes nothing that old signs.
//
// It refuses while an export is begun and not finished, since its header is
// bound to the old key, and to bring back a key that was replaced. dryRun does
// everything but to write. A senseless change is an *ExportError.
func (m *Mirror) Rotate(ctx context.Context, old, fresh *verify.SecretKey, dryRun bool) (*RotateReport, error) {
	if dryRun {
		state, err := m.Trusted.Newest(ctx)
		if err != nil {
			return nil, err
		}
		return m.rotate(ctx, state, old, fresh, true)
	}
	unlock, err := m.lock("key rotate")
	if err != nil {
		return nil, err
	}
	defer unlock()
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	return m.rotate(ctx, base.state, old, fresh, false)
}

func (m *Mirror) rotate(ctx context.Context, state *trusted.State, old, fresh *verify.SecretKey, dryRun bool) (*RotateReport, error) {
	before, err := m.Trusted.Rotations(ctx, state)
	if err != nil {
		return nil, err
	}
	r, err := m.nextRotation(state, old, fresh, len(before))
	if err != nil {
		return nil, err
	}
	signed, err := bundle.SignRotation(*r, old, fresh, r.Created.Time())
	if err != nil {
		return nil, err
	}
	next := verify.Rotation{Document: signed.Document, Signature: signed.Signature}
	// What would be refused here must never get into the log.
	trust, err := m.Trusted.Trust.Follow(append(slices.Clone(before), next))
	if err != nil {
		return nil, fmt.Errorf("nothing is published, because it would be refused here: %w", err)
	}
	if all := trust.Followed(); len(all) == 0 || all[len(all)-1] != parsed(next) {
		return nil, noExport("patchferry key list", "the key %s that is to be replaced is not pinned for %s here", old.Fingerprint(), verify.PurposeOrigin)
	}
	report := &RotateReport{RotationReport: reportRotation(r), DryRun: dryRun}
	if dryRun {
		return report, nil
	}
	report.State, err = m.publishRotation(ctx, state, r, next)
	return report, err
}

func parsed(r verify.Rotation) layout.Rotation {
	one, err := layout.ParseRotation(r.Document)
	if err != nil {
		return layout.Rotation{}
	}
	return *one
}

// nextRotation words the change, or says why it makes no sense.
func (m *Mirror) nextRotation(state *trusted.State, old, fresh *verify.SecretKey, before int) (*layout.Rotation, error) {
	r := &layout.Rotation{Number: before + 1, Old: old.Fingerprint().String(), New: fresh.Fingerprint().String(), Created: layout.At(m.now())}
	if r.Old == r.New {
		return nil, noExport("", "%s is the origin's key already", r.New)
	}
	if before == bundle.MaxRotations {
		return nil, noExport("set up the near side anew: patchferry init near --dir DIR",
			"the key was changed %d times already, and no bundle carries more", before)
	}
	if state != nil {
		for name, out := range state.Outbound {
			if begun, ok := begunExport(&out); ok {
				return nil, noExport("patchferry export --to DIR completes it, --abandon gives it up",
					"seq %d of stream %s was begun and is not finished: its header is to be signed by the key that it was begun with", begun.Seq, name)
			}
		}
		r.Origin = state.Origin
		if r.Created.Time().Before(state.At.Time()) {
			r.Created = state.At // nothing that the old key signed may be later
		}
	}
	if r.Origin == "" {
		r.Origin = newUUID()
	}
	var certificate bytes.Buffer
	if err := fresh.WritePublic(&certificate); err != nil {
		return nil, err
	}
	r.Key = certificate.String()
	return r, nil
}

// publishRotation records a rotation in a state.
func (m *Mirror) publishRotation(ctx context.Context, base *trusted.State, r *layout.Rotation, signed verify.Rotation) (uint64, error) {
	refs, err := m.putRotations(ctx, []verify.Rotation{signed})
	if err != nil {
		return 0, err
	}
	var was layout.State
	if base != nil {
		was = base.State
	}
	state, err := m.Writer.Publish(ctx, base, func(s *layout.State) error {
		changed := !slices.Equal(s.Rotations, was.Rotations) || s.Origin != was.Origin
		for name, out := range s.Outbound {
			changed = changed || !sameLedger(out, was.Outbound[name])
		}
		if err := unpruned(base, s); err != nil {
			return err
		}
		if changed {
			return errors.New("exports or keys were begun meanwhile; run patchferry key rotate again")
		}
		s.Origin = r.Origin
		s.Rotations = append(slices.Clone(s.Rotations), refs...)
		s.Why = fmt.Sprintf("rotate the origin's key, number %d: %s in the place of %s", r.Number, r.New, r.Old)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("publish the rotation: %w", err)
	}
	return state.Number, nil
}
