package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// gateOf says for which hosts a file of an update is, or why no script can say
// it. The record of the update counts first; what the file's name says narrows
// it where an update has files for several kinds of host.
func gateOf(u *layout.Update, f *layout.File, kind layout.Kind, name layout.NameParts) (Gate, string) {
	g := Gate{MaxSP: -1}
	g.OS = narrow(u.OS, name.OS, func(a, b layout.OS) bool { return a.Matches(b) })
	g.OS = releasesOf(u.Title, g.OS)
	g.Arch = narrow(u.Arch, name.Arch, func(a, b layout.Arch) bool { return a == b })
	g.Language = language(u, f, kind, name)
	for _, word := range slices.Concat(texts(g.OS), texts(g.Arch), []string{string(g.Language)}) {
		if word != "" && !safeWord(word) {
			return g, "its system, architecture or language cannot stand in a script"
		}
	}
	if problem := g.scripted(f, kind, name); problem != "" {
		return g, problem
	}
	// The architecture of these is that of a program, and 32-bit programs stand
	// on 64-bit systems.
	program := kind == layout.KindOffice || kind == layout.KindMSI || kind == layout.KindMSP
	if program && slices.Equal(g.Arch, []layout.Arch{"x86"}) {
		g.Arch = []layout.Arch{"x86", "x64", "arm64"}
	}
	// Updates of Windows 2000 are for x86, whether their names say so or not.
	if len(g.Arch) == 0 && slices.Equal(familiesOf(g.OS), []layout.OS{"windows2000"}) {
		g.Arch = []layout.Arch{"x86"}
	}
	packs(&g)
	if in := u.Install; in != nil {
		g.MinBuild, g.MaxBuild = max(in.MinBuild, 0), max(in.MaxBuild, 0)
	}
	if level := packLevel(u.IncludedIn); level > 0 && ofWindows(kind) && g.onePack() {
		g.limit(0, level-1)
	}
	if g.MaxSP >= 0 && g.MaxSP < g.MinSP {
		return g, "the service pack that it asks for includes it already"
	}
	return g, ""
}

// releaseInTitle finds the release of Windows 10 or 11 that a title names:
// "Cumulative Update for Windows 10 Version 22H2 for x64-based Systems".
var releaseInTitle = regexp.MustCompile(`(?i)\bWindows (10|11),? Version (\d\d(?:\d\d|H\d))\b`)

// releasesOf puts the releases that a title names in place of the bare family: the
// publisher's catalogs say windows10 of updates for one release of it.
func releasesOf(title string, list []layout.OS) []layout.OS {
	var named []layout.OS
	for _, m := range releaseInTitle.FindAllStringSubmatch(title, 8) {
		release, known := layout.ParseOS("windows" + m[1] + "-" + m[2])
		if known && slices.Contains(list, release.Family()) {
			named = append(named, release)
		}
	}
	bare := func(os layout.OS) bool {
		return slices.ContainsFunc(named, func(n layout.OS) bool { return n.Family() == os })
	}
	list = append(slices.DeleteFunc(list, bare), named...)
	slices.Sort(list)
	return slices.Compact(list)
}

// scripted leaves of the systems of a gate those that scripts run on and that have
// what runs packages of the kind: Update.exe packages are refused by Windows Vista
// and later, and wusa and DISM are not there before. Where nothing is said of the
// system, all that have it are in the gate.
func (g *Gate) scripted(f *layout.File, kind layout.Kind, name layout.NameParts) string {
	named := len(g.OS) > 0
	g.OS = slices.DeleteFunc(g.OS, func(os layout.OS) bool { return !scripted(os) })
	if named && len(g.OS) == 0 {
		return "scripts begin with Windows 2000, and it is for older systems alone"
	}
	era := eraOf(f, kind)
	if era == nil {
		return ""
	}
	within := func(list []layout.OS) []layout.OS {
		return slices.DeleteFunc(slices.Clone(list), func(os layout.OS) bool { return !era(os.Family()) })
	}
	g.OS = within(g.OS)
	if len(g.OS) == 0 {
		g.OS = within(name.OS)
	}
	if len(g.OS) == 0 && kind == layout.KindHotfix {
		return "neither its record nor its name says for which system it is" // mostly NT 4 or Exchange
	}
	if len(g.OS) == 0 && named {
		return "no system that it is for can run packages of its kind"
	}
	if len(g.OS) == 0 {
		for _, s := range systems {
			g.OS = append(g.OS, s.Family)
		}
		g.OS = within(familiesOf(g.OS))
	}
	return ""
}

// oldName begins the names of IExpress packages for Windows 2003 and earlier.
var oldName = regexp.MustCompile(`^(q\d{5,7}|ie[56]|\d{6}us|msxml[2-4]|mdac|oe6)`)

// eraOf returns which families can run packages of a kind; nil is all.
func eraOf(f *layout.File, kind layout.Kind) func(layout.OS) bool {
	old := func(os layout.OS) bool { return os == "windows2000" || os == "windowsxp" || os == "windowsserver2003" }
	vista := func(os layout.OS) bool { return os == "windowsvista" || os == "windowsserver2008" }
	switch kind {
	case layout.KindHotfix, layout.KindUpdate:
		return old
	case layout.KindIExpress:
		if oldName.MatchString(layout.Fold(f.Name)) {
			return old
		}
	case layout.KindMSU, layout.KindDriverINF, layout.KindDriverCAB: // wusa, PnPUtil
		return func(os layout.OS) bool { return !old(os) }
	case layout.KindDefender:
		return func(os layout.OS) bool { return os != "windows2000" }
	case layout.KindCAB:
		return func(os layout.OS) bool { return !old(os) && !vista(os) }
	}
	return nil
}

