package bundle

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// maxSigners is how many signatures one document may have.
const maxSigners = 64

const (
	armorBegin = "-----BEGIN PGP SIGNATURE-----"
	armorEnd   = "-----END PGP SIGNATURE-----"
)

// joinSignatures returns one armored block (RFC 9580 section 6.2) of all the
// signatures in the given files, in their order, since gpg reads no more than
// the first block of a file. Of several by one key the last counts, in the
// place of the first: who signs again adds nothing.
//
// It judges no signature. It refuses what is not a sequence of whole signature
// packets.
func joinSignatures(files ...[]byte) ([]byte, error) {
	type signature struct{ issuer, packet []byte }
	var all []signature
	for _, file := range files {
		packets, err := readSignatures(file)
		if err != nil {
			return nil, err
		}
		for _, p := range packets {
			issuer := p.issuer()
			i := slices.IndexFunc(all, func(s signature) bool { return bytes.Equal(s.issuer, issuer) })
			if i >= 0 {
				all[i].packet = p.raw
				continue
			}
			all = append(all, signature{issuer, p.raw})
		}
	}
	if len(all) > maxSigners {
		return nil, fmt.Errorf("%d signatures, more than %d", len(all), maxSigners)
	}
	var raw []byte
	for _, s := range all {
		raw = append(raw, s.packet...)
	}
	doc := writeArmor(raw)
	if len(doc) > MaxSignature {
		return nil, fmt.Errorf("signatures of %d bytes, more than %d", len(doc), MaxSignature)
	}
	return doc, nil
}

// writeArmor returns signature packets as gpg writes them: lines of 64, then
// the checksum.
func writeArmor(raw []byte) []byte {
	var b bytes.Buffer
	b.WriteString(armorBegin + "\n\n")
	text := base64.StdEncoding.AppendEncode(nil, raw)
	for line := range slices.Chunk(text, 64) {
		b.Write(line)
		b.WriteByte('\n')
	}
	sum := crc24(raw)
	b.WriteString("=" + base64.StdEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}) + "\n")
	b.WriteString(armorEnd + "\n")
	return b.Bytes()
}

// crc24 is the checksum of RFC 9580 section 6.1.
func crc24(raw []byte) uint32 {
	crc := uint32(0xB704CE)
	for _, octet := range raw {
		crc ^= uint32(octet) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
	}
	return crc & 0xFFFFFF
}

// readSignatures returns the packets of all armored blocks of a file; an empty
// file has none.
func readSignatures(file []byte) ([]signaturePacket, error) {
	if len(file) > MaxSignature {
		return nil, fmt.Errorf("signatures of %d bytes, more than %d", len(file), MaxSignature)
	}
	var all []signaturePacket
	rest := bytes.TrimSpace(file)
	for len(rest) > 0 {
		block, after, found := bytes.Cut(rest, []byte(armorEnd))
		block, begun := bytes.CutPrefix(block, []byte(armorBegin))
		if !found || !begun {
			return nil, errors.New("not armored signatures")
		}
		raw, err := readArmor(block)
		if err != nil {
			return nil, err
		}
		packets, err := splitSignatures(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, packets...)
		rest = bytes.TrimSpace(after)
	}
	return all, nil
}

// readArmor reads what stands between the two lines of dashes: headers, a blank
// line, the bytes and, as RFC 9580 leaves it open, their checksum.
func readArmor(block []byte) ([]byte, error) {
	block = bytes.ReplaceAll(block, []byte("\r\n"), []byte("\n"))
	_, body, ok := bytes.Cut(block, []byte("\n\n"))
	if !ok {
		return nil, errors.New("armor has no blank line before its bytes")
	}
	text, sum, summed := bytes.Cut(bytes.TrimSpace(body), []byte("\n="))
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, fmt.Errorf("armor: %w", err)
	}
	if !summed {
		return raw, nil
	}
	want, err := base64.StdEncoding.AppendDecode(nil, sum)
	if err != nil || len(want) != 3 {
		return nil, errors.New("armor has a malformed checksum")
	}
	if crc24(raw) != uint32(want[0])<<16|uint32(want[1])<<8|uint32(want[2]) {
		return nil, errors.New("armor has another checksum than its bytes")
	}
	return raw, nil
}

// signaturePacket is one packet of tag 2.
type signaturePacket struct {
	raw  []byte // with its header
	body []byte
}

// splitSignatures cuts packets apart (RFC 9580 section 4.2).
func splitSignatures(raw []byte) ([]signaturePacket, error) {
	var all []signaturePacket
	for len(raw) > 0 {
		tag, head, length := packetHead(raw)
		if tag != 2 || length < 0 || length > len(raw)-head {
			return nil, errors.New("armor holds something else than whole signatures")
		}
		all = append(all, signaturePacket{raw: raw[:head+length], body: raw[head : head+length]})
		raw = raw[head+length:]
	}
	if len(all) == 0 {
		return nil, errors.New("armor holds no signature")
	}
	return all, nil
}

// packetHead reads the header of a packet. A length of -1 is one that a
// signature does not have: partial, indeterminate, or cut off.
func packetHead(b []byte) (tag, head, length int) {
	if b[0]&0x80 == 0 {
		return 0, 0, -1
	}
	if b[0]&0x40 == 0 { // the old format
		octets := 1 << (b[0] & 3)
		if octets > 4 || len(b) < 1+octets {
			return 0, 0, -1
		}
		n := uint64(0)
		for _, octet := range b[1 : 1+octets] {
			n = n<<8 | uint64(octet)
		}
		return int(b[0] >> 2 & 15), 1 + octets, int(n)
	}
	n, octets := newLength(b[1:])
	return int(b[0] & 63), 1 + octets, n
}

// newLength reads a length as packets and subpackets write it (RFC 9580
// sections 4.2.1 and 5.2.3.7), without partial lengths.
func newLength(b []byte) (n, octets int) {
	switch {
	case len(b) >= 1 && b[0] < 192:
		return int(b[0]), 1
	case len(b) >= 2 && b[0] < 224:
		return int(b[0]-192)<<8 + int(b[1]) + 192, 2
	case len(b) >= 5 && b[0] == 255:
		return int(binary.BigEndian.Uint32(b[1:])), 5
	}
	return -1, 0
}

// issuer returns what tells signatures of different keys apart: the issuer's
// fingerprint where the signed part names it, else the whole packet.
func (p signaturePacket) issuer() []byte {
	b := p.body
	if len(b) < 6 || b[0] != 4 {
		return p.raw
	}
	end := 6 + int(binary.BigEndian.Uint16(b[4:]))
	if end > len(b) {
		return p.raw
	}
	const issuerFingerprint = 33
	for area := b[6:end]; len(area) > 0; {
		n, octets := newLength(area)
		if n < 1 || n > len(area)-octets {
			return p.raw
		}
		if sub := area[octets : octets+n]; sub[0]&0x7f == issuerFingerprint {
			return hex.AppendEncode(nil, sub[1:])
		}
		area = area[octets+n:]
	}
	return p.raw
}
