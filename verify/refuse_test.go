package verify_test

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"patchferry/layout"
	"patchferry/verify"
)

// wantCode checks that err is a refusal with the code.
func wantCode(t *testing.T, err error, want verify.Code) {
	t.Helper()
	refusal, ok := errors.AsType[*verify.TrustError](err)
	if !ok || !errors.Is(err, verify.ErrUntrusted) {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
	if refusal.Code != want {
		t.Errorf("got code %s (%v), want %s", refusal.Code, err, want)
	}
}

// signer makes signatures that SecretKey refuses to make.
type signer struct {
	t      *testing.T
	entity *openpgp.Entity
	trust  *verify.Trust
}

// newSigner makes a key under config and a Trust that pins it for states.
func newSigner(t *testing.T, config *packet.Config) *signer {
	t.Helper()
	if config.Time == nil {
		config.Time = clock(made)
	}
	entity, err := openpgp.NewEntity("signer", "", "", config)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{t: t, entity: entity}
	s.reload()
	return s
}

// reload makes the Trust from the key as it is now.
func (s *signer) reload() {
	s.t.Helper()
	var b bytes.Buffer
	if err := s.entity.Serialize(&b); err != nil {
		s.t.Fatal(err)
	}
	ring, err := verify.ReadKeyring(&b)
	if err != nil {
		s.t.Fatal(err)
	}
	s.trust = &verify.Trust{Keys: ring, Pins: &verify.Pins{}, Clock: clock(noon)}
	pin(s.t, s.trust, verify.Pin{Fingerprint: ring.Fingerprints()[0], Purpose: verify.PurposeSite})
}

// packet signs doc; edit changes what the signature says of itself.
func (s *signer) packet(doc []byte, edit func(*packet.Signature)) []byte {
	s.t.Helper()
	key := s.entity.PrivateKey
	sig := &packet.Signature{
		Version: key.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: key.PubKeyAlgo, Hash: crypto.SHA512,
		CreationTime: noon, IssuerKeyId: &key.KeyId, IssuerFingerprint: key.Fingerprint, IssuerKeyVersion: uint8(key.Version),
	}
	if edit != nil {
		edit(sig)
	}
	h, err := sig.PrepareSign(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	h.Write(doc)
	if err := sig.Sign(h, key, nil); err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := sig.Serialize(&b); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}

func (s *signer) sign(doc []byte, edit func(*packet.Signature)) []byte {
	return armored(s.t, s.packet(doc, edit))
}

func armored(t *testing.T, packets ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.SignatureType, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

var doc = []byte("bytes\r\n of any kind \x00\n")

func TestDetachedSignature(t *testing.T) {
	key := newKey(t, "origin")
	trust := trusting(t, verify.PurposeOrigin, key)
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	got, err := trust.CheckDetached(doc, sig, verify.PurposeOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Text, doc) || got.Fingerprint != key.Fingerprint() || got.Pin.Purpose != verify.PurposeOrigin {
		t.Errorf("got %+v", got)
	}
	again, err := key.Sign(doc, noon)
	if err != nil || !bytes.Equal(again, sig) {
		t.Errorf("signing again gives other bytes (%v)", err)
	}
}

func TestAlteredDetachedIsRefused(t *testing.T) {
	key := newKey(t, "origin")
	trust := trusting(t, verify.PurposeOrigin, key)
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	clear, err := key.ClearSign([]byte("text\n"), noon)
	if err != nil {
		t.Fatal(err)
	}
	other, err := key.Sign([]byte("other"), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		doc, sig []byte
	}{
		{"byte of the document", append([]byte("B"), doc[1:]...), sig},
		{"line end of the document", bytes.Replace(doc, []byte("\r\n"), []byte("\n"), 1), sig},
		{"document cut", doc[:len(doc)-1], sig},
		{"document longer", append(bytes.Clone(doc), '\n'), sig},
		{"signature of another document", doc, other},
		{"no signature", doc, nil},
		{"empty block", doc, []byte("-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n")},
		{"text before the block", doc, append([]byte("\n"), sig...)},
		{"text after the block", doc, append(bytes.Clone(sig), "x\n"...)},
		{"two blocks", doc, append(bytes.Clone(sig), sig...)},
		{"CRLF", doc, bytes.ReplaceAll(sig, []byte("\n"), []byte("\r\n"))},
		{"a whole clear-signed document", doc, clear},
		{"not armored", doc, []byte{0xc2, 0x01, 0x04}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := trust.CheckDetached(test.doc, test.sig, verify.PurposeOrigin)
			wantCode(t, err, verify.CodeSignature)
		})
	}
	for i := range sig {
		altered := bytes.Clone(sig)
		altered[i] ^= 1
		if _, err := trust.CheckDetached(doc, altered, verify.PurposeOrigin); !errors.Is(err, verify.ErrUntrusted) {
			t.Errorf("byte %d of the signature altered: got %v", i, err)
		}
	}
}

// TestEveryAlteredByteOfThePacketIsRefused gives each altered packet a right
// checksum of the armor, which would hide what the packet's own checks miss.
// Only the form of the packet's header is free, since programs differ in it.
func TestEveryAlteredByteOfThePacketIsRefused(t *testing.T) {
	key := newKey(t, "origin")
	trust := trusting(t, verify.PurposeOrigin, key)
	sig, err := key.Sign(doc, noon)
	if err != nil {
		t.Fatal(err)
	}
	raw := dearmored(t, sig)
	for i := range raw {
		altered := bytes.Clone(raw)
		for b := range 256 {
			altered[i] = byte(b)
			if altered[i] == raw[i] || i == 0 && (b == 0x88 || b == 0xc2) {
				continue // a packet's header has an old and a new form, which say the same
			}
			if _, err := trust.CheckDetached(doc, armored(t, altered), verify.PurposeOrigin); !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("byte %d of %d changed from %#x to %#x: got %v", i, len(raw), raw[i], b, err)
			}
		}
	}
}

// TestEveryAlteredByteOfGPGsPacketIsRefused does so with a signature of
// GnuPG, which has a part that is not signed.
func TestEveryAlteredByteOfGPGsPacketIsRefused(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "weak", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ring, err := verify.ReadKeyring(bytes.NewReader(read("key.asc")))
	if err != nil {
		t.Fatal(err)
	}
	trust := &verify.Trust{Keys: ring, Pins: &verify.Pins{}, Clock: clock(noon)}
	pin(t, trust, verify.Pin{Fingerprint: ring.Fingerprints()[0], Purpose: verify.PurposeSite})
	raw := dearmored(t, read("sha512.asc"))
	for i := range raw {
		altered := bytes.Clone(raw)
		for b := range 256 {
			altered[i] = byte(b)
			if altered[i] == raw[i] || i == 0 && (b == 0x88 || b == 0xc2) {
				continue // a packet's header has an old and a new form, which say the same
			}
			if _, err := trust.CheckDetached(doc, armored(t, altered), verify.PurposeSite); !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("byte %d of %d changed from %#x to %#x: got %v", i, len(raw), raw[i], b, err)
			}
		}
	}
}

