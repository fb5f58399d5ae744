package layout_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"patchferry/layout"
)

// numbered replaces the number at the end, which is a digest's.
func numbered(folder string) string {
	return regexp.MustCompile(`[0-9]{10}$`).ReplaceAllString(folder, "#")
}

func TestProposeFolder(t *testing.T) {
	for name, c := range map[string]struct {
		u    layout.Update
		want string
	}{
		"the handbook's": {
			layout.Update{KB: "311967", OS: []OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN", IncludedIn: "SP3"},
			"Software/EN/com_microsoft.windows2000/x86win2k/com_microsoft.Q311967_W2K_SP3_#"},
		"a release lies in its family": {
			layout.Update{KB: "5044286", OS: []OS{"windows11-24h2"}, Arch: []layout.Arch{"arm64"}},
			"Software/ALL/com_microsoft.windows11/arm64win11/com_microsoft.KB5044286_W11_#"},
		"several systems: the first to come out": {
			layout.Update{KB: "925876", OS: []OS{"windowsserver2003", "windowsxp"}, Arch: []layout.Arch{"x64", "x86"}, Language: "JA"},
			"Software/JA/com_microsoft.windowsxp/x86winxp/com_microsoft.KB925876_WXP_#"},
		"no system": {
			layout.Update{KB: "3017810", Arch: []layout.Arch{"x64"}},
			"Software/ALL/com_microsoft.other/any/com_microsoft.KB3017810_#"},
		"no architecture": {
			layout.Update{KB: "4474419", OS: []OS{"windows7"}},
			"Software/ALL/com_microsoft.windows7/anywin7/com_microsoft.KB4474419_W7_#"},
		"Q by the name of the file": {
			layout.Update{KB: "832894", Files: []layout.File{{Name: "q832894.exe"}}},
			"Software/ALL/com_microsoft.other/any/com_microsoft.Q832894_#"},
		"KB by the name of the file": {
			layout.Update{KB: "810217", Files: []layout.File{{Name: "WindowsXP-KB810217-x86.exe"}}},
			"Software/ALL/com_microsoft.other/any/com_microsoft.KB810217_#"},
		"a bulletin for an article": {
			layout.Update{Bulletins: []string{"MS04-011", "MS03-026"}},
			"Software/ALL/com_microsoft.other/any/com_microsoft.MS03-026_#"},
		"a file for an article": {
			layout.Update{OS: []OS{"windows2000"}, Language: "HU", Files: []layout.File{{Name: "w2ksp4_hu_7f12d2da3d7c5b6a62ec4fde9a4b1e6.exe"}}},
			"Software/HU/com_microsoft.windows2000/anywin2k/com_microsoft.w2ksp4hu_W2K_#"},
		"nothing known": {layout.Update{}, "Software/ALL/com_microsoft.other/any/com_microsoft.update_#"},
		"a driver": {
			layout.Update{Type: layout.Drivers, OS: []OS{"windows10"}, Arch: []layout.Arch{"x64"},
				Driver: &layout.Driver{Maker: "Intel Corp.", Class: "Net/work", Version: "12.18.9.23"}},
			"Drivers/ALL/com_microsoft.windows10/x64win10/IntelCorp_Network_12.18.9.23_#"},
		"a driver of no maker": {layout.Update{Type: layout.Drivers}, "Drivers/ALL/com_microsoft.other/any/driver_#"},
		"hostile words": {
			layout.Update{KB: "../1", Language: "../E", OS: []OS{"../../x"}, Arch: []layout.Arch{"a/b"}, IncludedIn: "/../"},
			"Software/E/com_microsoft.x/abx/com_microsoft.update_X_#"},
		"a device for a language": {layout.Update{KB: "1", Language: "CON"}, "Software/_CON/com_microsoft.other/any/com_microsoft.Q1_#"},
	} {
		t.Run(name, func(t *testing.T) {
			c.u.ID = "test:" + name
			got := layout.ProposeFolder(&c.u)
			if numbered(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			slices.Reverse(c.u.OS)
			slices.Reverse(c.u.Arch)
			if again := layout.ProposeFolder(&c.u); again != got {
				t.Errorf("another order of systems gave %s, want %s", again, got)
			}
			if err := layout.CheckPath(got); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFolderNumber holds the rule of the number itself: it is for ever.
func TestFolderNumber(t *testing.T) {
	u := &layout.Update{ID: "test:1", KB: "311967"}
	got := layout.ProposeFolder(u)
	if want := "Software/ALL/com_microsoft.other/any/com_microsoft.Q311967_4893812749"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if other := layout.ProposeFolder(&layout.Update{ID: "test:2", KB: "311967"}); other == got {
		t.Errorf("two updates propose %s", got)
	}
}

func TestNextFolder(t *testing.T) {
	for _, first := range []string{layout.ProposeFolder(&layout.Update{ID: "test:1"}), "Drivers/EN/p/q/Maker", "Drivers/EN/p/q/" + strings.Repeat("x", 95)} {
		seen := map[string]bool{first: true}
		for n := 1; n <= 20; n++ {
			got := layout.NextFolder(first, n)
			if seen[got] || got != layout.NextFolder(first, n) {
				t.Errorf("NextFolder(%s, %d) = %s, which is not new, or not for ever", first, n, got)
			}
			seen[got] = true
			if numbered(got) == got || len(got) > 110 || layout.CheckPath(got) != nil {
				t.Errorf("NextFolder(%s, %d) = %s is no folder", first, n, got)
			}
		}
	}
}

func TestAliasFolders(t *testing.T) {
	u := &layout.Update{ID: "test:1", KB: "925876", OS: []OS{"windowsserver2003-sp1", "windowsxp", "windowsxp-sp2"}, Arch: []layout.Arch{"x64", "x86"}}
	u.Folder = layout.NextFolder(layout.ProposeFolder(u), 1)
	number := u.Folder[len(u.Folder)-10:]
	want := []string{
		"Software/ALL/com_microsoft.windowsxp/x64winxp/com_microsoft.KB925876_WXP_" + number,
		"Software/ALL/com_microsoft.windowsserver2003/x86win2003/com_microsoft.KB925876_W2K3_" + number,
		"Software/ALL/com_microsoft.windowsserver2003/x64win2003/com_microsoft.KB925876_W2K3_" + number,
	}
	if diff := cmp.Diff(want, layout.AliasFolders(u)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := layout.AliasFolders(&layout.Update{ID: "test:2", OS: []OS{"windowsxp"}}); len(got) != 0 {
		t.Errorf("an update for one system has the aliases %v", got)
	}
}

func TestContentPath(t *testing.T) {
	sum, err := layout.ParseSHA1("8d0f195fc2024dac3ef2a19289f3932789c2ff0a")
	if err != nil {
		t.Fatal(err)
	}
	const want = "/Content/0A/8D0F195FC2024DAC3EF2A19289F3932789C2FF0A"
	for ext, tail := range map[string]string{".exe": ".exe", "exe": ".exe", "": ""} {
		if got := layout.ContentPath(sum, ext); got != want+tail {
			t.Errorf("ContentPath(%q) = %s, want %s", ext, got, want+tail)
		}
	}
}

func TestNameEntries(t *testing.T) {
	files := []layout.File{
		{Name: "lp.cab", URL: "http://a.net/de/lp.cab", Language: "DE"},
		{Name: "LP.cab", URL: "http://a.net/fr/lp.cab", Language: "FR"},
		{Name: "lp.cab", SHA1: layout.SHA1{1}},
		{Name: "lp.cab", SHA1: layout.SHA1{2}},
		{Name: "unique.EXE"},
		{Name: "a/b:c.exe "},
		{Name: "", URL: "https://a.net/x/from%20url.msu?q=1"},
		{Name: "", SHA1: layout.SHA1{3}},
		{Name: "same.cab", URL: "http://a.net/same.cab"},
		{Name: "same.cab", URL: "http://a.net/same.cab"},
	}
	u := &layout.Update{ID: "test:1", Files: slices.Clone(files)}
	layout.NameEntries(u)
	form := regexp.MustCompile(`-[0-9a-f]{8}(\.|$)`)
	want := []string{"lp-#.cab", "LP-#.cab", "lp-#.cab", "lp-#.cab", "unique.EXE", "a_b_c.exe", "from url.msu", "_", "same-#.cab", "same-#.cab"}
	seen := make(map[string]bool)
	for i, f := range u.Files {
		if got := form.ReplaceAllString(f.Entry(), "-#$1"); got != want[i] {
			t.Errorf("file %d: got %s, want %s", i, f.Entry(), want[i])
		}
		if seen[layout.Fold(f.Entry())] {
			t.Errorf("file %d: %s stands twice", i, f.Entry())
		}
		seen[layout.Fold(f.Entry())] = true
		if f.Name != files[i].Name {
			t.Errorf("file %d: the name became %q", i, f.Name)
		}
	}

	t.Run("what is learned later changes nothing", func(t *testing.T) {
		later := &layout.Update{ID: "test:1", Files: slices.Clone(u.Files)}
		for i := range later.Files {
			later.Files[i].Held, later.Files[i].SHA256 = true, layout.DigestOf([]byte{byte(i)})
		}
		layout.NameEntries(later)
		for i := range 2 { // those with a URL to go by
			if got, want := later.Files[i].Entry(), u.Files[i].Entry(); got != want {
				t.Errorf("file %d: %s became %s", i, want, got)
			}
		}
	})
	t.Run("a taken name is not given out", func(t *testing.T) {
		clash := &layout.Update{Files: []layout.File{{Name: u.Files[0].Entry()}, files[0], files[1]}}
		layout.NameEntries(clash)
		if clash.Files[0].As != "" || layout.Fold(clash.Files[1].Entry()) == layout.Fold(clash.Files[0].Entry()) {
			t.Errorf("got %s and %s", clash.Files[0].Entry(), clash.Files[1].Entry())
		}
	})
}

// TestEntriesAndFoldersHold draws hostile updates: whatever a source says,
// paths are safe, short and unique, and the order of the files is nothing.
func TestEntriesAndFoldersHold(t *testing.T) {
	word := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a.exe", "A.EXE", "con", "..", "", strings.Repeat("long", 60) + ".cab", "a-1234.exe"}))
	rapid.Check(t, func(t *rapid.T) {
		u := &layout.Update{
			ID: "s:" + word.Draw(t, "id"), KB: word.Draw(t, "kb"), Language: layout.Language(word.Draw(t, "language")),
			OS: []OS{OS(word.Draw(t, "os"))}, Arch: []layout.Arch{layout.Arch(word.Draw(t, "arch"))}, IncludedIn: word.Draw(t, "pack"),
			Type: rapid.SampledFrom([]layout.Type{layout.Software, layout.Drivers, ""}).Draw(t, "type"),
		}
		if rapid.Bool().Draw(t, "has driver") {
			u.Driver = &layout.Driver{Maker: word.Draw(t, "maker"), Class: word.Draw(t, "class"), Version: word.Draw(t, "version")}
		}
		for range rapid.IntRange(0, 8).Draw(t, "files") {
			u.Files = append(u.Files, layout.File{Name: word.Draw(t, "name"), URL: word.Draw(t, "url")})
		}
		u.Folder = layout.ProposeFolder(u)
		layout.NameEntries(u)
		seen := make(map[string]string)
		for i := range u.Files {
			p := u.Files[i].Path(u)
			if err := layout.CheckPath(p); err != nil || len(p) > layout.MaxPath || strings.Count(p, "/") != 5 {
				t.Fatalf("%q has %d bytes: %v", p, len(p), err)
			}
			if other, twice := seen[layout.Fold(p)]; twice {
				t.Fatalf("%q and %q are one path", p, other)
			}
			seen[layout.Fold(p)] = p
		}
		turned := *u
		turned.Files = slices.Clone(u.Files)
		slices.Reverse(turned.Files)
		layout.NameEntries(&turned)
		slices.Reverse(turned.Files)
		if got, want := entriesOf(&turned), entriesOf(u); !slices.Equal(got, want) {
			t.Fatalf("another order gave %q, want %q", got, want)
		}
	})
}

// entriesOf lists name, URL and entry of each file. Files that are equal in
// all that is known may change places.
func entriesOf(u *layout.Update) []string {
	var all []string
	for i := range u.Files {
		all = append(all, fmt.Sprintf("%q %q %q", u.Files[i].Name, u.Files[i].URL, u.Files[i].Entry()))
	}
	slices.Sort(all)
	return all
}
