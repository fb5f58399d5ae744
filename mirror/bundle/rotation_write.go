package bundle

import (
	"fmt"
	"time"
)

// SignRotation fills in format and version of a rotation, encodes it and has it
// signed by the key that ends and by the one that takes its place. What
// ParseRotation would refuse is an error.
func SignRotation(r Rotation, old, fresh Signer, at time.Time) (SignedDocument, error) {
	r.Format, r.Version = FormatRotation, Version
	doc, err := encodeJSON(r, "  ")
	if err != nil {
		return SignedDocument{}, fmt.Errorf("encode rotation %d: %w", r.Number, err)
	}
	if _, err := ParseRotation(doc, r.Number); err != nil {
		return SignedDocument{}, fmt.Errorf("encode rotation: %w", err)
	}
	var sigs [2][]byte
	for i, s := range [2]Signer{old, fresh} {
		if sigs[i], err = s.Sign(doc, at); err != nil {
			return SignedDocument{}, fmt.Errorf("sign rotation %d: %w", r.Number, err)
		}
	}
	both, err := joinSignatures(sigs[:]...)
	if err != nil {
		return SignedDocument{}, fmt.Errorf("sign rotation %d: %w", r.Number, err)
	}
	return SignedDocument{Document: doc, Signature: both}, nil
}
