package layout

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// NameParts is what a publisher's file name says of the update. What it does
// not say is empty.
type NameParts struct {
	KB         string // digits
	OS         []OS   // in the order of OSes
	Arch       []Arch // in the order in which they came: x86 first
	Language   Language
	Neutral    bool   // the name says that it is for all languages (glb, x-none)
	IncludedIn string // "SP3"
	Revision   int    // 2 for "-v2-"
	SHA1       SHA1   // the forty digits before the extension
}

// nameLimit is how much of a name is looked at, in bytes.
const nameLimit = 512

// hashTail is the digest at the end of a name before its extension: SHA-1, or
// the 31 digits of unknown meaning of the v3 cab pool.
var hashTail = regexp.MustCompile(`_([0-9a-f]{31,32}|[0-9a-f]{40})$`)

// ParseName reads the families of names that Microsoft gave to files of
// updates from 1998 on:
//
//	Q311967_W2K_SP3_x86_en.exe
//	WindowsServer2003.WindowsXP-KB925876-v2-x64-jpn.exe
//	windows10.0-kb5027386-x64_fccb647e08e6729e47251059a6d1e321a4aa429e.cab
//	IE6.0sp1-KB918899-Windows-2000-XP-x86-TRK.exe
//	888113USA8.EXE
//
// It guesses nothing that the name does not say, and it never fails: a name
// of no family has no parts.
func ParseName(name string) NameParts {
	p := nameParser{}
	stem := Fold(cutName(name, nameLimit))
	stem = strings.TrimSuffix(stem, extension(stem))
	if m := hashTail.FindStringSubmatch(stem); m != nil {
		stem = strings.TrimSuffix(stem, m[0])
		if sum, err := ParseSHA1(m[1]); err == nil {
			p.SHA1 = sum
		}
	}
	p.words = nameWords(stem)
	for i, w := range p.words {
		p.word(i, w)
	}
	p.language()
	p.OS = sortOS(p.OS)
	p.Arch = sortArchs(p.Arch)
	return p.NameParts
}

// nameParser holds a name while it is read.
type nameParser struct {
	NameParts
	words []string
	kbAt  int  // 1 + the word that has the KB
	anyAt int  // 1 + the last word that has KB or architecture
	q     bool // the KB is written with Q
}

// nameWords splits a folded stem at all but letters, digits and the dots of
// version numbers.
func nameWords(stem string) []string {
	var all []string
	stem = strings.ReplaceAll(stem, "%20", " ")
	for _, w := range strings.FieldsFunc(stem, func(r rune) bool { return r != '.' && (r > 'z' || !isAlnum(byte(r))) }) {
		for {
			i := dotBeforeLetter(w)
			if i < 0 {
				break
			}
			all = append(all, w[:i])
			w = w[i+1:]
		}
		all = append(all, w)
	}
	return all
}

// dotBeforeLetter finds the dot of WindowsServer2003.WindowsXP, which unlike
// that of Windows6.1 joins two names.
func dotBeforeLetter(w string) int {
	for i := 1; i+1 < len(w); i++ {
		if w[i] == '.' && w[i+1] >= 'a' && w[i+1] <= 'z' {
			return i
		}
	}
	return -1
}

func (p *nameParser) word(i int, w string) {
	switch {
	case p.article(i, w), p.revision(w), p.arch(i, w):
	case i == 0 && p.build(w):
	default:
		p.system(i, w)
	}
}

// usArticle is the name of a fix for Windows 95, 98 and Me: article, USA, and
// the system.
var usArticle = regexp.MustCompile(`^(\d{6})us(a|am)?\d?$`)

