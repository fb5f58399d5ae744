package layout_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
)

func TestPackedPaths(t *testing.T) {
	for _, c := range []struct {
		names, want, err string // with | between them
	}{
		{`i386\update\update.exe|readme.htm|i386/update\Update.msi`, "i386/update/update.exe|readme.htm|i386/update/Update.msi", ""},
		{`..\evil.exe`, "", `".."`},
		{`a\..\..\evil.exe`, "", `".."`},
		{`\evil.exe`, "", "not relative"},
		{`C:\evil.exe`, "", `"C:"`},
		{`a\\b`, "", `component ""`},
		{`a\`, "", `component ""`},
		{`i386\aux.dll`, "", `"aux.dll"`},
		{"a.", "", `"a."`},
		{"a\r\nb", "", "not every file system"},
		{`A\b|a\B`, "", "two meanings"},
		{`a|a\b`, "", "a file and a folder"},
		{`a\b|A`, "", "two meanings"},
		{strings.Repeat(`long\`, 40) + "a", "", "more than 200 bytes"},
		{"", "", "empty"},
	} {
		got, err := layout.PackedPaths(strings.Split(c.names, "|"))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || strings.Join(got, "|") != c.want {
			t.Errorf("%q: got %q, %v; want %q, %q", c.names, got, err, c.want, c.err)
		}
	}
}

// FuzzPackedPaths holds that what comes of any names can stand in one folder of every
// file system, below it.
func FuzzPackedPaths(f *testing.F) {
	f.Add(`i386\update\update.exe`, `i386\update\Update.msi`, "readme.htm")
	f.Add(`..\evil`, "con", "a/../b")
	f.Add("a", `A\b`, "\u212a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		names := []string{a, b, c}
		paths, err := layout.PackedPaths(names)
		if err != nil {
			return
		}
		if len(paths) != len(names) {
			t.Fatalf("%d paths of %d names", len(paths), len(names))
		}
		seen := map[string]bool{}
		for i, p := range paths {
			if layout.CheckPath(p) != nil || len(p) > layout.MaxPath || p != path.Clean(p) || p != strings.ReplaceAll(names[i], `\`, "/") {
				t.Errorf("%q gives %q", names[i], p)
			}
			if seen[layout.Fold(p)] {
				t.Errorf("%q stands twice in %q", p, paths)
			}
			seen[layout.Fold(p)] = true
		}
		for _, p := range paths {
			for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
				if slices.ContainsFunc(paths, func(o string) bool { return layout.Fold(o) == layout.Fold(dir) }) {
					t.Errorf("%q is a file and a folder in %q", dir, paths)
				}
			}
		}
	})
}

// TestTakenOutFilesNameNothing holds that what is in a package changes neither the folder
// of its update nor the names of its other files, and that its folder is for no file.
func TestTakenOutFilesNameNothing(t *testing.T) {
	pack := layout.File{Name: "w2ksp4_en.exe", SHA256: layout.DigestOf([]byte("pack")), Held: true}
	u := &layout.Update{ID: "test:sp4", Type: layout.Software, OS: []layout.OS{"windows2000", "windowsxp"}, Files: []layout.File{pack}}
	u.Folder = layout.ProposeFolder(u)
	folder, aliases := u.Folder, layout.AliasFolders(u)
	for _, name := range []string{"aaa.sy_", "kb123456.cat", "Update.msi", "update.exe", "W2KSP4_EN.exe"} {
		u.Files = append(u.Files, layout.File{Name: name, In: "w2ksp4_en/i386", From: pack.SHA256, Held: true})
	}
	if got := layout.ProposeFolder(u); got != folder || !slices.Equal(layout.AliasFolders(u), aliases) {
		t.Errorf("the folder is %s, was %s; shown in %v, was %v", got, folder, layout.AliasFolders(u), aliases)
	}
	u.Files = append(u.Files, layout.File{Name: "W2KSP4_EN", URL: "https://example.net/other"}, layout.File{Name: "update.exe"})
	layout.NameEntries(u)
	var got []string
	for i := range u.Files {
		got = append(got, strings.TrimPrefix(u.Files[i].Path(u), folder+"/"))
	}
	other := got[6]
	if want := []string{"w2ksp4_en.exe", "w2ksp4_en/i386/aaa.sy_", "w2ksp4_en/i386/kb123456.cat", "w2ksp4_en/i386/Update.msi", "w2ksp4_en/i386/update.exe", "w2ksp4_en/i386/W2KSP4_EN.exe", other, "update.exe"}; !slices.Equal(got, want) ||
		!strings.HasPrefix(other, "W2KSP4_EN-") {
		t.Errorf("got %q", got)
	}
}
