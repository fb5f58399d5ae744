package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// packInName finds the number of a service pack in a folded file name:
// w2ksp4_en, xpsp1a_de_x86, windowsxp-kb936929-sp3-x86-enu; but not in xpsp1sym,
// the symbols of one.
var packInName = regexp.MustCompile(`^(?:w2k|xp|ws03|w2k3)sp([1-9])a?(?:[-_.]|$)|[-_]sp([1-9])[a-z]?[-_.]`)

// servicePackOf returns the service pack of Windows that a file is, with level 0
// where it is none or its number is not known.
func servicePackOf(u *layout.Update, f *layout.File) pack {
	if i := slices.IndexFunc(servicePacks, func(p pack) bool { return p.kb == u.KB }); i >= 0 {
		return servicePacks[i]
	}
	if m := packInName.FindStringSubmatch(layout.Fold(f.Name)); m != nil {
		n, _ := strconv.Atoi(m[1] + m[2])
		return pack{level: n}
	}
	return pack{}
}

// isStack reports whether a file is a servicing stack update.
func isStack(u *layout.Update, f *layout.File) bool {
	if slices.Contains(stacks, u.KB) || strings.HasPrefix(layout.Fold(f.Name), "ssu-") {
		return true
	}
	if p := f.Package; p != nil && strings.HasPrefix(p.Identity, "Package_for_ServicingStack") {
		return true
	}
	return strings.Contains(strings.ToLower(u.Title), "servicing stack update")
}

// place says in which phase of a set an item is run, and what waits for it.
func place(d *draft) {
	d.phase = phaseRest
	switch sha := slices.Index(sha2, d.KB); {
	case d.Kind == layout.KindServicePack:
		d.phase, d.step = phasePack, d.Detect.SP
		d.Barrier = BarrierRestart
	case sha >= 0:
		d.phase, d.step = phaseSHA2, sha
		d.Barrier = BarrierAfter
	case d.stack:
		d.phase = phaseStack
		d.Barrier = BarrierAfter
	case slices.Contains(foundations, d.KB):
		d.phase, d.step = phaseFoundation, slices.Index(foundations, d.KB)
	}
}
