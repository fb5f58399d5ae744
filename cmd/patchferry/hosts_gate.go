package main

import (
	"slices"
	"strconv"
	"strings"

	"patchferry/distribute"
	"patchferry/distribute/script"
	"patchferry/layout"
)

// admits reports whether an item makes sense on a host, by what the host says of itself.
// What it does not say keeps nothing out.
func admits(g *script.Gate, r *layout.Report) bool {
	build := buildNumber(r.Build)
	lang, _ := layout.ParseLanguage(string(r.Language))
	switch {
	case len(g.OS) > 0 && !slices.ContainsFunc(g.OS, r.System().Matches):
	case len(g.Arch) > 0 && r.Arch != "" && !slices.Contains(g.Arch, r.Arch):
	case g.Language != "" && lang != "" && g.Language != lang:
	case r.SP < g.MinSP:
	case g.MaxSP >= 0 && r.SP > g.MaxSP && !everySP(g):
	case g.MinBuild > 0 && build > 0 && build < g.MinBuild:
	case g.MaxBuild > 0 && build > g.MaxBuild:
	default:
		return true
	}
	return false
}

// everySP reports whether a gate is the empty one, which is for every service pack.
func everySP(g *script.Gate) bool {
	return len(g.OS)+len(g.Arch) == 0 && g.Language == "" && g.MinSP == 0 && g.MaxSP == 0 && g.MinBuild == 0 && g.MaxBuild == 0
}

// buildNumber returns the third number of a version: 2195 of "5.0.2195", 19045 of
// "10.0.19045.2965"; 0 where there is none.
func buildNumber(version string) int {
	parts := strings.Split(version, ".")
	if len(parts) < 3 {
		return 0
	}
	n, err := strconv.Atoi(parts[2])
	if err != nil {
		return 0
	}
	return n
}

// wordOn returns what a host says of an item of the set of its kind. In sets for several
// kinds of host the same package has its architecture and language behind its id
// (KB824146-x86-EN): that the host has one of these counts, too, where that is the newer
// word. That another one is not for it says nothing.
func wordOn(h *distribute.Host, id string) distribute.HostUpdate {
	word := h.Updates[id]
	for other, u := range h.Updates {
		there := u.State.Done() && u.State != layout.OutcomeNotApplicable
		if there && strings.HasPrefix(other, id+"-") && !word.State.Done() && !u.At.Time().Before(word.At.Time()) {
			word = u
		}
	}
	return word
}
