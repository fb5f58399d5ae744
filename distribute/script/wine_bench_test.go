package script_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
)

// BenchmarkLargeSetUnderWine is a dry run of the set that the real catalogs have for a
// German Windows XP, on a host with its last service pack and none of the rest, from a tree
// that has none of the packages: every package is looked for in every way.
func BenchmarkLargeSetUnderWine(b *testing.B) {
	updates := corpora(b)
	w := winetest.New(b)
	w.Tools(b, "dism", "pnputil", "certutil", "wusa", "curl", "start")
	w.Become(b, winetest.System{Version: "5.1", Build: 2600, SP: 3, Arch: "x86", Language: "0407"})
	share := b.TempDir()
	w.Share(b, "mirror", "patches", share)
	h := script.Host{OS: "windowsxp", Arch: "x86", Language: "DE"}
	set := script.BuildFor(h, updates, script.Options{Name: "large", Place: script.HostPlace(h), Edition: edition})
	files, err := set.Files()
	if err != nil {
		b.Fatal(err)
	}
	folder := filepath.Join(share, "update tree", filepath.FromSlash(set.Place))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(folder, f.Name), f.Data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	said := regexp.MustCompile(`(?m)^id=\S+ state=(\S+)`)
	for b.Loop() {
		r := w.Cmd(b, `"`+tree+`\`+strings.ReplaceAll(set.Place, "/", `\`)+`\install.cmd" /dry`)
		states := make(map[string]int)
		for _, m := range said.FindAllStringSubmatch(r.Output, -1) {
			states[m[1]]++
		}
		b.Logf("%d packages, %d bytes: exit code %d, %v", len(set.Items), len(find(b, files, "install.cmd")), r.Code, states)
	}
}
