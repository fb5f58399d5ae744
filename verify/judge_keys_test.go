package verify_test

import (
	"bytes"
	"cmp"
	"crypto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"patchferry/layout"
	"patchferry/verify"
)

// TestKeyFiles checks the cases K01 to K05: keys however they are wrapped.
func TestKeyFiles(t *testing.T) {
	old, dsa, modern := newOldRSA(t, 3, 1024), newOldDSA(t), newOldRSA(t, 4, 2048)
	all := []verify.Fingerprint{old.fingerprint(), dsa.fingerprint(), modern.fingerprint()}
	blocks := slices.Concat(wrapped("PUBLIC KEY BLOCK", old.public()), wrapped("PUBLIC KEY BLOCK", dsa.public(), modern.public()))
	for name, file := range map[string][]byte{
		"K01 several blocks":   blocks,
		"K02 first is v3":      wrapped("PUBLIC KEY BLOCK", old.public(), dsa.public(), modern.public()),
		"K03 DocBook":          slices.Concat([]byte("<pgpkey><![CDATA[\n"), blocks, []byte("]]></pgpkey>\n")),
		"K03 Markdown":         slices.Concat([]byte("# Keys\n\n```\n"), blocks, []byte("```\n")),
		"K03 pre":              slices.Concat([]byte("<pre>"), blocks, []byte("</pre>")),
		"K04 byte order mark":  append([]byte("\ufeff"), blocks...),
		"CRLF":                 bytes.ReplaceAll(blocks, []byte("\n"), []byte("\r\n")),
		"K05 binary":           slices.Concat(old.public(), dsa.public(), modern.public()),
		"K18 one unreadable":   wrapped("PUBLIC KEY BLOCK", old.public(), packetOf(6, []byte{9, 1}), dsa.public(), modern.public()),
		"versions of one, v3":  slices.Concat(old.public(), dsa.public(), old.public(), modern.public()),
		"two user ids, no sig": slices.Concat(packetOf(6, old.body()), dsa.public(), modern.public()),
	} {
		t.Run(name, func(t *testing.T) {
			ring := ringOf(t, file)
			if got := ring.Fingerprints(); !slices.Equal(got, all) {
				t.Errorf("got %v, want %v", got, all)
			}
			skipped := 0
			if strings.HasPrefix(name, "K18") {
				skipped = 1
			}
			if got := ring.Skipped(); len(got) != skipped {
				t.Errorf("got %v skipped, want %d", got, skipped)
			}
		})
	}
}

// TestCertificates checks what a ring says of its keys.
func TestCertificates(t *testing.T) {
	old := newOldRSA(t, 3, 1024)
	old.days = 30
	got := ringOf(t, old.public()).Certificates()
	if len(got) != 1 {
		t.Fatalf("got %d certificates", len(got))
	}
	c := got[0]
	if c.Fingerprint != old.fingerprint() || c.Version != 3 || c.Algorithm != "RSA" || c.Bits != 1024 || len(c.MD5) != 32 {
		t.Errorf("got %+v", c)
	}
	if want := layout.At(year1998.AddDate(0, 0, 30)); c.Expires != want || c.Created != layout.At(year1998) {
		t.Errorf("got %s to %s, want the end %s", c.Created, c.Expires, want)
	}
	if !slices.Equal(c.Names, []string{oldName}) || len(c.Signing) != 1 || c.Revoked {
		t.Errorf("got %+v", c)
	}
	ed := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}).trust.Keys.Certificates()[0]
	if ed.Version != 4 || ed.Algorithm != "EdDSA" || ed.Bits != 256 || ed.MD5 != "" || !ed.Expires.IsZero() {
		t.Errorf("got %+v", ed)
	}
}

// keyState is one state of a key at noon, with what is made of a signature by
// it.
type keyState struct {
	name       string
	ring       *verify.Keyring
	signature  []byte
	legacy     bool // judged as historical, by a legacy pin
	verdict    layout.Verdict
	qualifiers []string
	reason     string
}