// narrow returns those of said that one of hints fits, said itself where none
// does, and the hints where nothing was said. The result is sorted, each once.
func narrow[T ~string](said, hints []T, fits func(a, b T) bool) []T {
	var both []T
	for _, s := range said {
		if s != "" && slices.ContainsFunc(hints, func(h T) bool { return fits(s, h) }) {
			both = append(both, s)
		}
	}
	if len(both) == 0 {
		both = slices.Clone(said)
	}
	if len(both) == 0 {
		both = slices.Clone(hints)
	}
	both = slices.DeleteFunc(both, func(s T) bool { return s == "" })
	slices.Sort(both)
	return slices.Compact(both)
}

// language returns the language of the host that a file is for.
func language(u *layout.Update, f *layout.File, kind layout.Kind, name layout.NameParts) layout.Language {
	// The redistributable packages of .NET talk English to everybody.
	if kind == layout.KindDotNet && strings.Contains(layout.Fold(f.Name), "allos") {
		return ""
	}
	switch {
	case f.Language != "":
		return f.Language
	case u.Language != "":
		return u.Language
	case name.Neutral:
		return ""
	}
	return name.Language
}

// packs turns service packs among the systems into limits where a number means the
// same for all: "windowsxp-sp2" and "windowsxp-sp3" are windowsxp from 2 to 3.
func packs(g *Gate) {
	low, high := 0, 0
	for _, os := range g.OS {
		level := packLevel(os.Release())
		if level == 0 {
			return
		}
		if low == 0 || level < low {
			low = level
		}
		high = max(high, level)
	}
	if g.onePack() {
		g.OS = familiesOf(g.OS)
		g.limit(low, high)
	}
}

// onePack reports whether a service pack of one number is the same for all systems
// of a gate: of one family, of a client and its server, or of Windows XP for x64,
// which has the service packs of Server 2003.
func (g *Gate) onePack() bool {
	families := familiesOf(g.OS)
	if len(families) == 1 {
		return true
	}
	x86 := len(g.Arch) == 0 || slices.Contains(g.Arch, "x86")
	return slices.Equal(families, []layout.OS{"windowsserver2008", "windowsvista"}) ||
		slices.Equal(families, []layout.OS{"windows7", "windowsserver2008r2"}) ||
		slices.Equal(families, []layout.OS{"windowsserver2003", "windowsxp"}) && !x86
}

// limit narrows the service packs of a gate.
func (g *Gate) limit(low, high int) {
	g.MinSP = max(g.MinSP, low)
	if g.MaxSP < 0 || high < g.MaxSP {
		g.MaxSP = high
	}
}

var packName = regexp.MustCompile(`^(?i:sp|service pack )([1-9])[a-z]?$`)

// packLevel returns the number of a service pack, "SP3" or "sp1a", or 0.
func packLevel(s string) int {
	m := packName.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// ofWindows reports whether packages of a kind are updates of Windows itself, so
// that the service pack that includes one is that of Windows.
func ofWindows(kind layout.Kind) bool {
	switch kind {
	case layout.KindHotfix, layout.KindUpdate, layout.KindMSU, layout.KindCAB, layout.KindServicePack:
		return true
	}
	return false
}

func familiesOf(list []layout.OS) []layout.OS {
	var families []layout.OS
	for _, os := range list {
		families = append(families, os.Family())
	}
	slices.Sort(families)
	return slices.Compact(families)
}

func texts[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = string(s)
	}
	return all
}

// admits reports whether an item makes sense on a kind of host, whatever its
// release, build and service pack.
func (g *Gate) admits(h Host) bool {
	switch {
	case len(g.OS) > 0 && h.OS != "" && !slices.ContainsFunc(g.OS, h.OS.Matches):
	case len(g.Arch) > 0 && h.Arch != "" && !slices.Contains(g.Arch, h.Arch):
	case g.Language != "" && g.Language != h.Language:
	default:
		return true
	}
	return false
}

// covers reports whether every host that other admits is admitted by g.
func (g *Gate) covers(other *Gate) bool {
	if len(g.OS) > 0 {
		if len(other.OS) == 0 {
			return false
		}
		for _, os := range other.OS {
			if !slices.Contains(g.OS, os) && !slices.Contains(g.OS, os.Family()) {
				return false
			}
		}
	}
	if len(g.Arch) > 0 && (len(other.Arch) == 0 || slices.ContainsFunc(other.Arch, func(a layout.Arch) bool { return !slices.Contains(g.Arch, a) })) {
		return false
	}
	within := func(max, otherMax, any int) bool { return max == any || otherMax != any && otherMax <= max }
	return (g.Language == "" || g.Language == other.Language) &&
		g.MinSP <= other.MinSP && within(g.MaxSP, other.MaxSP, -1) &&
		g.MinBuild <= other.MinBuild && within(g.MaxBuild, other.MaxBuild, 0)
}
