package script_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// update returns an update with files of these names, as a sync leaves it.
func update(id string, change func(*layout.Update), files ...string) *layout.Update {
	u := &layout.Update{ID: id, Type: layout.Software}
	for _, name := range files {
		u.Files = append(u.Files, layout.File{Name: name, Size: 1000, SHA256: sha256.Sum256([]byte(id + name)), Held: true})
	}
	if change != nil {
		change(u)
	}
	layout.Complete(u)
	layout.NameEntries(u)
	u.Folder = layout.ProposeFolder(u)
	return u
}

func code(t *testing.T, it *script.Item, n int32) string {
	t.Helper()
	i := slices.IndexFunc(it.Run.Codes, func(c layout.ExitCode) bool { return c.Code == n })
	if i < 0 {
		return ""
	}
	return it.Run.Codes[i].Result
}

// TestKinds goes from an update of each kind to how it is run.
func TestKinds(t *testing.T) {
	const product, patch = "{90110409-6000-11D3-8CFE-0150048383C9}", "{0FEDCBA9-8765-4321-ABCD-0123456789AB}"
	pack := func(p layout.Package) func(*layout.Update) {
		return func(u *layout.Update) { u.Files[0].Package = &p }
	}
	tests := []struct {
		name, file string
		change     func(*layout.Update)
		kind       layout.Kind
		engine     script.Engine
		args       []string
		log        string
		codes      map[int32]string
		remove     string // program and arguments of the first command, or why not
	}{
		{"Hotfix.exe", "Q318202_W2K_SP3_X86_EN.exe", nil, layout.KindHotfix, script.EngineSelf, []string{"-m", "-q", "-z"}, "",
			map[int32]string{0: "reboot", 1: ""}, `%windir%\$NTUninstallQ318202$\spuninst\spuninst.exe -u -q -z`},
		{"Hotfix.exe that never restarts", "Q318202_W2K_SP3_X86_EN.exe", func(u *layout.Update) { u.Reboot = "Never restarts" },
			layout.KindHotfix, script.EngineSelf, []string{"-m", "-q", "-z"}, "", map[int32]string{0: "ok"}, `%windir%\$NTUninstallQ318202$\spuninst\spuninst.exe -u -q -z`},
		{"Update.exe of unknown engine", "WindowsXP-KB835732-x86-ENU.exe", nil, layout.KindUpdate, script.EngineSelf, []string{"-u", "-q", "-z"}, "",
			map[int32]string{0: "ok", 3010: "reboot", 1641: "reboot", 1618: "retry", 1603: "failed"}, `%windir%\$NTUninstallKB835732$\spuninst\spuninst.exe -u -q -z`},
		{"Update.exe 5.3.23", "WindowsXP-KB835732-x86-ENU.exe", pack(layout.Package{Engine: "5.3.23.4"}), layout.KindUpdate, script.EngineSelf, []string{"-u", "-q", "-z"}, "", nil,
			`%windir%\$NTUninstallKB835732$\spuninst\spuninst.exe -u -q -z`},
		{"Update.exe 5.3.24.3", "WindowsXP-KB835732-x86-ENU.exe", pack(layout.Package{Engine: "5.3.24.3"}), layout.KindUpdate, script.EngineSelf, []string{"/quiet", "/norestart"}, "", nil,
			`%windir%\$NTUninstallKB835732$\spuninst\spuninst.exe /quiet /norestart`},
		{"Update.exe 6.1.22", "WindowsXP-KB835732-x86-ENU.exe", pack(layout.Package{Engine: "6.1.22.4"}), layout.KindUpdate, script.EngineSelf, []string{"/quiet", "/norestart"}, "/log:", nil,
			`%windir%\$NTUninstallKB835732$\spuninst\spuninst.exe /quiet /norestart`},
		{"service pack", "W2KSP4_EN.EXE", func(u *layout.Update) { u.OS = []layout.OS{"windows2000"} }, layout.KindServicePack, script.EngineSelf, []string{"-u", "-q", "-z"}, "", nil,
			`%windir%\$NtServicePackUninstall$\spuninst\spuninst.exe -u -q -z`},
		{"service pack of Windows 7", "windows6.1-KB976932-X64.exe", nil, layout.KindServicePack, script.EngineSelf, []string{"/quiet", "/norestart"}, "", nil,
			`%windir%\system32\wusa.exe /uninstall /kb:976932 /quiet /norestart`},
		{"IExpress", "IE6.0sp1-KB918899-Windows-2000-XP-x86-ENU.exe", nil, layout.KindIExpress, script.EngineSelf, []string{"/Q:A", "/R:N"}, "",
			map[int32]string{3010: "reboot"}, "the package has no way to take itself off"},
		{"Visual C++ 2005", "vcredist_x86.exe", pack(layout.Package{Version: "8.0.50727.42"}), layout.KindIExpress, script.EngineSelf, []string{"/Q:A", "/R:N"}, "", nil,
			"the package has no way to take itself off"},
		{"Visual C++ 2010", "vcredist_x86.exe", pack(layout.Package{Version: "10.0.40219.325"}), layout.KindIExpress, script.EngineSelf, []string{"/q", "/norestart"}, "", nil,
			"the package has no way to take itself off"},
		{"MSI", "setup.msi", pack(layout.Package{Product: product}), layout.KindMSI, script.EngineMSI, []string{"/qn", "/norestart"}, "/l*v ",
			map[int32]string{1603: "failed", 1605: "failed", 1618: "retry", 1619: "failed", 1638: "failed", 1641: "reboot"},
			`%windir%\system32\msiexec.exe /x ` + product + ` /qn /norestart`},
		{"MSP", "fix.msp", pack(layout.Package{Patch: patch, Targets: []string{"no code", product}}), layout.KindMSP, script.EngineMSP,
			[]string{"/qn", "/norestart", "REBOOT=ReallySuppress"}, "/l*v ", map[int32]string{1636: "failed", 1642: "not-applicable", 1647: "failed", 1648: "failed"},
			`%windir%\system32\msiexec.exe /i ` + product + ` MSIPATCHREMOVE=` + patch + ` /qn /norestart REBOOT=ReallySuppress`},
		{"Office", "word2010-kb2553488-fullfile-x86-glb.exe", nil, layout.KindOffice, script.EngineSelf, []string{"/quiet", "/norestart"}, "/log:",
			map[int32]string{17022: "reboot", 17025: "present", 17026: "present", 17028: "not-applicable", 17031: "failed", 17034: "failed", 17301: "failed", 17302: "failed"},
			"the package does not take itself off: its patch is removed where programs are removed, under the product's updates"},
		{".NET", "NDP461-KB3102436-x86-x64-AllOS-ENU.exe", nil, layout.KindDotNet, script.EngineSelf, []string{"/q", "/norestart"}, "",
			map[int32]string{1602: "failed", 1603: "failed", 5100: "failed", 16389: "failed", 3010: "reboot"}, "it is removed where programs are removed"},
		{"MSU", "Windows6.1-KB2999226-x64.msu", nil, layout.KindMSU, script.EngineWUSA, []string{"/quiet", "/norestart"}, "/log:",
			map[int32]string{0: "ok", 3010: "reboot", 2359301: "reboot", 2359302: "present", -2145124329: "not-applicable", 1058: "failed", 87: "failed", 5: "failed"},
			`%windir%\system32\wusa.exe /uninstall /kb:2999226 /quiet /norestart`},
		{"MSU of Vista", "Windows6.0-KB2999226-x64.msu", pack(layout.Package{Identity: "Package_for_KB2999226~31bf3856ad364e35~amd64~~6.0.1.2"}), layout.KindMSU, script.EngineWUSA, []string{"/quiet", "/norestart"}, "", nil,
			"wusa of Windows Vista and Server 2008 removes nothing: it is removed in the list of installed updates"},
		{"CAB", "windows10.0-kb5027386-x64.cab", pack(layout.Package{Identity: "Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.3086.1.9"}), layout.KindCAB, script.EngineDISM,
			[]string{"/Quiet", "/NoRestart"}, "/LogPath:",
			map[int32]string{0: "ok", 3010: "reboot", 87: "failed", 2: "failed", 5: "failed", 50: "failed", -2146498530: "not-applicable", -2146498525: "failed", -2146498554: "retry", -2147024344: "failed"},
			`%windir%\system32\dism.exe /Online /Remove-Package /PackageName:Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.3086.1.9 /Quiet /NoRestart`},
		{"servicing stack", "windows10.0-kb5031539-x64.cab", func(u *layout.Update) { u.Title = "2023-10 Servicing Stack Update" }, layout.KindCAB, script.EngineDISM,
			[]string{"/Quiet", "/NoRestart"}, "/LogPath:", nil, "a servicing stack update cannot be removed"},
		{"INF", "nic.inf", func(u *layout.Update) { u.Type = layout.Drivers }, layout.KindDriverINF, script.EnginePnPUtil, []string{"/install"}, "",
			map[int32]string{0: "ok", 259: "not-applicable", 3010: "reboot", 1641: "reboot"},
			"the host gives a driver a name of its own (oemN.inf): find it with pnputil /enum-drivers, then pnputil /delete-driver oemN.inf /uninstall"},
		{"driver cabinet", "nic.cab", func(u *layout.Update) { u.Type = layout.Drivers }, layout.KindDriverCAB, script.EnginePnPUtil, []string{"/install"}, "", nil,
			"the host gives a driver a name of its own (oemN.inf): find it with pnputil /enum-drivers, then pnputil /delete-driver oemN.inf /uninstall"},
		{"Defender", "mpam-fe.exe", pack(layout.Package{Version: "1.421.1.0"}), layout.KindDefender, script.EngineSelf, []string{"-q"}, "", map[int32]string{0: "ok"},
			"definitions are replaced by later ones, not removed"},
		{"a program with switches of its source", "setup.exe", func(u *layout.Update) {
			u.Install = &layout.Install{Switches: []string{"/S"}, Codes: []layout.ExitCode{{Code: 7, Result: "present"}, {Code: 3010, Result: "ok"}}}
		}, layout.KindExe, script.EngineSelf, []string{"/S"}, "", map[int32]string{0: "ok", 7: "present", 3010: "ok"}, "the package has no way to take itself off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := script.Build([]*layout.Update{update("a:1", tt.change, tt.file)}, script.Options{})
			checkSet(t, set)
			if len(set.Items) != 1 {
				t.Fatalf("got %d items, left %+v", len(set.Items), set.Left)
			}
			it := &set.Items[0]
			if it.Kind != tt.kind || it.Run.Engine != tt.engine || it.Run.Log != tt.log {
				t.Errorf("got kind %s, engine %s, log %q", it.Kind, it.Run.Engine, it.Run.Log)
			}
			if diff := cmp.Diff(tt.args, it.Run.Args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			for n, want := range tt.codes {
				if got := code(t, it, n); got != want {
					t.Errorf("code %d means %q, want %q", n, got, want)
				}
			}
			if got := firstRemoval(it); got != tt.remove {
				t.Errorf("it is removed by %q, want %q", got, tt.remove)
			}
		})
	}
}

