package verify

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Packet tags of RFC 9580 section 5.
const (
	tagSignature    = 2
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagTrust        = 12
	tagUserID       = 13
	tagPublicSubkey = 14
)

// rawPacket is one packet as it was found.
type rawPacket struct {
	tag  byte
	body []byte
}

var errPacketCut = errors.New("a packet is cut short")

// splitPackets splits b into packets of a definite length. Nothing may be
// left over.
func splitPackets(b []byte) ([]rawPacket, error) {
	var out []rawPacket
	for len(b) > 0 {
		tag, header, length, err := packetHeader(b)
		if err != nil {
			return out, err
		}
		if length > len(b)-header {
			return out, errPacketCut
		}
		out = append(out, rawPacket{tag: tag, body: b[header : header+length]})
		b = b[header+length:]
	}
	return out, nil
}

// packetHeader reads the old and the new form of RFC 9580 section 4.2.
func packetHeader(b []byte) (tag byte, header, length int, err error) {
	if b[0]&0x80 == 0 {
		return 0, 0, 0, errors.New("not an OpenPGP packet")
	}
	if b[0]&0x40 != 0 {
		header, length, err = newLength(b)
		return b[0] & 0x3f, header, length, err
	}
	octets := 1 << (b[0] & 3)
	if octets == 8 {
		return 0, 0, 0, errors.New("a packet has no definite length")
	}
	if len(b) < 1+octets {
		return 0, 0, 0, errPacketCut
	}
	for _, c := range b[1 : 1+octets] {
		length = length<<8 | int(c)
	}
	return b[0] >> 2 & 0xf, 1 + octets, length, nil
}

func newLength(b []byte) (header, length int, err error) {
	if len(b) < 2 {
		return 0, 0, errPacketCut
	}
	switch first := int(b[1]); {
	case first < 192:
		return 2, first, nil
	case first < 224:
		if len(b) < 3 {
			return 0, 0, errPacketCut
		}
		return 3, (first-192)<<8 + int(b[2]) + 192, nil
	case first < 255:
		return 0, 0, errors.New("a packet has no definite length")
	}
	if len(b) < 6 {
		return 0, 0, errPacketCut
	}
	return 6, int(b[2])<<24 | int(b[3])<<16 | int(b[4])<<8 | int(b[5]), nil
}

// parse hands the packet to the OpenPGP library, under a header of its own
// making, since the length was checked here. The library has panicked on
// hostile packets before; that is an error like others.
func (p rawPacket) parse() (parsed packet.Packet, err error) {
	defer func() {
		if r := recover(); r != nil {
			parsed, err = nil, fmt.Errorf("packet with tag %d cannot be parsed: %v", p.tag, r)
		}
	}()
	n := len(p.body)
	header := []byte{0xc0 | p.tag, 255, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	unrestricted(func() { parsed, err = packet.Read(bytes.NewReader(append(header, p.body...))) })
	return parsed, err
}

// cursor walks over a packet's body.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.b) {
		c.bad = true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

// number reads a big-endian number of n octets.
func (c *cursor) number(n int) int {
	v := 0
	for _, b := range c.take(n) {
		v = v<<8 | int(b)
	}
	return v
}

// mpi passes over a multi-precision integer and refuses any but the one
// permitted form: the length counts from the first bit that is set.
func (c *cursor) mpi() {
	length := c.number(2)
	value := c.take((length + 7) / 8)
	if c.bad || len(value) == 0 {
		c.bad = true
		return
	}
	if length != 8*(len(value)-1)+bits.Len8(value[0]) {
		c.bad = true
	}
}
