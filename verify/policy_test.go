package verify_test

import (
	"bytes"
	"crypto"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"patchferry/layout"
	"patchferry/verify"
)

func TestSignaturePolicy(t *testing.T) {
	day := uint32(24 * 60 * 60)
	for _, test := range []struct {
		name string
		edit func(*packet.Signature)
		want verify.Code // "": accepted
	}{
		{"as it should be", nil, ""},
		{"SHA-256", func(s *packet.Signature) { s.Hash = crypto.SHA256 }, ""},
		{"SHA-224", func(s *packet.Signature) { s.Hash = crypto.SHA224 }, verify.CodeWeak},
		{"text signature over bytes", func(s *packet.Signature) { s.SigType = packet.SigTypeText }, verify.CodeSignature},
		{"certification over bytes", func(s *packet.Signature) { s.SigType = packet.SigTypeGenericCert }, verify.CodeSignature},
		{"a clock ahead by an hour", func(s *packet.Signature) { s.CreationTime = noon.Add(time.Hour) }, ""},
		{"from the future", func(s *packet.Signature) { s.CreationTime = noon.AddDate(0, 0, 2) }, verify.CodeSignature},
		{"from before the key", func(s *packet.Signature) { s.CreationTime = made.AddDate(0, 0, -1) }, verify.CodeKey},
		{"expired", func(s *packet.Signature) {
			s.CreationTime, s.SigLifetimeSecs = noon.AddDate(0, 0, -2), &day
		}, verify.CodeSignature},
		{"not yet expired", func(s *packet.Signature) { s.SigLifetimeSecs = &day }, ""},
		{"critical notation", func(s *packet.Signature) {
			s.Notations = []*packet.Notation{{Name: "x@example.org", Value: []byte("y"), IsCritical: true}}
		}, verify.CodeSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
			_, err := s.trust.CheckDetached(doc, s.sign(doc, test.edit), verify.PurposeSite)
			if test.want != "" {
				wantCode(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// The files were made by GnuPG 2.2, since the library no longer signs over
// SHA-1.
func TestSHA1IsRefused(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "weak", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, test := range []struct {
		name, key, sig string
		clear          bool
		want           verify.Code
	}{
		{"the same key over SHA-256", "key.asc", "sha256.asc", false, ""},
		{"detached signature", "key.asc", "sha1.asc", false, verify.CodeWeak},
		{"clear-signed", "key.asc", "sha1-clear.asc", true, verify.CodeWeak},
		{"self-signature of the key", "self-key.asc", "self.asc", false, verify.CodeWeak},
	} {
		t.Run(test.name, func(t *testing.T) {
			ring, err := verify.ReadKeyring(bytes.NewReader(read(test.key)))
			if err != nil {
				t.Fatal(err)
			}
			trust := &verify.Trust{Keys: ring, Pins: &verify.Pins{}, Clock: clock(noon)}
			pin(t, trust, verify.Pin{Fingerprint: ring.Fingerprints()[0], Purpose: verify.PurposeSite})
			if test.clear {
				_, err = trust.OpenClear(read(test.sig), verify.PurposeSite)
			} else {
				_, err = trust.CheckDetached(doc, read(test.sig), verify.PurposeSite)
			}
			if test.want != "" {
				wantCode(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKeyPolicy(t *testing.T) {
	year := uint32(365 * 24 * 60 * 60)
	revoke := func(reason packet.ReasonForRevocation) func(*signer) {
		return func(s *signer) {
			if err := s.entity.Revoke(reason, "", &packet.Config{Time: clock(noon)}); err != nil {
				s.t.Fatal(err)
			}
			s.reload()
		}
	}
	for _, test := range []struct {
		name   string
		config packet.Config
		edit   func(*signer)
		want   verify.Code // "": accepted
	}{
		{"Ed25519 of version 4", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}, nil, ""},
		{"Ed25519 of version 6", packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoEd25519}, nil, ""},
		{"RSA-3072", packet.Config{RSABits: 3072}, nil, ""},
		{"RSA-2048", packet.Config{RSABits: 2048}, nil, verify.CodeWeak},
		{"P-256", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}, nil, verify.CodeWeak},
		{"expired", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: year / 2}, nil, verify.CodeKey},
		{"not yet expired", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: year}, nil, ""},
		{"expired since", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: year}, func(s *signer) {
			s.trust.Clock = clock(noon.AddDate(1, 0, 0))
		}, verify.CodeKey},
		{"compromised", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}, revoke(packet.KeyCompromised), verify.CodeKey},
		{"superseded", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}, revoke(packet.KeySuperseded), verify.CodeKey},
		{"may only certify", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}, func(s *signer) {
			s.resign(func(sig *packet.Signature) { sig.FlagSign = false })
		}, verify.CodeKey},
		{"user id revoked", packet.Config{Algorithm: packet.PubKeyAlgoEdDSA}, func(s *signer) {
			s.resign(func(sig *packet.Signature) { sig.SigType = packet.SigTypeCertificationRevocation })
		}, verify.CodeKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSigner(t, &test.config)
			if test.edit != nil {
				test.edit(s)
			}
			_, err := s.trust.CheckDetached(doc, s.sign(doc, nil), verify.PurposeSite)
			if test.want != "" {
				wantCode(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPinPolicy(t *testing.T) {
	key, other := newKey(t, "site"), newKey(t, "other")
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	day := func(days int) layout.Date { return layout.Date(noon.AddDate(0, 0, days).Format(time.DateOnly)) }
	for _, test := range []struct {
		name string
		pins []verify.Pin
		want verify.Code
	}{
		{"pinned", []verify.Pin{{Purpose: verify.PurposeSite}}, ""},
		{"nothing is pinned", nil, verify.CodeKey},
		{"another key is pinned", []verify.Pin{{Fingerprint: other.Fingerprint(), Purpose: verify.PurposeSite}}, verify.CodeKey},
		{"for another purpose", []verify.Pin{{Purpose: verify.PurposeOrigin}}, verify.CodeKey},
		{"for bulletins", []verify.Pin{{Purpose: verify.PurposeBulletin}}, verify.CodeKey},
		{"for both", []verify.Pin{{Purpose: verify.PurposeOrigin}, {Purpose: verify.PurposeSite}}, ""},
		{"from today to today", []verify.Pin{{Purpose: verify.PurposeSite, NotBefore: day(0), NotAfter: day(0)}}, ""},
		{"from tomorrow", []verify.Pin{{Purpose: verify.PurposeSite, NotBefore: day(1)}}, verify.CodeKey},
		{"until yesterday", []verify.Pin{{Purpose: verify.PurposeSite, NotAfter: day(-1)}}, verify.CodeKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			trust := &verify.Trust{Keys: verify.MergeKeyrings(key.Public(), other.Public()), Pins: &verify.Pins{}, Clock: clock(noon)}
			for _, p := range test.pins {
				if p.Fingerprint == "" {
					p.Fingerprint = key.Fingerprint()
				}
				pin(t, trust, p)
			}
			_, err := trust.CheckDetached(doc, sig, verify.PurposeSite)
			if test.want != "" {
				wantCode(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("no keyring and no pins", func(t *testing.T) {
		_, err := new(verify.Trust).CheckDetached(doc, sig, verify.PurposeSite)
		wantCode(t, err, verify.CodeKey)
	})
	t.Run("pinned, but not in the keyring", func(t *testing.T) {
		trust := trusting(t, verify.PurposeSite, key)
		trust.Keys = other.Public()
		_, err := trust.CheckDetached(doc, sig, verify.PurposeSite)
		wantCode(t, err, verify.CodeKey)
	})
}

func TestSeveralSignatures(t *testing.T) {
	a := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	b := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	stranger := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	trust := &verify.Trust{Keys: verify.MergeKeyrings(a.trust.Keys, b.trust.Keys), Pins: &verify.Pins{}, Clock: clock(noon)}
	for _, s := range []*signer{a, b} {
		pin(t, trust, verify.Pin{Fingerprint: s.trust.Keys.Fingerprints()[0], Purpose: verify.PurposeSite})
	}
	goodA, goodB, unknown := a.packet(doc, nil), b.packet(doc, nil), stranger.packet(doc, nil)
	badA := a.packet([]byte("other"), nil)
	unread := []byte{0xc2, 3, 3, 0, 0} // a version 3 signature
	for _, test := range []struct {
		name             string
		packets          [][]byte
		signers, ignored int // 0 signers: refused
	}{
		{"two signers", [][]byte{goodA, goodB}, 2, 0},
		{"one twice", [][]byte{goodA, goodA}, 1, 0},
		{"unknown first", [][]byte{unknown, goodA}, 1, 1},
		{"unknown last", [][]byte{goodA, unknown}, 1, 1},
		{"bad first", [][]byte{badA, goodB}, 1, 1},
		{"bad last", [][]byte{goodB, badA}, 1, 1},
		{"unreadable first", [][]byte{unread, goodA}, 1, 1},
		{"only bad ones", [][]byte{badA, unknown, unread}, 0, 0},
		{"a packet of another kind", [][]byte{goodA, {0xcd, 1, 'x'}}, 0, 0},
		{"garbage after it", [][]byte{goodA, {0x00}}, 0, 0},
		{"too many", bytes65(goodA), 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := trust.CheckDetached(doc, armored(t, test.packets...), verify.PurposeSite)
			if test.signers == 0 {
				wantCode(t, err, verify.CodeSignature)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Signers) != test.signers || len(got.Ignored) != test.ignored {
				t.Errorf("got %d signers, %d ignored (%v), want %d, %d", len(got.Signers), len(got.Ignored), got.Ignored, test.signers, test.ignored)
			}
			if got.Fingerprint != got.Signers[0].Fingerprint {
				t.Errorf("the signer %s is not the first of %v", got.Fingerprint, got.Signers)
			}
		})
	}
}

func bytes65(p []byte) [][]byte {
	out := make([][]byte, 65)
	for i := range out {
		out[i] = p
	}
	return out
}