// TestOldKeyStates checks what the owners of old keys say of them.
func TestOldKeyStates(t *testing.T) {
	k3, k4 := newOldRSA(t, 3, 1024), newOldRSA(t, 4, 2048)
	short := newOldRSA(t, 3, 1024)
	short.days = 365
	year := func(n int) time.Time { return year1998.AddDate(n, 0, 0) }
	sign := func(k *oldPGP, n int) []byte {
		return k.sign(sig{version: k.version, digest: crypto.SHA256, at: year(n)}, doc)
	}
	self := func(s sig) []byte {
		s.version, s.digest = cmp.Or(s.version, 4), cmp.Or(s.digest, crypto.SHA256)
		if s.at.IsZero() {
			s.at = year1998
		}
		return k4.certify(s)
	}
	flags := sub(27, 3)
	revoke := func(k *oldPGP, s sig) []byte {
		s.version, s.kind, s.digest = cmp.Or(s.version, 4), 0x20, crypto.SHA1
		return k.sign(s, k.hashedKey())
	}
	certificate := func(k *oldPGP, revocation []byte, selves ...[]byte) *verify.Keyring {
		rest := append([][]byte{packetOf(13, []byte(oldName))}, selves...)
		return ringOf(t, packetOf(6, k.body()), revocation, slices.Concat(rest...))
	}
	v3 := []string{"key-v3", "sig-v3", "weak-key-rsa1024"}
	with := func(base []string, more ...string) []string { return append(slices.Clone(base), more...) }
	lifetime := sub(9, 0, 0, 0x0e, 0x10)
	good := self(sig{area: flags})
	self3 := k3.certify(sig{digest: crypto.MD5, at: year1998})
	for _, test := range []keyState{
		{"v3", k3.ring(), sign(k3, 1), true, layout.Valid, v3, ""},
		{"K06 v3 without self-signature", ringOf(t, packetOf(6, k3.body())), sign(k3, 1), true, layout.Valid, with(v3, "no-self-signature"), ""},
		{"v3, expired since", short.ring(), sign(short, 0), true, layout.Valid, with(v3, "key-expired-since"), ""},
		{"v3, signed after its end", short.ring(), sign(short, 2), true, layout.Valid, with(v3, "signed-after-key-expiry"), ""},
		{"v3, revoked by v3", certificate(k3, revoke(k3, sig{version: 3, at: year(3)}), self3), sign(k3, 1), true, layout.Refused, with(v3, "key-compromised"), "revoked"},
		{"v3, revoked by v4", certificate(k3, revoke(k3, sig{at: year(3), area: sub(29, 3)}), self3), sign(k3, 1), true, layout.Valid, with(v3, "key-retired"), ""},
		{"v4", k4.ring(good), sign(k4, 1), false, layout.Valid, nil, ""},
		{"K06 no self-signature", ringOf(t, packetOf(6, k4.body()), packetOf(13, []byte(oldName))), sign(k4, 1), true, layout.Valid, []string{"no-self-signature"}, ""},
		{"K06 no self-signature, csaf", ringOf(t, packetOf(6, k4.body())), sign(k4, 1), false, layout.Refused, []string{"no-self-signature"}, "self-signature"},
		{"K07 no key flags", k4.ring(self(sig{})), sign(k4, 1), false, layout.Valid, []string{"key-flags-absent"}, ""},
		{"flags forbid signing", k4.ring(self(sig{area: sub(27, 1)})), sign(k4, 1), false, layout.Refused, nil, "does not let it sign"},
		{"K08 self-signature newer", k4.ring(self(sig{at: year(5), area: flags})), sign(k4, 1), false, layout.Valid, []string{"self-signature-newer"}, ""},
		{"K10 self-signature over SHA-1", k4.ring(self(sig{digest: crypto.SHA1, area: flags})), sign(k4, 1), false, layout.Valid, nil, ""},
		{"self-signature over MD5", k4.ring(self(sig{digest: crypto.MD5, area: flags})), sign(k4, 1), true, layout.Valid, nil, ""},
		{"self-signature over MD5, csaf", k4.ring(self(sig{digest: crypto.MD5, area: flags})), sign(k4, 1), false, layout.Refused, nil, "a certificate over MD5"},
		{"self-signature of v3", k4.ring(self(sig{version: 3})), sign(k4, 1), false, layout.Valid, []string{"key-flags-absent"}, ""},
		{"self-signature of another", k4.ring(k3.certify(sig{version: 4, digest: crypto.SHA1, at: year1998, id: k4.id()})), sign(k4, 1), true, layout.Valid, []string{"no-self-signature"}, ""},
		{"self-signature of another, v3", k4.ring(k3.certify(sig{version: 3, digest: crypto.MD5, at: year1998, id: k4.id()})), sign(k4, 1), true, layout.Valid, []string{"no-self-signature"}, ""},
		{"K11 expired since", k4.ring(self(sig{area: slices.Concat(flags, lifetime)})), sign(k4, 0), false, layout.Valid, []string{"key-expired-since"}, ""},
		{"signed after its end", k4.ring(self(sig{area: slices.Concat(flags, lifetime)})), sign(k4, 1), false, layout.Refused, []string{"signed-after-key-expiry"}, "after the end of its key"},
		{"signed after its end, legacy", k4.ring(self(sig{area: slices.Concat(flags, lifetime)})), sign(k4, 1), true, layout.Valid, []string{"signed-after-key-expiry"}, ""},
		{"extended later", k4.ring(self(sig{area: slices.Concat(flags, lifetime)}), self(sig{at: year(3), area: flags})), sign(k4, 1), false, layout.Valid, []string{"self-signature-newer"}, ""},
		{"K13 superseded later", certificate(k4, revoke(k4, sig{at: year(3), area: sub(29, 1)}), good), sign(k4, 1), false, layout.Valid, []string{"key-retired"}, ""},
		{"K13 retired later", certificate(k4, revoke(k4, sig{at: year(3), area: sub(29, 3)}), good), sign(k4, 1), false, layout.Valid, []string{"key-retired"}, ""},
		{"K13 retired before", certificate(k4, revoke(k4, sig{at: year(1), area: sub(29, 3)}), good), sign(k4, 1), false, layout.Refused, []string{"key-retired"}, "after the key was retired"},
		{"K13 compromised later", certificate(k4, revoke(k4, sig{at: year(3), area: sub(29, 2)}), good), sign(k4, 1), true, layout.Refused, []string{"key-compromised"}, "compromised"},
		{"K13 no reason", certificate(k4, revoke(k4, sig{at: year(3)}), good), sign(k4, 1), true, layout.Refused, []string{"key-compromised"}, "without a reason"},
		{"K13 reason of no meaning", certificate(k4, revoke(k4, sig{at: year(3), area: sub(29, 77)}), good), sign(k4, 1), true, layout.Refused, []string{"key-compromised"}, ""},
		{"K13 by another key", certificate(k4, k3.sign(sig{version: 4, kind: 0x20, digest: crypto.SHA1, at: year(3), id: k4.id()}, k4.hashedKey()), good), sign(k4, 1), false, layout.Valid, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			judge := csaf(test.ring)
			if test.legacy {
				judge = historical(test.ring)
			}
			got := judge.Document(verify.Document{Original: doc, Signature: test.signature})
			wantVerdict(t, got, test.verdict, test.qualifiers...)
			wantReason(t, got, test.reason)
		})
	}
}