func firstRemoval(it *script.Item) string {
	if len(it.Remove.Commands) == 0 {
		return it.Remove.Why
	}
	s := it.Remove.Commands[0].Program
	for _, a := range it.Remove.Commands[0].Args {
		s += " " + a
	}
	return s
}

// TestLeft goes from what no script can run to the reason.
func TestLeft(t *testing.T) {
	switches := func(words ...string) func(*layout.Update) {
		return func(u *layout.Update) { u.Install = &layout.Install{Switches: words} }
	}
	key := func(k string) func(*layout.Update) {
		return func(u *layout.Update) { u.Install = &layout.Install{Keys: []layout.InstalledKey{{Key: k}}} }
	}
	tests := []struct {
		name, file string
		change     func(*layout.Update)
		why        string
	}{
		{"archive", "a.zip", nil, "an archive: unpack it and follow what is in it"},
		{"disc", "a.iso", nil, "an image of a disc: Setup is run from it by hand"},
		{"image", "install.esd", nil, "a part of an installation image: it is no update of a running system"},
		{"image of an installation", "boot.wim", nil, "an image of an installation: it is no update of a running system"},
		{"payload alone", "windows10.0-kb5027386-x64.psf", nil, "the payload of a cabinet that is not here"},
		{"program", "setup.exe", nil, "a program of which nobody says how it runs silently (install.switches of its source, or an [[override]])"},
		{"Office cabinet", "excel-x-none.cab", nil, "a cabinet that does not say that DISM can add it"},
		{"readme", "readme.txt", nil, "it is no package that a script can run"},
		{"kind of the future", "a.exe", func(u *layout.Update) { u.Files[0].Kind = "appx" }, "its package kind appx is not known"},
		{"percent sign", "Windows6.1-KB2999226-x64 100%.msu", nil, "its name cannot stand in a script"},
		{"other letters", "Windows6.1-KB2999226-ä-x64.msu", nil, "its name cannot stand in a script"},
		{"ampersand", "WindowsXP-KB835732-x86-ENU&del.exe", nil, "its name cannot stand in a script"},
		{"no digest", "Windows6.1-KB2999226-x64.msu", func(u *layout.Update) { u.Files[0].SHA256 = layout.Digest{} }, "no digest of it is known, so that a host could not check it"},
		{"older than Windows 2000", "Q318202_NT4_SP7_X86_EN.exe", func(u *layout.Update) { u.OS = []layout.OS{"windowsnt4"}; u.Files[0].Kind = layout.KindHotfix },
			"scripts begin with Windows 2000, and it is for older systems alone"},
		{"MSU for XP", "fix-x86.msu", func(u *layout.Update) { u.OS = []layout.OS{"windowsxp"} }, "no system that it is for can run packages of its kind"},
		{"Hotfix.exe of an unknown system", "Q271652I.EXE", nil, "neither its record nor its name says for which system it is"},
		{"Visual C++ of an unknown version", "vcredist_x86.exe", nil, "of which version this Visual C++ runtime is, and so its switches, is not known"},
		{".NET 1", "dotnetfx.exe", nil, "dotnetfx.exe wants its switches in quotation marks, which no script carries: install its MSI or a later .NET"},
		{"symbols of a service pack", "xpsp1sym_x86.exe", nil, "the number of this service pack is not known"},
		{"service pack without number", "windowsxp-kb000001-x86.exe", func(u *layout.Update) { u.Files[0].Kind = layout.KindServicePack }, "the number of this service pack is not known"},
		{"switch with a pipe", "setup.exe", switches("/q", "/log|del"), "a switch of it cannot stand in a script"},
		{"switch with a blank", "setup.exe", switches("/c:install /q"), "a switch of it cannot stand in a script"},
		{"key with a quote", "WindowsXP-KB835732-x86-ENU.exe", key(`HKLM\SOFTWARE\"x`), "a key by which it is told that it is there cannot stand in a script"},
		{"key of no root", "WindowsXP-KB835732-x86-ENU.exe", key(`SOFTWARE\x`), "a key by which it is told that it is there cannot stand in a script"},
		{"file outside", "WindowsXP-KB835732-x86-ENU.exe", func(u *layout.Update) {
			u.Install = &layout.Install{Files: []layout.InstalledFile{{Path: `%PATH%\a.dll`}}}
		}, "a file by which it is told that it is there cannot stand in a script"},
		{"hostile system", "setup.msi", func(u *layout.Update) { u.OS = []layout.OS{`x"&del`} }, "its system, architecture or language cannot stand in a script"},
		{"no files", "", nil, "it names no file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var files []string
			if tt.file != "" {
				files = []string{tt.file}
			}
			set := script.Build([]*layout.Update{update("a:1", tt.change, files...)}, script.Options{})
			checkSet(t, set)
			if diff := cmp.Diff([]script.Left{{Update: "a:1", File: tt.file, Why: tt.why}}, set.Left); diff != "" || len(set.Items) > 0 {
				t.Errorf("%d items; left (-want +got):\n%s", len(set.Items), diff)
			}
		})
	}
}

