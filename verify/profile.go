package verify

import (
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
)

// profile says what is good enough. Each kind of document has its own; which
// one applies follows from the purpose, never from the document.
type profile struct {
	rsaBits uint16        // the shortest RSA key
	skew    time.Duration // how far a signer's clock may be ahead of ours
}

// bundleProfile is for our own documents. The key must be valid now as well
// as when it signed.
func bundleProfile() profile { return profile{rsaBits: 3072, skew: 24 * time.Hour} }

// algorithm names a key's algorithm, or says why the profile refuses it.
func (p profile) algorithm(key *packet.PublicKey) (name, refusal string) {
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		bits, err := key.BitLength()
		if err != nil || bits < p.rsaBits {
			return "", fmt.Sprintf("an RSA key of %d bits is too short, %d are needed", bits, p.rsaBits)
		}
		return fmt.Sprintf("rsa%d", bits), ""
	case packet.PubKeyAlgoEd25519:
		return "ed25519", ""
	case packet.PubKeyAlgoEdDSA:
		if curve, err := key.Curve(); err == nil && curve == packet.Curve25519 {
			return "ed25519", ""
		}
	}
	return "", fmt.Sprintf("keys of algorithm %d are not accepted here, only Ed25519 and RSA", key.PubKeyAlgo)
}

// judgeKey says whether the key may vouch for what it signed at that time.
func (p profile) judgeKey(key signingKey, at, now time.Time) *TrustError {
	refuse := func(code Code, next, format string, args ...any) *TrustError {
		return &TrustError{Code: code, Fingerprint: key.of.fingerprint, Reason: fmt.Sprintf(format, args...), Next: next}
	}
	const renew = "ask its owner for the newest version of the certificate"
	if _, refusal := p.algorithm(key.PublicKey); refusal != "" {
		return refuse(CodeWeak, "sign with a stronger key", "%s", refusal)
	}
	switch {
	case key.refusal != "":
		return refuse(CodeKey, renew, "%s", key.refusal)
	case key.weak:
		return refuse(CodeWeak, renew, "the key is bound by a signature over SHA-1 or worse")
	case key.revoked:
		return refuse(CodeKey, "", "the key %s is revoked", key.of.fingerprint)
	case at.Before(key.CreationTime):
		return refuse(CodeKey, "", "the signature is dated %s, before its key was made", layout.At(at))
	case !key.expires.IsZero() && !at.Before(key.expires):
		return refuse(CodeKey, renew, "signed on %s, after the key expired on %s", layout.At(at), layout.At(key.expires))
	case !key.expires.IsZero() && !now.Before(key.expires):
		return refuse(CodeKey, renew, "the key %s expired on %s", key.of.fingerprint, layout.At(key.expires))
	}
	return nil
}

// judgeTime says whether the signature's own dates are in order.
func (p profile) judgeTime(s signature, now time.Time) *TrustError {
	if s.CreationTime.IsZero() {
		return &TrustError{Code: CodeSignature, Reason: "the signature has no date"}
	}
	if s.CreationTime.After(now.Add(p.skew)) {
		return &TrustError{
			Code:   CodeSignature,
			Reason: fmt.Sprintf("signed on %s, in the future; it is %s here", layout.At(s.CreationTime), layout.At(now)),
			Next:   "check the clocks of both machines",
		}
	}
	if end := s.expires(); !end.IsZero() && !now.Before(end) {
		return &TrustError{Code: CodeSignature, Reason: fmt.Sprintf("the signature expired on %s", layout.At(end))}
	}
	return nil
}
