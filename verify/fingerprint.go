package verify

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// Fingerprint is the full fingerprint of an OpenPGP key in upper-case
// hexadecimal: 40 digits for a version 4 key, 64 for a version 6 key. A version
// 3 key has "v3sha256:" and 64 digits, the SHA-256 of its key packet, since its
// own fingerprint can be forged. So can key ids, which have no type here.
type Fingerprint string

// Lengths of fingerprints in digits.
const (
	digitsV4 = 40
	digitsV6 = 64
)

// FingerprintError says why a typed fingerprint was not taken, and where.
type FingerprintError struct {
	Input      string
	Digit      int         // the digit that is wrong, counted from 1; 0 if it is not about one
	Char       rune        // the character found there
	Group      string      // the four characters around it, as people read them: "FBEO"
	Suggestion Fingerprint // what may have been meant; never taken by itself
	Reason     string
}

// Error returns the reason with the place and the suggestion.
func (e *FingerprintError) Error() string {
	var b strings.Builder
	if e.Group != "" {
		fmt.Fprintf(&b, "%s: ", e.Group)
	}
	b.WriteString(e.Reason)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %s? Compare it with a second source, then type it anew", e.Suggestion)
	}
	return b.String()
}

// ParseFingerprint reads a full fingerprint as people type, print or scan it:
// blanks, colons, dashes, dots, a leading 0x, lower case and full-width
// digits are accepted. Whatever else is not a digit is refused with its place
// and, where only letters that cannot be digits stand in for digits (O for 0),
// with a suggestion. The error is a *FingerprintError.
//
// "v3sha256:" before 64 digits, in the same freedom, makes them those of a
// version 3 key.
func ParseFingerprint(s string) (Fingerprint, error) {
	prefix, digits := cutV3(typedDigits(s))
	for i, r := range digits {
		if isHex(r) {
			continue
		}
		return "", &FingerprintError{
			Input: s, Digit: i + 1, Char: r, Group: groupAround(digits, i),
			Suggestion: suggest(prefix, digits),
			Reason:     fmt.Sprintf("%s at digit %d is not a hexadecimal digit", nameOf(r), i+1),
		}
	}
	if reason := wrongLength(prefix, len(digits)); reason != "" {
		return "", &FingerprintError{Input: s, Reason: reason}
	}
	return prefix + Fingerprint(digits), nil
}

// cutV3 cuts what typedDigits leaves of the prefix of version 3 keys.
func cutV3(digits []rune) (prefix Fingerprint, rest []rune) {
	const typed = "V3SHA256"
	if len(digits) >= len(typed) && string(digits[:len(typed)]) == typed {
		return prefixV3, digits[len(typed):]
	}
	return "", digits
}

// String returns the digits without blanks.
func (f Fingerprint) String() string { return string(f) }

// Grouped returns the digits in groups of four, for people.
func (f Fingerprint) Grouped() string {
	var b strings.Builder
	if rest, old := strings.CutPrefix(string(f), prefixV3); old {
		b.WriteString(prefixV3 + " ")
		f = Fingerprint(rest)
	}
	for i := 0; i < len(f); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(f[i:min(i+4, len(f))]))
	}
	return b.String()
}

func fingerprintOf(raw []byte) Fingerprint {
	return Fingerprint(strings.ToUpper(hex.EncodeToString(raw)))
}

// typedDigits drops what people put between digits and folds letters to
// upper case.
func typedDigits(s string) []rune {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		s = rest
	} else if rest, ok := strings.CutPrefix(s, "0X"); ok {
		s = rest
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if unicode.IsSpace(r) || strings.ContainsRune(":-.\u200b\u200c\u200d\u2060\ufeff\u00ad\u2010\u2011\u2012\u2013", r) {
			continue
		}
		if r >= 0xff01 && r <= 0xff5e { // full-width forms of ASCII
			r -= 0xff01 - '!'
		}
		out = append(out, unicode.ToUpper(r))
	}
	return out
}

func isHex(r rune) bool { return r >= '0' && r <= '9' || r >= 'A' && r <= 'F' }

func nameOf(r rune) string {
	switch {
	case r >= 'A' && r <= 'Z':
		return "letter " + string(r)
	case r < unicode.MaxASCII && unicode.IsPrint(r):
		return fmt.Sprintf("character %q", r)
	}
	return fmt.Sprintf("character %U", r)
}

func groupAround(digits []rune, i int) string {
	from := i / 4 * 4
	return string(digits[from:min(from+4, len(digits))])
}

// suggest replaces letters that are no digits but look like one. B and D are
// digits and are never guessed at. It suggests nothing unless the whole
// becomes a fingerprint.
func suggest(prefix Fingerprint, digits []rune) Fingerprint {
	fixed := make([]byte, 0, len(digits))
	for _, r := range digits {
		if !isHex(r) {
			r = lookalike(r)
		}
		if r == 0 {
			return ""
		}
		fixed = append(fixed, byte(r))
	}
	if wrongLength(prefix, len(fixed)) != "" {
		return ""
	}
	return prefix + Fingerprint(fixed)
}

func lookalike(r rune) rune {
	switch r {
	case 'O', 'Q', 'О', 'Ο': // also Cyrillic and Greek
		return '0'
	case 'I', 'L', '|', '!', 'І', 'Ι':
		return '1'
	case 'Z', 'Ζ':
		return '2'
	case 'З':
		return '3'
	case 'S', 'Ѕ':
		return '5'
	case 'G':
		return '6'
	case 'А', 'Α':
		return 'A'
	case 'В', 'Β':
		return 'B'
	case 'С':
		return 'C'
	case 'Е', 'Ε':
		return 'E'
	}
	return 0
}

func wrongLength(prefix Fingerprint, n int) string {
	if prefix == prefixV3 {
		if n == digitsV6 {
			return ""
		}
		return fmt.Sprintf("%d digits, but the fingerprint of a version 3 key has %d after %q", n, digitsV6, prefixV3)
	}
	switch n {
	case digitsV4, digitsV6:
		return ""
	case 0:
		return "no fingerprint given"
	case 8, 16:
		return fmt.Sprintf("%d digits are a key id, which can be forged; give the full fingerprint of %d digits", n, digitsV4)
	case 32:
		return fmt.Sprintf("32 digits are the MD5 fingerprint of a version 3 key, which can be forged; pin the key as %s and its %d digits", prefixV3, digitsV6)
	}
	return fmt.Sprintf("%d digits, but a fingerprint has %d (version 4 key) or %d (version 6)", n, digitsV4, digitsV6)
}
