package verify

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// maxSecret is the largest secret key file in bytes.
const maxSecret = 1 << 20

// ErrPassphrase is matched by the error of ReadSecret when the key is
// protected and the passphrase is missing or wrong.
var ErrPassphrase = errors.New("missing or wrong passphrase")

// SecretKey signs. It holds the key without protection in memory, may be used
// concurrently, and always signs with SHA-512. The signature depends on the
// document and the time alone, so that signing again gives the same bytes.
type SecretKey struct {
	entity *openpgp.Entity
	signer *packet.PrivateKey
	key    signingKey
}

// GenerateKey makes an Ed25519 key that can sign, of version 4 so that GnuPG
// 2.2 reads it, without an end date: an air-gapped site cannot be reached in
// time to renew one. name becomes its user id; it needs no e-mail address and
// must not be empty or contain "()<>" or control characters.
func GenerateKey(name string, now time.Time) (*SecretKey, error) {
	bad := func(r rune) bool { return strings.ContainsRune("()<>", r) || unicode.IsControl(r) }
	if strings.TrimSpace(name) == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return nil, fmt.Errorf("generate key: %q cannot be the name of a key", name)
	}
	entity, err := openpgp.NewEntity(name, "", "", &packet.Config{
		Algorithm:     packet.PubKeyAlgoEdDSA,
		Curve:         packet.Curve25519,
		DefaultHash:   crypto.SHA512,
		DefaultCipher: packet.CipherAES256,
		Time:          func() time.Time { return now },
	})
	if err != nil {
		return nil, fmt.Errorf("generate key %q: %w", name, err)
	}
	entity.Subkeys = nil // one for encryption, which nobody needs
	return newSecretKey(entity)
}

// ReadSecret reads one armored secret key with its passphrase; nil is for an
// unprotected one. A key that the profile for our own documents would refuse
// is an error.
func ReadSecret(r io.Reader, passphrase []byte) (*SecretKey, error) {
	entities, err := openpgp.ReadArmoredKeyRing(io.LimitReader(r, maxSecret))
	if err != nil {
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	if len(entities) != 1 || entities[0].PrivateKey == nil {
		return nil, errors.New("read secret key: the file does not hold exactly one secret key")
	}
	entity := entities[0]
	if err := entity.DecryptPrivateKeys(passphrase); err != nil {
		return nil, fmt.Errorf("read secret key %s: %w: %w", fingerprintOf(entity.PrimaryKey.Fingerprint), ErrPassphrase, err)
	}
	return newSecretKey(entity)
}

// newSecretKey picks the key to sign with: the newest subkey that may, else
// the primary.
func newSecretKey(entity *openpgp.Entity) (*SecretKey, error) {
	k := &SecretKey{entity: entity}
	ring, err := k.public()
	if err != nil {
		return nil, err
	}
	secrets := map[string]*packet.PrivateKey{string(entity.PrimaryKey.Fingerprint): entity.PrivateKey}
	for _, s := range entity.Subkeys {
		secrets[string(s.PublicKey.Fingerprint)] = s.PrivateKey
	}
	refusal := "it holds no secret key that may sign"
	for _, key := range ring.certificates[0].signing() {
		secret := secrets[string(key.Fingerprint)]
		if secret == nil || secret.Dummy() || secret.Encrypted {
			continue
		}
		if bad := bundleProfile().judgeKey(key, key.CreationTime, key.CreationTime); bad != nil {
			refusal = bad.Reason
			continue
		}
		if k.signer == nil || key.CreationTime.After(k.key.CreationTime) || k.signer == entity.PrivateKey {
			k.signer, k.key = secret, key
		}
	}
	if k.signer == nil {
		return nil, fmt.Errorf("secret key %s: %s", k.Fingerprint(), refusal)
	}
	return k, nil
}

// Fingerprint returns the primary fingerprint, the one to pin.
func (k *SecretKey) Fingerprint() Fingerprint { return fingerprintOf(k.entity.PrimaryKey.Fingerprint) }

// Public returns a keyring with the public certificate alone.
func (k *SecretKey) Public() *Keyring {
	ring, err := k.public()
	if err != nil {
		return &Keyring{} // it was read back once, in newSecretKey
	}
	return ring
}

func (k *SecretKey) public() (*Keyring, error) {
	var b bytes.Buffer
	if err := k.entity.Serialize(&b); err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return ReadKeyring(&b)
}

// WritePublic writes the public certificate, armored.
func (k *SecretKey) WritePublic(w io.Writer) error {
	return writeArmor(w, openpgp.PublicKeyType, k.entity.Serialize)
}

// WriteSecret writes the secret key, armored and protected by the passphrase,
// or unprotected where that is nil. The caller makes the file readable by its
// owner alone (0600).
func (k *SecretKey) WriteSecret(w io.Writer, passphrase []byte) error {
	var b bytes.Buffer
	if err := k.entity.SerializePrivateWithoutSigning(&b, nil); err != nil {
		return fmt.Errorf("write secret key: %w", err)
	}
	entities, err := openpgp.ReadKeyRing(&b) // a copy, to protect that and not this
	if err != nil || len(entities) != 1 {
		return fmt.Errorf("write secret key: read it back: %w", err)
	}
	entity := entities[0]
	if passphrase != nil {
		config := &packet.Config{
			DefaultCipher: packet.CipherAES256,
			S2KConfig:     &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, Hash: crypto.SHA256, S2KCount: 65011712},
		}
		if err := entity.EncryptPrivateKeys(passphrase, config); err != nil {
			return fmt.Errorf("protect secret key: %w", err)
		}
	}
	return writeArmor(w, openpgp.PrivateKeyType, func(w io.Writer) error {
		return entity.SerializePrivateWithoutSigning(w, nil)
	})
}

