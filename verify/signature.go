package verify

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// maxSignatures is how many signatures one document may carry.
const maxSignatures = 64

// signature is one parsed signature packet that says all it says in one way.
type signature struct {
	*packet.Signature
}

// parseSignatures reads a block of signature packets. A packet that cannot be
// read stands as an error in its place, so that a new kind of signature beside
// a good one does no harm; a block that is no sequence of signatures is
// refused whole.
func parseSignatures(block []byte) ([]signature, []error, error) {
	packets, err := splitPackets(block)
	if err != nil {
		return nil, nil, err
	}
	if len(packets) == 0 {
		return nil, nil, errors.New("there is no signature")
	}
	if len(packets) > maxSignatures {
		return nil, nil, fmt.Errorf("more than %d signatures", maxSignatures)
	}
	sigs, errs := make([]signature, len(packets)), make([]error, len(packets))
	for i, p := range packets {
		if p.tag != tagSignature {
			return nil, nil, fmt.Errorf("packet %d is not a signature but has tag %d", i+1, p.tag)
		}
		sigs[i], errs[i] = parseSignature(p)
	}
	return sigs, errs, nil
}

func parseSignature(p rawPacket) (signature, error) {
	if len(p.body) > 0 && p.body[0] != 4 && p.body[0] != 6 {
		return signature{}, fmt.Errorf("signature version %d is not supported", p.body[0])
	}
	parsed, err := p.parse()
	if err != nil {
		return signature{}, err
	}
	sig, ok := parsed.(*packet.Signature)
	if !ok {
		return signature{}, errors.New("not a signature")
	}
	if err := checkForm(p.body); err != nil {
		return signature{}, err
	}
	for _, n := range sig.Notations {
		if n.IsCritical {
			return signature{}, fmt.Errorf("unknown critical notation %q", n.Name)
		}
	}
	return signature{sig}, nil
}

// checkForm walks over a version 4 or 6 signature packet (RFC 9580 section
// 5.2.3) and refuses the parts that nobody signs, except for the issuer,
// and every spare way of writing the rest.
func checkForm(body []byte) error {
	c := &cursor{b: body}
	version := c.number(1)
	lengthOctets := 2
	if version == 6 {
		lengthOctets = 4
	}
	c.take(1)
	algorithm := packet.PublicKeyAlgorithm(c.number(1))
	c.take(1)
	c.take(c.number(lengthOctets))
	unhashed := c.take(c.number(lengthOctets))
	c.take(2)
	if version == 6 {
		c.take(c.number(1))
	}
	switch algorithm {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		c.mpi()
	case packet.PubKeyAlgoEd25519:
		c.take(64)
	default:
		c.mpi()
		c.mpi()
	}
	if c.bad || len(c.b) > 0 {
		return errors.New("the signature packet is malformed")
	}
	return checkUnhashed(unhashed)
}

// checkUnhashed lets only the issuer stand in the part of a signature that is
// not signed; names compares it with the key.
func checkUnhashed(area []byte) error {
	const issuerKeyID, issuerFingerprint = 16, 33
	subpackets, err := packet.OpaqueSubpackets(area)
	if err != nil {
		return fmt.Errorf("unsigned part of the signature: %w", err)
	}
	for _, sub := range subpackets {
		if sub.SubType != issuerKeyID && sub.SubType != issuerFingerprint {
			return fmt.Errorf("the unsigned part of the signature has a subpacket of type %d", sub.SubType)
		}
	}
	return nil
}

// names reports whether the signature names the key as its issuer: by
// fingerprint where it has one, by key id else; where it has both, both must
// agree.
func (s signature) names(key *packet.PublicKey) bool {
	if s.IssuerKeyId == nil && len(s.IssuerFingerprint) == 0 {
		return false
	}
	if s.IssuerKeyId != nil && *s.IssuerKeyId != key.KeyId {
		return false
	}
	return len(s.IssuerFingerprint) == 0 || bytes.Equal(s.IssuerFingerprint, key.Fingerprint)
}

// issuer describes the issuer for an error about a key nobody has.
func (s signature) issuer() string {
	switch {
	case len(s.IssuerFingerprint) > 0:
		return string(fingerprintOf(s.IssuerFingerprint))
	case s.IssuerKeyId != nil:
		return fmt.Sprintf("key id %016X", *s.IssuerKeyId)
	}
	return "an issuer that it does not name"
}

// check does the arithmetic over hashed, which is the document as it was
// hashed.
func (s signature) check(key *packet.PublicKey, hashed []byte) error {
	h, err := s.PrepareVerify()
	if err != nil {
		return err
	}
	h.Write(hashed)
	if err := key.VerifySignature(h, s.Signature); err != nil {
		return err
	}
	// The library leaves the two leading octets of version 4 unchecked.
	if !bytes.HasPrefix(h.Sum(nil), s.HashTag[:]) {
		return errors.New("the leading octets of the digest differ")
	}
	return nil
}

// expires returns when the signature itself runs out, or the zero time.
func (s signature) expires() time.Time {
	if s.SigLifetimeSecs == nil || *s.SigLifetimeSecs == 0 {
		return time.Time{}
	}
	return s.CreationTime.Add(time.Duration(*s.SigLifetimeSecs) * time.Second)
}

// hashName returns the name, as in the Hash header, of a digest that resists
// collisions, or "" for all others.
func hashName(h crypto.Hash) string {
	switch h {
	case crypto.SHA256:
		return "SHA256"
	case crypto.SHA384:
		return "SHA384"
	case crypto.SHA512:
		return "SHA512"
	case crypto.SHA3_256:
		return "SHA3-256"
	case crypto.SHA3_512:
		return "SHA3-512"
	}
	return ""
}
