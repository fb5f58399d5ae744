package script

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// grouped is a file that is run, with those that must lie beside it.
type grouped struct {
	file     *layout.File
	kind     layout.Kind
	override *Override
	members  []*layout.File
}

// gather says which files of an update are run and which belong to others: the
// payload (.psf) to its cabinet, the files of a driver to its INF, and the
// checkpoints of Windows 11 24H2 and Server 2025 to their target.
func gather(u *layout.Update, files []*layout.File, overrides []Override) []grouped {
	all := make([]grouped, len(files))
	for i, f := range files {
		o := overrideFor(overrides, u, f)
		all[i] = grouped{file: f, kind: kindOf(u, f, o), override: o}
	}
	slices.SortFunc(all, func(a, b grouped) int {
		return cmp.Or(cmp.Compare(layout.Fold(a.file.Entry()), layout.Fold(b.file.Entry())), cmp.Compare(a.file.Entry(), b.file.Entry()))
	})
	all = withPayload(all)
	all = withDriverFiles(all)
	return withCheckpoints(u, all)
}

// withPayload gives each .psf to the package of its name, or to the only one there is.
func withPayload(all []grouped) []grouped {
	takes := func(g grouped) bool { return g.kind == layout.KindCAB || g.kind == layout.KindMSU }
	var owners []int
	for i := range all {
		if takes(all[i]) {
			owners = append(owners, i)
		}
	}
	taken := make([]bool, len(all))
	for i := range all {
		if all[i].kind != layout.KindPSF {
			continue
		}
		owner := slices.IndexFunc(owners, func(o int) bool { return layout.Fold(stem(all[o].file.Name)) == layout.Fold(stem(all[i].file.Name)) })
		if owner < 0 && len(owners) == 1 {
			owner = 0
		}
		if owner >= 0 {
			to := &all[owners[owner]]
			to.members = append(to.members, all[i].file)
			taken[i] = true
		}
	}
	return rest(all, taken)
}

// withDriverFiles gives what lies beside an INF to it: its catalog and its
// binaries. Several INFs share them.
func withDriverFiles(all []grouped) []grouped {
	taken := make([]bool, len(all))
	for i := range all {
		if all[i].kind != layout.KindDriverINF {
			continue
		}
		for j := range all {
			if i != j && (all[j].kind == "" || driverBinary(all[j].file)) {
				all[i].members = append(all[i].members, all[j].file)
				taken[j] = true
			}
		}
	}
	return rest(all, taken)
}

// driverBinary reports whether a file beside an INF is a part of the driver that
// has a kind of its own.
func driverBinary(f *layout.File) bool {
	switch path.Ext(layout.Fold(f.Name)) {
	case ".exe", ".zip", ".cab":
		return true
	}
	return false
}

// withCheckpoints makes one set of the .msu files of an update of Windows 11 24H2,
// Server 2025 or later, for each architecture: the target is the one of the
// update's own article, else of the highest. Older updates of several .msu are
// items of their own.
func withCheckpoints(u *layout.Update, all []grouped) []grouped {
	if !checkpointed(u, all) {
		return all
	}
	byArch := make(map[string][]int)
	for i := range all {
		if all[i].kind == layout.KindMSU {
			arch := strings.Join(texts(layout.ParseName(all[i].file.Name).Arch), ",")
			byArch[arch] = append(byArch[arch], i)
		}
	}
	taken := make([]bool, len(all))
	for _, set := range byArch {
		target := slices.MaxFunc(set, func(a, b int) int { return compareTargets(u, all[a].file, all[b].file) })
		for _, i := range set {
			if i != target {
				all[target].members = append(all[target].members, all[i].file)
				all[target].members = append(all[target].members, all[i].members...)
				taken[i] = true
			}
		}
	}
	return rest(all, taken)
}

// checkpointed reports whether the .msu files of an update are one set.
func checkpointed(u *layout.Update, all []grouped) bool {
	for _, os := range u.OS {
		family, release := os.Family(), os.Release()
		if family == "windowsserver2025" || family == "windows11" && release >= "24h2" {
			return true
		}
	}
	// Without a system in its record the kernel in the name says it.
	return slices.ContainsFunc(all, func(g grouped) bool {
		name := layout.Fold(g.file.Name)
		return g.kind == layout.KindMSU && strings.HasPrefix(name, "windows11.0-") && !slices.ContainsFunc(u.OS, func(os layout.OS) bool { return os.Release() != "" })
	})
}

// compareTargets orders files by how likely each is the target of a set.
func compareTargets(u *layout.Update, a, b *layout.File) int {
	article := func(f *layout.File) int {
		n, _ := strconv.Atoi(layout.ParseName(f.Name).KB)
		return n
	}
	own := func(f *layout.File) int {
		if u.KB != "" && layout.ParseName(f.Name).KB == u.KB {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(own(a), own(b)), cmp.Compare(article(a), article(b)), cmp.Compare(layout.Fold(a.Entry()), layout.Fold(b.Entry())))
}

// rest returns what was not taken by others.
func rest(all []grouped, taken []bool) []grouped {
	var left []grouped
	for i := range all {
		if !taken[i] {
			left = append(left, all[i])
		}
	}
	return left
}
