package verify

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// prefixV3 begins the fingerprint of a version 3 key. Their own fingerprint is
// an MD5 over the numbers without their lengths, so that a second key with the
// same one, or with the same key id, is made in no time. They are pinned by
// the SHA-256 of the whole key packet instead.
const prefixV3 = "v3sha256:"

// oldKey is an RSA key of version 3, or 2, which has the same form (RFC 9580
// section 5.5.2). Nothing of ours is signed by one: Trust does not see them.
type oldKey struct {
	fingerprint Fingerprint
	md5         Fingerprint // information only: it can be forged
	id          uint64      // the low bits of the modulus: it can be forged
	expires     time.Time   // zero: never
	key         *packet.PublicKey
}

// parseOldKey reads the body of a key packet. The library gets the key as one
// of version 4 with the same numbers, and only to do the arithmetic.
func parseOldKey(body []byte) (*oldKey, error) {
	c := &cursor{b: body}
	version := c.number(1)
	made := c.take(4)
	days := c.number(2)
	algorithm := packet.PublicKeyAlgorithm(c.number(1))
	numbers := c.b
	modulus, exponent := c.take((c.number(2)+7)/8), c.take((c.number(2)+7)/8)
	switch {
	case c.bad || len(c.b) > 0 || len(modulus) < 8 || len(exponent) == 0:
		return nil, errors.New("the key packet is malformed")
	case version != 2 && version != 3:
		return nil, fmt.Errorf("key version %d is not supported", version)
	case algorithm != packet.PubKeyAlgoRSA && algorithm != packet.PubKeyAlgoRSASignOnly:
		return nil, fmt.Errorf("version 3 keys of algorithm %d are not supported", algorithm)
	}
	rewritten := append([]byte{4}, made...)
	rewritten = append(append(rewritten, byte(algorithm)), numbers...)
	key, err := parsePublicKey(rawPacket{tag: tagPublicKey, body: rewritten})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	k := &oldKey{
		fingerprint: prefixV3 + fingerprintOf(sum[:]),
		md5:         md5Fingerprint(modulus, exponent),
		id:          binary.BigEndian.Uint64(modulus[len(modulus)-8:]),
		key:         key,
	}
	if days > 0 {
		k.expires = key.CreationTime.Add(time.Duration(days) * 24 * time.Hour)
	}
	return k, nil
}

// md5Fingerprint returns the fingerprint that programs of the time print. It
// identifies nothing, so that it may be computed where MD5 is not allowed.
func md5Fingerprint(modulus, exponent []byte) (f Fingerprint) {
	unrestricted(func() {
		sum := md5.Sum(bytes.Join([][]byte{modulus, exponent}, nil))
		f = fingerprintOf(sum[:])
	})
	return f
}

// IsV3 reports whether the fingerprint is one of ours for a version 3 key.
func (f Fingerprint) IsV3() bool { return strings.HasPrefix(string(f), prefixV3) }
