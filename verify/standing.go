package verify

import (
	"bytes"
	"cmp"
	"crypto"
	"encoding/binary"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// standing is one key of a certificate with what its owner says of it, for
// Judge. It is arithmetic only, whatever the digests: nothing in it depends on
// a policy or on the time, so that one keyring serves every policy.
type standing struct {
	of          *certificate
	key         *packet.PublicKey
	fingerprint Fingerprint // of this key
	id          uint64
	raw         []byte // fingerprint for comparison; nil in version 3
	primary     bool

	expires     time.Time // of a subkey's own; zero: never
	certExpires time.Time // of the certificate
	stated      time.Time // date of the newest self-signature or binding
	weakest     crypto.Hash
	noSelf      bool   // no self-signature is right
	noFlags     bool   // nothing is said of what the key is for
	refusal     string // why it may not sign, or ""
	hard        time.Time
	soft        time.Time // since then it is retired or superseded; zero: not
}

// statement is a signature of a certificate's owner about the primary key that
// the OpenPGP library cannot read.
type statement struct {
	mark      *mark
	user      string // that it is about, where it certifies one
	certifies bool
}

// issuer returns what the certificate's own statements name.
func (c *certificate) issuer() (uint64, []byte) {
	if c.old != nil {
		return c.old.id, nil
	}
	return c.primary.KeyId, c.primary.Fingerprint
}

// knows reports whether the same statement was read before.
func (c *certificate) knows(st statement) bool {
	return slices.ContainsFunc(c.legacy, func(o statement) bool {
		return o.user == st.user && bytes.Equal(o.mark.parsed.HashSuffix, st.mark.parsed.HashSuffix) &&
			o.mark.parsed.HashTag == st.mark.parsed.HashTag
	})
}

// right does the arithmetic of a statement (RFC 9580 section 5.2.4). Version 3
// signatures hash a user id without its length.
func (c *certificate) right(st statement) bool {
	key := c.primary
	if c.old != nil {
		key = c.old.key
	}
	n := len(c.body)
	hashed := append([]byte{0x99, byte(n >> 8), byte(n)}, c.body...)
	if st.certifies && st.mark.version > 3 {
		hashed = append(hashed, 0xb4)
		hashed = binary.BigEndian.AppendUint32(hashed, uint32(len(st.user)))
	}
	return st.mark.verify(key, hashed, []byte(st.user)) == nil
}

// newestLegacy returns the newest statement of the kind that is right, or nil.
func (c *certificate) newestLegacy(kind func(packet.SignatureType) bool) *packet.Signature {
	var best *packet.Signature
	for _, st := range c.legacy {
		if kind(st.mark.kind) && newer(best, st.mark.parsed) == st.mark.parsed && c.right(st) {
			best = st.mark.parsed
		}
	}
	return best
}

// standings returns the certificate's keys, the primary first, each judged
// once. It may be called concurrently.
func (c *certificate) standings() []standing {
	c.lax.Do(func() { unrestricted(c.stand) })
	return c.standing
}

func (c *certificate) stand() {
	primary := c.standPrimary()
	c.standing = append(c.standing, primary)
	for _, s := range c.subkeys {
		c.standing = append(c.standing, c.standSubkey(s, primary))
	}
}

func (c *certificate) standPrimary() standing {
	st := standing{of: c, fingerprint: c.fingerprint, primary: true}
	self := c.newestLegacy(func(t packet.SignatureType) bool {
		return isCertification(t) || t == packet.SigTypeDirectSignature
	})
	if c.old != nil {
		st.key, st.id, st.certExpires = c.old.key, c.old.id, c.old.expires
	} else {
		st.key, st.id, st.raw = c.primary, c.primary.KeyId, c.primary.Fingerprint
		self = newer(self, newestValid(c.direct, c.primary.VerifyDirectKeySignature))
		for _, u := range c.users {
			self = newer(self, u.valid(c.primary))
		}
	}
	c.revoke(&st)
	if self == nil {
		st.noSelf = true
		return st
	}
	st.stated, st.weakest = self.CreationTime, self.Hash
	st.certExpires = earlier(st.certExpires, keyExpiry(st.key, self))
	st.certExpires = earlier(st.certExpires, signature{self}.expires())
	st.noFlags = !self.FlagsValid && c.old == nil
	if self.FlagsValid && !self.FlagSign {
		st.refusal = "the key's owner does not let it sign documents"
	}
	return st
}

// revoke notes the revocations of the primary key. One without a reason is
// read as the worst.
func (c *certificate) revoke(st *standing) {
	for _, sig := range c.revocations {
		if c.primary.VerifyRevocationSignature(sig) == nil {
			st.revokedBy(sig)
		}
	}
	for _, s := range c.legacy {
		if s.mark.kind == packet.SigTypeKeyRevocation && c.right(s) {
			st.revokedBy(s.mark.parsed)
		}
	}
}

func (st *standing) revokedBy(sig *packet.Signature) {
	if r := sig.RevocationReason; r != nil && (*r == packet.KeySuperseded || *r == packet.KeyRetired) {
		st.soft = earlier(st.soft, sig.CreationTime)
		return
	}
	st.hard = earlier(st.hard, sig.CreationTime)
}

func (c *certificate) standSubkey(s *subkey, primary standing) standing {
	st := primary
	st.primary = false
	st.key, st.id, st.raw = s.key, s.key.KeyId, s.key.Fingerprint
	st.fingerprint = fingerprintOf(s.key.Fingerprint)
	for _, sig := range s.revocations {
		if c.primary.VerifySubkeyRevocationSignature(sig, s.key) == nil {
			st.revokedBy(sig)
		}
	}
	// The primary's own use says nothing of the subkey's.
	st.refusal, st.noFlags = "", false
	// VerifyKeySignature also demands the subkey's own consent where the
	// binding lets it sign.
	binding := newestValid(s.bindings, func(sig *packet.Signature) error {
		return c.primary.VerifyKeySignature(s.key, sig)
	})
	switch {
	case binding == nil:
		st.refusal = "the subkey is not bound to its certificate, or does not agree to sign for it"
		return st
	case !binding.FlagsValid || !binding.FlagSign:
		st.refusal = "the key's owner does not let this subkey sign documents"
		return st
	}
	consent := binding.EmbeddedSignature
	if binding.CreationTime.After(st.stated) {
		st.stated = binding.CreationTime
	}
	for _, sig := range []*packet.Signature{binding, consent} {
		if weakDigest(sig.Hash) != "" {
			st.weakest = sig.Hash
		}
		st.expires = earlier(st.expires, signature{sig}.expires())
	}
	st.expires = earlier(st.expires, keyExpiry(s.key, binding))
	return st
}

// named returns the keys that a mark names, in the order of their
// fingerprints, so that no answer depends on the order of a file.
func (k *Keyring) named(m *mark) []standing {
	if k == nil {
		return nil
	}
	var out []standing
	for _, c := range k.certificates {
		if !c.has(m) {
			continue
		}
		for _, st := range c.standings() {
			if m.names(st.id, st.raw) {
				out = append(out, st)
			}
		}
	}
	slices.SortFunc(out, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.fingerprint, b.fingerprint), cmp.Compare(a.of.fingerprint, b.of.fingerprint))
	})
	return out
}
