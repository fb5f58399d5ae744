package layout

import (
	"slices"
	"strings"
)

// OSInfo describes one operating-system family, or one of its releases.
type OSInfo struct {
	OS      OS
	Label   string // for people: "Windows XP SP3"
	Product string // its folder in the tree: "com_microsoft.windowsxp"
}

// OSes returns all known families and releases, by release of the family, each
// family before its own releases.
func OSes() []OSInfo {
	var all []OSInfo
	for i := range families {
		f := &families[i]
		all = append(all, OSInfo{f.os, f.label, f.os.product()})
		for _, release := range f.releases {
			os := f.os + "-" + OS(release)
			all = append(all, OSInfo{os, os.Label(), os.product()})
		}
	}
	return all
}

// ParseOS reads an operating system as catalogs and people write it: codes
// ("windowsxp-sp3"), short names ("W2K", "win10"), product names ("Windows 10
// Version 22H2 for x64-based Systems") and the platform strings of the Windows
// Update Catalog ("ver_platform_win32_nt.5.0.x86...2195.4.0").
//
// What is not known comes back in lower case with at most 32 letters, digits,
// dots and hyphens, and false; so does an unknown release of a known family.
func ParseOS(s string) (OS, bool) {
	if rest, ok := strings.CutPrefix(Fold(s), "ver_platform_win32_"); ok {
		return parsePlatform(rest)
	}
	tokens := osTokens(s)
	f, rest := longestFamily(tokens)
	if f == nil {
		return OS(slug(strings.Join(tokens, "-"), 32)), false
	}
	release := ""
	for i := 0; i < len(rest); i++ {
		word := rest[i]
		switch {
		case word == "version" || word == "edition" && release == "":
		case word == "service" || word == "pack":
		case slices.Contains(f.releases, word) && release == "":
			release = word
		case word == "second" && f.os == "windows98":
			release = "se"
		case isRelease(word) && release == "":
			return f.os + "-" + OS(word), false
		case len(word) == 1 && word >= "1" && word <= "9" && i > 0 && rest[i-1] == "pack":
			release = "sp" + word
		case osNoise[word] || word == release:
		default:
			return OS(slug(strings.Join(tokens, "-"), 32)), false
		}
	}
	if release == "" {
		return f.os, true
	}
	return f.os + "-" + OS(release), slices.Contains(f.releases, release)
}

