package bundle

import (
	"bytes"
	"errors"
	"fmt"

	"patchferry/layout"
)

// Rotation names the key that takes the place of another:
// keys/rotate-<number>.json, signed by both.
type Rotation = layout.Rotation

// RotationVerifier is a Verifier that follows rotations. Open hands it those of
// a bundle in their order, before anything else is verified; it decides whether
// the old key, which it trusts, and the new one signed exactly doc, and from
// then on the new key counts. An error refuses the bundle.
type RotationVerifier interface {
	Verifier
	Rotate(r *Rotation, doc, sig []byte) error
}

// ParseRotation reads rotation number n: bytes that its signatures stand over,
// verified or about to be. It demands the format, the version, that number, and
// two different fingerprints. Every error is an *Error.
func ParseRotation(doc []byte, n int) (*Rotation, error) {
	where := RotationPath(n)
	if len(doc) > MaxRotation {
		return nil, &Error{Code: CodeLimit, Where: where, Reason: fmt.Sprintf("has %d bytes, more than %d", len(doc), MaxRotation)}
	}
	r := new(Rotation)
	if err := decodeStrict(doc, r); err != nil {
		return nil, &Error{Code: CodeFormat, Where: where, Reason: "is not a rotation", Err: err}
	}
	code, reason := CodeFormat, ""
	switch {
	case r.Format != FormatRotation:
		reason = fmt.Sprintf("has the format %q, want %q", clip(r.Format), FormatRotation)
	case r.Version != Version:
		code, reason = CodeVersion, fmt.Sprintf("has version %d, want %d", r.Version, Version)
	case r.Number != n:
		reason = fmt.Sprintf("is number %d", r.Number)
	case !isFingerprint(r.Old) || !isFingerprint(r.New) || r.Old == r.New:
		reason = fmt.Sprintf("goes from %q to %q, which are not two fingerprints", clip(r.Old), clip(r.New))
	case !isUUID(r.Origin):
		reason = fmt.Sprintf("origin %q is not a UUID", clip(r.Origin))
	default:
		return r, nil
	}
	return nil, &Error{Code: code, Where: where, Reason: reason}
}

// isFingerprint reports whether s is a full fingerprint of a certificate of
// version 4 or 6 in upper-case hexadecimal digits.
func isFingerprint(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}

// rotation is one rotation as it stands on the medium.
type rotation struct {
	doc, sig []byte
	parsed   *Rotation
}

// readRotations reads the rotations of a volume from the first to the last
// without a gap.
func (v *volume) readRotations() ([]rotation, error) {
	var all []rotation
	for n := 1; ; n++ {
		name := RotationPath(n)
		doc, err := v.read(name, MaxRotation)
		if missing(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if n > MaxRotations {
			return nil, v.refuse(CodeLimit, name, fmt.Sprintf("is one rotation more than %d", MaxRotations), nil)
		}
		sig, err := v.read(name+signatureEnding, MaxSignature)
		if missing(err) {
			return nil, v.refuse(CodeSignature, name, "is not signed: "+name+signatureEnding+" is missing", nil)
		}
		if err != nil {
			return nil, err
		}
		parsed, err := ParseRotation(doc, n)
		if err != nil {
			return nil, err
		}
		all = append(all, rotation{doc, sig, parsed})
	}
}

// missing reports whether err says that a file is not there.
func missing(err error) bool {
	ours := (*Error)(nil)
	return errors.As(err, &ours) && ours.Code == CodeIncomplete
}

// walk hands the rotations of the bundle to the verifier, one by one.
func (b *Bundle) walk(v RotationVerifier) error {
	for i, r := range b.rotations {
		if err := v.Rotate(r.parsed, r.doc, r.sig); err != nil {
			return unsigned(RotationPath(i+1), "is not signed by the key that is trusted and by the one that follows it", err)
		}
	}
	return nil
}

// checkRotations makes sure that a volume has exactly the rotations that were
// walked, and none after a gap: the census has found its files to be those of its list.
func (b *Bundle) checkRotations(v *volume) error {
	more := RotationPath(len(b.rotations) + 1)
	for _, name := range [...]string{more, more + signatureEnding} {
		if v.line(name) != nil {
			return v.refuse(CodeDigest, name, "is not in another volume", nil)
		}
	}
	for n := len(b.rotations) + 2; n <= MaxRotations; n++ {
		if v.line(RotationPath(n)) != nil {
			return v.refuse(CodeKey, RotationPath(n), fmt.Sprintf("comes after a gap: rotation %d is missing", len(b.rotations)+1), nil)
		}
	}
	for i, r := range b.rotations {
		for name, doc := range map[string][]byte{RotationPath(i + 1): r.doc, RotationPath(i+1) + signatureEnding: r.sig} {
			got, err := v.read(name, MaxSignature)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, doc) {
				return v.refuse(CodeDigest, name, "differs from the one in another volume", nil)
			}
		}
	}
	return nil
}
