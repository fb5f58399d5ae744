package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"path"
	"strings"
	"unicode/utf16"
)

const (
	maxSums    = 8        // files of digests that are read
	maxSumText = 64 << 10 // bytes of each
)

// compareSums says whether the files of digests beside a document are those of
// body: all that can be read, else they differ; empty where none can be.
func compareSums(doc Document, body []byte) string {
	out := ""
	for _, s := range doc.Sums[:min(len(doc.Sums), maxSums)] {
		want := readSum(s.Text, doc.Name)
		if want == nil {
			continue
		}
		if !bytes.Equal(want, digestOfSize(body, len(want))) {
			return sumsDiffer
		}
		out = sumsMatch
	}
	return out
}

func digestOfSize(b []byte, size int) []byte {
	if size == sha256.Size {
		sum := sha256.Sum256(b)
		return sum[:]
	}
	sum := sha512.Sum512(b)
	return sum[:]
}

// readSum reads the SHA-256 or SHA-512 digest of the file of that name, as
// publishers write it (CSAF 2.0 section 7.1.18 and what they make of it): the
// first run of 64 or 128 hexadecimal digits of a line, alone or with a name, of
// whatever path, before or behind it; or with blanks between the bytes, in
// UTF-16, as certutil of Windows writes. Of several lines the one with the name
// counts; a single one counts whatever name it has. It returns nil where there
// is none, and for HTML, which is a page that says so.
func readSum(text []byte, name string) []byte {
	if len(text) > maxSumText {
		return nil
	}
	plain := strings.TrimSpace(decodeText(text))
	if strings.HasPrefix(plain, "<") {
		return nil
	}
	var only []byte
	count := 0
	for line := range strings.Lines(plain) {
		sum := sumOf(line)
		if sum == nil {
			continue
		}
		if names(line, name) {
			return sum
		}
		only = sum
		count++
	}
	if count != 1 {
		return nil
	}
	return only
}

// decodeText undoes UTF-16 with a byte order mark and takes that of UTF-8 off.
func decodeText(b []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(string(b), "\ufeff")
	}
	var units []uint16
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// sumOf returns the first digest of a line.
func sumOf(line string) []byte {
	notHex := func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }
	for run := range strings.FieldsFuncSeq(line, notHex) {
		if sum := decodeSum(run); sum != nil {
			return sum
		}
	}
	return decodeSum(strings.Join(strings.Fields(line), ""))
}

func decodeSum(digits string) []byte {
	if len(digits) != 2*sha256.Size && len(digits) != 2*sha512.Size {
		return nil
	}
	sum, err := hex.DecodeString(digits)
	if err != nil {
		return nil
	}
	return sum
}

// names reports whether a line has the name of a file, with or without a path.
func names(line, name string) bool {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	before, after, ok := strings.Cut(line, name)
	const around = " \t\r\n*/\\():=" // of names in the formats of sha512sum, BSD and certutil
	return ok && name != "." &&
		(before == "" || strings.ContainsRune(around, rune(before[len(before)-1]))) &&
		(after == "" || strings.ContainsRune(around, rune(after[0])))
}