// TestK09Versions checks that versions of a certificate are merged: the newest
// statement of either counts, and both find the key.
func TestK09Versions(t *testing.T) {
	key := newOldDSA(t)
	early := key.certify(sig{version: 4, digest: crypto.SHA1, at: year1998})
	late := key.certify(sig{version: 4, digest: crypto.SHA1, at: year1998.AddDate(9, 0, 0), area: sub(9, 0, 0, 0x0e, 0x10)})
	packet := key.sign(sig{digest: crypto.SHA1, at: year1998}, doc)
	for name, ring := range map[string]*verify.Keyring{
		"one file":   ringOf(t, key.public(early), key.public(late)),
		"other way":  ringOf(t, key.public(late), key.public(early)),
		"two files":  verify.MergeKeyrings(key.ring(early), key.ring(late)),
		"the later":  key.ring(late),
		"both twice": verify.MergeKeyrings(key.ring(early, late), nil, key.ring(late, early)),
	} {
		got := historical(ring).Document(verify.Document{Original: doc, Signature: packet})
		wantVerdict(t, got, layout.Valid, "key-expired-since", "key-flags-absent", "sig-v3", "weak-digest-sha1", "weak-key-dsa1024")
		if n := len(ring.Fingerprints()); n != 1 {
			t.Errorf("%s: got %d certificates", name, n)
		}
	}
}

