package script_test

import (
	"path/filepath"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// TestRealCatalogs writes the sets of a few kinds of hosts from the real catalogs:
// all of it can be written, PowerShell 2.0 has what is in it, and the grammars of
// tree-sitter, where they are here, read every script.
func TestRealCatalogs(t *testing.T) {
	updates := corpora(t)
	dir := t.TempDir()
	for _, h := range []script.Host{
		{OS: "windowsxp", Arch: "x86", Language: "DE"},
		{OS: "windows11", Arch: "x64", Language: "EN"},
	} {
		place := script.HostPlace(h)
		set := script.BuildFor(h, updates, script.Options{
			Name: strings.ReplaceAll(strings.TrimPrefix(place, "install/"), "/", "-"), Title: place, Place: place, Edition: edition, Bases: []string{"http://server:8530"},
		})
		files, err := set.Files()
		if err != nil {
			t.Errorf("%s: %v", place, err)
			continue
		}
		t.Logf("%s: %d items, install.ps1 has %d KB, install.cmd %d KB", place, len(set.Items), len(find(t, files, "install.ps1"))>>10, len(find(t, files, "install.cmd"))>>10)
		for _, f := range files {
			if filepath.Ext(f.Name) == ".ps1" {
				for _, problem := range lintPS(string(f.Data)) {
					t.Errorf("%s/%s: %s", place, f.Name, problem)
				}
			}
			if f.Name == "README.txt" || f.Name == "updates.lst" {
				checkText(t, f.Name, string(f.Data))
			}
			writeAll(t, dir, map[string]string{place + "/" + f.Name: string(f.Data)})
		}
	}
	t.Run("parse", func(t *testing.T) {
		if out, err := treeSitter(t)(dir); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestOddSets: nothing to install, and everything left out.
func TestOddSets(t *testing.T) {
	zip := update("list:zip", func(u *layout.Update) { u.OS = []layout.OS{"windowsxp"} }, "tools.zip")
	for name, set := range map[string]*script.Set{
		"empty": script.Build(nil, script.Options{Name: "empty", Place: "install/updates/empty"}),
		"left":  script.Build([]*layout.Update{zip}, script.Options{Name: "left", Place: "install/updates/left"}),
	} {
		files, err := set.Files()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		readme := find(t, files, "README.txt")
		if (name == "left") != strings.Contains(readme, "list:zip tools.zip: ") {
			t.Errorf("%s: README.txt says of what is left out:\n%s", name, readme)
		}
		if manifest := find(t, files, "manifest.json"); !strings.Contains(manifest, `"items": []`) {
			t.Errorf("%s: manifest.json has items:\n%s", name, manifest)
		}
	}
}
