package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (Makefile), and else read from what the go
// command recorded.
var version string

// build says what this program was built from (docs/json.md).
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Time    string `json:"time,omitempty"` // of the commit
	Dirty   bool   `json:"dirty,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func currentBuild() build {
	b := build{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b.named("unknown")
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
	return b.named(info.Main.Version)
}

// named fills in the version where the linker did not.
func (b build) named(fallback string) build {
	if b.Version == "" {
		b.Version = fallback
	}
	return b
}

func (b build) String() string { return fmt.Sprintf("%s %s/%s %s", b.Version, b.OS, b.Arch, b.Go) }

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  patchferry version\n  patchferry version --json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			b := currentBuild()
			if a.json {
				return a.printJSON(b)
			}
			return a.printf("patchferry %s\n", b)
		},
	}
}
