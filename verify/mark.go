package verify

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// errUnsupported is matched by the errors about signatures of a kind that this
// program cannot check; all others are about signatures that nobody can.
var errUnsupported = errors.New("not supported")

// mark is one signature packet as others make them, of the versions 2, 3, 4
// and 6, over any digest of RFC 4880. Trust knows no marks: see signature.
//
// The OpenPGP library reads neither version 3 nor MD5 and RIPEMD-160. Such a
// packet is rewritten as one that it does read, with the same numbers in it;
// what is hashed remains what the packet says.
type mark struct {
	version      int
	kind         packet.SignatureType
	digest       crypto.Hash
	made         time.Time
	expires      time.Time // zero: never
	ids          []uint64  // key ids that it names
	fingerprints [][]byte  // fingerprints that it names
	critical     string    // a part that must be understood and is not, or ""
	parsed       *packet.Signature
}

// parseMark reads one signature packet.
func parseMark(p rawPacket) (*mark, error) {
	if p.tag != tagSignature {
		return nil, fmt.Errorf("a packet with tag %d is no signature", p.tag)
	}
	if len(p.body) == 0 {
		return nil, errors.New("the signature packet is empty")
	}
	switch p.body[0] {
	case 2, 3:
		return parseMark3(p.body)
	case 4, 6:
		return parseMark4(p.body)
	}
	return nil, fmt.Errorf("signature version %d is %w", p.body[0], errUnsupported)
}

var errMark = errors.New("the signature packet is malformed")

// parseMark3 reads version 3 (RFC 9580 section 5.2.2); version 2 has the same
// form.
func parseMark3(body []byte) (*mark, error) {
	c := &cursor{b: body}
	m := &mark{version: c.number(1)}
	if c.number(1) != 5 {
		return nil, errMark
	}
	signed := c.take(5)
	id := c.take(8)
	algorithm, digest := c.number(1), c.number(1)
	tag := c.take(2)
	numbers := c.b
	if c.bad {
		return nil, errMark
	}
	var area bytes.Buffer
	area.Write([]byte{4, signed[0], byte(algorithm), byte(digest), 0, 6, 5, 2})
	area.Write(signed[1:])
	area.Write([]byte{0, 10, 9, 16})
	area.Write(id)
	area.Write(tag)
	area.Write(numbers)
	if err := m.read(area.Bytes(), numbers, packet.PublicKeyAlgorithm(algorithm)); err != nil {
		return nil, err
	}
	m.ids = []uint64{binary.BigEndian.Uint64(id)}
	m.parsed.HashSuffix = slices.Clone(signed)
	return m, nil
}

// parseMark4 reads the versions 4 and 6 (RFC 9580 section 5.2.3).
func parseMark4(body []byte) (*mark, error) {
	body = slices.Clone(body)
	c := &cursor{b: body}
	m := &mark{version: c.number(1)}
	width := 2
	if m.version == 6 {
		width = 4
	}
	c.take(1)
	algorithm := packet.PublicKeyAlgorithm(c.number(1))
	c.take(1)
	hashed := c.take(c.number(width))
	signed := body[:len(body)-len(c.b)]
	unhashed := c.take(c.number(width))
	c.take(2)
	if m.version == 6 {
		c.take(c.number(1))
	}
	if c.bad {
		return nil, errMark
	}
	suffix := slices.Clone(signed)
	suffix = append(suffix, byte(m.version), 0xff)
	suffix = binary.BigEndian.AppendUint32(suffix, uint32(len(signed)))
	// These two may clear bits of body, which are in suffix by now.
	if err := m.readArea(hashed, true); err != nil {
		return nil, err
	}
	if err := m.readArea(unhashed, false); err != nil {
		return nil, err
	}
	if err := m.read(body, c.b, algorithm); err != nil {
		return nil, err
	}
	m.parsed.HashSuffix = suffix
	return m, nil
}

