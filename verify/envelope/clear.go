package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	beginMessage   = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"

	dashes = "-----"
)

// MaxLine is the longest line of a clear-signed text in bytes, without its
// newline. GnuPG cuts longer lines, and what it then says is about other text
// than what stands in the file.
const MaxLine = 19_995

// maxHashes is how many names of digests a message may have in its headers.
const maxHashes = 32

// digests are the names that a Hash header may have (RFC 9580 section 9.5).
var digests = [...]string{
	"MD5", "SHA1", "RIPEMD160", "SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-512",
}

// readBlock reads a clear-signed block that begins behind its BEGIN line, and
// returns what follows it; of a block that is broken off, from the line that
// breaks it.
//
// Programs read this frame differently, and what one of them takes for signed
// another does not (gpg.fail, December 2025). Here a block must be one for all
// of them; the tests have a table of what gpgv makes of each change of a frame,
// and why this is stricter:
//
//   - The only header is Hash, with names of digests. Any other could be read as
//     text, and NotDashEscaped hides a second signature within the text.
//   - One line of nothing but blanks ends the headers.
//   - No line of the text begins with five dashes. A shorter dash that is not
//     escaped is text, for everyone.
//   - No line is longer than MaxLine or ends in a form feed (by which GnuPG
//     marks lines that it cut, CVE-2025-68972), and no byte is zero.
//   - The signature has its END line, and is armor as Dearmor reads it.
//
// Blanks behind markers and lines are nobody's, as mailers add them. Whether the
// signature's digest is one that the header names is for package verify to see.
func readBlock(b []byte) (p Part, rest []byte) {
	hashes, b, err := readHashes(b)
	if err != nil {
		return Part{Err: err}, b
	}
	body, b, err := readBody(b)
	if err != nil {
		return Part{Err: err}, b
	}
	armor, b, err := readArmor(b)
	if err != nil {
		return Part{Err: err}, b
	}
	if err := checkBody(body); err != nil {
		return Part{Err: err}, b
	}
	if _, err := Dearmor(armor); err != nil {
		return Part{Err: err}, b
	}
	text := unescape(body)
	return Part{Form: Clear, Body: text, Text: text, Armor: slices.Clone(armor), Hashes: hashes}, b
}

// readHashes reads the headers of a block and the blank line behind them. On an
// error rest begins with the line at fault.
func readHashes(b []byte) (names []string, rest []byte, err error) {
	for len(b) > 0 {
		line, after := cutLine(b)
		line = trimBlanks(line)
		if len(line) == 0 {
			return names, after, nil
		}
		list, ok := strings.CutPrefix(string(line), "Hash: ")
		if !ok {
			return nil, b, fmt.Errorf("a signed message has a header other than Hash, or no blank line before its text: %.40q", line)
		}
		for name := range strings.SplitSeq(list, ",") {
			name = strings.Trim(name, " \t")
			if !slices.Contains(digests[:], name) {
				return nil, b, fmt.Errorf("a signed message names an unknown digest: %.40q", name)
			}
			names = append(names, name)
			if len(names) > maxHashes {
				return nil, b, fmt.Errorf("a signed message names more than %d digests", maxHashes)
			}
		}
		b = after
	}
	return nil, b, errors.New("a signed message ends within its headers")
}

// readBody returns the text up to the signature, with its escapes, and what
// follows from the BEGIN line of the signature.
func readBody(b []byte) (body, rest []byte, err error) {
	for at := 0; at < len(b); {
		line, after := cutLine(b[at:])
		if isMarker(line, beginSignature) {
			return b[:at], b[at:], nil
		}
		if bytes.HasPrefix(line, []byte(dashes)) {
			return nil, b[at:], fmt.Errorf("a signed message is broken off by the line %.60q", line)
		}
		at = len(b) - len(after)
	}
	return nil, nil, errors.New("a signed message has no signature")
}

// checkBody refuses text that programs read differently.
func checkBody(body []byte) error {
	if bytes.IndexByte(body, 0) >= 0 {
		return errors.New("a signed message has a zero byte")
	}
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) > MaxLine {
			return fmt.Errorf("a signed message has a line of more than %d bytes, which other programs cut", MaxLine)
		}
		if bytes.HasSuffix(trimBlanks(line), []byte("\f")) {
			return errors.New("a line of a signed message ends in a form feed, by which some programs mark lines that they cut")
		}
	}
	return nil
}

// unescape takes the escape off the lines that have it and the line end off the
// last: it is not signed.
func unescape(body []byte) []byte {
	text := make([]byte, 0, len(body))
	for line := range bytes.Lines(body) {
		text = append(text, bytes.TrimPrefix(line, []byte("- "))...)
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	return bytes.TrimSuffix(text, []byte("\r"))
}

// readArmor returns the block of a signature from its BEGIN line, with which b
// begins, to its END line, and what follows. On an error rest begins with the
// line that breaks the block off.
func readArmor(b []byte) (armor, rest []byte, err error) {
	_, rest = cutLine(b)
	for len(rest) > 0 {
		line, after := cutLine(rest)
		if isMarker(line, endSignature) {
			end := len(b) - len(rest) + len(line)
			return b[:end], after, nil
		}
		if bytes.HasPrefix(line, []byte(dashes)) {
			return nil, rest, fmt.Errorf("a signature is broken off by the line %.60q", line)
		}
		rest = after
	}
	return nil, nil, errors.New("a signature has no END line")
}

// isMarker reports whether a line is the marker. Behind it there may be blanks;
// before it, not even a sixth dash.
func isMarker(line []byte, marker string) bool {
	return bytes.HasPrefix(line, []byte(marker)) && string(trimBlanks(line)) == marker
}
