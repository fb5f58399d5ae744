package verify_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"patchferry/verify"
)

func publicBlock(t testing.TB, key *verify.SecretKey) string {
	t.Helper()
	var b strings.Builder
	if err := key.WritePublic(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func binaryKey(t testing.TB, armored string) []byte {
	t.Helper()
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(block.Body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadKeyring(t *testing.T) {
	a, b := newKey(t, "a"), newKey(t, "b")
	blockA, blockB := publicBlock(t, a), publicBlock(t, b)
	both := []verify.Fingerprint{a.Fingerprint(), b.Fingerprint()}
	oldKey := []byte{0xc6, 5, 3, 0, 0, 0, 0} // a version 3 key
	for _, test := range []struct {
		name    string
		data    []byte
		want    []verify.Fingerprint
		skipped int
	}{
		{"one block", []byte(blockA), both[:1], 0},
		{"two blocks", []byte(blockA + blockB), both, 0},
		{"text between", []byte("pub ed25519\n" + blockA + "\n<pre>\n" + blockB + "</pre>\n"), both, 0},
		{"BOM", []byte("\xef\xbb\xbf" + blockA), both[:1], 0},
		{"CRLF", []byte(strings.ReplaceAll(blockA, "\n", "\r\n")), both[:1], 0},
		{"the same twice", []byte(blockA + blockA), both[:1], 0},
		{"binary", slices.Concat(binaryKey(t, blockA), binaryKey(t, blockB)), both, 0},
		{"a version 3 key first", slices.Concat(oldKey, binaryKey(t, blockA)), both[:1], 1},
		{"cut at the end", append(binaryKey(t, blockA), 0xc6, 50, 4), both[:1], 1},
		{"unknown packets", slices.Concat(binaryKey(t, blockA), []byte{0xff, 1, 0}), both[:1], 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ring, err := verify.ReadKeyring(bytes.NewReader(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if got := ring.Fingerprints(); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if got := ring.Skipped(); len(got) != test.skipped {
				t.Errorf("got skipped %v, want %d", got, test.skipped)
			}
		})
	}
	ring := verify.MergeKeyrings(a.Public(), nil, b.Public(), a.Public())
	if got := ring.Fingerprints(); !slices.Equal(got, both) {
		t.Errorf("merged: got %v, want %v", got, both)
	}
	if got := ring.Names(b.Fingerprint()); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got names %v, want b", got)
	}
}

func TestReadKeyringRefuses(t *testing.T) {
	key := newKey(t, "a")
	block := publicBlock(t, key)
	var secret strings.Builder
	if err := key.WriteSecret(&secret, nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":                {},
		"text":                 []byte("no key here\n"),
		"block without an end": []byte(block[:len(block)-10]),
		"empty block":          []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"),
		"secret key":           []byte(secret.String()),
		"secret key after":     []byte(block + secret.String()),
		"binary secret key":    binaryKey(t, secret.String()),
		"secret after public":  slices.Concat(binaryKey(t, block), binaryKey(t, secret.String())),
		"version 3 key alone":  {0xc6, 5, 3, 0, 0, 0, 0},
		"a signature":          []byte(strings.ReplaceAll(block, "PUBLIC KEY BLOCK", "SIGNATURE")),
		"too large":            make([]byte, 17<<20),
	} {
		t.Run(name, func(t *testing.T) {
			if ring, err := verify.ReadKeyring(bytes.NewReader(data)); err == nil {
				t.Errorf("got %v, want an error", ring.Fingerprints())
			}
		})
	}
}

// TestVersionsAreMerged reads a certificate before and after its owner made it
// last longer, in both orders: what counts is the newest statement.
func TestVersionsAreMerged(t *testing.T) {
	s := newSigner(t, &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: 3600})
	sig := s.sign(doc, nil)
	old := s.trust.Keys
	_, err := s.trust.CheckDetached(doc, sig, verify.PurposeSite)
	wantCode(t, err, verify.CodeKey) // expired
	s.resign(func(*packet.Signature) {})
	renewed := s.trust.Keys
	for name, ring := range map[string]*verify.Keyring{
		"old first": verify.MergeKeyrings(old, renewed),
		"new first": verify.MergeKeyrings(renewed, old),
		"new alone": renewed,
	} {
		s.trust.Keys = ring
		if _, err := s.trust.CheckDetached(doc, sig, verify.PurposeSite); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSubkeys checks that a subkey signs only where the certificate's owner
// says so and the subkey agrees.
func TestSubkeys(t *testing.T) {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: clock(made)}
	for _, test := range []struct {
		name string
		edit func(t *testing.T, e *openpgp.Entity)
		want verify.Code // "": accepted
	}{
		{"bound", func(*testing.T, *openpgp.Entity) {}, ""},
		{"not bound", func(_ *testing.T, e *openpgp.Entity) { e.Subkeys[0].Bindings = nil }, verify.CodeKey},
		{"without its own consent", func(t *testing.T, e *openpgp.Entity) {
			rebind(t, e, func(sig *packet.Signature) { sig.EmbeddedSignature = nil })
		}, verify.CodeKey},
		{"not for signing", func(t *testing.T, e *openpgp.Entity) {
			rebind(t, e, func(sig *packet.Signature) { sig.FlagSign = false })
		}, verify.CodeKey},
		{"revoked", func(t *testing.T, e *openpgp.Entity) {
			if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", config); err != nil {
				t.Fatal(err)
			}
		}, verify.CodeKey},
		{"certificate revoked", func(t *testing.T, e *openpgp.Entity) {
			if err := e.Revoke(packet.KeyRetired, "", config); err != nil {
				t.Fatal(err)
			}
		}, verify.CodeKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSigner(t, config)
			s.entity.Subkeys = nil
			if err := s.entity.AddSigningSubkey(config); err != nil {
				t.Fatal(err)
			}
			sub := s.entity.Subkeys[0].PrivateKey
			test.edit(t, s.entity)
			s.reload()
			primary := s.entity.PrivateKey
			s.entity.PrivateKey = sub
			sig := s.sign(doc, nil)
			s.entity.PrivateKey = primary
			got, err := s.trust.CheckDetached(doc, sig, verify.PurposeSite)
			if test.want != "" {
				wantCode(t, err, test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.SigningKey == got.Fingerprint || got.Fingerprint != s.trust.Keys.Fingerprints()[0] {
				t.Errorf("got %+v, want the subkey of the certificate", got.Signer)
			}
		})
	}
}

// rebind signs the binding of the first subkey again after a change.
func rebind(t *testing.T, e *openpgp.Entity, edit func(*packet.Signature)) {
	t.Helper()
	old := e.Subkeys[0].Bindings[0].Packet
	key := e.PrivateKey
	sig := &packet.Signature{
		Version: key.Version, SigType: old.SigType, PubKeyAlgo: key.PubKeyAlgo, Hash: old.Hash, CreationTime: old.CreationTime,
		IssuerKeyId: &key.KeyId, IssuerFingerprint: key.Fingerprint, IssuerKeyVersion: uint8(key.Version),
		FlagsValid: true, FlagSign: true, EmbeddedSignature: old.EmbeddedSignature,
	}
	edit(sig)
	if err := sig.SignKey(e.Subkeys[0].PublicKey, key, nil); err != nil {
		t.Fatal(err)
	}
	e.Subkeys[0].Bindings = []*packet.VerifiableSignature{packet.NewVerifiableSig(sig)}
}

func TestTrustIsConcurrent(t *testing.T) {
	key := newKey(t, "site")
	trust := trusting(t, verify.PurposeSite, key)
	clear, err := key.ClearSign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := trust.OpenClear(clear, verify.PurposeSite); err != nil {
				t.Error(err)
			}
			if _, err := key.Sign(doc, noon); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestSecretKeyFile(t *testing.T) {
	key := newKey(t, "site")
	for name, passphrase := range map[string][]byte{"unprotected": nil, "protected": []byte("pässword")} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := key.WriteSecret(&b, passphrase); err != nil {
				t.Fatal(err)
			}
			back, err := verify.ReadSecret(bytes.NewReader(b.Bytes()), passphrase)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := key.Sign(doc, noon)
			if got, err := back.Sign(doc, noon); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the key that was read signs differently (%v)", err)
			}
			if passphrase == nil {
				return
			}
			for _, wrong := range [][]byte{nil, []byte("password")} {
				if _, err := verify.ReadSecret(bytes.NewReader(b.Bytes()), wrong); !errors.Is(err, verify.ErrPassphrase) {
					t.Errorf("passphrase %q: got %v, want ErrPassphrase", wrong, err)
				}
			}
		})
	}
	if _, err := key.Sign(doc, noon); err != nil {
		t.Errorf("writing the key protected took the key away: %v", err)
	}
	if _, err := verify.ReadSecret(strings.NewReader(publicBlock(t, key)), nil); err == nil {
		t.Error("a public key was read as a secret one")
	}
}

func TestGenerateKeyRefusesNames(t *testing.T) {
	for _, name := range []string{"", "  ", "a <b>", "a (b)", "a\nb", "\x00", "\xff"} {
		if _, err := verify.GenerateKey(name, made); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
