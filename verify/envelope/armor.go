package envelope

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// MaxArmor is the largest file or block of signatures in bytes: 64 signatures
// of RSA-8192, armored, fit.
const MaxArmor = 128 << 10

// PGP 2 wrote its detached signatures between these lines (RFC 1991 section
// 2.4); what they hold tells a signature from a message.
const (
	beginMessage2 = "-----BEGIN PGP MESSAGE-----"
	endMessage2   = "-----END PGP MESSAGE-----"
)

// maxColumns is the longest line in a block of signatures. Armor has 64 or 76
// columns and its headers no limit of their own; this is that of mail (RFC 5322
// section 2.1.1).
const maxColumns = 998

// Dearmor returns the packets of a detached signature as files have them:
// binary, which it returns as it is, or one armored block (RFC 9580 section 6),
// with any headers, and nothing around it but blank lines and a byte order mark.
//
// Of base64 it reads only the alphabet, blanks at the ends of lines and blank
// lines; a checksum may be missing and must not be wrong. GnuPG skips foreign
// characters and text around the block; here they are errors, since they mean
// that somebody edited the file.
func Dearmor(b []byte) ([]byte, error) {
	switch {
	case len(b) > MaxArmor:
		return nil, fmt.Errorf("the signature has more than %d bytes", MaxArmor)
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")):
		return nil, errors.New("the signature is UTF-16 text; get the original file")
	}
	b = bytes.TrimPrefix(b, bom)
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("the signature is empty")
	}
	if b[0]&0x80 != 0 { // every packet begins so, and no line of text
		return b, nil
	}
	lines, err := armorLines(b)
	if err != nil {
		return nil, err
	}
	return decodeArmor(lines)
}

// armorLines returns the lines between the BEGIN and the END line of the only
// block of b, without the blanks behind them.
func armorLines(b []byte) ([]string, error) {
	lines := strings.Split(string(b), "\n")
	for i, l := range lines {
		if len(l) > maxColumns {
			return nil, fmt.Errorf("a line of the signature has more than %d bytes", maxColumns)
		}
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	for lines[0] == "" {
		lines = lines[1:]
	}
	for lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	end := endSignature
	switch lines[0] {
	case beginSignature:
	case beginMessage2:
		end = endMessage2
	case beginMessage:
		return nil, errors.New("the signature is a signed message of its own, and none of another file")
	default:
		return nil, fmt.Errorf("the signature does not begin with the line %q", beginSignature)
	}
	if lines[len(lines)-1] != end {
		return nil, fmt.Errorf("the signature does not end with the line %q", end)
	}
	return lines[1 : len(lines)-1], nil
}

// decodeArmor decodes the inside of a block: headers, a blank line, base64 and a
// checksum.
func decodeArmor(lines []string) ([]byte, error) {
	for len(lines) > 0 && lines[0] != "" {
		if !isHeader(lines[0]) {
			return nil, fmt.Errorf("the signature has no blank line before %.40q", lines[0])
		}
		lines = lines[1:]
	}
	var text strings.Builder
	sum := ""
	for _, l := range lines {
		switch {
		case l == "":
		case sum != "":
			return nil, errors.New("the signature goes on behind its checksum")
		case len(l) == 5 && l[0] == '=':
			sum = l[1:]
		default:
			text.WriteString(l)
		}
	}
	if text.Len() == 0 {
		return nil, errors.New("the signature is empty")
	}
	if strings.Contains(text.String(), "\r") { // which the decoder would skip
		return nil, errors.New("the signature has a carriage return within a line")
	}
	// Bits that are left over are nobody's: PGP did not always clear them.
	raw, err := base64.StdEncoding.DecodeString(text.String())
	if err != nil {
		return nil, fmt.Errorf("the signature is not base64: %w", err)
	}
	if sum != "" && sum != Checksum(raw) {
		return nil, errors.New("the checksum of the signature is wrong")
	}
	return raw, nil
}

// isHeader reports whether a line is a header of armor: "Version: 2.6.2",
// "Comment:".
func isHeader(line string) bool {
	key, value, ok := strings.Cut(line, ":")
	return ok && key != "" && !strings.ContainsAny(key, " \t") && (value == "" || value[0] == ' ')
}

// Checksum returns the CRC-24 of RFC 9580 section 6.1.1 in base64, as armor has
// it behind an equals sign.
func Checksum(b []byte) string {
	crc := uint32(0xb704ce)
	for _, c := range b {
		crc ^= uint32(c) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
}
