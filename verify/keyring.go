package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// Limits of a keyring. Third-party signatures are not kept and do not count.
const (
	maxKeyring     = 16 << 20 // bytes
	maxSelfSigs    = 1000     // a certificate
	maxSubkeys     = 200      // a certificate
	maxUsers       = 1000     // a certificate
	maxSkippedKept = 1000
	// What takes longer to check than keys of these lengths is an attack.
	maxKeyBits      = 16384
	maxDSABits      = 4096
	maxDSAGroupBits = 512
)

const (
	beginPublicKey = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	endPublicKey   = "-----END PGP PUBLIC KEY BLOCK-----"
	beginSecretKey = "-----BEGIN PGP PRIVATE KEY BLOCK-----"
)

// Keyring holds public certificates. A key in a keyring can be checked
// against; it is believed only where a pin says so. A Keyring may be used
// concurrently.
type Keyring struct {
	blocks       [][]byte // as read, to merge
	certificates []*certificate
	index        map[Fingerprint]*certificate
	skipped      []Skipped
}

// Skipped is something in a key file that cannot be used.
type Skipped struct {
	Block       int         // the armor block, counted from 1
	Fingerprint Fingerprint // of the certificate that it belongs to, or ""
	Reason      string
}

// ReadKeyring reads certificates: every armored block of a text, whatever
// stands between them, or a binary file. Several versions of a certificate
// are merged. What cannot be used is listed by Skipped. A file without a
// single usable certificate is an error, and so is one with a secret key,
// which has no business there.
func ReadKeyring(r io.Reader) (*Keyring, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyring+1))
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	if len(data) > maxKeyring {
		return nil, fmt.Errorf("read keyring: more than %d bytes", maxKeyring)
	}
	blocks, err := keyBlocks(data)
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	k := &Keyring{}
	for i, block := range blocks {
		if err := k.add(block); err != nil {
			return nil, fmt.Errorf("read keyring: block %d: %w", i+1, err)
		}
	}
	if len(k.certificates) == 0 {
		return nil, fmt.Errorf("read keyring: no usable certificate%s", k.firstReason())
	}
	return k, nil
}

// Fingerprints returns the primary fingerprints, in the order of the file.
func (k *Keyring) Fingerprints() []Fingerprint {
	if k == nil {
		return nil
	}
	out := make([]Fingerprint, len(k.certificates))
	for i, c := range k.certificates {
		out[i] = c.fingerprint
	}
	return out
}

// Names returns the user ids of a certificate, as its owner wrote them. They
// prove nothing.
func (k *Keyring) Names(f Fingerprint) []string {
	c := k.find(f)
	if c == nil {
		return nil
	}
	var out []string
	for _, u := range c.users {
		out = append(out, u.name)
	}
	return out
}

// Skipped returns what of the key file cannot be used, at most 1,000 entries.
func (k *Keyring) Skipped() []Skipped { return slices.Clone(k.skipped) }

// MergeKeyrings returns a keyring with the certificates of all; nil ones count
// as empty.
func MergeKeyrings(rings ...*Keyring) *Keyring {
	all := &Keyring{}
	for _, ring := range rings {
		if ring == nil {
			continue
		}
		for _, block := range ring.blocks {
			// Each block was read without error before.
			_ = all.add(block)
		}
	}
	return all
}

func (k *Keyring) find(f Fingerprint) *certificate {
	if k == nil {
		return nil
	}
	return k.index[f]
}

func (k *Keyring) enter(c *certificate) {
	if k.index == nil {
		k.index = map[Fingerprint]*certificate{}
	}
	k.index[c.fingerprint] = c
	k.certificates = append(k.certificates, c)
}

// issuers returns the keys that a signature names.
func (k *Keyring) issuers(s signature) []signingKey {
	if k == nil {
		return nil
	}
	var out []signingKey
	for _, c := range k.certificates {
		if !c.named(s) {
			continue
		}
		for _, key := range c.signing() {
			if s.names(key.PublicKey) {
				out = append(out, key)
			}
		}
	}
	return out
}

func (k *Keyring) skip(block int, f Fingerprint, reason string) {
	if len(k.skipped) < maxSkippedKept {
		k.skipped = append(k.skipped, Skipped{Block: block, Fingerprint: f, Reason: reason})
	}
}

func (k *Keyring) firstReason() string {
	if len(k.skipped) == 0 {
		return ""
	}
	return ": " + k.skipped[0].Reason
}

// keyBlocks returns the packets of every armored block, or data itself where
// it is binary.
func keyBlocks(data []byte) ([][]byte, error) {
	if len(data) > 0 && data[0]&0x80 != 0 && !bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return [][]byte{data}, nil
	}
	if bytes.Contains(data, []byte(beginSecretKey)) {
		return nil, errSecretKey
	}
	var blocks [][]byte
	for {
		start := bytes.Index(data, []byte(beginPublicKey))
		if start < 0 {
			break
		}
		length := bytes.Index(data[start:], []byte(endPublicKey))
		if length < 0 {
			return nil, fmt.Errorf("block %d has no line %q", len(blocks)+1, endPublicKey)
		}
		end := start + length + len(endPublicKey)
		raw, err := dearmorKey(data[start:end])
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", len(blocks)+1, err)
		}
		blocks = append(blocks, raw)
		data = data[end:]
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("no line %q found", beginPublicKey)
	}
	return blocks, nil
}

var errSecretKey = errors.New("it holds a secret key; only public keys belong here")

// dearmorKey reads armor as leniently as other programs do: a key proves
// itself by its fingerprint, not by how it is wrapped.
func dearmorKey(b []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(append(bytes.Clone(b), '\n')))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(block.Body)
}

// add reads the certificates of one block.
func (k *Keyring) add(block []byte) error {
	packets, err := splitPackets(block)
	if err != nil && len(packets) == 0 {
		return err
	}
	k.blocks = append(k.blocks, block)
	in := &certificateReader{ring: k, block: len(k.blocks)}
	for _, p := range packets {
		if p.tag == tagSecretKey || p.tag == tagSecretSubkey {
			return errSecretKey
		}
		in.packet(p)
	}
	if err != nil {
		k.skip(in.block, "", "the rest of the block: "+err.Error())
	}
	return nil
}
