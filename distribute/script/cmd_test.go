package script

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"

	"github.com/google/go-cmp/cmp"
)

var updateCmd = flag.Bool("updatecmd", false, "write the golden .cmd files again")

// cmdExample is a set with every engine, every trace and every way back.
func cmdExample() *Set {
	s := &Set{
		Name: "host-windows2000-x86-EN", Title: "Windows 2000, x86, English", Place: "install/hosts/windows2000/x86/EN",
		Bases: []string{`\\server\updates`, "http://server:8530/rings/production"}, Ring: "production",
		Edition: Edition{Generation: 12, State: 14, Root: layout.Digest{0xab, 0xcd}},
	}
	add := func(it Item) {
		it.Order = 10 * (len(s.Items) + 1)
		it.Title = "Update " + it.ID + " (100% & more)"
		it.Path = "Software/EN/com_microsoft.windows2000/x86win2k/" + it.ID + "/" + it.Name
		it.Size, it.SHA256 = 917040, layout.Digest{byte(it.Order)}
		if it.Kind == layout.KindHotfix {
			it.SHA1, it.MD5 = layout.SHA1{1}, layout.MD5{2}
		}
		if it.Run.Codes == nil {
			it.Run.Codes = slices.Clone(common)
		}
		s.Items = append(s.Items, it)
	}
	old := Gate{OS: []layout.OS{"windows2000", "windowsxp-sp1"}, Arch: []layout.Arch{"x86"}, Language: "EN", MinSP: 2, MaxSP: 3}
	later := Gate{OS: []layout.OS{"windows11"}, MaxSP: -1, MinBuild: 26100, MaxBuild: 26200}
	add(Item{ID: "W2KSP4", Name: "W2KSP4_EN.EXE", Kind: layout.KindServicePack, Gate: old, Barrier: BarrierAfter, Reboot: true,
		Run: Run{Engine: EngineSelf, Args: []string{"-u", "-q", "-z"}}, Detect: Detect{SP: 4},
		Remove: Remove{Commands: []Command{{Program: `%windir%\$NtServicePackUninstall$\spuninst\spuninst.exe`, Args: []string{"-u", "-q", "-z"}}}}})
	add(Item{ID: "Q318202", Name: "Q318202_W2K_SP3_X86_EN.exe", Kind: layout.KindHotfix, Gate: old,
		Run: Run{Engine: EngineSelf, Args: []string{"-m", "-q", "-z"}, QChain: true},
		Detect: Detect{Dirs: []string{`%windir%\$NtUninstallQ318202$`}, Keys: []layout.InstalledKey{{Key: hotfixKey + "Q318202", Value: "Fix Description", Data: "Windows 2000 Hotfix"}},
			Files: []layout.InstalledFile{{Path: `%windir%\system32\srv.dll`, Version: "5.0.2195.5041", Size: 233232, SHA1: layout.SHA1{3}}}},
		Remove: Remove{Commands: []Command{{Program: `%windir%\$NtUninstallQ318202$\spuninst\spuninst.exe`, Args: []string{"-u", "-q", "-z"}}, {Args: []string{"-y", "-m", "-q", "-z"}}}}})
	add(Item{ID: "Viewer", Name: "viewer one.msi", Kind: layout.KindMSI, Gate: Gate{MaxSP: -1},
		Run:    Run{Engine: EngineMSI, Args: []string{"/qn", "/norestart", "TARGET=C:\\Program Files\\Viewer"}, Log: "/l*v "},
		Detect: Detect{Products: []string{"{12345678-9ABC-DEF0-1234-56789ABCDEF0}"}},
		Remove: Remove{Commands: []Command{{Program: `%windir%\system32\msiexec.exe`, Args: []string{"/x", "{12345678-9ABC-DEF0-1234-56789ABCDEF0}", "/qn", "/norestart"}, Key: patchesKey + "00"}}}})
	add(Item{ID: "KB900001", Name: "office.msp", Kind: layout.KindMSP, Gate: Gate{MaxSP: -1},
		Run:    Run{Engine: EngineMSP, Args: []string{"/qn", "/norestart", "REBOOT=ReallySuppress"}, Log: "/l*v "},
		Detect: Detect{Patches: []string{"{12345678-9ABC-DEF0-1234-56789ABCDEF0}"}}, Remove: Remove{Why: "the products that it is for are not known"}})
	add(Item{ID: "KB4490628", Name: "windows6.1-kb4490628-x64.msu", Kind: layout.KindMSU, Gate: later, Barrier: BarrierRestart,
		Run: Run{Engine: EngineWUSA, Args: []string{"/quiet", "/norestart"}, Log: "/log:", Codes: wusaCodes}, Detect: Detect{Packages: []string{"KB4490628"}},
		Remove: Remove{Why: "a servicing stack update cannot be removed"}})
	add(Item{ID: "KB5043080", Name: "windows11.0-kb5043080-x64.msu", Kind: layout.KindMSU, Gate: later,
		Members: []Member{{Path: "Software/ALL/x/y/KB5043080/windows11.0-kb5040000-x64.msu", Name: "windows11.0-kb5040000-x64.msu", Size: 5, SHA256: layout.Digest{9}}},
		Run:     Run{Engine: EngineDISM, Args: []string{"/Quiet", "/NoRestart"}, Log: "/LogPath:", Codes: dismCodes}, Detect: Detect{Packages: []string{"KB5043080"}},
		Remove: Remove{Commands: []Command{{Program: `%windir%\system32\wusa.exe`, Args: []string{"/uninstall", "/kb:5043080", "/quiet", "/norestart"}}}}})
	add(Item{ID: "Intel-Net", Name: "e1000.inf", Kind: layout.KindDriverINF, Gate: Gate{MaxSP: -1}, Run: Run{Engine: EnginePnPUtil, Args: []string{"/install"}, Codes: pnputilCodes}})
	return s
}

