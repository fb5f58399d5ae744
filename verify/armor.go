package verify

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"patchferry/verify/envelope"
)

const (
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"

	armorColumns = 64 // written by every program; RFC 9580 allows readers 76
	maxColumns   = 76

	// maxArmor is the largest armored signature block in bytes: 64
	// signatures of RSA-8192 fit.
	maxArmor = 128 << 10
)

// dearmorSignature reads one armored signature block that fills b from its
// first byte to its last. There is exactly one way to write each block down
// in columns of a given width: no armor headers, no blanks, no text around,
// no unused base64 bits, and a checksum only if it is right.
func dearmorSignature(b []byte) ([]byte, error) {
	if len(b) > maxArmor {
		return nil, fmt.Errorf("the signature block has more than %d bytes", maxArmor)
	}
	body, ok := bytes.CutPrefix(b, []byte(beginSignature+"\n"))
	if !ok {
		return nil, fmt.Errorf("the signature does not begin with the line %q", beginSignature)
	}
	body, ok = bytes.CutSuffix(body, []byte("\n"+endSignature+"\n"))
	if !ok {
		return nil, fmt.Errorf("the signature does not end with the line %q", endSignature)
	}
	body, ok = bytes.CutPrefix(body, []byte("\n"))
	if !ok {
		return nil, errors.New("the signature block has armor headers, which nobody signs; sign again without comment and version lines")
	}
	return decodeArmorBody(strings.Split(string(body), "\n"))
}

func decodeArmorBody(lines []string) ([]byte, error) {
	var sum string
	if last := lines[len(lines)-1]; strings.HasPrefix(last, "=") {
		sum, lines = last[1:], lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nil, errors.New("the signature block is empty")
	}
	width := len(lines[0])
	for i, l := range lines {
		short := i == len(lines)-1 && len(l) > 0 && len(l) <= width
		if len(l) > maxColumns || len(l) != width && !short {
			return nil, fmt.Errorf("line %d of the signature block has %d columns", i+1, len(l))
		}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.Join(lines, ""))
	if err != nil {
		return nil, fmt.Errorf("the signature block is not base64: %w", err)
	}
	if sum != "" && sum != envelope.Checksum(raw) {
		return nil, errors.New("the checksum of the signature block is wrong")
	}
	return raw, nil
}

// armorSignature is the inverse of dearmorSignature. It writes the optional
// checksum, since older programs complain when it is missing.
func armorSignature(raw []byte) []byte {
	var b bytes.Buffer
	b.WriteString(beginSignature + "\n\n")
	text := base64.StdEncoding.EncodeToString(raw)
	for len(text) > armorColumns {
		b.WriteString(text[:armorColumns] + "\n")
		text = text[armorColumns:]
	}
	b.WriteString(text + "\n=" + envelope.Checksum(raw) + "\n" + endSignature + "\n")
	return b.Bytes()
}
