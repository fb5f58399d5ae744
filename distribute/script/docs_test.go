package script_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// TestKindsAreDocumented holds docs/package-kinds.md to the tables: the row of each
// kind has its switches, and the row of its exit codes every code in the column of
// what it means.
func TestKindsAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/package-kinds.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "## What is run")
	switches, rest, _ := strings.Cut(rest, "## What exit codes mean")
	codes, _, ok := strings.Cut(rest, "## How a host sees")
	if !ok {
		t.Fatal("the sections have other names")
	}
	names := map[layout.Kind]string{
		"hotfix.exe": "Q318202_W2K_SP3_X86_EN.exe", "update.exe": "WindowsXP-KB835732-x86-ENU.exe", "service-pack": "WindowsXP-KB936929-SP3-x86-ENU.exe",
		"iexpress": "IE6.0sp1-KB918899-Windows-2000-XP-x86-ENU.exe", "msi": "a.msi", "msp": "a.msp", "office.exe": "word2010-kb2553488-fullfile-x86-glb.exe",
		"dotnet.exe": "NDP461-KB3102436-x86-x64-AllOS-ENU.exe", "msu": "Windows6.1-KB2999226-x64.msu", "cab": "windows10.0-kb5027386-x64.cab",
		"driver.inf": "a.inf", "driver.cab": "a.cab", "defender": "mpam-fe.exe", "exe": "a.exe", "driver.exe": "a.exe",
	}
	for _, kind := range script.Kinds() {
		kind := layout.Kind(kind)
		u := update("c:1", func(u *layout.Update) {
			u.Files[0].Kind = kind
			if kind == layout.KindExe || kind == layout.KindDriverExe {
				u.Install = &layout.Install{Switches: []string{"/S"}}
			}
		}, names[kind])
		set := script.Build([]*layout.Update{u}, script.Options{})
		if len(set.Items) != 1 || set.Items[0].Kind != kind {
			t.Errorf("%s: %d items, left %+v", kind, len(set.Items), set.Left)
			continue
		}
		it := &set.Items[0]
		if row := rowOf(switches, kind); u.Install == nil && !strings.Contains(row, strings.Join(it.Run.Args, " ")) {
			t.Errorf("%s: the switches are %q, documented is %s", kind, it.Run.Args, row)
		}
		columns := strings.Split(rowOf(codes, kind), "|")
		if len(columns) < 8 {
			t.Errorf("%s has no exit codes", kind)
			continue
		}
		n := 0
		for at, result := range script.Results() {
			for _, word := range strings.FieldsFunc(columns[2+at], func(r rune) bool { return r == ',' || r == ' ' }) {
				number, err := strconv.ParseInt(word, 10, 32)
				if err != nil {
					continue
				}
				n++
				if got := code(t, it, int32(number)); got != result {
					t.Errorf("%s: code %d means %q, documented is %q", kind, number, got, result)
				}
			}
		}
		if n != len(it.Run.Codes) {
			t.Errorf("%s: %d codes are documented, there are %d: %v", kind, n, len(it.Run.Codes), it.Run.Codes)
		}
	}
}

// rowOf returns the row of a table whose first column names a kind.
func rowOf(section string, kind layout.Kind) string {
	for line := range strings.SplitSeq(section, "\n") {
		columns := strings.Split(line, "|")
		if len(columns) > 2 && strings.Contains(columns[1], "`"+string(kind)+"`") && !strings.Contains(columns[1], "checkpoints") {
			return line
		}
		if len(columns) > 2 && kind == layout.KindCAB && strings.Contains(columns[1], "`cab`") {
			return line
		}
	}
	return ""
}
