package verify

import "patchferry/layout"

// CertificateInfo is what a certificate says of itself, for people who compare
// it with a second source. None of it is a reason to believe it but the
// fingerprint.
type CertificateInfo struct {
	Fingerprint Fingerprint // the one to pin
	Version     int         // of the key: 3, 4 or 6
	Names       []string    // user ids as the owner wrote them: hostile text, unchecked
	Algorithm   string      // of the primary key: "RSA", "DSA", "EdDSA", "ECDSA"
	Bits        int
	Created     layout.Time
	Expires     layout.Time // by its newest self-signature; zero: never
	Revoked     bool
	RevokedAt   layout.Time // zero: not revoked
	Compromised bool        // revoked as compromised, or without a reason; else superseded or retired
	MD5         string      // of a version 3 key, as programs of its time print it; else empty; it can be forged
	Signing     []KeyInfo   // the keys that may sign documents: the primary, subkeys; not those to encrypt to
}

// KeyInfo is one key of a certificate that may sign.
type KeyInfo struct {
	Fingerprint Fingerprint
	Algorithm   string
	Bits        int
	Created     layout.Time
	Expires     layout.Time // of key or certificate, whichever is first; zero: never
	Revoked     layout.Time // of key or certificate, whichever is first; zero: not revoked
}

// Certificates describes the certificates, in the order of the file.
func (k *Keyring) Certificates() []CertificateInfo {
	if k == nil {
		return nil
	}
	out := make([]CertificateInfo, len(k.certificates))
	for i, c := range k.certificates {
		out[i] = c.info()
	}
	return out
}

func (c *certificate) info() CertificateInfo {
	all := c.standings()
	primary := all[0]
	info := CertificateInfo{
		Fingerprint: c.fingerprint,
		Version:     int(c.body[0]),
		Algorithm:   algorithmName(primary.key.PubKeyAlgo),
		Bits:        keyBits(primary.key),
		Created:     layout.At(primary.key.CreationTime),
		Expires:     layout.At(primary.certExpires),
		RevokedAt:   layout.At(earlier(primary.hard, primary.soft)),
		Compromised: !primary.hard.IsZero(),
	}
	info.Revoked = !info.RevokedAt.IsZero()
	if c.old != nil {
		info.MD5 = string(c.old.md5)
	}
	for _, u := range c.users {
		info.Names = append(info.Names, u.name)
	}
	for _, st := range all {
		if st.refusal != "" {
			continue
		}
		info.Signing = append(info.Signing, KeyInfo{
			Fingerprint: st.fingerprint,
			Algorithm:   algorithmName(st.key.PubKeyAlgo),
			Bits:        keyBits(st.key),
			Created:     layout.At(st.key.CreationTime),
			Expires:     layout.At(earlier(st.expires, st.certExpires)),
			Revoked:     layout.At(earlier(st.hard, st.soft)),
		})
	}
	return info
}