// read has the library parse body, whose last bytes are the numbers of the
// signature. A digest that it would refuse is put right afterwards.
func (m *mark) read(body, numbers []byte, algorithm packet.PublicKeyAlgorithm) error {
	if m.digest = digestOf(body[3]); m.digest == 0 {
		return fmt.Errorf("a signature over digest %d is %w", body[3], errUnsupported)
	}
	if !signs(algorithm) {
		return fmt.Errorf("a signature of algorithm %d is %w", algorithm, errUnsupported)
	}
	if !wholeNumbers(numbers, algorithm) {
		return errMark
	}
	if m.version != 6 && (m.digest == crypto.MD5 || m.digest == crypto.RIPEMD160) {
		body[3] = 8
	}
	parsed, err := rawPacket{tag: tagSignature, body: body}.parse()
	if err != nil {
		return fmt.Errorf("the signature cannot be read: %w", err)
	}
	sig, ok := parsed.(*packet.Signature)
	if !ok {
		return errMark
	}
	sig.Hash = m.digest
	m.parsed = sig
	m.kind = sig.SigType
	m.made = sig.CreationTime
	m.expires = signature{sig}.expires()
	return nil
}

func signs(a packet.PublicKeyAlgorithm) bool {
	switch a {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly, packet.PubKeyAlgoDSA, packet.PubKeyAlgoECDSA,
		packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		return true
	}
	return false
}

// wholeNumbers reports whether b is the numbers of a signature and no more.
func wholeNumbers(b []byte, a packet.PublicKeyAlgorithm) bool {
	c := &cursor{b: b}
	switch a {
	case packet.PubKeyAlgoEd25519:
		c.take(64)
	case packet.PubKeyAlgoEd448:
		c.take(114)
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		c.take((c.number(2) + 7) / 8)
	default:
		c.take((c.number(2) + 7) / 8)
		c.take((c.number(2) + 7) / 8)
	}
	return !c.bad && len(c.b) == 0
}

// names reports whether the mark names a key as its issuer. Everything that it
// names must be that key, so that none is passed off as another's.
func (m *mark) names(id uint64, fingerprint []byte) bool {
	if len(m.ids)+len(m.fingerprints) == 0 {
		return false
	}
	return !slices.ContainsFunc(m.ids, func(named uint64) bool { return named != id }) &&
		!slices.ContainsFunc(m.fingerprints, func(named []byte) bool { return !bytes.Equal(named, fingerprint) })
}

// torn reports whether the mark names two different keys.
func (m *mark) torn() bool {
	if len(m.fingerprints) == 0 {
		return len(m.ids) > 0 && !m.names(m.ids[0], nil)
	}
	first := m.fingerprints[0]
	return !m.names(keyIDOf(first), first)
}

// keyIDOf returns the key id within a fingerprint of version 4 or 6.
func keyIDOf(fingerprint []byte) uint64 {
	switch len(fingerprint) {
	case 20:
		return binary.BigEndian.Uint64(fingerprint[12:])
	case 32:
		return binary.BigEndian.Uint64(fingerprint)
	}
	return 0
}

// issuer returns what the mark names: a fingerprint, else a key id, else
// nothing.
func (m *mark) issuer() string {
	switch {
	case len(m.fingerprints) > 0:
		return string(fingerprintOf(m.fingerprints[0]))
	case len(m.ids) > 0:
		return fmt.Sprintf("%016X", m.ids[0])
	}
	return ""
}

// verify does the arithmetic over hashed, which is the document as it was
// hashed. It may be called concurrently.
func (m *mark) verify(key *packet.PublicKey, hashed ...[]byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the signature cannot be checked: %v", r)
		}
	}()
	h, err := m.parsed.PrepareVerify()
	if err != nil {
		return err
	}
	for _, b := range hashed {
		h.Write(b)
	}
	if err := key.VerifySignature(h, m.parsed); err != nil {
		return err
	}
	// The library leaves the two leading octets of version 4 unchecked.
	if !bytes.HasPrefix(h.Sum(nil), m.parsed.HashTag[:]) {
		return errors.New("the leading octets of the digest differ")
	}
	return nil
}
