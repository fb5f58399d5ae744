package script_test

import (
	"encoding/json"
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// hostile is a set with s wherever a string can stand.
func hostile(s string, n int) *script.Set {
	return &script.Set{
		Name: s, Title: s, Place: "install/updates/x", Bases: []string{s, "http://server/" + s}, Ring: s, Edition: edition,
		Items: []script.Item{{
			ID: s, Update: s, KB: s, Title: s, Path: "Software/" + s, Name: s, Size: int64(n), SHA256: layout.DigestOf([]byte(s)), Kind: layout.Kind(s),
			Members: []script.Member{{Path: "Drivers/" + s, Name: s}},
			Run:     script.Run{Engine: script.Engine(s), Args: []string{s, "/x"}, Codes: []layout.ExitCode{{Code: int32(n), Result: s}}, Log: s},
			Gate:    script.Gate{OS: []layout.OS{layout.OS(s)}, Arch: []layout.Arch{layout.Arch(s)}, Language: layout.Language(s), MinSP: n, MaxSP: -n},
			Detect: script.Detect{
				Dirs: []string{s}, Keys: []layout.InstalledKey{{Key: s, Value: s, Data: s}}, Products: []string{s}, Patches: []string{s}, Packages: []string{s},
				Files: []layout.InstalledFile{{Path: s, Version: s}},
			},
			Remove:  script.Remove{Commands: []script.Command{{Program: s, Args: []string{s}, Key: s}}, Why: s},
			Barrier: script.Barrier(s), Order: n, Released: layout.Date(s),
		}},
		Left: []script.Left{{Update: s, File: s, Why: s}}, Notes: []string{s},
	}
}

// FuzzFiles writes a set with anything wherever a string can stand: nothing
// leaves its quotes, and what programs read gives back what went in.
func FuzzFiles(f *testing.F) {
	for _, s := range []string{
		"plain", "", "it's", "''", "\u2018\u2019\u201a\u201b", `"; Remove-Item C:\ -Recurse #`, "$(calc)", "`n", "a\r\nb", "\\", "a|b", "]]>&<\"'", "<!-- -->",
		"\x00\x1b", "\xff\xfe", "\U0001f4a5", "#>", "%PATH%", "!x!", "{0}", "@'", "'@", strings.Repeat("ab ", 60),
	} {
		f.Add(s, 3010)
	}
	plain, err := hostile("plain", 1).QuotingFiles()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if len(s) > 2000 || n < 0 || n > 1<<30 {
			t.Skip()
		}
		files, err := hostile(s, n).QuotingFiles()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text := string(file.Data)
			switch {
			case strings.HasSuffix(file.Name, ".ps1"):
				checkPS(t, file.Name, text, find(t, plain, file.Name), s)
			case file.Name == "README.txt" || file.Name == "updates.lst":
				checkText(t, file.Name, text)
			case strings.HasSuffix(file.Name, "SUMS"):
				checkSums(t, file.Name, text, s)
			}
		}
		checkManifest(t, find(t, files, "manifest.json"), s, n)
		checkMetalink(t, find(t, files, "bundle.meta4"), s)
	})
}

// valid is what a text of UTF-8 keeps of s.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

var psReplaced = regexp.MustCompile("\ufffd+")

// sameRunes compares texts in which each byte that is no UTF-8 may have become
// a replacement character of its own.
func sameRunes(a, b string) bool {
	fold := func(s string) string { return psReplaced.ReplaceAllString(valid(s), "\ufffd") }
	return fold(a) == fold(b)
}

// psCommon is where what is the same in all scripts of a name begins.
const psCommon = "# ---- how this was called"

// checkPS holds what is said of a set to its quotes, the rest of a script to what
// it is without anything hostile, and reads the title of the first item back.
func checkPS(t *testing.T, name, text, plain, want string) {
	t.Helper()
	data, rest, _ := strings.Cut(text, psCommon)
	known, same, _ := strings.Cut(plain, psCommon)
	if same != rest {
		t.Errorf("%s with %q: the part that is the same for all is not", name, want)
	}
	var code strings.Builder
	depth := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(data, "\r\n"), "\r\n") {
		if strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Fatalf("%s with %q: %q is not printable ASCII", name, want, line)
		}
		bare, ok := psCode(line)
		if !ok {
			t.Fatalf("%s with %q: a quote too few: %q", name, want, line)
		}
		if depth, ok = psNest(depth, bare); !ok {
			t.Fatalf("%s with %q: a bracket that does not fit: %q", name, want, line)
		}
		if !strings.Contains(known, line+"\r\n") {
			code.WriteString(bare + "\n")
		}
	}
	// Outside of quotes are no names but those of characters by number.
	for _, problem := range psNames(code.String()) {
		t.Fatalf("%s with %q: %s", name, want, problem)
	}
	_, field, ok := strings.Cut(data, "\r\n        Title = ")
	if !ok {
		t.Fatalf("%s has no title", name)
	}
	line, _, _ := strings.Cut(field, "\r\n")
	if got := readPS(t, line); !sameRunes(got, want) {
		t.Errorf("%s: title %q, want %q", name, got, want)
	}
}

