package layout

import (
	"strconv"
	"strings"
)

// LanguageInfo describes one language.
type LanguageInfo struct {
	Language    Language
	Tag         string // BCP 47: "pt-BR"
	ThreeLetter string // Microsoft's: "PTB"; "" where there is none
	LCID        int    // Windows language id: 1046
	Label       string // in English: "Portuguese (Brazil)"
}

// Languages returns all known languages in order of their codes.
func Languages() []LanguageInfo {
	all := make([]LanguageInfo, len(tongues))
	for i, t := range tongues {
		all[i] = LanguageInfo{t.code, t.tag, t.three, t.lcid, t.label}
	}
	return all
}

// ParseLanguage reads a language in any of the dialects of our sources, in
// either case: the catalog's code (DE, PTBR, NO), Microsoft's three letters
// (DEU), BCP 47 (de, de-DE), a Windows id in decimal (1031) or in hexadecimal
// with a leading zero (0407, 0x407), a country for its language (JP, BR), the
// English name, and "de|1252" with a code page behind.
//
// The words for no language or all of them (glb, ALL, x-none, neutral, multi)
// and nothing at all are the empty Language and true. A language that is not
// known comes back as at most twelve capital letters and digits, and false.
func ParseLanguage(s string) (Language, bool) {
	name, _, _ := strings.Cut(Fold(s), "|")
	name = strings.ReplaceAll(strings.TrimSpace(name), "_", "-")
	if name == "" || neutralLanguage[name] {
		return "", true
	}
	if t := tongueNamed[name]; t != nil {
		return t.code, true
	}
	if hex, ok := strings.CutPrefix(name, "0"); ok {
		if id, err := strconv.ParseUint(strings.TrimPrefix(hex, "x"), 16, 32); err == nil {
			if t := tongueNamed[strconv.FormatUint(id, 10)]; t != nil {
				return t.code, true
			}
		}
	}
	unknown := strings.NewReplacer("-", "", ".", "").Replace(slug(name, 16))
	return Language(strings.ToUpper(cutName(unknown, 12))), false
}

// tongueNamed finds a language by any of its names, folded.
var tongueNamed = tongueNames()

func tongueNames() map[string]*tongue {
	m := make(map[string]*tongue)
	add := func(name string, t *tongue) {
		// The first to claim a name has it, but no name is worth more than
		// a code.
		if _, taken := m[Fold(name)]; !taken && name != "" {
			m[Fold(name)] = t
		}
	}
	for i := range tongues {
		t := &tongues[i]
		add(string(t.code), t)
		add(t.tag, t)
	}
	for i := range tongues {
		t := &tongues[i]
		for name := range strings.FieldsSeq(t.names) {
			add(name, t)
		}
	}
	for i := range tongues {
		t := &tongues[i]
		add(t.three, t)
		add(strconv.Itoa(t.lcid), t)
		add(t.label, t)
	}
	return m
}

func (l Language) tongue() *tongue {
	if t := tongueNamed[Fold(string(l))]; t != nil && t.code == l {
		return t
	}
	return nil
}

// Tag returns the BCP 47 tag, "pt-BR"; for an unknown language its code in
// lower case, for none "".
func (l Language) Tag() string {
	if t := l.tongue(); t != nil {
		return t.tag
	}
	return strings.ToLower(string(l))
}

// LCID returns the Windows language id, 1046; 0 for none and for unknown ones.
func (l Language) LCID() int {
	if t := l.tongue(); t != nil {
		return t.lcid
	}
	return 0
}

// ThreeLetter returns Microsoft's three letters, "PTB"; for an unknown
// language its code, for none "".
func (l Language) ThreeLetter() string {
	if t := l.tongue(); t != nil {
		return t.three
	}
	return string(l)
}

// Label returns the English name; for an unknown language its code, for none
// "all languages".
func (l Language) Label() string {
	if l == "" {
		return "all languages"
	}
	if t := l.tongue(); t != nil {
		return t.label
	}
	return string(l)
}
