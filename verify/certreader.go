package verify

import (
	"bytes"
	//lint:ignore SA1019 publishers signed with it for ten years
	"crypto/dsa"
	"errors"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// certificateReader gathers the packets of certificates, which follow each
// other without a frame: a primary key begins one, and a signature belongs to
// the user id or subkey before it.
type certificateReader struct {
	ring  *Keyring
	block int

	cert *certificate // nil: none yet, or one that cannot be read
	user *userID      // what signatures belong to; at most one of the two
	sub  *subkey
	lost bool // the thing that signatures belong to is not kept
}

func (r *certificateReader) packet(p rawPacket) {
	switch p.tag {
	case tagPublicKey:
		r.begin(p)
	case tagUserID:
		r.user, r.sub, r.lost = nil, nil, false
		r.addUser(p)
	case tagPublicSubkey:
		r.user, r.sub, r.lost = nil, nil, false
		r.addSubkey(p)
	case tagSignature:
		r.addSignature(p)
	case tagTrust: // a program's private notes
	default: // user attributes and what is yet to be invented
		r.user, r.sub, r.lost = nil, nil, true
	}
}

func (r *certificateReader) skip(reason string) {
	f := Fingerprint("")
	if r.cert != nil {
		f = r.cert.fingerprint
	}
	r.ring.skip(r.block, f, reason)
}

// begin starts a certificate, or goes on with another version of one that was
// read before.
func (r *certificateReader) begin(p rawPacket) {
	r.cert, r.user, r.sub, r.lost = nil, nil, nil, false
	cert, err := parsePrimary(p)
	if err != nil {
		r.skip("certificate: " + err.Error())
		return
	}
	if r.cert = r.ring.find(cert.fingerprint); r.cert != nil {
		return
	}
	r.cert = cert
	r.ring.enter(cert)
}

func parsePrimary(p rawPacket) (*certificate, error) {
	if len(p.body) > 0 && (p.body[0] == 2 || p.body[0] == 3) {
		old, err := parseOldKey(p.body)
		if err != nil {
			return nil, err
		}
		return &certificate{fingerprint: old.fingerprint, old: old, body: p.body}, nil
	}
	key, err := parsePublicKey(p)
	if err != nil {
		return nil, err
	}
	return &certificate{fingerprint: fingerprintOf(key.Fingerprint), primary: key, body: p.body}, nil
}

func parsePublicKey(p rawPacket) (*packet.PublicKey, error) {
	if len(p.body) > 0 && p.body[0] != 4 && p.body[0] != 6 {
		return nil, fmt.Errorf("key version %d is not supported", p.body[0])
	}
	parsed, err := p.parse()
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*packet.PublicKey)
	if !ok {
		return nil, errors.New("not a public key")
	}
	if bits, err := key.BitLength(); err == nil && bits > maxKeyBits {
		return nil, fmt.Errorf("a key of %d bits, more than %d", bits, maxKeyBits)
	}
	if d, ok := key.PublicKey.(*dsa.PublicKey); ok && (d.P.BitLen() > maxDSABits || d.Q.BitLen() > maxDSAGroupBits) {
		return nil, fmt.Errorf("a DSA key of %d bits over a group of %d", d.P.BitLen(), d.Q.BitLen())
	}
	return key, nil
}

func (r *certificateReader) addUser(p rawPacket) {
	if r.cert == nil {
		return
	}
	name := string(p.body)
	for _, u := range r.cert.users {
		if u.name == name {
			r.user = u
			return
		}
	}
	if len(r.cert.users) >= maxUsers {
		r.lost = true
		r.skip(fmt.Sprintf("more than %d user ids", maxUsers))
		return
	}
	r.user = &userID{name: name}
	r.cert.users = append(r.cert.users, r.user)
}

func (r *certificateReader) addSubkey(p rawPacket) {
	if r.cert == nil {
		return
	}
	key, err := parsePublicKey(p)
	if err != nil {
		r.lost = true
		r.skip("subkey: " + err.Error())
		return
	}
	for _, s := range r.cert.subkeys {
		if bytes.Equal(s.key.Fingerprint, key.Fingerprint) {
			r.sub = s
			return
		}
	}
	if len(r.cert.subkeys) >= maxSubkeys {
		r.lost = true
		r.skip(fmt.Sprintf("more than %d subkeys", maxSubkeys))
		return
	}
	r.sub = &subkey{key: key}
	r.cert.subkeys = append(r.cert.subkeys, r.sub)
}

