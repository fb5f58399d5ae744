package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"patchferry/layout"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// HeaderProof is the header of a transfer bundle, by which a generation came over
// a gap.
type HeaderProof struct {
	Document  []byte         // HEADER.json
	Signature []byte         // HEADER.json.asc
	Signed    *verify.Signed // by the origin
}

// header reads the header of the bundle that a state accepted last of a stream.
// Headers are kept for the newest bundles alone.
func (p *Prover) header(ctx context.Context, state *trusted.State, stream string) (*HeaderProof, error) {
	s, follows := state.Streams[stream]
	if !follows || len(s.Bundles) == 0 {
		return nil, nil
	}
	h := &HeaderProof{}
	subject := fmt.Sprintf("header of %s %d.%d", s.Name, s.Epoch, s.Seq)
	for _, part := range []struct {
		ref  layout.ObjectRef
		into *[]byte
	}{{s.Bundles[0].Header.Document, &h.Document}, {s.Bundles[0].Header.Signature, &h.Signature}} {
		var err error
		*part.into, err = p.Reader.Document(ctx, part.ref)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", subject, err)
		}
	}
	if layout.DigestOf(h.Document) != s.Header {
		return nil, &verify.TrustError{Code: verify.CodeDigest, Subject: subject, Reason: "the state names another as the newest that was accepted", Next: "patchferry audit"}
	}
	var err error
	if h.Signed, err = p.origins.CheckDetached(h.Document, h.Signature, verify.PurposeOrigin); err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	return h, nil
}