func writeArmor(w io.Writer, kind string, serialize func(io.Writer) error) error {
	out, err := armor.Encode(w, kind, nil)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := errors.Join(serialize(out), out.Close()); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// ClearSign wraps text in a clear-signed document dated at. Trust.OpenClear
// gives it back byte for byte. Text that the framework cannot carry so is
// refused: it must end in a newline, no line may end in a blank, be longer
// than MaxLine or hold control characters.
func (k *SecretKey) ClearSign(text []byte, at time.Time) ([]byte, error) {
	if err := checkText(text); err != nil {
		return nil, fmt.Errorf("clear-sign: %w", err)
	}
	raw, err := k.sign(canonical(text), packet.SigTypeText, at)
	if err != nil {
		return nil, fmt.Errorf("clear-sign: %w", err)
	}
	out := frame(text, hashName(crypto.SHA512), armorSignature(raw))
	if len(out) > MaxClear {
		return nil, fmt.Errorf("clear-sign: more than %d bytes", MaxClear)
	}
	return out, nil
}

// Sign returns an armored detached signature over exactly the bytes of doc,
// dated at.
func (k *SecretKey) Sign(doc []byte, at time.Time) ([]byte, error) {
	raw, err := k.sign(doc, packet.SigTypeBinary, at)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return armorSignature(raw), nil
}

func (k *SecretKey) sign(hashed []byte, kind packet.SignatureType, at time.Time) ([]byte, error) {
	if refusal := bundleProfile().judgeKey(k.key, at, at); refusal != nil {
		return nil, refusal
	}
	if at.Unix() < 0 || at.Unix() > math.MaxUint32 {
		return nil, fmt.Errorf("%s cannot be the date of a signature", at)
	}
	deterministic := false
	config := &packet.Config{NonDeterministicSignaturesViaNotation: &deterministic}
	sig := &packet.Signature{
		Version:           k.signer.Version,
		SigType:           kind,
		PubKeyAlgo:        k.signer.PubKeyAlgo,
		Hash:              crypto.SHA512,
		CreationTime:      at.UTC().Truncate(time.Second),
		IssuerKeyId:       &k.signer.KeyId,
		IssuerKeyVersion:  uint8(k.signer.Version),
		IssuerFingerprint: k.signer.Fingerprint,
	}
	h, err := sig.PrepareSign(config)
	if err != nil {
		return nil, err
	}
	h.Write(hashed)
	if err := sig.Sign(h, k.signer, config); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := sig.Serialize(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
