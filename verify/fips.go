package verify

import (
	"crypto"
	"crypto/fips140"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// unrestricted runs f with the algorithms that GODEBUG=fips140=only forbids
// and that panic there. It is for what decides nothing in favour of a document:
// the SHA-1 within fingerprints of version 4, which the format prescribes and
// pins are compared with; statements of owners about their keys, whose digest
// the policy looks at afterwards; revocations, which count however weak they
// are.
func unrestricted(f func()) { fips140.WithoutEnforcement(f) }

// forbidden reports whether a signature of that kind may not be checked in a
// process that is restricted to FIPS 140 by GODEBUG=fips140=only.
func forbidden(h crypto.Hash, key *packet.PublicKey) bool {
	if !fips140.Enforced() {
		return false
	}
	if hashName(h) == "" && h != crypto.SHA224 {
		return true
	}
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		bits, err := key.BitLength()
		return err != nil || bits < 2048
	case packet.PubKeyAlgoEd25519:
		return false
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoECDSA:
		curve, err := key.Curve()
		return err != nil || !approvedCurve(curve)
	}
	return true
}

func approvedCurve(c packet.Curve) bool {
	switch c {
	case packet.Curve25519, packet.CurveNistP256, packet.CurveNistP384, packet.CurveNistP521:
		return true
	}
	return false
}