// TestSetOwnsItsTables changes a set, which changes no other.
func TestSetOwnsItsTables(t *testing.T) {
	plan := func() *script.Set {
		return script.Build([]*layout.Update{update("a:1", nil, "WindowsXP-KB835732-x86-ENU.exe")}, script.Options{})
	}
	first := &plan().Items[0]
	first.Run.Codes[0].Result, first.Run.Args[0], first.Remove.Commands[0].Args[0] = "x", "x", "x"
	if diff := cmp.Diff("-u", plan().Items[0].Run.Args[0]); diff != "" || code(t, &plan().Items[0], 0) != "ok" || plan().Items[0].Remove.Commands[0].Args[0] != "-u" {
		t.Errorf("the tables were changed: %+v", plan().Items[0].Run)
	}
}

// TestListedFiles leaves out what nobody can bring.
func TestListedFiles(t *testing.T) {
	u := update("a:1", nil, "Windows6.1-KB2999226-x64.msu")
	u.Files[0].Held = false
	if set := script.Build([]*layout.Update{u}, script.Options{}); len(set.Items) != 1 {
		t.Errorf("a listed file is left out: %+v", set.Left)
	}
	set := script.Build([]*layout.Update{u}, script.Options{HeldOnly: true})
	if len(set.Items) != 0 || len(set.Left) != 1 || set.Left[0].Why != "it is not here" {
		t.Errorf("got %d items, left %+v", len(set.Items), set.Left)
	}
}

