package layout_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"patchferry/layout"
)

func TestSafeName(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct{ in, want string }{
		"as it is":           {"Windows2000-KB835732-x86-ENU.EXE", "Windows2000-KB835732-x86-ENU.EXE"},
		"blanks inside":      {"Precision 7820 Tower.CAB", "Precision 7820 Tower.CAB"},
		"percent":            {"XPSEP%20XP.msi", "XPSEP%20XP.msi"},
		"other scripts":      {"更新プログラム-Größe.exe", "更新プログラム-Größe.exe"},
		"nothing":            {"", "_"},
		"dot":                {".", "_"},
		"dots":               {"..", "_"},
		"blanks":             {"   ", "_"},
		"parent":             {"../../etc/passwd", ".._.._etc_passwd"},
		"windows path":       {`C:\a`, "C__a"},
		"stream":             {"a.exe:x", "a.exe_x"},
		"reserved":           {`<>:"/\|?*`, "_________"},
		"control":            {"a\x00\r\nb\x7f", "a___b_"},
		"trailing dot":       {"a.exe.", "a.exe"},
		"trailing blank":     {"a.exe ", "a.exe"},
		"trailing both":      {"a.exe . .", "a.exe"},
		"leading blank":      {" a.exe", "a.exe"},
		"device":             {"con", "_con"},
		"device, extension":  {"NUL.txt", "_NUL.txt"},
		"device, extensions": {"Com7.tar.gz", "_Com7.tar.gz"},
		"device, blank":      {"aux .txt", "_aux .txt"},
		"device of digits":   {"COM¹", "COM_"},
		"no device":          {"com10.exe", "com10.exe"},
		"not UTF-8":          {"a\xffb", "a_b"},
		"decomposed":         {"Cafe\u0301", "Cafe_"},
		"kelvin":             {"\u212a", "_"},
		"right to left":      {"exe\u202egpj.exe", "exe_gpj.exe"},
		"zero width":         {"a\u200bb", "a_b"},
		"jamo":               {"\u1112\u1161", "__"},
		"no-break space":     {"a\u00a0b", "a_b"},
		"too long":           {long + ".exe", strings.Repeat("x", 76) + "-b6be6e6b.exe"},
		"too long, no ext":   {long, strings.Repeat("x", 80) + "-98a1a2a6"},
	} {
		t.Run(name, func(t *testing.T) {
			got := layout.SafeName(c.in)
			if strings.HasPrefix(c.in, "xxx") { // the digits are a digest's
				if n := strings.LastIndexByte(c.want, '-'); len(got) != 89 || got[:n+1] != c.want[:n+1] || !strings.HasSuffix(got, c.want[n+9:]) {
					t.Errorf("SafeName = %q, want the form of %q", got, c.want)
				}
				return
			}
			if got != c.want {
				t.Errorf("SafeName(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
	if a, b := layout.SafeName(long+"a.exe"), layout.SafeName(long+"b.exe"); a == b {
		t.Errorf("two long names became one: %s", a)
	}
}

func TestCheckPath(t *testing.T) {
	for _, p := range []string{"a", "a/b.exe", "Software/EN/com_microsoft.windows2000/x86win2k/f/Q311967_W2K_SP3_x86_en.exe", ".hidden", "a b/c"} {
		if err := layout.CheckPath(p); err != nil {
			t.Errorf("CheckPath(%q) = %v, want nil", p, err)
		}
	}
	for name, p := range map[string]string{
		"empty": "", "absolute": "/a", "parent": "../a", "parent inside": "a/../b", "parent at the end": "a/..", "dot": "./a",
		"double slash": "a//b", "slash at the end": "a/", "backslash": `a\b`, "UNC": `\\host\a`, "drive": "C:/a", "stream": "a:b",
		"NUL": "a\x00b", "newline": "a\nb", "trailing dot": "a./b", "trailing blank": "a /b", "leading blank": " a", "device": "x/con",
		"device with extension": "x/aux.exe/y", "not UTF-8": "a\xff", "decomposed": "e\u0301", "long component": strings.Repeat("a", 256),
		"long": strings.Repeat("a/", 600) + "a", "wild": "a*", "bidi": "a\u202eb",
	} {
		if layout.CheckPath(p) == nil {
			t.Errorf("%s: CheckPath(%q) = nil, want an error", name, p)
		}
	}
}

func TestFold(t *testing.T) {
	for name, same := range map[string][]string{
		"latin":  {"KB835732-X86.EXE", "kb835732-x86.exe", "Kb835732-x86.Exe"},
		"umlaut": {"GRÖSSE", "grösse"},
		"greek":  {"ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ"},
		"kelvin": {"\u212a", "K", "k"},
		"long s": {"ſ", "S", "s"},
	} {
		for _, s := range same {
			if got, want := layout.Fold(s), layout.Fold(same[0]); got != want {
				t.Errorf("%s: Fold(%q) = %q, want %q", name, s, got, want)
			}
		}
	}
	if got := layout.Fold("ABC-ä"); got != "abc-ä" {
		t.Errorf("got %q, want lower case", got)
	}
	if layout.Fold("a") == layout.Fold("b") {
		t.Error("different names fold alike")
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"", "con", "a/b", "..", "a.exe ", "\xff.exe", "ß.CAB", strings.Repeat("é", 200) + ".msu", "COM1 .x", " . "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := layout.SafeName(s)
		if again := layout.SafeName(got); again != got {
			t.Errorf("SafeName(%q) = %q, then %q", s, got, again)
		}
		if err := layout.CheckPath(got); err != nil || strings.Contains(got, "/") {
			t.Errorf("SafeName(%q) = %q: %v", s, got, err)
		}
		if len(got) > 89 || !utf8.ValidString(got) {
			t.Errorf("SafeName(%q) = %q has %d bytes", s, got, len(got))
		}
		if fold := layout.Fold(s); layout.Fold(fold) != fold {
			t.Errorf("Fold(%q) = %q, then %q", s, fold, layout.Fold(fold))
		}
	})
}

func FuzzCheckPath(f *testing.F) {
	for _, s := range []string{"a/b", "../a", "a//b", "C:a", "x/con.txt", strings.Repeat("a/", 700)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if layout.CheckPath(p) != nil {
			return
		}
		for part := range strings.SplitSeq(p, "/") {
			if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\:\x00\n") || strings.HasSuffix(part, ".") {
				t.Errorf("CheckPath(%q) = nil in spite of %q", p, part)
			}
			if len(part) <= 89 && layout.SafeName(part) != part {
				t.Errorf("CheckPath(%q) = nil, but SafeName changes %q", p, part)
			}
		}
	})
}
