package updates

import (
	"fmt"
	"slices"
	"strings"

	"patchferry/layout"
)

// Limits of what a line says of installing.
const (
	maxSwitches = 32
	maxCodes    = 200
	maxTraces   = 1000 // keys, and files
)

// checkInstall refuses what would mean nothing to a script. What no script can
// carry is for the scripts to refuse.
func checkInstall(in *layout.Install) error {
	switch {
	case in == nil:
		return nil
	case len(in.Switches) > maxSwitches || len(in.Codes) > maxCodes || len(in.Keys) > maxTraces || len(in.Files) > maxTraces:
		return fmt.Errorf("install: more than %d switches, %d codes, or %d keys or files", maxSwitches, maxCodes, maxTraces)
	case in.MinBuild < 0 || in.MaxBuild < 0:
		return fmt.Errorf("install: build %d is negative", min(in.MinBuild, in.MaxBuild))
	case slices.Contains(in.Switches, ""):
		return fmt.Errorf("install: a switch is empty")
	}
	for _, c := range in.Codes {
		if !slices.Contains(layout.ExitResults(), c.Result) {
			return fmt.Errorf("install: code %d means %.40q; allowed: %s", c.Code, c.Result, strings.Join(layout.ExitResults(), ", "))
		}
	}
	for i, k := range in.Keys {
		if k.Key == "" || k.Value == "" && k.Data != "" {
			return fmt.Errorf("install: keys[%d] names no key, or data of no value", i)
		}
	}
	for i, f := range in.Files {
		if f.Path == "" || f.Size < 0 {
			return fmt.Errorf("install: files[%d] has no path, or a negative size", i)
		}
	}
	return nil
}

// said returns what is said of installing, nil where that is nothing.
func said(in *layout.Install) *layout.Install {
	if in == nil || len(in.Switches)+len(in.Codes)+len(in.Keys)+len(in.Files)+in.MinBuild+in.MaxBuild == 0 {
		return nil
	}
	return in
}
