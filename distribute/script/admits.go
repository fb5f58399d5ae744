package script

import (
	"slices"
	"strconv"
	"strings"

	"patchferry/layout"
)

// Admits reports whether an item makes sense on a host, by what the host says of itself:
// what scripts find out on the host. What it does not say keeps nothing out.
func (g *Gate) Admits(r *layout.Report) bool {
	build := buildNumber(r.Build)
	lang, _ := layout.ParseLanguage(string(r.Language))
	switch {
	case len(g.OS) > 0 && !slices.ContainsFunc(g.OS, r.System().Matches):
	case len(g.Arch) > 0 && r.Arch != "" && !slices.Contains(g.Arch, r.Arch):
	case g.Language != "" && lang != "" && g.Language != lang:
	case r.SP < g.MinSP:
	case g.MaxSP >= 0 && r.SP > g.MaxSP:
	case g.MinBuild > 0 && build > 0 && build < g.MinBuild:
	case g.MaxBuild > 0 && build > g.MaxBuild:
	default:
		return true
	}
	return false
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
