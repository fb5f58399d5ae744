package envelope

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// maxCharset is the longest name of a charset in bytes.
const maxCharset = 40

// ascii are the names of ASCII that programs of old wrote also above texts
// that were none.
var ascii = map[string]bool{"": true, "us-ascii": true, "ascii": true, "ansi_x3.4-1968": true, "unknown-8bit": true, "default": true}

// codePages are charsets that mails name and the index of the WHATWG lacks.
var codePages = map[string]encoding.Encoding{
	"ibm437": charmap.CodePage437, "cp437": charmap.CodePage437,
	"ibm850": charmap.CodePage850, "cp850": charmap.CodePage850, "cp-850": charmap.CodePage850,
	"ibm852": charmap.CodePage852, "cp852": charmap.CodePage852,
	"ibm858": charmap.CodePage858, "cp858": charmap.CodePage858,
	"cp-866": charmap.CodePage866,
}

// Decode returns text for readers, in UTF-8, as its charset says. Bytes that
// mean nothing in it become U+FFFD.
//
// The charset of a mail is in its header, which nobody signed, so it must not
// make other letters of ASCII ones: text in ASCII is what it is whatever charset
// is named, and charsets that are no supersets of it (UTF-7, UTF-16, EBCDIC, HZ)
// count as unknown. All that a wrong charset can do is to spoil other letters,
// with the byte behind them where letters have two. A text of unknown charset,
// or one that is called ASCII and is not, is UTF-8 where it can be, else
// windows-1252.
func Decode(body []byte, charset string) string {
	if sameEverywhere(body) {
		return string(body)
	}
	name := strings.ToLower(strings.TrimSpace(charset))
	if e := encodingOf(name); e != nil {
		if text, err := e.NewDecoder().Bytes(body); err == nil {
			return string(text)
		}
	}
	if utf8.Valid(body) {
		return string(body)
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(body)
	if err != nil {
		return strings.ToValidUTF8(string(body), "\ufffd")
	}
	return string(text)
}

// sameEverywhere reports whether b reads the same in every superset of ASCII, also in
// those that switch by escapes.
func sameEverywhere(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1b || c == 0x0e || c == 0x0f {
			return false
		}
	}
	return true
}

// encodingOf returns the encoding of that name in lower case, nil where it is
// not known or means nothing.
func encodingOf(name string) encoding.Encoding {
	if ascii[name] || len(name) > maxCharset {
		return nil
	}
	if e, ok := codePages[name]; ok {
		return e
	}
	e, err := htmlindex.Get(name)
	if err != nil || e == encoding.Replacement {
		return nil
	}
	if canonical, err := htmlindex.Name(e); err != nil || strings.HasPrefix(canonical, "utf-16") {
		return nil
	}
	return e
}

// charsetName returns a name of a charset as a mail has it, or "" where it is
// not of the form of one.
func charsetName(s string) string {
	if len(s) > maxCharset {
		return ""
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("-_.:+", rune(c)) {
			return ""
		}
	}
	return s
}
