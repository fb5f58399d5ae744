package script_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// line says of an item what a plan is about.
func line(it *script.Item) string {
	g := it.Gate
	s := fmt.Sprintf("%s %v %v %s", it.ID, g.OS, g.Arch, g.Language)
	if g.MinSP > 0 || g.MaxSP >= 0 {
		s += fmt.Sprintf(" sp%d-%d", g.MinSP, g.MaxSP)
	}
	for _, m := range it.Members {
		s += " +" + m.Name
	}
	if it.Barrier != "" {
		s += " " + string(it.Barrier)
	}
	return s
}

func lines(set *script.Set) []string {
	var all []string
	for i := range set.Items {
		all = append(all, line(&set.Items[i]))
	}
	return all
}

func reasons(set *script.Set) []string {
	var all []string
	for _, l := range set.Left {
		all = append(all, l.Update+": "+l.Why)
	}
	return all
}

func hold(t *testing.T, set *script.Set, items, left []string) {
	t.Helper()
	checkSet(t, set)
	if diff := cmp.Diff(items, lines(set)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(left, reasons(set)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func on(day string) func(*layout.Update) {
	return func(u *layout.Update) { u.Released = layout.Date(day) }
}

// TestWindows2000 takes a host from its release to Service Pack 4 and on: what the
// pack includes is not installed before it, and what came after waits for it.
func TestWindows2000(t *testing.T) {
	updates := []*layout.Update{
		update("c:post", on("2003-09-10"), "Windows2000-KB824146-x86-ENU.exe"),
		update("c:in3", on("2002-02-01"), "Q311967_W2K_SP3_X86_EN.exe"),
		update("c:in5", on("2004-04-13"), "Q835732_W2K_SP5_X86_EN.exe"),
		update("c:sp4", func(u *layout.Update) {
			u.Released, u.OS, u.Arch, u.Language, u.KB = "2003-06-26", []layout.OS{"windows2000"}, []layout.Arch{"x86"}, "EN", "327194"
		}, "W2KSP4_EN.EXE"),
		update("c:german", on("2003-09-10"), "Windows2000-KB824146-x86-DEU.exe"),
		update("c:nt4", func(u *layout.Update) { u.OS = []layout.OS{"windowsnt4"} }, "Q300845i.EXE"),
	}
	set := script.BuildFor(script.Host{OS: "windows2000", Arch: "x86", Language: "EN"}, updates, script.Options{})
	hold(t, set, []string{
		"KB327194 [windows2000] [x86] EN sp0-3 restart",
		"KB824146 [windows2000] [x86] EN",
		"KB835732 [windows2000] [x86] EN sp0-4",
	}, []string{"c:in3: included in KB327194, which is in the set"})

	pack, post, in5 := &set.Items[0], &set.Items[1], &set.Items[2]
	if pack.Detect.SP != 4 || post.Detect.SP != 0 || in5.Detect.SP != 5 {
		t.Errorf("they are there from service pack %d, %d, %d on", pack.Detect.SP, post.Detect.SP, in5.Detect.SP)
	}
	if diff := cmp.Diff([]string{`%windir%\$NTUninstallKB824146$`}, post.Detect.Dirs); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	var keys []string
	for _, k := range in5.Detect.Keys {
		keys = append(keys, k.Key)
	}
	if diff := cmp.Diff([]string{`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\Q835732`, `HKLM\SOFTWARE\Microsoft\Updates\Windows 2000\SP5\Q835732`}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}

	all := script.BuildFor(script.Host{OS: "windows2000", Arch: "x86", Language: "EN"}, updates, script.Options{Superseded: true})
	hold(t, all, []string{
		"KB327194 [windows2000] [x86] EN sp0-3 restart",
		"KB311967 [windows2000] [x86] EN sp0-2",
		"KB824146 [windows2000] [x86] EN",
		"KB835732 [windows2000] [x86] EN sp0-4",
	}, nil)
	if !all.Items[1].Run.QChain || all.Items[1].Kind != layout.KindHotfix {
		t.Errorf("a fix for before SP3 is no Hotfix.exe: %+v", all.Items[1].Run)
	}
}

// TestWindowsXP has two service packs, of which the second wants the first.
func TestWindowsXP(t *testing.T) {
	sp2 := func(u *layout.Update) { u.Classification, u.Released = layout.ServicePack, "2004-08-25" }
	sp3 := func(u *layout.Update) {
		u.Classification, u.Released, u.Supersedes = layout.ServicePack, "2008-05-06", []string{"835935"}
	}
	updates := []*layout.Update{
		update("c:sp3", sp3, "WindowsXP-KB936929-SP3-x86-ENU.exe"),
		update("c:sp2", sp2, "WindowsXP-KB835935-SP2-ENU.exe"),
		update("c:2", func(u *layout.Update) { u.OS = []layout.OS{"windowsxp-sp2", "windowsxp-sp3"} }, "WindowsXP-KB958644-x86-ENU.exe"),
	}
	set := script.BuildFor(script.Host{OS: "windowsxp", Arch: "x86", Language: "EN"}, updates, script.Options{})
	hold(t, set, []string{
		"KB835935 [windowsxp] [x86] EN sp0-1 restart",
		"KB936929 [windowsxp] [x86] EN sp1-2 restart",
		"KB958644 [windowsxp] [x86] EN sp2-3",
	}, nil)
}

// TestWindows7 puts what checks SHA-2 before what is signed by it.
func TestWindows7(t *testing.T) {
	updates := []*layout.Update{
		update("c:rollup", func(u *layout.Update) {
			u.Title, u.Released = "2020-01 Security Monthly Quality Rollup for Windows 7 for x64-based Systems (KB4534310)", "2020-01-14"
		}, "windows6.1-kb4534310-x64.msu"),
		update("c:older", func(u *layout.Update) {
			u.Title, u.Released = "2019-12 Security Monthly Quality Rollup for Windows 7 for x64-based Systems (KB4530734)", "2019-12-10"
		}, "windows6.1-kb4530734-x64.msu"),
		update("c:ssu", func(u *layout.Update) {
			u.Title, u.Released = "2020-01 Servicing Stack Update for Windows 7 for x64-based Systems (KB4536952)", "2020-01-14"
		}, "windows6.1-kb4536952-x64.msu"),
		update("c:sha2", on("2019-09-23"), "windows6.1-kb4474419-v3-x64.msu"),
		update("c:stack", on("2019-03-12"), "windows6.1-kb4490628-x64.msu"),
		update("c:sp1", func(u *layout.Update) { u.Released = "2011-02-22" }, "windows6.1-KB976932-X64.exe"),
	}
	set := script.BuildFor(script.Host{OS: "windows7", Arch: "x64", Language: "EN"}, updates, script.Options{})
	const both = "[windows7 windowsserver2008r2] [x64] "
	hold(t, set, []string{
		"KB976932 " + both + " sp0-0 restart",
		"KB4490628 " + both + " after",
		"KB4474419 " + both + " after",
		"KB4536952 " + both + " after",
		"KB4534310 " + both,
	}, []string{"c:older: superseded by KB4534310, which is in the set"})
	if set.Items[1].Reboot || !set.Items[4].Reboot {
		t.Error("a servicing stack wants no restart, a roll-up may")
	}
	if diff := cmp.Diff([]string{"KB4534310"}, set.Items[4].Detect.Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

// TestWindows11 gives DISM the target and lays its checkpoints beside it.
func TestWindows11(t *testing.T) {
	updates := []*layout.Update{
		update("c:cu", func(u *layout.Update) {
			u.Title, u.Released, u.KB = "2025-01 Cumulative Update for Windows 11 Version 24H2 for x64-based Systems (KB5050009)", "2025-01-14", "5050009"
			u.OS, u.Arch = []layout.OS{"windows11-24h2"}, []layout.Arch{"x64"}
		}, "windows11.0-kb5043080-x64_953449672073f8fb99badb4cc6d5d7849b9c83e8.msu", "windows11.0-kb5050009-x64_97aac2ab4f607b11d50ad2fd88a5841ee0b18dd5.msu"),
		update("c:23h2", func(u *layout.Update) { u.OS = []layout.OS{"windows11-23h2"} }, "windows11.0-kb5049624-x64.msu", "windows11.0-kb5050021-x64.msu"),
		update("c:fod", func(u *layout.Update) { u.OS = []layout.OS{"windows11-24h2"} }, "microsoft-windows-fod-x64.cab", "microsoft-windows-fod-x64.psf"),
		update("c:none", func(u *layout.Update) { u.OS = []layout.OS{"windows11"} }, "windows11.0-kb5043080-arm64.msu", "windows11.0-kb5050009-arm64.msu"),
	}
	set := script.BuildFor(script.Host{OS: "windows11", Arch: "x64"}, updates, script.Options{})
	hold(t, set, []string{
		"microsoft-windows-fod-x64 [windows11-24h2] [x64]  +microsoft-windows-fod-x64.psf",
		"KB5049624 [windows11-23h2] [x64] ",
		"KB5050021 [windows11-23h2] [x64] ",
		"KB5050009 [windows11-24h2] [x64]  +windows11.0-kb5043080-x64_953449672073f8fb99badb4cc6d5d7849b9c83e8.msu",
	}, nil)
	cu := &set.Items[3]
	if cu.Run.Engine != script.EngineDISM || code(t, cu, -2147024344) != "failed" || code(t, cu, 2359302) != "" {
		t.Errorf("a checkpoint set is run by %s with %v", cu.Run.Engine, cu.Run.Codes)
	}
	arm := script.BuildFor(script.Host{OS: "windows11", Arch: "arm64"}, updates, script.Options{})
	hold(t, arm, []string{"KB5050009 [windows11] [arm64]  +windows11.0-kb5043080-arm64.msu"}, nil)
}

// TestFilesApart makes items of their own of the files of one update for several
// systems, architectures and languages.
func TestFilesApart(t *testing.T) {
	u := update("c:1", func(u *layout.Update) { u.OS = []layout.OS{"windows2000", "windowsxp"} },
		"Windows2000-KB824146-x86-DEU.exe", "WindowsXP-KB824146-x86-DEU.exe", "WindowsXP-KB824146-x86-ENU.exe", "WindowsXP-KB824146-ia64-ENU.exe")
	set := script.Build([]*layout.Update{u}, script.Options{})
	checkSet(t, set)
	ids := lines(set)
	slices.Sort(ids)
	for i := range ids {
		ids[i] = strings.Join(strings.Fields(ids[i])[1:], " ")
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"[windows2000] [x86] DE", "[windowsxp] [ia64] EN", "[windowsxp] [x86] DE", "[windowsxp] [x86] EN"}, ids); diff != "" {
		t.Errorf("gates (-want +got):\n%s", diff)
	}
}

// TestServicePacksShared limits by service pack what is for a client and its server.
func TestServicePacksShared(t *testing.T) {
	set := script.Build([]*layout.Update{
		update("c:1", func(u *layout.Update) { u.OS = []layout.OS{"windows7-sp1", "windowsserver2008r2-sp1"} }, "windows6.1-kb1000001-x64.msu"),
		update("c:2", func(u *layout.Update) { u.IncludedIn = "SP1" }, "windows6.1-kb1000002-x64.msu"),
		update("c:3", func(u *layout.Update) { u.IncludedIn = "SP2" }, "WindowsServer2003.WindowsXP-KB1000003-x64-ENU.exe"),
		update("c:4", func(u *layout.Update) { u.IncludedIn, u.OS = "SP2", []layout.OS{"windowsxp", "windows2000"} }, "KB1000004-x86.exe"),
	}, script.Options{Overrides: []script.Override{{Match: "KB1000004", Kind: layout.KindUpdate}}})
	hold(t, set, []string{
		"KB1000001 [windows7 windowsserver2008r2] [x64]  sp1-1",
		"KB1000002 [windows7 windowsserver2008r2] [x64]  sp0-0",
		"KB1000003 [windowsserver2003 windowsxp] [x64] EN sp0-1",
		"KB1000004 [windows2000 windowsxp] [x86] ",
	}, nil)
}

// TestSuperseded leaves out only what another covers wherever it is installed.
func TestSuperseded(t *testing.T) {
	by := func(day string, words ...string) func(*layout.Update) {
		return func(u *layout.Update) { u.Released, u.Supersedes = layout.Date(day), words }
	}
	tests := []struct {
		name    string
		updates []*layout.Update
		items   []string
		left    []string
	}{
		{"by article", []*layout.Update{
			update("c:new", by("2004-02-01", "KB824146"), "WindowsXP-KB828741-x86-ENU.exe"), update("c:old", on("2003-09-01"), "WindowsXP-KB824146-x86-ENU.exe"),
		}, []string{"KB828741 [windowsxp] [x86] EN"}, []string{"c:old: superseded by KB828741, which is in the set"}},
		{"by id without its source", []*layout.Update{
			update("c:new", by("2004-02-01", "old"), "WindowsXP-KB828741-x86-ENU.exe"), update("c:old", nil, "WindowsXP-KB824146-x86-ENU.exe"),
		}, []string{"KB828741 [windowsxp] [x86] EN"}, []string{"c:old: superseded by KB828741, which is in the set"}},
		{"by bulletin", []*layout.Update{
			update("c:new", by("2004-02-01", "MS03-039"), "WindowsXP-KB828741-x86-ENU.exe"),
			update("c:old", func(u *layout.Update) { u.Bulletins = []string{"MS03-039"} }, "WindowsXP-KB824146-x86-ENU.exe"),
		}, []string{"KB828741 [windowsxp] [x86] EN"}, []string{"c:old: superseded by KB828741, which is in the set"}},
		{"for other hosts", []*layout.Update{
			update("c:new", by("2004-02-01", "824146"), "WindowsXP-KB828741-x86-ENU.exe"), update("c:old", nil, "WindowsXP-KB824146-x86-DEU.exe"),
		}, []string{"KB824146 [windowsxp] [x86] DE", "KB828741 [windowsxp] [x86] EN"}, nil},
		{"in a circle", []*layout.Update{
			update("c:a", by("2004-02-01", "824146"), "WindowsXP-KB828741-x86-ENU.exe"), update("c:b", by("2004-02-02", "828741"), "WindowsXP-KB824146-x86-ENU.exe"),
		}, []string{"KB828741 [windowsxp] [x86] EN", "KB824146 [windowsxp] [x86] EN"}, nil},
		{"a circle by a third", []*layout.Update{
			update("c:a", by("2004-02-01", "824146"), "WindowsXP-KB828741-x86-ENU.exe"), update("c:b", by("2004-02-02", "828741"), "WindowsXP-KB824146-x86-ENU.exe"),
			update("c:c", by("2005-02-02", "828741"), "WindowsXP-KB900001-x86-ENU.exe"),
		}, []string{"KB824146 [windowsxp] [x86] EN", "KB900001 [windowsxp] [x86] EN"}, []string{"c:a: superseded by KB900001, which is in the set"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { hold(t, script.Build(tt.updates, script.Options{}), tt.items, tt.left) })
	}
}

// TestCumulative keeps the newest of a series, which is told by its title.
func TestCumulative(t *testing.T) {
	titled := func(day, title string) func(*layout.Update) {
		return func(u *layout.Update) { u.Released, u.Title = layout.Date(day), title }
	}
	tests := []struct {
		name, older, newer string
		one                bool
	}{
		{"month and article", "2024-05 Cumulative Update for Windows 10 Version 22H2 for x64-based Systems (KB1000001)", "2024-06 Cumulative Update for Windows 10 Version 22H2 for x64-based Systems (KB1000002)", true},
		{"preview", "2024-05 Cumulative Update Preview for Windows 10 Version 22H2 (KB1000001)", "2024-06 Cumulative Update for Windows 10 Version 22H2 (KB1000002)", true},
		{"tool", "Windows Malicious Software Removal Tool x64 - v5.100 (KB890830)", "Windows Malicious Software Removal Tool x64 - v5.101 (KB890830)", true},
		{"another .NET", "2024-05 Cumulative Update for .NET Framework 3.5 and 4.7.2 for Windows 10 (KB1000001)", "2024-06 Cumulative Update for .NET Framework 3.5 and 4.8.1 for Windows 10 (KB1000002)", false},
		{"another release", "2024-05 Cumulative Update for Windows 10 Version 1809 (KB1000001)", "2024-06 Cumulative Update for Windows 10 Version 22H2 (KB1000002)", false},
		{"one fix of many", "Security Update for Windows 10 (KB1000001)", "Security Update for Windows 10 (KB1000002)", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := script.Build([]*layout.Update{
				update("c:2", titled("2024-06-11", tt.newer), "windows10.0-kb1000002-x64.msu"), update("c:1", titled("2024-05-14", tt.older), "windows10.0-kb1000001-x64.msu"),
			}, script.Options{})
			checkSet(t, set)
			if one := len(set.Items) == 1 && set.Items[0].Update == "c:2"; one != tt.one {
				t.Errorf("got %v, left %v", lines(set), reasons(set))
			}
		})
	}
}

// TestSameBytes takes a file that two sources list once.
func TestSameBytes(t *testing.T) {
	a, b := update("a:1", nil, "WindowsXP-KB824146-x86-ENU.exe"), update("b:1", nil, "WindowsXP-KB824146-x86-ENU.exe")
	b.Files[0].SHA256 = a.Files[0].SHA256
	hold(t, script.Build([]*layout.Update{b, a}, script.Options{}), []string{"KB824146 [windowsxp] [x86] EN"},
		[]string{"b:1: the same file as that of a:1, which is in the set"})
}

// TestOrder puts prerequisites first, whatever their day, and cuts circles.
func TestOrder(t *testing.T) {
	after := func(day string, groups ...[]string) func(*layout.Update) {
		return func(u *layout.Update) { u.Released, u.Prerequisites = layout.Date(day), groups }
	}
	tests := []struct {
		name    string
		updates []*layout.Update
		ids     []string
		notes   []string
	}{
		{"by day", []*layout.Update{update("c:2", on("2004-02-01"), "WindowsXP-KB1000002-x86-ENU.exe"), update("c:1", on("2004-01-01"), "WindowsXP-KB1000003-x86-ENU.exe")},
			[]string{"KB1000003", "KB1000002"}, nil},
		{"by id", []*layout.Update{update("c:1", after("2004-01-01", []string{"c:2"}), "WindowsXP-KB1000001-x86-ENU.exe"), update("c:2", on("2005-01-01"), "WindowsXP-KB1000002-x86-ENU.exe")},
			[]string{"KB1000002", "KB1000001"}, nil},
		{"one of several", []*layout.Update{update("c:1", after("2004-01-01", []string{"elsewhere", "KB1000002"}, []string{"nowhere"}), "WindowsXP-KB1000001-x86-ENU.exe"), update("c:2", on("2005-01-01"), "WindowsXP-KB1000002-x86-ENU.exe")},
			[]string{"KB1000002", "KB1000001"}, nil},
		{"for a service pack", []*layout.Update{
			update("c:sp", func(u *layout.Update) { u.Prerequisites = [][]string{{"1000002"}} }, "WindowsXP-KB936929-SP3-x86-ENU.exe"),
			update("c:1", on("2004-01-01"), "WindowsXP-KB1000001-x86-ENU.exe"), update("c:2", on("2005-01-01"), "WindowsXP-KB1000002-x86-ENU.exe")},
			[]string{"KB1000002", "KB936929", "KB1000001"}, nil},
		{"of another language", []*layout.Update{update("c:1", after("2004-01-01", []string{"c:2"}), "WindowsXP-KB1000001-x86-ENU.exe"), update("c:2", on("2005-01-01"), "WindowsXP-KB1000002-x86-DEU.exe")},
			[]string{"KB1000001", "KB1000002"}, nil},
		{"of another architecture", []*layout.Update{update("c:1", after("2004-01-01", []string{"c:2"}), "Windows6.1-KB1000001-x86.msu"), update("c:2", on("2005-01-01"), "Windows6.1-KB1000002-x64.msu")},
			[]string{"KB1000001", "KB1000002"}, nil},
		{"circle", []*layout.Update{update("c:1", after("2004-01-01", []string{"c:2"}), "WindowsXP-KB1000001-x86-ENU.exe"), update("c:2", after("2003-01-01", []string{"c:1"}), "WindowsXP-KB1000002-x86-ENU.exe")},
			[]string{"KB1000002", "KB1000001"}, []string{"KB1000002 waits for what waits for it: it goes first"}},
		{"Windows Installer first", []*layout.Update{update("c:1", on("2004-01-01"), "WindowsXP-KB1000001-x86-ENU.exe"), update("c:2", on("2005-07-01"), "WindowsXP-KB893803-v2-x86-ENU.exe")},
			[]string{"KB893803", "KB1000001"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 4 {
				set := script.Build(tt.updates, script.Options{})
				checkSet(t, set)
				var ids []string
				for i := range set.Items {
					ids = append(ids, set.Items[i].ID)
				}
				if diff := cmp.Diff(tt.ids, ids); diff != "" {
					t.Errorf("order (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.notes, set.Notes); diff != "" {
					t.Errorf("notes (-want +got):\n%s", diff)
				}
				rand.Shuffle(len(tt.updates), func(i, j int) { tt.updates[i], tt.updates[j] = tt.updates[j], tt.updates[i] })
			}
		})
	}
}

// TestOptionalForHosts leaves out of a host's set what nobody in particular needs.
func TestOptionalForHosts(t *testing.T) {
	driver := update("c:1", func(u *layout.Update) { u.Type = layout.Drivers }, "nic.inf", "nic.cat", "nic.sys")
	h := script.Host{OS: "windows10", Arch: "x64"}
	hold(t, script.BuildFor(h, []*layout.Update{driver}, script.Options{}), nil, []string{"c:1: a host may want it or not: ask for it by name"})
	driver.OS = []layout.OS{"windows10", "windowsxp"}
	const plan = "nic [windows10] []  +nic.cat +nic.sys" // Windows XP has no PnPUtil
	hold(t, script.BuildFor(h, []*layout.Update{driver}, script.Options{Optional: true}), []string{plan}, nil)
	hold(t, script.Build([]*layout.Update{driver}, script.Options{}), []string{plan}, nil)
}

// TestDriversShareFiles: each INF of a driver is an item of its own, with what lies
// beside it and is none.
func TestDriversShareFiles(t *testing.T) {
	driver := update("c:1", func(u *layout.Update) { u.Type = layout.Drivers }, "one.inf", "two.inf", "nic.sys")
	driver.OS = []layout.OS{"windows10"}
	hold(t, script.Build([]*layout.Update{driver}, script.Options{}), []string{"one [windows10] []  +nic.sys", "two [windows10] []  +nic.sys"}, nil)
}

// TestEras: no package is for a system whose installer cannot take it, whatever a
// catalog says.
func TestEras(t *testing.T) {
	for kind, want := range map[layout.Kind]string{
		layout.KindCAB: "KB1000001 [windows7] [x64] ",
		layout.KindMSU: "KB1000001 [windows7 windowsvista] [x64] ",
	} {
		u := update("c:1", nil, "update-kb1000001-x64."+string(kind))
		u.OS = []layout.OS{"windowsxp", "windowsvista", "windows7"}
		u.Files[0].Kind, u.Files[0].Package = kind, &layout.Package{Identity: "Package_for_KB1000001~31bf3856ad364e35~amd64~~6.1.1.0"}
		hold(t, script.Build([]*layout.Update{u}, script.Options{}), []string{want}, nil)
	}
}