// TestOverrides lets the operator have the last word on a file.
func TestOverrides(t *testing.T) {
	set := script.Build([]*layout.Update{update("a:1", nil, "setup-plant1.exe", "setup-other.exe"), update("a:2", nil, "WindowsXP-KB967715-x86-ENU.exe")},
		script.Options{Overrides: []script.Override{
			{Match: "setup-plant*.exe", Switches: []string{"/S"}, Codes: []layout.ExitCode{{Code: 3010, Result: "ok"}}},
			{Match: "setup*.exe", Kind: layout.KindIExpress},
			{Match: "KB967715", Skip: true},
		}})
	checkSet(t, set)
	if len(set.Items) != 2 {
		t.Fatalf("got %d items, left %+v", len(set.Items), set.Left)
	}
	other, plant := &set.Items[0], &set.Items[1]
	if plant.Name != "setup-plant1.exe" || plant.Kind != layout.KindExe || !slices.Equal(plant.Run.Args, []string{"/S"}) || code(t, plant, 3010) != "ok" {
		t.Errorf("the first override does not count: %+v", plant)
	}
	if other.Kind != layout.KindIExpress || !slices.Equal(other.Run.Args, []string{"/Q:A", "/R:N"}) {
		t.Errorf("the second override does not count: %+v", other)
	}
	if diff := cmp.Diff([]script.Left{{Update: "a:2", File: "WindowsXP-KB967715-x86-ENU.exe", Why: "an [[override]] leaves it out"}}, set.Left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
