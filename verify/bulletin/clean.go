package bulletin

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"patchferry/layout"
)

// clean returns s as it may be shown on one line: valid UTF-8, runs of white
// space as one blank, no control, format or private characters (which can
// reorder or hide what a reader sees), and at most limit bytes.
func clean(s string, limit int) string {
	if len(s) > 4*limit { // white space aside, no more than that can count
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		s = s[:min(len(s), 4*limit)]
	}
	var b strings.Builder
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = b.Len() > 0
			continue
		case unshown(r):
			continue
		}
		gap := 0
		if blank {
			gap = 1
		}
		if b.Len()+gap+utf8.RuneLen(r) > limit {
			break
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unshown reports whether r has no place in a word on a line: white space of
// any script, what cannot be seen, and what was no UTF-8.
func unshown(r rune) bool {
	return unicode.IsSpace(r) || r == utf8.RuneError || !unicode.IsGraphic(r)
}

// first returns a, or b where a is empty.
func first[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

// sorted returns the distinct strings of all in order, at most limit.
func sorted(all []string, limit int) []string {
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.Clip(all[:min(len(all), limit)])
}

// distinct returns the distinct strings of all in the order of their first
// places, at most limit, and takes what they need from left.
func distinct(all []string, limit int, left *int) []string {
	seen := make(map[string]bool)
	var kept []string
	for _, s := range all {
		if len(kept) == limit || quoted(s) > *left {
			break
		}
		if s != "" && !seen[s] {
			seen[s] = true
			kept = append(kept, s)
			*left -= quoted(s)
		}
	}
	return kept
}

func without(all []string, name string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == name })
}

// worse returns the worse of two severities.
func worse(a, b layout.Severity) layout.Severity {
	if b.Rank() < a.Rank() {
		return b
	}
	return a
}

// rating returns the worst rating in the value of a field that states some:
// "Moderate", "Critical, Important", "Critical for Windows 2000". A value that
// is something else ("Run code of attacker's choice", which early bulletins
// have under Max Risk) rates nothing.
func rating(s string) layout.Severity {
	var worst layout.Severity
	s = strings.ReplaceAll(s, " and ", ",")
	pieces := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",;/()|", r) })
	for _, piece := range pieces {
		for _, word := range [...]string{" for ", " on ", " in "} {
			piece, _, _ = strings.Cut(piece, word)
		}
		if found, ok := layout.ParseSeverity(strings.TrimSpace(piece)); ok {
			worst = worse(worst, found)
		}
	}
	return worst
}