// cmdFiles are all .cmd files of a set, by name.
func cmdFiles(t testing.TB, s *Set) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for _, w := range cmdWriters {
		data, err := w.write(s)
		if err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
		files[w.name] = data
	}
	return files
}

// TestCmdGolden holds the scripts of an example to the files in testdata, and to
// the rules.
func TestCmdGolden(t *testing.T) {
	for name, got := range cmdFiles(t, cmdExample()) {
		golden := filepath.Join("testdata", "cmd", name)
		if *updateCmd {
			if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got); if it should, run the test with -updatecmd:\n%s", name, diff)
		}
		for _, problem := range lintCmd(got) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// TestCmdLint breaks every rule once.
func TestCmdLint(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"clean", `set "A=b"`, ""},
		{"chain", `md x && md y`, "a chain"},
		{"errorlevel", `if errorlevel 1 goto :eof`, "if errorlevel"},
		{"status of a script", `call "other.cmd"`, "status of a called"},
		{"find", `find "x" y`, "find, findstr"},
		{"wait", `timeout /t 5`, "find, findstr"},
		{"set from a file", `set /p A=<"file"`, "set /p"},
		{"block", `if exist x (`, "a block"},
		{"block of a loop", `for %%g in (a) do (`, "a block"},
		{"start behind if", `if exist x start "" /wait y.exe`, "start behind if"},
		{"loop variable", `for %%a in (b) do echo x`, "a loop variable"},
		{"delayed", `set "A=!B!"`, "delayed expansion"},
		{"handle", `md x1>y`, "a handle number"},
		{"restart", `shutdown /r`, "a restart"},
		{"directory", `cd /d x`, "the current directory"},
		{"label", `goto nowhere`, "no label nowhere"},
		{"back", "goto clean\r\n:clean\r\ngoto clean", "line 4: a jump back to clean"},
		{"twice", ":a\r\ngoto :eof\r\n:a\r\ngoto :eof", "line 4: label a is in line 2 already"},
		{"another copy", ":a\r\ngoto :eof\r\n:part_2\r\n:a\r\nexit /b", "line 5: label a has other lines below it than in line 2"},
		{"clean", "call :a\r\n:a\r\ngoto :eof\r\n:part_2\r\ncall :a\r\n:a\r\ngoto :eof", ""},
		{"back to a part", ":a\r\ngoto :eof\r\n:part_2\r\n:a\r\ngoto :eof\r\ncall :a", "line 7: a jump back to a"},
		{"variable", `md "%NOWHERE%"`, "%nowhere% is never set"},
		{"quote", `set "A=b`, "a quote too few"},
		{"two commands", `md x & md y`, "a character that cmd reads"},
		{"long", `set "A=` + strings.Repeat("x", 2000) + `"`, " characters"},
		{"not ASCII", "rem \u00e9", "not printable ASCII"},
		{"comment", "rem 100%", "a comment that cmd reads"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(lintCmd([]byte("@echo off\r\n"+tt.line+"\r\n")), "\n")
			if tt.want != "" && !strings.Contains(got, tt.want) {
				t.Errorf("lint of %q says %q, want %q", tt.line, got, tt.want)
			}
			if tt.name == "clean" && got != "" {
				t.Errorf("lint of a clean script says %q", got)
			}
		})
	}
}
