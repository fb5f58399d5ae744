package verify_test

import (
	"bytes"
	"crypto"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"testing"

	"patchferry/verify"
)

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