// article reads the KB number: KB311967, Q311967, q274835i, 888113USA8.
func (p *nameParser) article(i int, w string) bool {
	if p.KB != "" {
		return false
	}
	if m := usArticle.FindStringSubmatch(w); m != nil {
		p.KB, p.Language, p.kbAt = m[1], "EN", i+1
		return true
	}
	rest, isQ := strings.CutPrefix(w, "q")
	if !isQ {
		var ok bool
		if rest, ok = strings.CutPrefix(w, "kb"); !ok {
			return false
		}
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if n < 5 || n > 7 {
		return false
	}
	p.KB, p.kbAt, p.anyAt, p.q = rest[:n], i+1, i+1, isQ
	switch tail := rest[n:]; {
	case isQ && tail == "i": // for Intel: the other NT 4 was Alpha
		p.Arch = append(p.Arch, "x86")
	case isQ && tail == "engi386":
		p.Arch, p.Language = append(p.Arch, "x86"), "EN"
	default:
		p.revision(tail)
	}
	return true
}

// revision reads v2 and v1.000.
func (p *nameParser) revision(w string) bool {
	rest, ok := strings.CutPrefix(w, "v")
	if !ok || p.kbAt == 0 || p.Revision != 0 {
		return false
	}
	major, minor, dotted := strings.Cut(rest, ".")
	if len(major) > 2 || !digits(major) || dotted && strings.Trim(minor, "0") != "" {
		return false
	}
	p.Revision, _ = strconv.Atoi(major)
	return true
}

// arch reads an architecture, also with a language glued to it (x86de).
func (p *nameParser) arch(i int, w string) bool {
	a, ok := nameArch[w]
	if !ok && len(w) == 5 {
		if a, ok = nameArch[w[:3]]; ok {
			t := tongueNamed[w[3:]]
			if t == nil {
				return false
			}
			p.Language = t.code
		}
	}
	if ok {
		p.Arch = append(p.Arch, a)
		p.anyAt = i + 1
	}
	return ok
}

func (p *nameParser) build(w string) bool {
	build, _, ok := strings.Cut(w, ".")
	os, known := builds[build]
	if !ok || !known {
		return false
	}
	p.OS = append(p.OS, os)
	return true
}

// lenovoSystem is how Lenovo writes Windows 10 for x64: w1064.
var lenovoSystem = regexp.MustCompile(`^w(7|8|81|10|11)(32|64)$`)

// system reads an operating system and, where the name is of the Q family,
// the service pack behind it, which is the one that includes the update.
func (p *nameParser) system(i int, w string) {
	if list := kernelNames[w]; list != nil {
		p.OS = append(p.OS, list...)
		return
	}
	if w == "windows" {
		for _, next := range p.words[i+1:] {
			os, ok := afterWindows[next]
			if !ok {
				return
			}
			p.OS = append(p.OS, os)
		}
		return
	}
	if m := lenovoSystem.FindStringSubmatch(w); m != nil {
		p.OS = append(p.OS, familyNamed["w"+m[1]].os)
		p.arch(i, map[string]string{"32": "x86", "64": "x64"}[m[2]])
		return
	}
	name, pack := w, ""
	if at := strings.LastIndex(w, "sp"); at > 0 && isRelease(w[at:]) {
		name, pack = w[:at], w[at:]
	}
	f := familyNamed[name]
	if f == nil {
		return
	}
	os := f.os
	if slices.Contains(f.releases, pack) && f.os == "windowsnt4" {
		os += "-" + OS(pack) // IE-KB841873-WindowsNT4sp6: for this one alone
	}
	p.OS = append(p.OS, os)
	if p.q && i+1 < len(p.words) && len(p.words[i+1]) == 3 && isRelease(p.words[i+1]) {
		p.IncludedIn = strings.ToUpper(p.words[i+1])
	}
}

// language looks for a language from the end of the name on.
func (p *nameParser) language() {
	if p.Language != "" {
		return
	}
	n := len(p.words)
	for end := n; end > 0; end-- {
		for size := min(3, end); size > 1; size-- {
			tag := strings.Join(p.words[end-size:end], "-")
			if tag == "x-none" {
				p.Neutral = true
				return
			}
			if t := tongueNamed[tag]; t != nil && len(tag) >= 5 {
				p.Language = t.code
				return
			}
		}
		if p.single(end-1, end == n) {
			return
		}
	}
}

// single reads a language of one word: three letters at the end or behind the
// KB and the architecture, two letters only at the end of a name that is
// certain to be an update's.
func (p *nameParser) single(i int, last bool) bool {
	w := p.words[i]
	switch {
	case w == "glb" || w == "5lg" || w == "all" && last:
		p.Neutral = true
		return true
	case len(w) == 3 && (last || p.anyAt > 0 && i >= p.anyAt):
	case len(w) == 4 && (w == "usam" || w == "grk") && last:
	case len(w) == 2 && last && (p.kbAt > 0 || i > 0 && strings.Contains(p.words[i-1], "sp")):
	default:
		return false
	}
	t := tongueNamed[w]
	if t == nil || digits(w) {
		return false
	}
	p.Language = t.code
	return true
}
