//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServicePacksAreTakenApartUnlessToldNot says what sync and show tell of it, and what
// the setting does.
func TestServicePacksAreTakenApartUnlessToldNot(t *testing.T) {
	pack := map[string][]byte{"/windowsxp-kb936929-sp3-x86-enu.exe": packOf(), "/xpsp1a.exe": []byte("MZ a program without a cabinet")}
	dir, _ := newMirror(t, pack)
	name := filepath.Join(dir, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(config), "[fetch]\n", "[fetch]\nextract = false\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(want string, args ...string) {
		t.Helper()
		if r := runIn(t.Context(), dir, args...); r.code != exitDone || !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("%q exits %d and says %q, want %q", args, r.code, r.stdout+r.stderr, want)
		}
	}
	said("2 new, 0 present, 0 skipped, 0 failed; ", "sync")
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	said("0 failed, 4 taken out of service packs; ", "sync", "--recheck")
	said("xpsp1a.exe is handed out as it is, and not taken apart: no cabinet is in it", "sync", "--recheck")
	said("windowsxp-kb936929-sp3-x86-enu/i386/update/Update.msi", "tree", "--to", filepath.Join(t.TempDir(), "tree"), "--dry-run")
	said("4 files in the folder windowsxp-kb936929-sp3-x86-enu", "show", "KB936929")
	if r := runIn(t.Context(), dir, "show", "KB936929"); strings.Contains(r.stdout, "update.inf") {
		t.Errorf("show names what is in the package: %s", r.stdout)
	}
}
