package script_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// FuzzBuild lets whoever writes catalogs say anything: no item of a set has a
// character outside of what scripts may carry, and the order in which updates
// come makes no difference.
func FuzzBuild(f *testing.F) {
	f.Add("c:1", "824146", "Title & more", "WindowsXP-KB824146-x86-ENU.exe", "windowsxp", "x86", "EN", "SP3", "/q|x", `HKLM\SOFTWARE\a"b`, `%windir%\a&b.dll`, "{0FEDCBA9-8765-4321-ABCD-0123456789AB}", "update.exe", "2004-01-01", "824146")
	f.Add("c:2", "", "%PATH% !x! ^", "con.msu", "windows11-24h2", "x64", "", "", "/S", `HKLM\a`, `C:\x.dll`, "6.1.22.0", "msu", "", "c:1")
	f.Add("c:3", "1", "\x00\x01\xff\u202e", "a%b!c^d&e<f>g|h\".exe", "x\"&del", "$(x)", "`x`", "sp9", "'", "HKCU\\x\n", `%ProgramFiles(x86)%\a\..\b`, "~", "exe", "1'2", "x")
	f.Add("c:4", "976932", "Service Pack 1", "aux .exe", "", "", "DE", "", "", "", "", "", "service-pack", "2011-02-22", "KB1")
	f.Fuzz(func(t *testing.T, id, kb, title, name, os, arch, lang, pack, arg, key, path, word, kind, day, other string) {
		hostile := &layout.Update{
			ID: id, KB: kb, Title: title, OS: []layout.OS{layout.OS(os)}, Arch: []layout.Arch{layout.Arch(arch)}, Language: layout.Language(lang),
			IncludedIn: pack, Released: layout.Date(day), Reboot: word, Supersedes: []string{other}, Prerequisites: [][]string{{other, id}}, Bulletins: []string{word},
			Install: &layout.Install{
				Switches: []string{arg}, Codes: []layout.ExitCode{{Code: int32(len(word)), Result: word}, {Code: 0, Result: "ok"}},
				Keys:  []layout.InstalledKey{{Key: key, Value: word, Data: arg}},
				Files: []layout.InstalledFile{{Path: path, Version: word}},
			},
			Files: []layout.File{{
				Name: name, Size: 1, SHA256: layout.Digest{1}, Kind: layout.Kind(kind),
				Package: &layout.Package{Title: title, Version: word, Engine: word, Identity: word, Product: word, Patch: word, Targets: []string{word, arg}, Restart: word},
			}, {Name: other, SHA1: layout.SHA1{1}, In: arg}, {Name: other, SHA1: layout.SHA1{2}}},
			Folder: path,
		}
		quiet := *hostile
		quiet.ID, quiet.Install, quiet.Folder = other, nil, "Software/EN/x"
		full := quiet
		full.ID, full.Files = word, slices.Clone(quiet.Files)
		layout.Complete(&full)
		layout.NameEntries(&full)
		full.Folder = layout.ProposeFolder(&full)
		updates := []*layout.Update{hostile, &quiet, &full}
		options := script.Options{
			Name: name, Title: title, Ring: arch, Bases: []string{arg, path, key}, Optional: true,
			Overrides: []script.Override{{Match: other, Kind: layout.Kind(kind), Switches: []string{arg}}},
		}
		set := script.Build(updates, options)
		checkSet(t, set)
		for _, base := range set.Bases {
			if strings.ContainsAny(base, "%!^&<>|\"'`;\n") {
				t.Errorf("base %q is not safe", base)
			}
		}
		if set.Name != "" && !safeID.MatchString(set.Name) || set.Ring != "" && !safeWord.MatchString(set.Ring) || set.Title != "" && !safeTitle.MatchString(set.Title) {
			t.Errorf("name %q, ring %q or title %q is not safe", set.Name, set.Ring, set.Title)
		}
		if id != other && other != word && id != word {
			slices.Reverse(updates)
			if got := script.Build(updates, options); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", set) {
				t.Errorf("the order of the updates changes the set:\n%#v\n%#v", set, got)
			}
		}
		checkSet(t, script.BuildFor(script.Host{OS: layout.OS(os), Arch: layout.Arch(arch), Language: layout.Language(lang)}, updates, script.Options{}))
	})
}
