package verify

import (
	"fmt"
	"io"
	"io/fs"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// WriteCertificate writes all that was read of a certificate as one armored
// block: every version merged, each packet once, signatures of others
// included. A certificate that is not in the ring matches fs.ErrNotExist.
func (k *Keyring) WriteCertificate(w io.Writer, f Fingerprint) error {
	raw, err := k.rawCertificate(f)
	if err != nil {
		return fmt.Errorf("write key %s: %w", f, err)
	}
	return writeArmor(w, openpgp.PublicKeyType, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

// component is a primary key, a user id or a subkey with the signatures after
// it.
type component struct {
	head       rawPacket
	signatures []rawPacket
	known      map[string]bool // bodies of signatures
}

func (c *component) add(p rawPacket) {
	if !c.known[string(p.body)] {
		c.known[string(p.body)] = true
		c.signatures = append(c.signatures, p)
	}
}

// rawCertificate gathers the packets of a certificate from all that was read,
// in the order in which programs expect them: the primary key, what names its
// owner, then subkeys.
func (k *Keyring) rawCertificate(f Fingerprint) ([]byte, error) {
	if k.find(f) == nil {
		return nil, fs.ErrNotExist
	}
	var all []*component
	known := make(map[string]*component)
	for _, block := range k.blocks {
		packets, _ := splitPackets(block) // what came after an error was not read as a key either
		var at *component
		inside := false
		for _, p := range packets {
			switch {
			case p.tag == tagTrust: // a program's private notes
				continue
			case p.tag == tagPublicKey:
				inside = keyPacketIs(p, f)
			case p.tag == tagSignature:
				if inside {
					at.add(p)
				}
				continue
			}
			if !inside {
				continue
			}
			id := string(append([]byte{p.tag}, p.body...))
			if at = known[id]; at == nil {
				at = &component{head: p, known: make(map[string]bool)}
				known[id] = at
				all = append(all, at)
			}
		}
	}
	return joinComponents(all), nil
}

func joinComponents(all []*component) []byte {
	var out []byte
	for _, subkeys := range []bool{false, true} {
		for _, c := range all {
			if (c.head.tag == tagPublicSubkey) != subkeys {
				continue
			}
			out = c.head.append(out)
			for _, s := range c.signatures {
				out = s.append(out)
			}
		}
	}
	return out
}

// append writes the packet with a header of the old form where it can, which
// every program reads, else of the new one.
func (p rawPacket) append(dst []byte) []byte {
	n := len(p.body)
	length := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	if p.tag < 16 {
		dst = append(dst, 0x80|p.tag<<2|2)
	} else {
		dst = append(dst, 0xc0|p.tag, 255)
	}
	return append(append(dst, length...), p.body...)
}

// keyPacketIs reports whether a packet is the key of that fingerprint.
func keyPacketIs(p rawPacket, f Fingerprint) bool {
	cert, err := parsePrimary(p)
	return err == nil && cert.fingerprint == f
}