// readPS reads an expression of strings and characters as PowerShell does.
func readPS(t *testing.T, expression string) string {
	t.Helper()
	rest := expression
	if strings.HasPrefix(rest, "(") {
		rest = strings.TrimSuffix(rest[1:], ")")
	}
	var units []rune
	for rest != "" {
		if number, ok := strings.CutPrefix(rest, "[char]0x"); ok && len(number) >= 4 {
			unit, err := strconv.ParseUint(number[:4], 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			units = append(units, rune(unit))
			rest = strings.TrimPrefix(number[4:], " + ")
			continue
		}
		end := -1
		if rest[0] == '\'' {
			end = psStringEnd(rest, 0)
		}
		if end < 0 {
			t.Fatalf("%q is no expression of strings", expression)
		}
		units = append(units, []rune(strings.ReplaceAll(rest[1:end], "''", "'"))...)
		rest = strings.TrimPrefix(rest[end+1:], " + ")
	}
	return fromUnits(units)
}

// fromUnits joins surrogates.
func fromUnits(units []rune) string {
	var b strings.Builder
	for i := 0; i < len(units); i++ {
		u := units[i]
		if u >= 0xd800 && u < 0xdc00 && i+1 < len(units) {
			b.WriteRune((u-0xd800)<<10 + (units[i+1] - 0xdc00) + 0x10000)
			i++
			continue
		}
		b.WriteRune(u)
	}
	return b.String()
}

// checkText holds a file for people or for cmd to ASCII, CRLF and its form.
func checkText(t *testing.T, name, text string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%s:%d: %q is not printable ASCII", name, i+1, line)
		}
		if name == "README.txt" && len(line) > 79 {
			t.Errorf("%s:%d: %d columns: %s", name, i+1, len(line), line)
		}
		if name != "updates.lst" {
			continue
		}
		if fields := strings.Split(line, "|"); len(fields) != 12 || strings.Contains("|"+line+"|", "||") {
			t.Errorf("%s:%d: %d fields, want 12 and none empty: %q", name, i+1, len(fields), line)
		}
	}
}

// checkSums reads sums back as sha256sum does.
func checkSums(t *testing.T, name, text, s string) {
	t.Helper()
	found := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		escaped := strings.HasPrefix(line, `\`)
		_, path, ok := strings.Cut(strings.TrimPrefix(line, `\`), "  ")
		if !ok {
			t.Fatalf("%s: %q is no line of sums", name, line)
		}
		if escaped {
			path = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(path)
		}
		found = found || path == "../../../Software/"+s
	}
	if !found && name == "SHA256SUMS" {
		t.Errorf("%s does not have %q", name, s)
	}
}

func checkManifest(t *testing.T, text, s string, n int) {
	t.Helper()
	var m struct {
		Schema int    `json:"schema"`
		ID     string `json:"id"`
		Items  []struct {
			ID   string            `json:"id"`
			Path string            `json:"path"`
			Args []string          `json:"args"`
			Code map[string]string `json:"codes"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	if m.Schema != 1 || len(m.Items) != 1 {
		t.Fatalf("schema %d and %d items", m.Schema, len(m.Items))
	}
	it := m.Items[0]
	for _, got := range []string{m.ID, it.ID, strings.TrimPrefix(it.Path, "Software/"), it.Args[0], it.Code[strconv.Itoa(n)]} {
		if !sameRunes(got, s) {
			t.Errorf("manifest has %q, want %q", got, s)
		}
	}
}

func checkMetalink(t *testing.T, text, s string) {
	t.Helper()
	var m struct {
		Files []struct {
			Name string `xml:"name,attr"`
			Hash string `xml:"hash"`
		} `xml:"file"`
	}
	if err := xml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 2 || m.Files[0].Hash != layout.DigestOf([]byte(s)).String() {
		t.Fatalf("metalink has %d files, the first with hash %q", len(m.Files), m.Files[0].Hash)
	}
	// XML cannot hold control characters; no path has them.
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0 && m.Files[0].Name != "Software/"+s {
		t.Errorf("metalink names %q, want %q", m.Files[0].Name, "Software/"+s)
	}
}
