package distribute

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// group is a number of updates that scripts are made for together, in ascending
// order: those of a bulletin, or those that say of themselves that they are for one
// system, architecture and language, each of which may be empty.
type group struct {
	name    span // "bulletin/MS04-011" or "host/windows2000/x86/EN"
	members run  // of View.members
}

// What the names of groups begin with.
const (
	bulletinGroup = "bulletin/"
	hostGroup     = "host/"
)

// draftGroup is a group that is still growing.
type draftGroup struct {
	name    string
	members []uint32
}

// addToGroups notes for which hosts an update is, and which bulletins name it.
func (b *viewBuilder) addToGroups(u *layout.Update, n uint32) {
	for _, id := range u.Bulletins {
		if name := layout.SafeName(id); name != "_" {
			b.addToGroup(bulletinGroup+name, n)
		}
	}
	systems := make([]layout.OS, 0, len(u.OS)+1)
	for _, os := range u.OS {
		systems = append(systems, os.Family())
	}
	for _, os := range orAny(systems) {
		for _, arch := range orAny(u.Arch) {
			for _, lang := range languagesOf(u) {
				if isHostWord(string(os)) && isHostWord(string(arch)) && isHostWord(string(lang)) {
					b.addToGroup(hostGroup+string(os)+"/"+string(arch)+"/"+string(lang), n)
				}
			}
		}
	}
}

func (b *viewBuilder) addToGroup(name string, n uint32) {
	key := layout.Fold(name)
	g := b.group[key]
	if g == nil {
		g = &draftGroup{name: name}
		b.group[key] = g
	}
	if len(g.members) == 0 || g.members[len(g.members)-1] != n {
		g.members = append(g.members, n)
	}
}

// orAny returns the words, or the empty one where there is none.
func orAny[T ~string](words []T) []T {
	if len(words) == 0 {
		return []T{""}
	}
	return words
}

// languagesOf returns for which languages an update has files; "" is for all.
func languagesOf(u *layout.Update) []layout.Language {
	if u.Language != "" || len(u.Files) == 0 {
		return []layout.Language{u.Language}
	}
	var all []layout.Language
	for i := range u.Files {
		if l := u.Files[i].Language; !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// isHostWord reports whether a word can be a part of the path of a host's scripts:
// "windows8.1" can.
func isHostWord(s string) bool {
	for _, c := range []byte(s) {
		if lower(c) < 'a' || lower(c) > 'z' {
			if (c < '0' || c > '9') && c != '-' && c != '.' {
				return false
			}
		}
	}
	return len(s) <= 32 && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".")
}

// finishGroups makes the tables of the groups.
func (b *viewBuilder) finishGroups() error {
	v := b.view
	for _, key := range slices.Sorted(maps.Keys(b.group)) {
		g := b.group[key]
		name, err := b.text.add(g.name)
		if err != nil {
			return err
		}
		v.groups = append(v.groups, group{name: name, members: run{first: uint32(len(v.members)), n: uint32(len(g.members))}})
		v.members = append(v.members, g.members...)
		delete(b.group, key)
	}
	return nil
}

// noteHome remembers the folder that was placed last, or united with another, where it
// is one in which an update stands.
func (v *View) noteHome(d *draftFolder) {
	if d.role == ownFolder && d.update > 0 {
		v.homes = append(v.homes, uint32(len(v.folders)-1))
	}
}

// indexHomes orders the homes by their names. Of equal ones, which the numbers at
// their ends all but rule out, the first in the tree stays.
func (v *View) indexHomes() {
	slices.SortFunc(v.homes, func(x, y uint32) int {
		return cmp.Or(compareNames(v.homeName(x), v.homeName(y)), cmp.Compare(x, y))
	})
	v.homes = slices.CompactFunc(v.homes, func(x, y uint32) bool { return compareNames(v.homeName(x), v.homeName(y)) == 0 })
}

func (v *View) homeName(folder uint32) string { return v.text.get(v.folders[folder].name) }

// home returns the folder of that name in which an update stands, or nil.
func (v *View) home(name string) *folder {
	i, found := slices.BinarySearchFunc(v.homes, name, func(n uint32, name string) int { return compareNames(v.homeName(n), name) })
	if !found {
		return nil
	}
	return &v.folders[v.homes[i]]
}

// groupsUnder yields the groups whose names begin so, by what follows, in their order.
func (v *View) groupsUnder(prefix string) iter.Seq2[string, *group] {
	return func(yield func(string, *group) bool) {
		first := sort.Search(len(v.groups), func(i int) bool { return compareNames(v.text.get(v.groups[i].name), prefix) >= 0 })
		for i := first; i < len(v.groups); i++ {
			name := v.text.get(v.groups[i].name)
			if len(name) < len(prefix) || compareNames(name[:len(prefix)], prefix) != 0 || !yield(name[len(prefix):], &v.groups[i]) {
				return
			}
		}
	}
}

// group returns the group of that name as it is spelled, and whether there is one.
func (v *View) group(prefix, name string) (string, *group) {
	i, found := slices.BinarySearchFunc(v.groups, prefix+name, func(g group, name string) int { return compareNames(v.text.get(g.name), name) })
	if !found {
		return "", nil
	}
	return v.text.get(v.groups[i].name)[len(prefix):], &v.groups[i]
}

// hosts returns the kinds of host that the catalog has updates for, in the order of
// their places. One of each system and architecture is for all languages. A system
// whose updates name no architecture has the usual two.
func (v *View) hosts() []script.Host {
	found := make(map[script.Host]bool)
	archs := make(map[layout.OS][]layout.Arch)
	langs := make(map[script.Host]bool)
	for name := range v.groupsUnder(hostGroup) {
		h := hostOf(name)
		if h.OS == "" {
			continue
		}
		if h.Arch != "" && !slices.Contains(archs[h.OS], h.Arch) {
			archs[h.OS] = append(archs[h.OS], h.Arch)
		}
		if _, ok := archs[h.OS]; !ok {
			archs[h.OS] = nil
		}
		langs[h] = true
	}
	for os, has := range archs {
		if len(has) == 0 {
			has = []layout.Arch{"x86", "x64"}
		}
		for _, arch := range has {
			found[script.Host{OS: os, Arch: arch}] = true
			for h := range langs {
				if h.OS == os && (h.Arch == arch || h.Arch == "") {
					found[script.Host{OS: os, Arch: arch, Language: h.Language}] = true
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(x, y script.Host) int {
		return compareNames(script.HostPlace(x), script.HostPlace(y))
	})
}

// hostOf reads what follows the prefix in a host group's name.
func hostOf(name string) script.Host {
	os, rest, _ := strings.Cut(name, "/")
	arch, lang, _ := strings.Cut(rest, "/")
	return script.Host{OS: layout.OS(os), Arch: layout.Arch(arch), Language: layout.Language(lang)}
}

// among returns the updates of all host groups that pass, in ascending order.
func (v *View) among(pass func(script.Host) bool) []uint32 {
	var all []uint32
	for name, g := range v.groupsUnder(hostGroup) {
		if pass(hostOf(name)) {
			all = append(all, v.members[g.members.first:g.members.end()]...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// forHost returns the updates that may be for a kind of host, as far as their groups
// say: script.Host.May looks closer. Programs for x86 run on other architectures, and
// packages of .NET in English are for all languages.
func (v *View) forHost(h script.Host) []uint32 {
	return v.among(func(of script.Host) bool {
		return (of.OS == "" || of.OS == h.OS) && (of.Arch == "" || of.Arch == h.Arch || of.Arch == "x86") &&
			(of.Language == "" || of.Language == h.Language || of.Language == "EN")
	})
}
