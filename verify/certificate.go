package verify

import (
	"slices"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// certificate is a public key with everything that its owner says about it,
// gathered from all the versions of it that were read. Versions are merged
// and never replace each other: an old one may hold what a new one dropped.
//
// It is judged once, on first use, and immutable from then on.
type certificate struct {
	fingerprint Fingerprint
	primary     *packet.PublicKey // nil in a certificate of version 3
	old         *oldKey           // nil in all others
	body        []byte            // of the primary key's packet
	direct      []*packet.Signature
	revocations []*packet.Signature
	users       []*userID
	subkeys     []*subkey
	legacy      []statement // what the library cannot read; for Judge only

	statements int // signatures above
	once       sync.Once
	keys       []signingKey
	lax        sync.Once
	standing   []standing
}

type userID struct {
	name        string
	self        []*packet.Signature
	revocations []*packet.Signature
}

type subkey struct {
	key         *packet.PublicKey
	bindings    []*packet.Signature
	revocations []*packet.Signature
}

// signingKey is one key of a certificate and what its owner lets it do.
type signingKey struct {
	*packet.PublicKey
	of      *certificate
	expires time.Time // zero: never
	revoked bool
	weak    bool   // the statement in force is signed by an algorithm that proves nothing
	refusal string // why it may not sign at all, or ""
	unbound bool   // of a primary key: nothing says that it is a certificate's
}

// signing returns the certificate's keys, the primary first. Statements are
// judged by the newest that is right, whatever the date of a document: owners
// refresh keys and drop older statements, and to judge by the statement in
// force on the day would refuse good documents of most of them.
func (c *certificate) signing() []signingKey {
	c.once.Do(func() {
		if c.primary != nil {
			unrestricted(c.judge)
		}
	})
	return c.keys
}

func (c *certificate) judge() {
	primary := c.judgePrimary()
	c.keys = append(c.keys, primary)
	for _, s := range c.subkeys {
		c.keys = append(c.keys, c.judgeSubkey(s, primary))
	}
}

// named reports whether a signature names one of the keys.
func (c *certificate) named(s signature) bool {
	return c.primary != nil && s.names(c.primary) || slices.ContainsFunc(c.subkeys, func(k *subkey) bool { return s.names(k.key) })
}

// has reports whether a mark names one of the keys.
func (c *certificate) has(m *mark) bool {
	if c.old != nil {
		return m.names(c.old.id, nil)
	}
	return m.names(c.primary.KeyId, c.primary.Fingerprint) ||
		slices.ContainsFunc(c.subkeys, func(s *subkey) bool { return m.names(s.key.KeyId, s.key.Fingerprint) })
}

func (c *certificate) judgePrimary() signingKey {
	k := signingKey{PublicKey: c.primary, of: c}
	k.revoked = newestValid(c.revocations, c.primary.VerifyRevocationSignature) != nil
	self := newestValid(c.direct, c.primary.VerifyDirectKeySignature)
	for _, u := range c.users {
		self = newer(self, u.valid(c.primary))
	}
	if self == nil {
		k.unbound = true
		k.refusal = "the certificate has no valid self-signature"
		return k
	}
	k.expires = earlier(keyExpiry(c.primary, self), signature{self}.expires())
	k.weak = hashName(self.Hash) == ""
	if self.FlagsValid && !self.FlagSign {
		k.refusal = "the key's owner does not let it sign documents"
	}
	return k
}

func (c *certificate) judgeSubkey(s *subkey, primary signingKey) signingKey {
	k := signingKey{PublicKey: s.key, of: c, revoked: primary.revoked, weak: primary.weak, expires: primary.expires}
	k.revoked = k.revoked || newestValid(s.revocations, func(sig *packet.Signature) error {
		return c.primary.VerifySubkeyRevocationSignature(sig, s.key)
	}) != nil
	// VerifyKeySignature also demands the subkey's own consent where the
	// binding lets it sign.
	binding := newestValid(s.bindings, func(sig *packet.Signature) error {
		return c.primary.VerifyKeySignature(s.key, sig)
	})
	switch {
	case primary.unbound:
		k.refusal = primary.refusal
	case binding == nil:
		k.refusal = "the subkey is not bound to its certificate"
	case !binding.FlagsValid || !binding.FlagSign:
		k.refusal = "the key's owner does not let this subkey sign documents"
	}
	if k.refusal != "" {
		return k
	}
	consent := binding.EmbeddedSignature
	k.weak = k.weak || hashName(binding.Hash) == "" || hashName(consent.Hash) == ""
	k.expires = earlier(k.expires, keyExpiry(s.key, binding))
	k.expires = earlier(k.expires, signature{binding}.expires())
	k.expires = earlier(k.expires, signature{consent}.expires())
	return k
}

// valid returns the newest self-signature of the user id, or nil where there
// is none or it was revoked since.
func (u *userID) valid(primary *packet.PublicKey) *packet.Signature {
	verify := func(sig *packet.Signature) error {
		return primary.VerifyUserIdSignature(u.name, primary, sig)
	}
	self := newestValid(u.self, verify)
	revocation := newestValid(u.revocations, verify)
	if self == nil || revocation != nil && !revocation.CreationTime.Before(self.CreationTime) {
		return nil
	}
	return self
}

func newestValid(sigs []*packet.Signature, verify func(*packet.Signature) error) *packet.Signature {
	var best *packet.Signature
	for _, sig := range sigs {
		if newer(best, sig) == sig && verify(sig) == nil {
			best = sig
		}
	}
	return best
}

// newer returns the later of two signatures, either of which may be nil.
func newer(a, b *packet.Signature) *packet.Signature {
	if a == nil || b != nil && b.CreationTime.After(a.CreationTime) {
		return b
	}
	return a
}

func keyExpiry(key *packet.PublicKey, self *packet.Signature) time.Time {
	if self.KeyLifetimeSecs == nil || *self.KeyLifetimeSecs == 0 {
		return time.Time{}
	}
	return key.CreationTime.Add(time.Duration(*self.KeyLifetimeSecs) * time.Second)
}

// earlier returns the earlier of two times, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
