package layout

import (
	"cmp"
	"slices"
	"strings"
)

// ParseArch reads an architecture: "x86", "x64", "AMD64", "64-bit", "ia64",
// "arm64". The words for several or all of them (multi, all, neutral) and
// nothing at all are the empty Arch and true. What is not known comes back as
// at most eight small letters and digits, and false.
func ParseArch(s string) (Arch, bool) {
	word := strings.TrimSpace(Fold(s))
	if a, ok := archs[word]; ok {
		return a, true
	}
	return Arch(slug(word, 8)), false
}

// ParseClassification reads a classification in the words of any of our
// sources or as the GUID of WSUS. What is not known comes back in lower case,
// with underscores, at most 40 letters and digits, and false; nothing is
// the empty Classification and true.
func ParseClassification(s string) (Classification, bool) {
	name := strings.Join(strings.FieldsFunc(Fold(s), func(r rune) bool { return r > 'z' || !isAlnum(byte(r)) }), " ")
	if c, ok := classifications[name]; ok || name == "" {
		return c, true
	}
	return Classification(strings.ReplaceAll(cutName(name, 40), " ", "_")), false
}

// ParseSeverity reads an MSRC rating in the languages of the bulletins. Of
// several with commas between them the worst counts. The words for none
// ("Unspecified", "n/a") are the empty Severity and true. What is not known
// ("Recommended") comes back as it is, without blanks around it and cut to 40
// bytes, and false.
func ParseSeverity(s string) (Severity, bool) {
	var worst Severity
	for word := range strings.SplitSeq(Fold(s), ",") {
		found, ok := severities[strings.TrimSpace(word)]
		if !ok {
			return Severity(cutName(strings.ToValidUTF8(strings.TrimSpace(s), "_"), 40)), false
		}
		if found.Rank() < worst.Rank() {
			worst = found
		}
	}
	return worst, true
}

// Rank orders severities: 1 for Critical to 4 for Low, 5 for none and for
// unknown ones.
func (s Severity) Rank() int {
	switch s {
	case Critical:
		return 1
	case Important:
		return 2
	case Moderate:
		return 3
	case Low:
		return 4
	}
	return 5
}

func sortArchs(as []Arch) []Arch {
	slices.SortFunc(as, func(a, b Arch) int {
		return cmp.Or(cmp.Compare(archRank(a), archRank(b)), cmp.Compare(a, b))
	})
	return slices.Compact(as)
}

func archRank(a Arch) int {
	if i := slices.Index(archOrder, a); i >= 0 {
		return i
	}
	return len(archOrder)
}

func sortOS(list []OS) []OS {
	slices.SortFunc(list, func(a, b OS) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a, b))
	})
	return slices.Compact(list)
}