// osTokens splits a name at all that is neither letter, digit nor dot, and a
// service pack off the name that it is glued to ("w2ksp4").
func osTokens(s string) []string {
	var tokens []string
	for _, t := range strings.FieldsFunc(Fold(s), func(r rune) bool { return r != '.' && (r > 'z' || !isAlnum(byte(r))) }) {
		t = strings.Trim(t, ".")
		i := strings.LastIndex(t, "sp")
		if i > 0 && familyNamed[t[:i]] != nil && isRelease(t[i:]) {
			tokens = append(tokens, t[:i], t[i:])
			continue
		}
		if t != "" {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// longestFamily finds the family that most of the first tokens name, and
// returns the tokens after its name.
func longestFamily(tokens []string) (*family, []string) {
	if len(tokens) > 1 && tokens[0] == "microsoft" && tokens[1] == "windows" {
		tokens = tokens[1:]
	}
	for n := min(5, len(tokens)); n > 0; n-- {
		if f := familyNamed[strings.Join(tokens[:n], "")]; f != nil {
			return f, tokens[n:]
		}
	}
	// "Windows Server, version 1903" is the semi-annual channel.
	if name := strings.Join(tokens[:min(3, len(tokens))], " "); name == "windows server version" {
		return familyNamed["windowsserversac"], tokens[3:]
	}
	return nil, nil
}

// isRelease reports whether a word has the form of a release: sp3, sp1a, 22h2,
// 1903.
func isRelease(w string) bool {
	if rest, ok := strings.CutPrefix(w, "sp"); ok {
		return len(rest) >= 1 && len(rest) <= 2 && rest[0] >= '1' && rest[0] <= '9' && (len(rest) == 1 || rest[1] >= 'a')
	}
	if len(w) != 4 || !digits(w[:2]) || !digits(w[3:]) {
		return false
	}
	return w[2] == 'h' || digits(w[2:3])
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// parsePlatform reads what comes after "ver_platform_win32_" in a platform
// string: <nt|windows>.<major>.<minor>.<arch>.<type>.<suite>.<build>.<sp>.<sp
// minor>, where parts may be empty.
func parsePlatform(s string) (OS, bool) {
	unknown := OS(slug("ver-platform-win32-"+s, 32))
	parts := strings.Split(s, ".")
	if len(parts) < 4 {
		return unknown, false
	}
	version := parts[1] + "." + parts[2]
	if parts[0] == "windows" && version == "4.0" {
		version = "4.0w"
	}
	// Windows XP for x64 and its second edition for Itanium have the kernel
	// of Server 2003.
	if version == "5.2" && len(parts) > 4 && parts[4] == "ver_nt_workstation" {
		version = "5.1"
	}
	f := familyNamed["kernel "+version]
	if f == nil {
		return unknown, false
	}
	if len(parts) > 7 && digits(parts[7]) && parts[7] != "0" {
		os := f.os + "-sp" + OS(parts[7])
		return os, slices.Contains(f.releases, "sp"+parts[7])
	}
	return f.os, true
}

// familyNamed finds a family by its code or another of its names, without
// blanks and hyphens, and by "kernel <major>.<minor>".
var familyNamed = familyNames()

func familyNames() map[string]*family {
	m := make(map[string]*family)
	for i := range families {
		f := &families[i]
		m[strings.ReplaceAll(string(f.os), "-", "")] = f
		for _, name := range f.names {
			m[name] = f
		}
		if f.version != "" {
			m["kernel "+f.version] = f
		}
	}
	return m
}

// words makes a set of the words in s.
func words(s string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// slug keeps the letters, digits, dots and hyphens of s, in lower case, at
// most n of them.
func slug(s string, n int) string {
	b := make([]byte, 0, min(len(s), n))
	for i := 0; i < len(s) && len(b) < n; i++ {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		case isAlnum(c), (c == '.' || c == '-') && len(b) > 0:
			b = append(b, c)
		}
	}
	return strings.Trim(string(b), "-.")
}

// family returns the entry of the table, or nil where the OS is unknown.
func (o OS) family() *family {
	s := string(o)
	if f := familyNamed[strings.ReplaceAll(s, "-", "")]; f != nil && string(f.os) == s {
		return f
	}
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return nil
	}
	if f := familyNamed[strings.ReplaceAll(s[:i], "-", "")]; f != nil && string(f.os) == s[:i] {
		return f
	}
	return nil
}

// Family returns the OS without its release; an unknown OS is its own family.
func (o OS) Family() OS {
	if f := o.family(); f != nil {
		return f.os
	}
	return o
}

// Release returns the release without the family, "sp3" or "24h2", or "" for a
// family and an unknown OS.
func (o OS) Release() string {
	return strings.TrimPrefix(string(o[len(o.Family()):]), "-")
}

// Label returns the name for people, "Windows XP SP3"; an unknown OS is its
// own label.
func (o OS) Label() string {
	f := o.family()
	if f == nil {
		return string(o)
	}
	switch release := strings.ToUpper(o.Release()); {
	case release == "":
		return f.label
	case strings.HasPrefix(release, "SP"):
		return f.label + " SP" + strings.ToLower(release[2:])
	case isRelease(strings.ToLower(release)):
		return f.label + ", version " + release
	default:
		return f.label + " " + release
	}
}

// Matches reports whether an update for o is wanted where selector is: they
// are equal, or of one family of which one of them names no release.
func (o OS) Matches(selector OS) bool {
	if o == selector {
		return true
	}
	return o.Family() == selector.Family() && (o.Release() == "" || selector.Release() == "")
}

// Platform returns the name of the platform folder, "x86win2k". Where the
// architecture is empty, none is known or it is for all: "anywin2k".
func (o OS) Platform(a Arch) string {
	arch := slug(string(a), 6)
	if arch == "" {
		arch = "any"
	}
	if f := o.family(); f != nil {
		return arch + f.platform
	}
	return arch + clean(slug(string(o), 10))
}

// product returns the name of the product folder.
func (o OS) product() string {
	return "com_microsoft." + clean(slug(string(o.Family()), 19))
}

// short returns the name in an update's folder.
func (o OS) short() string {
	if f := o.family(); f != nil {
		return f.short
	}
	return strings.ToUpper(slug(string(o), 7))
}

// rank orders systems as the table does, unknown ones after all others.
func (o OS) rank() int {
	f := o.Family()
	i := slices.IndexFunc(families, func(known family) bool { return known.os == f })
	if i < 0 {
		return len(families)
	}
	return i
}