// TestK12Subkeys checks keys that sign for a certificate.
func TestK12Subkeys(t *testing.T) {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: clock(made)}
	month := uint32(30 * 24 * 60 * 60)
	for _, test := range []struct {
		name       string
		edit       func(*testing.T, *openpgp.Entity)
		want       layout.Verdict
		qualifiers []string
	}{
		{"bound", func(*testing.T, *openpgp.Entity) {}, layout.Valid, nil},
		{"not bound", func(_ *testing.T, e *openpgp.Entity) { e.Subkeys[0].Bindings = nil }, layout.Refused, nil},
		{"K12 no cross-certificate", func(t *testing.T, e *openpgp.Entity) {
			rebind(t, e, func(s *packet.Signature) { s.EmbeddedSignature = nil })
		}, layout.Refused, nil},
		{"K12 no flags, no cross-certificate", func(t *testing.T, e *openpgp.Entity) {
			rebind(t, e, func(s *packet.Signature) { s.EmbeddedSignature, s.FlagsValid, s.FlagSign = nil, false, false })
		}, layout.Refused, nil},
		{"K11 subkey expired since", func(t *testing.T, e *openpgp.Entity) {
			rebind(t, e, func(s *packet.Signature) { s.KeyLifetimeSecs = &month })
		}, layout.Valid, []string{"subkey-expired-since"}},
		{"retired later", func(t *testing.T, e *openpgp.Entity) {
			if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", &packet.Config{Time: clock(noon)}); err != nil {
				t.Fatal(err)
			}
		}, layout.Valid, []string{"key-retired"}},
		{"compromised", func(t *testing.T, e *openpgp.Entity) {
			if err := e.Subkeys[0].Revoke(packet.KeyCompromised, "", &packet.Config{Time: clock(noon)}); err != nil {
				t.Fatal(err)
			}
		}, layout.Refused, []string{"key-compromised"}},
		{"certificate compromised", func(t *testing.T, e *openpgp.Entity) {
			if err := e.Revoke(packet.KeyCompromised, "", &packet.Config{Time: clock(noon)}); err != nil {
				t.Fatal(err)
			}
		}, layout.Refused, []string{"key-compromised"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSigner(t, config)
			s.entity.Subkeys = nil
			if err := s.entity.AddSigningSubkey(config); err != nil {
				t.Fatal(err)
			}
			subkey := s.entity.Subkeys[0].PrivateKey
			test.edit(t, s.entity)
			s.reload()
			primary := s.entity.PrivateKey
			s.entity.PrivateKey = subkey
			raw := s.packet(doc, func(p *packet.Signature) { p.CreationTime = made.AddDate(0, 0, 9) })
			s.entity.PrivateKey = primary
			got := csaf(s.trust.Keys).Document(verify.Document{Original: doc, Signature: raw})
			wantVerdict(t, got, test.want, test.qualifiers...)
			if f := s.trust.Keys.Fingerprints()[0]; got.Primary != f || got.Signing == f {
				t.Errorf("got %s of %s", got.Signing, got.Primary)
			}
		})
	}
}

// TestK14KeyIDCollision makes a second key with the key id of the first: its modulus ends in
// the same 64 bits.
func TestK14KeyIDCollision(t *testing.T) {
	key := newOldRSA(t, 3, 1024)
	forged := newOldRSA(t, 3, 1024)
	forgedBody := forged.body()
	n := key.rsa.N.Bytes()
	copy(forgedBody[len(forgedBody)-5-8:], n[len(n)-8:]) // before the exponent's 5 octets
	forgedKey := packetOf(6, forgedBody)
	raw := key.sign(sig{digest: crypto.MD5, at: year1998}, doc)
	for name, ring := range map[string]*verify.Keyring{
		"forged first": ringOf(t, forgedKey, key.public()), "forged last": ringOf(t, key.public(), forgedKey),
	} {
		t.Run(name, func(t *testing.T) {
			if len(ring.Fingerprints()) != 2 {
				t.Fatalf("got %v, want two keys", ring.Fingerprints())
			}
			got := historical(ring).Document(verify.Document{Original: doc, Signature: raw})
			wantVerdict(t, got, layout.Valid, "key-v3", "sig-v3", "weak-digest-md5", "weak-key-rsa1024")
			if got.Primary != key.fingerprint() {
				t.Errorf("got %s", got.Primary)
			}
		})
	}
	got := historical(ringOf(t, forgedKey)).Document(verify.Document{Original: doc, Signature: raw})
	wantVerdict(t, got, layout.Bad)
}

// TestK16Algorithms checks curves, and the versions of the keys.
func TestK16Algorithms(t *testing.T) {
	for _, test := range []struct {
		name      string
		config    packet.Config
		algorithm string
		bits      int
	}{
		{"Ed25519", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}, "EdDSA", 256},
		{"Ed448", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve448}, "EdDSA", 448},
		{"P-256", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}, "ECDSA", 256},
		{"P-521", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521}, "ECDSA", 521},
		{"secp256k1", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveSecP256k1}, "ECDSA", 256},
		{"brainpoolP256", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP256}, "ECDSA", 256},
		{"brainpoolP512", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP512}, "ECDSA", 512},
		{"RSA", packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}, "RSA", 2048},
		{"v6 Ed25519", packet.Config{Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true}, "EdDSA", 256},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSigner(t, &test.config)
			raw := s.packet(doc, nil)
			got := csaf(s.trust.Keys).Document(verify.Document{Original: doc, Signature: raw})
			wantVerdict(t, got, layout.Valid)
			if got.KeyAlgorithm != test.algorithm || got.KeyBits != test.bits {
				t.Errorf("got %s %d, want %s %d", got.KeyAlgorithm, got.KeyBits, test.algorithm, test.bits)
			}
			got = csaf(s.trust.Keys).Document(verify.Document{Original: doc[1:], Signature: raw})
			wantVerdict(t, got, layout.Bad)
		})
	}
	t.Run("v5", func(t *testing.T) {
		got := csaf(nil).Document(verify.Document{Original: doc, Signature: packetOf(2, append([]byte{5}, make([]byte, 50)...))})
		wantVerdict(t, got, layout.Unsupported)
	})
}
