package verify

import (
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
)

// CertificateInfo is what a certificate says of itself, for people.
type CertificateInfo struct {
	Fingerprint Fingerprint
	Names       []string // user ids, as its owner wrote them
	Algorithm   string   // "RSA", "DSA", "EdDSA"
	Bits        int      // 0 where the algorithm says it
	Created     layout.Time
	Expires     layout.Time // zero: never
	Revoked     bool
	MD5         string // of a version 3 key: its MD5 fingerprint, which can be forged
}

// Certificates describes every certificate, in the order of the file.
func (k *Keyring) Certificates() []CertificateInfo {
	if k == nil {
		return nil
	}
	var all []CertificateInfo
	for _, c := range k.certificates {
		key := c.signing()[0]
		info := CertificateInfo{
			Fingerprint: c.fingerprint, Names: k.Names(c.fingerprint),
			Algorithm: nameOfAlgorithm(key.PublicKey.PubKeyAlgo),
			Created:   layout.At(key.CreationTime), Revoked: key.revoked,
		}
		if !key.expires.IsZero() {
			info.Expires = layout.At(key.expires)
		}
		if bits, err := key.BitLength(); err == nil {
			info.Bits = int(bits)
		}
		all = append(all, info)
	}
	return all
}

func nameOfAlgorithm(a packet.PublicKeyAlgorithm) string {
	switch a {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		return "RSA"
	case packet.PubKeyAlgoDSA:
		return "DSA"
	case packet.PubKeyAlgoECDSA:
		return "ECDSA"
	}
	return "EdDSA"
}
