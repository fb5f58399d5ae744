package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// oneLine returns s as one line that may be shown anywhere: what controls a
// terminal or the direction of text is taken out, blanks of any kind are one
// space, and it has at most limit bytes; 0 is no limit. Documents are written
// by others: their words must not become anything but words.
func oneLine(s string, limit int) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = b.Len() > 0
			continue
		case r == utf8.RuneError || !unicode.IsPrint(r):
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(r)
	}
	return cut(b.String(), limit)
}

// cut shortens s to at most limit bytes, at the end of a character, and marks
// that it did.
func cut(s string, limit int) string {
	const mark = "…"
	if limit <= 0 || len(s) <= limit {
		return s
	}
	end := max(limit-len(mark), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