func (r *certificateReader) addSignature(p rawPacket) {
	if r.cert == nil || r.lost || r.foreign(p.body) {
		return
	}
	if r.cert.old != nil {
		r.addLegacy(p)
		return
	}
	parsed, err := p.parse()
	if err != nil {
		if !r.addLegacy(p) {
			r.skipUnreadable(p, err)
		}
		return
	}
	sig, ok := parsed.(*packet.Signature)
	if !ok {
		return
	}
	if !(signature{sig}).names(r.cert.primary) {
		r.addForeign(sig.SigType)
		return
	}
	if r.full() {
		return
	}
	for _, n := range sig.Notations {
		if n.IsCritical {
			r.skip(fmt.Sprintf("self-signature with the unknown critical notation %q", n.Name))
			return
		}
	}
	r.place(sig)
}

// foreign reports whether a signature certifies a user id in the name of other
// keys only. Certificates may have a hundred thousand of those, which count for
// nothing and are not worth the library's time and memory.
func (r *certificateReader) foreign(body []byte) bool {
	m := &mark{}
	kind, err := m.readIssuers(body)
	if err != nil || !isCertification(kind) || len(m.ids)+len(m.fingerprints) == 0 {
		return false
	}
	id, fingerprint := r.cert.issuer()
	return !slices.Contains(m.ids, id) &&
		!slices.ContainsFunc(m.fingerprints, func(f []byte) bool { return bytes.Equal(f, fingerprint) })
}

// addForeign reports a revocation by another key, which cannot be checked and
// should not be overlooked. What others say of a key else decides nothing.
func (r *certificateReader) addForeign(t packet.SignatureType) {
	if t == packet.SigTypeKeyRevocation {
		r.skip("a revocation by another key, which counts for nothing here")
	}
}

// full reports whether the certificate has as many statements as are kept.
func (r *certificateReader) full() bool {
	if r.cert.statements < maxSelfSigs {
		return false
	}
	if r.cert.statements == maxSelfSigs {
		r.skip(fmt.Sprintf("more than %d self-signatures", maxSelfSigs))
		r.cert.statements++
	}
	return true
}

// addLegacy keeps a statement of the certificate's owner about the primary key
// that the library cannot read. It reports whether the packet was one that is
// understood; those of other people are and count for nothing. Subkeys of that
// age, which signed without saying that they belong to a certificate, are none
// that anybody should be believed for.
func (r *certificateReader) addLegacy(p rawPacket) bool {
	m, err := parseMark(p)
	if err != nil {
		return false
	}
	if !m.names(r.cert.issuer()) {
		r.addForeign(m.kind)
		return true
	}
	st := statement{mark: m}
	switch {
	case m.critical != "":
		r.skip("self-signature with the unknown critical " + m.critical)
		return true
	case m.kind == packet.SigTypeKeyRevocation || m.kind == packet.SigTypeDirectSignature:
	case r.user != nil && (isCertification(m.kind) || m.kind == packet.SigTypeCertificationRevocation):
		st.user, st.certifies = r.user.name, true
	default:
		return false
	}
	if r.cert.knows(st) || r.full() {
		return true
	}
	r.cert.legacy = append(r.cert.legacy, st)
	r.cert.statements++
	return true
}

// skipUnreadable reports a signature that may be a self-signature. Those of
// other people are many and of no use.
func (r *certificateReader) skipUnreadable(p rawPacket, err error) {
	if len(p.body) < 2 || p.body[0] < 4 || isCertification(packet.SignatureType(p.body[1])) {
		return
	}
	r.skip("signature: " + err.Error())
}

// place files a self-signature where its type belongs, once.
func (r *certificateReader) place(sig *packet.Signature) {
	var list *[]*packet.Signature
	switch t := sig.SigType; {
	case r.sub != nil && t == packet.SigTypeSubkeyBinding:
		list = &r.sub.bindings
	case r.sub != nil && t == packet.SigTypeSubkeyRevocation:
		list = &r.sub.revocations
	case t == packet.SigTypeKeyRevocation:
		list = &r.cert.revocations
	case t == packet.SigTypeDirectSignature:
		list = &r.cert.direct
	case r.user != nil && t == packet.SigTypeCertificationRevocation:
		list = &r.user.revocations
	case r.user != nil && isCertification(t):
		list = &r.user.self
	default:
		return
	}
	known := slices.ContainsFunc(*list, func(old *packet.Signature) bool {
		return bytes.Equal(old.HashSuffix, sig.HashSuffix) && old.HashTag == sig.HashTag
	})
	if known {
		return
	}
	*list = append(*list, sig)
	r.cert.statements++
}

func isCertification(t packet.SignatureType) bool {
	switch t {
	case packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert:
		return true
	}
	return false
}
