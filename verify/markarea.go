package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Subpackets that a mark is asked for itself (RFC 9580 section 5.2.3.7). The
// library keeps only the last issuer and refuses what is critical and unknown
// to it before the arithmetic.
const (
	subIssuerID          = 16
	subNotation          = 20
	subIssuerFingerprint = 33
)

// understood are the subpackets that may be critical in a signature: what they
// say of a document is checked, or concerns keys only.
var understood = [...]byte{2, 3, 4, 5, 6, 9, 11, subIssuerID, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, subIssuerFingerprint, 35, 39}

// readArea walks over the subpackets of one area. Of what is critical and not
// understood it clears the mark in the area, for the library, and remembers
// it, for the policy.
func (m *mark) readArea(area []byte, hashed bool) error {
	c := &cursor{b: area}
	for len(c.b) > 0 {
		sub := c.take(subpacketLength(c))
		if c.bad || len(sub) == 0 {
			return errors.New("a part of the signature is malformed")
		}
		kind, critical := sub[0]&0x7f, sub[0]&0x80 != 0
		if err := m.readIssuer(kind, sub[1:]); err != nil {
			return err
		}
		switch {
		case !hashed || !critical:
		case kind == subNotation:
			m.critical = "notation " + notationName(sub[1:])
		case !slices.Contains(understood[:], kind):
			m.critical = fmt.Sprintf("subpacket of type %d", kind)
			sub[0] = kind
		}
	}
	return nil
}

// readIssuers reads the type of a signature and what it names as its issuer,
// and nothing else. It leaves body as it is.
func (m *mark) readIssuers(body []byte) (packet.SignatureType, error) {
	c := &cursor{b: body}
	version, width := c.number(1), 2
	switch version {
	case 2, 3:
		c.take(1)
		kind := packet.SignatureType(c.number(1))
		c.take(4)
		if id := c.take(8); !c.bad {
			m.ids = append(m.ids, binary.BigEndian.Uint64(id))
			return kind, nil
		}
		return 0, errMark
	case 6:
		width = 4
	}
	kind := packet.SignatureType(c.number(1))
	c.take(2)
	for range 2 {
		area := &cursor{b: c.take(c.number(width))}
		for len(area.b) > 0 {
			sub := area.take(subpacketLength(area))
			if area.bad || len(sub) == 0 {
				return 0, errMark
			}
			if err := m.readIssuer(sub[0]&0x7f, sub[1:]); err != nil {
				return 0, err
			}
		}
	}
	if c.bad {
		return 0, errMark
	}
	return kind, nil
}

func (m *mark) readIssuer(kind byte, value []byte) error {
	switch {
	case kind == subIssuerID && len(value) == 8:
		m.ids = append(m.ids, binary.BigEndian.Uint64(value))
	case kind == subIssuerFingerprint && (len(value) == 21 && value[0] == 4 || len(value) == 33 && value[0] == 6):
		m.fingerprints = append(m.fingerprints, value[1:])
	case kind == subIssuerID || kind == subIssuerFingerprint:
		return errors.New("the signature names its issuer in a form that nobody uses")
	}
	return nil
}

func subpacketLength(c *cursor) int {
	switch first := c.number(1); {
	case first < 192:
		return first
	case first < 255:
		return (first-192)<<8 + c.number(1) + 192
	}
	return c.number(4)
}

func notationName(value []byte) string {
	c := &cursor{b: value}
	c.take(4)
	length := c.number(2)
	c.take(2)
	return fmt.Sprintf("%.100q", c.take(length))
}
