package script

import (
	"slices"

	"patchferry/layout"
)

// SystemOf returns the system of a host by the version of its kernel, its build
// and its type, and false where scripts do not know it.
func SystemOf(version string, build int, kind string) (System, bool) {
	i := slices.IndexFunc(systems, func(s System) bool {
		return s.Version == version && (s.Type == "" || s.Type == kind) && build >= s.MinBuild && (s.MaxBuild == 0 || build <= s.MaxBuild)
	})
	if i < 0 {
		return System{}, false
	}
	return systems[i], true
}

// scripted reports whether scripts run on a system: also on those that came after
// the table, but on none before Windows 2000.
func scripted(os layout.OS) bool {
	switch os.Family() {
	case "windows95", "windows98", "windowsme", "windowsnt4":
		return false
	}
	return true
}
