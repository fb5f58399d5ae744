package script

import (
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
)

// cmdHostileSet is a set of one item, with s wherever a set has text.
func cmdHostileSet(where uint, s string) *Set {
	set := cmdExample()
	set.Items = set.Items[1:3]
	it := &set.Items[where%2]
	it.Detect.Keys = []layout.InstalledKey{{Key: hotfixKey + "Q1", Value: "Installed", Data: "1"}}
	it.Detect.Files = []layout.InstalledFile{{Path: `%windir%\system32\srv.dll`, Version: "5.0.2195.5041"}}
	it.Remove.Commands = []Command{{Program: `%windir%\x.exe`, Args: []string{"-q"}, Key: hotfixKey + "Q1"}}
	it.Members = []Member{{Path: "Software/a", Name: "a"}}
	it.Run.Args = slices.Clone(it.Run.Args)
	it.Run.Codes = []layout.ExitCode{{Code: 0, Result: "ok"}} // its own: tables are shared
	fields := []*string{
		&set.Name, &set.Title, &set.Place, &set.Bases[0], &set.Ring, &it.ID, &it.Title, &it.Path, &it.Name, (*string)(&it.Kind),
		(*string)(&it.Run.Engine), &it.Run.Args[0], &it.Run.Codes[0].Result, &it.Run.Log, (*string)(&it.Gate.Language),
		&it.Detect.Keys[0].Key, &it.Detect.Keys[0].Value, &it.Detect.Keys[0].Data, &it.Detect.Files[0].Path, &it.Detect.Files[0].Version,
		&it.Remove.Commands[0].Program, &it.Remove.Commands[0].Args[0], &it.Remove.Commands[0].Key, &it.Members[0].Path, &it.Members[0].Name,
		(*string)(&it.Barrier),
	}
	if i := int(where / 2); i < len(fields) {
		*fields[i] = s
		return set
	}
	switch (where / 2) % 7 {
	case 0:
		it.Detect.Dirs = []string{s}
	case 1:
		it.Detect.Products = []string{s}
	case 2:
		it.Detect.Patches = []string{s}
	case 3:
		it.Detect.Packages = []string{s}
	case 4:
		it.Gate.OS = []layout.OS{layout.OS(s)}
	case 5:
		it.Gate.Arch = []layout.Arch{layout.Arch(s)}
	case 6:
		it.Remove = Remove{Why: s}
	}
	return set
}

// cmdWriters write the scripts of a set, by name.
var cmdWriters = []struct {
	name  string
	write func(*Set) ([]byte, error)
}{
	{"install.cmd", (*Set).installCmd},
	{"validate.cmd", (*Set).validateCmd},
	{"rollback.cmd", (*Set).rollbackCmd},
	{"folder.cmd", (*Set).folderCmd},
	{"this-host.cmd", func(s *Set) ([]byte, error) {
		return thisHostCmd(Options{Bases: s.Bases, Ring: s.Ring, Edition: s.Edition})
	}},
}

// checkHostileSet holds one script of a set to the rules, or that it is not written.
func checkHostileSet(t *testing.T, lint cmdLint, which uint, s *Set) {
	t.Helper()
	w := cmdWriters[which%uint(len(cmdWriters))]
	script, err := w.write(s)
	if err != nil {
		if strings.IndexFunc(err.Error(), func(r rune) bool { return r < ' ' }) >= 0 {
			t.Errorf("%s: an error with control characters: %q", w.name, err)
		}
		return
	}
	for _, problem := range lint.script(script) {
		t.Errorf("%s: %s", w.name, problem)
	}
}

// cmdHostileStrings mean something to cmd where they are not watched.
var cmdHostileStrings = []string{
	``, `a`, ` `, `%PATH%`, `%%`, `%~dp0`, `!a!`, `a"b`, `a" & calc & "`, `a&b`, `a|b`, `a>b`, `<`, `^`, `a^`, "a\r\nshutdown /r", "a\x00b", `/?`, `?`, `*`,
	"\u00e9", "\u201c", "CON", "nul.exe", "a.", `..\..\x`, `)`, `(`, `a) else (`, `:label`, `;`, `a,b;c=d`, "a\tb", `%windir%`, `%windir%%x%`, `%windir%\a"b`,
	`{12345678-9ABC-DEF0-1234-56789ABCDEFZ}`, `$env:x`, "`x`", `'x'`, `a/b`, "\xff", `x" set "y=z`, `/c:"install /l /q"`, `""`, `"`, `goto :eof`, `rem`, `@`,
	strings.Repeat("a", 5000), strings.Repeat("%", 300), strings.Repeat(`"`, 100),
}

// TestCmdHostile puts hostile strings at every place of a set.
func TestCmdHostile(t *testing.T) {
	lint := make(cmdLint)
	for _, s := range cmdHostileStrings {
		for where := uint(0); where < 66; where += 2 {
			for which := range cmdWriters {
				checkHostileSet(t, lint, uint(which), cmdHostileSet(where, s))
			}
			if t.Failed() {
				t.Fatalf("with %.100q at place %d", s, where)
			}
		}
	}
}

// FuzzCmd holds that nothing of a set leaves its place in a script.
func FuzzCmd(f *testing.F) {
	for i, s := range cmdHostileStrings {
		f.Add(uint(i), s)
	}
	lint := make(cmdLint)
	f.Fuzz(func(t *testing.T, where uint, s string) {
		if len(lint) > 20_000 {
			clear(lint)
		}
		checkHostileSet(t, lint, where/66, cmdHostileSet(where%66, s))
	})
}
