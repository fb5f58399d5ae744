package verify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

const (
	beginMessage = "-----BEGIN PGP SIGNED MESSAGE-----"

	// MaxClear is the largest clear-signed document in bytes.
	MaxClear = 4 << 20

	// MaxLine is the longest line of a clear-signed text in bytes. GnuPG 2.2
	// cuts lines at 19,995 bytes and then calls the signature bad, and a
	// document of ours can always be checked by hand.
	MaxLine = 16 << 10
)

// clearDocument is a clear-signed document taken apart.
//
// The framework (RFC 9580 section 7) was made for mail: it does not sign
// trailing blanks, the form of line ends or the last newline. Here each of
// these has one permitted form (none, LF, one), so that the signed text comes
// back byte for byte and no byte of a document can be altered unnoticed.
type clearDocument struct {
	text   []byte // as it was given to the signer, ending in a newline
	hashed []byte // as it was hashed: CRLF, without the last line end
	hashes []string
	sigs   []byte // the signature packets
}

// parseClear takes a document apart. It refuses everything that parseClear of
// a freshly written document would not meet.
func parseClear(data []byte) (*clearDocument, error) {
	if len(data) > MaxClear {
		return nil, fmt.Errorf("more than %d bytes", MaxClear)
	}
	rest, ok := bytes.CutPrefix(data, []byte(beginMessage+"\n"))
	if !ok {
		return nil, fmt.Errorf("it does not begin with the line %q", beginMessage)
	}
	doc := &clearDocument{}
	rest, err := doc.parseHeader(rest)
	if err != nil {
		return nil, err
	}
	end := bytes.Index(rest, []byte("\n"+beginSignature+"\n"))
	if end < 0 {
		return nil, errors.New("it has no signature block")
	}
	body, block := rest[:end+1], rest[end+1:]
	doc.text, err = unescape(body)
	if err != nil {
		return nil, err
	}
	if err := checkText(doc.text); err != nil {
		return nil, err
	}
	doc.hashed = canonical(doc.text)
	doc.sigs, err = dearmorSignature(block)
	return doc, err
}

// parseHeader reads the optional line "Hash: SHA512" and the empty line.
func (d *clearDocument) parseHeader(b []byte) (rest []byte, err error) {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return nil, errors.New("it ends within its header")
	}
	if len(line) == 0 {
		return rest, nil
	}
	names, ok := strings.CutPrefix(string(line), "Hash: ")
	if !ok {
		return nil, errors.New("it has a header other than Hash, which nobody signs")
	}
	d.hashes = strings.Split(names, ",")
	if rest, ok = bytes.CutPrefix(rest, []byte("\n")); !ok {
		return nil, errors.New("no empty line follows the header")
	}
	return rest, nil
}

// unescape takes "- " off the lines that need it: those that begin with a
// dash, and those that begin with "From ", which GnuPG also protects.
func unescape(body []byte) ([]byte, error) {
	text := make([]byte, 0, len(body))
	for line := range bytes.Lines(body) {
		plain, escaped := bytes.CutPrefix(line, []byte("- "))
		dash := bytes.HasPrefix(plain, []byte("-"))
		if escaped && !dash && !bytes.HasPrefix(plain, []byte("From ")) {
			return nil, fmt.Errorf("a line is dash-escaped without need: %.40q", line)
		}
		if !escaped && dash {
			return nil, fmt.Errorf("a line begins with a dash that is not escaped: %.40q", line)
		}
		text = append(text, plain...)
	}
	return text, nil
}

func escape(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/64)
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("-")) || bytes.HasPrefix(line, []byte("From ")) {
			out = append(out, "- "...)
		}
		out = append(out, line...)
	}
	return out
}

// checkText refuses what the framework does not sign or what programs read
// differently.
func checkText(text []byte) error {
	if len(text) < 2 || text[len(text)-1] != '\n' {
		return errors.New("the text does not end in a newline")
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = line[:len(line)-1]
		if len(line) > MaxLine {
			return fmt.Errorf("line %d of the text has more than %d bytes", number, MaxLine)
		}
		if n := len(line); n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
			return fmt.Errorf("line %d of the text ends in a blank, which is not signed", number)
		}
		if i := bytes.IndexFunc(line, isControl); i >= 0 {
			return fmt.Errorf("line %d of the text has the control character %#x", number, line[i])
		}
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// canonical returns the text as it is hashed: lines end in CRLF and the last
// one has no end.
func canonical(text []byte) []byte {
	return bytes.ReplaceAll(text[:len(text)-1], []byte("\n"), []byte("\r\n"))
}

// frame puts a clear-signed document together.
func frame(text []byte, hash string, armored []byte) []byte {
	var b bytes.Buffer
	b.WriteString(beginMessage + "\nHash: " + hash + "\n\n")
	b.Write(escape(text))
	b.Write(armored)
	return b.Bytes()
}
