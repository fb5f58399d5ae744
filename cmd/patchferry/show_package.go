package main

import (
	"strings"

	"patchferry/layout"
)

// printPackage says how a file is installed, and what its bytes say of themselves.
func printPackage(row func(name, value string), f *layout.File) {
	row("  kind", oneLine(string(f.Kind), maxWords))
	p := f.Package
	if p == nil {
		return
	}
	row("  package", oneLine(strings.TrimSpace(p.Title+" "+p.Version), maxWords))
	for _, line := range [...]struct{ name, value string }{
		{"installer", p.Engine}, {"identity", p.Identity}, {"product", p.Product}, {"patch", p.Patch},
		{"targets", strings.Join(p.Targets, " ")}, {"restart", p.Restart}, {"catalog", p.Catalog},
	} {
		row("  "+line.name, oneLine(line.value, maxWords))
	}
}
