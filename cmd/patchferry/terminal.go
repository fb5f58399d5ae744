package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable returns foreign words as they can be shown on one line of a
// terminal: characters that would move the cursor, change colours, reverse the
// direction of reading or hide are written as escapes.
func printable(s string) string { return escape(s, "") }

// printableText is printable for text of several lines; tabs stay, too, and
// CRLF ends a line as LF does.
func printableText(s string) string { return escape(strings.ReplaceAll(s, "\r\n", "\n"), "\n\t") }

func escape(s, keep string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		first := s[0]
		s = s[n:]
		switch {
		case r == utf8.RuneError && n == 1: // a byte that is no character
			fmt.Fprintf(&b, `\x%02x`, first)
		case strings.ContainsRune(keep, r), unicode.IsPrint(r):
			b.WriteRune(r)
		case unicode.Is(unicode.Zs, r): // other blanks than the ASCII one
			b.WriteRune(' ')
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
