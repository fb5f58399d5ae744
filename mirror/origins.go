package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// OriginVerifier says whose signatures of one bundle count: those by
// certificates that are pinned as origins, and by those to which rotations lead
// from them; each once, and none whose place another has taken. It is handed to
// bundle.Open for one bundle; once that is open it may be used concurrently.
type OriginVerifier struct {
	Trust     trusted.Checker
	Threshold int // how many certificates must have signed; 0 is 1
	// Known are the rotations that were accepted here before.
	Known []verify.Rotation

	carried  []verify.Rotation // of the bundle
	brought  []verify.Rotation // of these, what is not in Known
	followed trusted.Checker   // with both; nil until Rotate
}

// Verify implements bundle.Verifier. Every refusal is a *bundle.Error.
func (v *OriginVerifier) Verify(doc, sig []byte) ([]string, error) {
	trust, err := v.origins()
	if err != nil {
		return nil, err
	}
	signed, err := trust.CheckDetached(doc, sig, verify.PurposeOrigin)
	if distrust, ok := errors.AsType[*verify.TrustError](err); ok {
		return nil, &bundle.Error{Code: bundle.Code(distrust.Code), Reason: "is not signed by the keys that are trusted", Err: err}
	}
	if err != nil {
		return nil, err
	}
	var signers []string
	var ended *layout.Rotation
	for _, s := range signed.Signers {
		if s.Ended != nil {
			ended = s.Ended
			continue
		}
		signers = append(signers, s.Fingerprint.String())
	}
	if len(signers) == 0 {
		return nil, &bundle.Error{Code: CodeKey,
			Reason: fmt.Sprintf("is signed by %s, which is out of force here since rotation %d put %s in its place; a bundle that was made before is not taken after it", ended.Old, ended.Number, ended.New)}
	}
	if want := max(v.Threshold, 1); len(signers) < want {
		return nil, &bundle.Error{Code: CodeThreshold,
			Reason: fmt.Sprintf("is signed by %d of the %d certificates that must sign", len(signers), want)}
	}
	slices.Sort(signers)
	return signers, nil
}

// Rotate implements bundle.RotationVerifier. Every refusal is a *bundle.Error.
func (v *OriginVerifier) Rotate(r *bundle.Rotation, doc, sig []byte) error {
	one := verify.Rotation{Document: doc, Signature: sig}
	v.carried = append(v.carried, one)
	if slices.ContainsFunc(v.Known, func(k verify.Rotation) bool { return bytes.Equal(k.Document, doc) }) {
		return nil
	}
	v.brought = append(v.brought, one)
	followed, err := v.Trust.Follow(slices.Concat(v.Known, v.brought))
	if err != nil {
		return refusedRotation(r.Number, err)
	}
	v.followed = followed
	return nil
}

func (v *OriginVerifier) origins() (trusted.Checker, error) {
	if v.followed != nil {
		return v.followed, nil
	}
	if len(v.Known) == 0 {
		return v.Trust, nil
	}
	followed, err := v.Trust.Follow(v.Known)
	if err != nil {
		return nil, refusedRotation(0, err)
	}
	return followed, nil
}

// refusedRotation words what keeps a rotation from being followed.
func refusedRotation(number int, err error) error {
	distrust, ok := errors.AsType[*verify.TrustError](err)
	if !ok {
		return err
	}
	refusal := &bundle.Error{Code: bundle.Code(distrust.Code), Reason: "cannot be followed from the keys that are trusted", Err: err}
	if number > 0 {
		refusal.Where = bundle.RotationPath(number)
	}
	return refusal
}

// RotationReport is one change of an origin's key.
type RotationReport struct {
	Number  int         `json:"number"`
	Origin  string      `json:"origin"` // UUID
	Old     string      `json:"old"`    // fingerprint of the key that ended
	New     string      `json:"new"`    // of the one that took its place
	Created layout.Time `json:"created"`
}

func reportRotation(r *layout.Rotation) RotationReport {
	return RotationReport{Number: r.Number, Origin: r.Origin, Old: r.Old, New: r.New, Created: r.Created}
}

// Rotations returns the changes of keys that are in force: those of the newest
// state that lead from a pin.
func Rotations(ctx context.Context, r *trusted.Reader) ([]RotationReport, error) {
	if _, err := r.Newest(ctx); err != nil {
		return nil, err
	}
	origins, err := r.Origins(ctx)
	if err != nil {
		return nil, err
	}
	all := []RotationReport{}
	for _, one := range origins.Followed() {
		all = append(all, reportRotation(&one))
	}
	return all, nil
}

// provenSigner signs with the origin's key, and gives nothing away that would
// be refused here.
type provenSigner struct {
	origin bundle.Signer
	trust  trusted.Checker
}

// proven returns the origin's key as a signer.
func (m *Mirror) proven(ctx context.Context) (*provenSigner, error) {
	origins, err := m.Trusted.Origins(ctx)
	return &provenSigner{origin: m.Origin, trust: origins}, err
}

// Sign implements bundle.Signer.
func (s *provenSigner) Sign(doc []byte, at time.Time) ([]byte, error) {
	sig, err := s.origin.Sign(doc, at)
	if err != nil {
		return nil, err
	}
	signed, err := s.trust.CheckDetached(doc, sig, verify.PurposeOrigin)
	if err == nil && signed.Ended != nil {
		err = &verify.TrustError{
			Code: verify.CodeKey, Fingerprint: signed.Fingerprint,
			Reason: fmt.Sprintf("the signing key %s is out of force since rotation %d put %s in its place", signed.Fingerprint, signed.Ended.Number, signed.Ended.New),
			Next:   "patchferry key rotate ends a change of keys that was interrupted",
		}
	}
	return sig, err
}
