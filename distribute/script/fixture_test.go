package script_test

import (
	"strings"
	"testing"
	"time"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// edition is what the sets of tests are made from.
var edition = script.Edition{
	Generation: 12, State: 34, Root: layout.DigestOf([]byte("what the ring shows")),
	Created: layout.At(time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)),
}

// sums fills in the digests of made-up content.
func digests(it *script.Item, content string) {
	it.Size = int64(len(content))
	it.SHA256 = layout.DigestOf([]byte(content))
}

// handMade is a set with one item of each engine.
func handMade() *script.Set {
	w2k := "Software/EN/com_microsoft.windows2000/x86win2k/"
	items := []script.Item{
		{
			ID: "KB2000", KB: "2000", Update: "list:w2ksp4", Title: "Windows 2000 Service Pack 4", Kind: layout.KindServicePack,
			Path: w2k + "com_microsoft.KB2000/W2KSP4_EN.EXE", Name: "W2KSP4_EN.EXE", Order: 10, Barrier: script.BarrierRestart, Reboot: true,
			Run:    script.Run{Engine: script.EngineSelf, Args: []string{"-u", "-q", "-z"}, Codes: codes(0, "ok", 3010, "reboot")},
			Gate:   script.Gate{OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN", MaxSP: 3},
			Detect: script.Detect{SP: 4},
			Remove: script.Remove{Commands: []script.Command{{Program: `%windir%\$NtServicePackUninstall$\spuninst\spuninst.exe`, Args: []string{"-u", "-q", "-z"}}}},
		},
		{
			ID: "Q318202", KB: "318202", Update: "list:q318202", Title: "Don't forget: O'Brien's fix", Kind: layout.KindHotfix,
			Path: w2k + "com_microsoft.Q318202/Q318202_W2K_SP4_X86_EN.exe", Name: "Q318202_W2K_SP4_X86_EN.exe", Order: 20,
			Run:  script.Run{Engine: script.EngineSelf, Args: []string{"-m", "-q", "-z"}, Codes: codes(0, "reboot"), QChain: true},
			Gate: script.Gate{OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN", MaxSP: 3},
			Detect: script.Detect{
				Dirs:  []string{`%windir%\$NTUninstallQ318202$`},
				Keys:  []layout.InstalledKey{{Key: `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\Q318202`, Value: "Installed", Data: "0x1"}},
				Files: []layout.InstalledFile{{Path: `%windir%\system32\srv.dll`, Version: "5.0.2195.5041", SHA1: layout.SHA1{1, 2}}},
			},
			Remove: script.Remove{Commands: []script.Command{
				{Program: `%windir%\$NTUninstallQ318202$\spuninst\spuninst.exe`, Args: []string{"-u", "-q", "-z"}}, {Args: []string{"-y", "-m", "-q", "-z"}},
			}},
		},
		{
			ID: "Viewer", Update: "list:viewer", Title: "A viewer", Kind: layout.KindMSI,
			Path: "Software/ALL/com_microsoft.other/any/viewer/the viewer.msi", Name: "the viewer.msi", Order: 30,
			Run:    script.Run{Engine: script.EngineMSI, Args: []string{"/qn", "/norestart"}, Codes: codes(0, "ok", 1618, "retry", 3010, "reboot"), Log: "/l*v "},
			Gate:   script.Gate{MaxSP: -1},
			Detect: script.Detect{Products: []string{"{12345678-1234-1234-1234-123456789ABC}"}},
			Remove: script.Remove{Commands: []script.Command{{Program: `%windir%\system32\msiexec.exe`, Args: []string{"/x", "{12345678-1234-1234-1234-123456789ABC}", "/qn"}, Key: `HKLM\SOFTWARE\x`}}},
		},
		{
			ID: "Patch", Update: "list:patch", Title: "A patch of it", Kind: layout.KindMSP,
			Path: "Software/ALL/com_microsoft.other/any/patch/viewer.msp", Name: "viewer.msp", Order: 40,
			Run:    script.Run{Engine: script.EngineMSP, Args: []string{"/qn", "REBOOT=ReallySuppress"}, Codes: codes(0, "ok", 1642, "not-applicable")},
			Gate:   script.Gate{MaxSP: -1},
			Detect: script.Detect{Patches: []string{"{12345678-1234-1234-1234-123456789ABC}"}},
			Remove: script.Remove{Why: "its product is not known"},
		},
	}
	items = append(items, modern()...)
	for i := range items {
		digests(&items[i], items[i].ID)
	}
	return &script.Set{
		Name: "host-windows2000-x86-EN", Title: "Updates for Windows 2000, x86, English", Place: "install/hosts/windows2000/x86/EN",
		Bases: []string{`\\server\updates`, "http://server:8530/"}, Ring: "production", Edition: edition, Items: items,
		Left:  []script.Left{{Update: "list:old", File: "old.exe", Why: "superseded by KB824146"}},
		Notes: []string{"a circle of prerequisites was cut before KB824146"},
	}
}

// modern are the items of Windows 7 and later.
func modern() []script.Item {
	w11 := "Software/ALL/com_microsoft.windows11/x64win11/"
	return []script.Item{
		{
			ID: "KB4490628", KB: "4490628", Update: "list:4490628", Title: "Servicing stack", Kind: layout.KindMSU, Order: 50, Barrier: script.BarrierAfter,
			Path: "Software/ALL/com_microsoft.windows7/x64win7/a/windows6.1-kb4490628-x64.msu", Name: "windows6.1-kb4490628-x64.msu",
			MD5: layout.MD5{3}, SHA1: layout.SHA1{4},
			Run:    script.Run{Engine: script.EngineWUSA, Args: []string{"/quiet", "/norestart"}, Codes: codes(0, "ok", 3010, "reboot", 2359302, "present", -2145124329, "not-applicable"), Log: "/log:"},
			Gate:   script.Gate{OS: []layout.OS{"windows7-sp1"}, Arch: []layout.Arch{"x64"}, MinSP: 1, MaxSP: -1},
			Detect: script.Detect{Packages: []string{"KB4490628"}},
			Remove: script.Remove{Why: "a servicing stack update cannot be removed"},
		},
		{
			ID: "KB5062553", KB: "5062553", Update: "list:5062553", Title: "Cumulative update, 24H2", Kind: layout.KindMSU, Order: 60, Released: "2025-07-08",
			Path: w11 + "b/windows11.0-kb5062553-x64.msu", Name: "windows11.0-kb5062553-x64.msu",
			Members: []script.Member{{Path: w11 + "b/windows11.0-kb5043080-x64.msu", Name: "windows11.0-kb5043080-x64.msu", Size: 3, SHA256: layout.DigestOf([]byte("cp1"))}},
			Run:     script.Run{Engine: script.EngineDISM, Args: []string{"/Quiet", "/NoRestart"}, Codes: codes(0, "ok", 3010, "reboot"), Log: "/LogPath:"},
			Gate:    script.Gate{OS: []layout.OS{"windows11-24h2"}, Arch: []layout.Arch{"x64"}, MaxSP: -1, MinBuild: 26100, MaxBuild: 26100},
			Detect:  script.Detect{Packages: []string{"KB5062553"}},
		},
		{
			ID: "Intel.Network", Update: "list:net", Title: "A network driver", Kind: layout.KindDriverCAB, Order: 70,
			Path: "Drivers/ALL/com_microsoft.windows10/x64win10/net/net.cab", Name: "net.cab",
			Run:  script.Run{Engine: script.EnginePnPUtil, Args: []string{"/install"}, Codes: codes(0, "ok", 259, "not-applicable")},
			Gate: script.Gate{OS: []layout.OS{"windows10"}, MaxSP: -1},
		},
	}
}

func codes(pairs ...any) []layout.ExitCode {
	var all []layout.ExitCode
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, layout.ExitCode{Code: int32(pairs[i].(int)), Result: pairs[i+1].(string)})
	}
	return all
}

// find returns the file of that name.
func find(t testing.TB, files []script.File, name string) string {
	t.Helper()
	for _, f := range files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	t.Fatalf("no file %s", name)
	return ""
}

// written are all files that a set and any host have, by their paths below the
// root of the tree.
func written(t testing.TB, s *script.Set, o script.Options) map[string]string {
	t.Helper()
	all := make(map[string]string)
	add := func(folder string, files []script.File, err error) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			all[strings.TrimPrefix(folder+"/"+f.Name, "/")] = string(f.Data)
		}
	}
	files, err := s.Files()
	add(s.Place, files, err)
	files, err = script.AnyHost(o)
	add("install", files, err)
	if len(s.Items) > 0 {
		one := *s
		one.Items = s.Items[:1]
		one.Place = s.Items[0].Path[:strings.LastIndexByte(s.Items[0].Path, '/')]
		files, err = one.FolderFiles()
		add(one.Place, files, err)
	}
	return all
}
