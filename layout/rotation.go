package layout

import (
	"errors"
	"fmt"
)

// FormatRotation is the value of the member "format" of a Rotation.
const FormatRotation = "patchferry-rotation"

// MaxRotation is the largest rotation in bytes.
const MaxRotation = 16 << 10

// Rotation says that one key of an origin takes the place of another: a JSON
// document, signed by both (docs/bundle-format.md). It is a statement to be
// followed from a key that is trusted, and trusts nothing by itself.
type Rotation struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Number  int    `json:"number"`        // 1, 2, 3 … of an origin
	Origin  string `json:"origin"`        // UUID
	Old     string `json:"old"`           // full fingerprint of the key that ends
	New     string `json:"new"`           // of the one that begins
	Key     string `json:"key,omitempty"` // the new certificate, armored
	Created Time   `json:"created,omitzero"`
}

// ParseRotation reads a rotation as strictly as ParseState reads a state. What
// it says of keys is not looked at.
func ParseRotation(b []byte) (*Rotation, error) {
	if len(b) > MaxRotation {
		return nil, fmt.Errorf("parse rotation: %d bytes, more than %d", len(b), MaxRotation)
	}
	r := new(Rotation)
	if err := decodeDocument("rotation", b, r); err != nil {
		return nil, err
	}
	if err := checkHead("rotation", r.Format, FormatRotation, r.Version); err != nil {
		return nil, err
	}
	if r.Number < 1 || r.Old == "" || r.New == "" || r.Old == r.New {
		return nil, errors.New("rotation has no number, or does not lead from one key to another")
	}
	return r, nil
}
