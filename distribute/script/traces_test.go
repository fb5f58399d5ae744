package script_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// TestMSPTraces finds patches and products where Windows Installer keeps them.
func TestMSPTraces(t *testing.T) {
	const patch = "{0FEDCBA9-8765-4321-ABCD-0123456789AB}"
	set := script.Build([]*layout.Update{update("c:1", func(u *layout.Update) {
		u.Files[0].Package = &layout.Package{Patch: strings.ToLower(patch)}
	}, "fix.msp")}, script.Options{})
	want := script.Detect{Patches: []string{patch}, Keys: []layout.InstalledKey{{Key: `HKLM\SOFTWARE\Classes\Installer\Patches\9ABCDEF056781234BADC1032547698BA`}}}
	if diff := cmp.Diff(want, set.Items[0].Detect); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
}

// TestDotNetTraces finds updates of .NET where they stand, also on 64-bit systems.
func TestDotNetTraces(t *testing.T) {
	set := script.Build([]*layout.Update{update("c:1", nil, "NDP40-KB2468871-v2-x86.exe")}, script.Options{})
	checkSet(t, set)
	want := layout.InstalledKey{Key: `HKLM\SOFTWARE\Wow6432Node\Microsoft\Updates\Microsoft .NET Framework 4 Client Profile\KB2468871`}
	if !slices.Contains(set.Items[0].Detect.Keys, want) || len(set.Items[0].Detect.Keys) != 4 {
		t.Errorf("got %+v", set.Items[0].Detect.Keys)
	}
}

// TestReleaseInTitle takes the release from a title where the record has the
// family alone, and leaves what a record says otherwise.
func TestReleaseInTitle(t *testing.T) {
	tests := []struct {
		title    string
		os, want []layout.OS
	}{
		{"2023-10 Servicing Stack Update for Windows 10 Version 22H2 for x64-based Systems", []layout.OS{"windows10"}, []layout.OS{"windows10-22h2"}},
		{"Update for Windows 11, version 24H2", []layout.OS{"windows11", "windowsserver2025"}, []layout.OS{"windows11-24h2", "windowsserver2025"}},
		{"Update for Windows 10 Version 22H2 and Windows 10 Version 21H2", []layout.OS{"windows10"}, []layout.OS{"windows10-21h2", "windows10-22h2"}},
		{"Update for Windows 10 Version 22H2", []layout.OS{"windows10-21h2"}, []layout.OS{"windows10-21h2"}},
		{"Update for Windows 10 Version 99H9", []layout.OS{"windows10"}, []layout.OS{"windows10"}},
		{"Update for Windows 10", []layout.OS{"windows10"}, []layout.OS{"windows10"}},
	}
	for _, tt := range tests {
		u := update("c:1", func(u *layout.Update) { u.Title, u.OS = tt.title, tt.os }, "windows10.0-kb5027386-x64.msu")
		u.Files[0].Name, u.Files[0].As = "fix.msu", ""
		set := script.Build([]*layout.Update{u}, script.Options{})
		if len(set.Items) != 1 {
			t.Fatalf("%s: left %+v", tt.title, set.Left)
		}
		if diff := cmp.Diff(tt.want, set.Items[0].Gate.OS); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.title, diff)
		}
	}
}

// TestSystems finds hosts by kernel, build and type, as a script does.
func TestSystems(t *testing.T) {
	tests := []struct {
		version string
		build   int
		kind    string
		want    string
	}{
		{"5.0", 2195, script.TypeServer, "windows2000"},
		{"5.1", 2600, script.TypeClient, "windowsxp"},
		{"5.2", 3790, script.TypeClient, "windowsxp"},
		{"5.2", 3790, script.TypeServer, "windowsserver2003"},
		{"6.0", 6003, script.TypeServer, "windowsserver2008"},
		{"6.1", 7601, script.TypeClient, "windows7"},
		{"10.0", 19045, script.TypeClient, "windows10-22h2"},
		{"10.0", 17763, script.TypeClient, "windows10-1809"},
		{"10.0", 17763, script.TypeServer, "windowsserver2019"},
		{"10.0", 20348, script.TypeServer, "windowsserver2022"},
		{"10.0", 25398, script.TypeServer, "windowsserver-sac-23h2"},
		{"10.0", 26100, script.TypeClient, "windows11-24h2"},
		{"10.0", 26100, script.TypeServer, "windowsserver2025"},
		{"10.0", 21390, script.TypeClient, "windows10"},
		{"10.0", 99999, script.TypeClient, "windows11"},
		{"10.0", 99999, script.TypeServer, ""},
		{"4.0", 1381, script.TypeClient, ""},
	}
	for _, tt := range tests {
		s, ok := script.SystemOf(tt.version, tt.build, tt.kind)
		got := string(s.Family)
		if s.Release != "" {
			got += "-" + s.Release
		}
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s.%d %s is %q, want %q", tt.version, tt.build, tt.kind, got, tt.want)
		}
	}
	for _, s := range script.Systems() {
		os := s.Family
		if s.Release != "" {
			os += layout.OS("-" + s.Release)
		}
		if parsed, known := layout.ParseOS(string(os)); !known || parsed != os {
			t.Errorf("%s is no system of the catalog", os)
		}
	}
}