func dearmored(t *testing.T, sig []byte) []byte {
	t.Helper()
	block, err := armor.Decode(bytes.NewReader(sig))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(block.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAlteredClearIsRefused(t *testing.T) {
	key := newKey(t, "site")
	trust := trusting(t, verify.PurposeSite, key)
	good, err := key.ClearSign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	other, err := key.ClearSign([]byte("{}\n"), noon)
	if err != nil {
		t.Fatal(err)
	}
	text, block, _ := bytes.Cut(good, []byte("-----BEGIN PGP SIGNATURE"))
	_, otherBlock, _ := bytes.Cut(other, []byte("-----BEGIN PGP SIGNATURE"))
	binary, err := key.Sign(bytes.ReplaceAll(state[:len(state)-1], []byte("\n"), []byte("\r\n")), noon)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for name, data := range map[string][]byte{
		"empty":                     {},
		"plain text":                state,
		"text before":               append([]byte("hello\n"), good...),
		"newline before":            append([]byte("\n"), good...),
		"BOM before":                append([]byte("\xef\xbb\xbf"), good...),
		"text after":                append(bytes.Clone(good), "hello\n"...),
		"newline after":             append(bytes.Clone(good), '\n'),
		"blank after":               append(bytes.Clone(good), ' '),
		"twice":                     append(bytes.Clone(good), good...),
		"signature of another text": bytes.Join([][]byte{text, otherBlock}, []byte("-----BEGIN PGP SIGNATURE")),
		"signature missing":         text,
		"signature twice":           bytes.Join([][]byte{good, block}, []byte("-----BEGIN PGP SIGNATURE")),
		"detached signature":        append(bytes.Clone(text), binary...),
		"CRLF":                      bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
		"trailing blank":            replace("{\n", "{ \n"),
		"trailing tab":              replace("{\n", "{\t\n"),
		"line added":                replace("{\n", "{\n\n"),
		"line removed":              replace("{\n", ""),
		"needless dash escape":      replace("{\n", "- {\n"),
		"other Hash header":         replace("SHA512", "SHA256"),
		"weak Hash header":          replace("SHA512", "SHA1"),
		"no Hash header":            replace("Hash: SHA512\n", ""),
		"second header":             replace("Hash: SHA512\n", "Hash: SHA512\nHash: SHA256\n"),
		"NotDashEscaped":            replace("Hash: SHA512\n", "Hash: SHA512\nNotDashEscaped: yes\n"),
		"injected header text":      replace("Hash: SHA512\n", "Hash: SHA512\nyou owe me money\n"),
		"comment in the armor":      replace("SIGNATURE-----\n\n", "SIGNATURE-----\nComment: x\n\n"),
		"form feed":                 replace("{\n", "{\f\n"),
		"larger than any":           append(bytes.Clone(good), make([]byte, verify.MaxClear)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trust.OpenClear(data, verify.PurposeSite)
			wantCode(t, err, verify.CodeSignature)
		})
	}
	for n := range good {
		if _, err := trust.OpenClear(good[:n], verify.PurposeSite); !errors.Is(err, verify.ErrUntrusted) {
			t.Errorf("cut after %d bytes: got %v", n, err)
		}
	}
}

func TestTextThatCannotBeClearSigned(t *testing.T) {
	key := newKey(t, "site")
	for name, text := range map[string]string{
		"empty":          "",
		"newline alone":  "\n",
		"no newline":     "x",
		"CRLF":           "x\r\n",
		"trailing blank": "x \n",
		"trailing tab":   "{\t\n}\n",
		"NUL":            "\x00\n",
		"escape":         "\x1b[31m\n",
		"long line":      strings.Repeat("x", verify.MaxLine+1) + "\n",
		"too much":       strings.Repeat("x\n", verify.MaxClear/2),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := key.ClearSign([]byte(text), noon); err == nil {
				t.Error("it was signed")
			}
		})
	}
}

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
		{"the same key over SHA-512", "key.asc", "sha512.asc", false, ""},
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

// resign adds a newer self-signature that differs from the one that is there.
func (s *signer) resign(edit func(*packet.Signature)) {
	s.t.Helper()
	id := s.entity.Identities["signer"]
	old := id.SelfCertifications[0].Packet
	key := s.entity.PrivateKey
	sig := &packet.Signature{
		Version: key.Version, SigType: old.SigType, PubKeyAlgo: key.PubKeyAlgo, Hash: crypto.SHA512,
		CreationTime: made.AddDate(0, 1, 0), IssuerKeyId: &key.KeyId, IssuerFingerprint: key.Fingerprint,
		IssuerKeyVersion: uint8(key.Version), FlagsValid: true, FlagCertify: true, FlagSign: true,
	}
	edit(sig)
	if err := sig.SignUserId(id.Name, s.entity.PrimaryKey, key, nil); err != nil {
		s.t.Fatal(err)
	}
	id.SelfCertifications = append(id.SelfCertifications, packet.NewVerifiableSig(sig))
	s.reload()
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
