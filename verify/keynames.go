package verify

import (
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// algorithmName returns the name of a key's algorithm for people.
func algorithmName(a packet.PublicKeyAlgorithm) string {
	switch a {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly, packet.PubKeyAlgoRSAEncryptOnly:
		return "RSA"
	case packet.PubKeyAlgoDSA:
		return "DSA"
	case packet.PubKeyAlgoECDSA:
		return "ECDSA"
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		return "EdDSA"
	case packet.PubKeyAlgoElGamal:
		return "ElGamal"
	}
	return fmt.Sprintf("algorithm %d", a)
}

// keyBits returns the strength of a key as people name it: the length of the
// modulus, or of the curve's field.
func keyBits(key *packet.PublicKey) int {
	if curve, err := key.Curve(); err == nil {
		return curveBits(curve)
	}
	bits, err := key.BitLength()
	if err != nil {
		return 0
	}
	return int(bits)
}

func curveBits(c packet.Curve) int {
	switch c {
	case packet.Curve25519, packet.CurveNistP256, packet.CurveSecP256k1, packet.CurveBrainpoolP256:
		return 256
	case packet.CurveNistP384, packet.CurveBrainpoolP384:
		return 384
	case packet.Curve448:
		return 448
	case packet.CurveBrainpoolP512:
		return 512
	case packet.CurveNistP521:
		return 521
	}
	return 0
}
