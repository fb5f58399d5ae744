package envelope_test

import (
	"testing"
	"unicode/utf8"

	"patchferry/verify/envelope"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct{ name, body, charset, want string }{
		{"ASCII", "KB905413\r\n", "us-ascii", "KB905413\r\n"},
		{"ASCII that is windows-1252", "it\x92s \x80 5", "us-ascii", "it’s € 5"},
		{"ASCII that is UTF-8", "Größe", "us-ascii", "Größe"},
		{"nothing said, windows-1252", "Gr\xf6\xdfe", "", "Größe"},
		{"nothing said, UTF-8", "Größe", "", "Größe"},
		{"unknown, windows-1252", "Gr\xf6\xdfe", "x-klingon", "Größe"},
		{"unknown, UTF-8", "Größe", "x-klingon", "Größe"},
		{"UTF-8", "Größe", "UTF-8", "Größe"},
		{"UTF-8 that is broken", "Gr\xf6\xc3\x9fe", "utf8", "Gr\ufffdße"},
		{"latin 1", "Gr\xf6\xdfe", "ISO-8859-1", "Größe"},
		{"latin 1 with the letters of Windows", "it\x92s", "iso8859-1", "it’s"},
		{"latin 9", "\xa4 5", "ISO-8859-15", "€ 5"},
		{"in other cases and with blanks", "Gr\xf6\xdfe", " Windows-1252 ", "Größe"},
		{"Russian", "\xf0\xd2\xc9\xd7\xc5\xd4", "KOI8-R", "Привет"},
		{"Russian of Windows", "\xcf\xf0\xe8\xe2\xe5\xf2", "windows-1251", "Привет"},
		{"Japanese", "\x1b$B$3$s$K$A$O\x1b(B KB1", "ISO-2022-JP", "こんにちは KB1"},
		{"Japanese of Windows", "\x82\xb1\x82\xf1", "Shift_JIS", "こん"},
		{"Korean", "\xbe\xc8\xb3\xe7", "ks_c_5601-1987", "안녕"},
		{"Chinese", "\xc4\xe3\xba\xc3", "gb2312", "你好"},
		{"Chinese of Taiwan", "\xa7A\xa6n", "big5", "你好"},
		{"DOS", "Gr\x94\xe1e", "IBM850", "Größe"},
		{"DOS, another name", "Gr\x94\xe1e", "cp-850", "Größe"},
		{"UTF-7 is none", "Gr+APY-\xdfe", "utf-7", "Gr+APY-ße"},
		{"UTF-16 is none", "K\xe9B", "utf-16le", "KéB"},
		{"HZ is none", "~{VPND~} \xe9", "hz-gb-2312", "~{VPND~} é"},
		{"EBCDIC is none", "KB\xe9", "ibm037", "KBé"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := envelope.Decode([]byte(test.body), test.charset); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestNoCharsetChangesASCII holds that the header of a mail, which nobody
// signed, cannot make another text of a signed one.
func TestNoCharsetChangesASCII(t *testing.T) {
	const text = "- KB905413: ~{see}~ <a href=\"https://x.example/?q=1+2&r=3\"> \\ `|^_ @\t\r\n"
	names := []string{"utf-7", "utf-16", "utf-16be", "utf-16le", "utf-32", "hz-gb-2312", "iso-2022-kr", "iso-2022-cn", "ebcdic-us", "ibm037", "cp037",
		"ibm437", "cp850", "ibm852", "cp858", "replacement", "x-user-defined", "unicode", "csunicode", "iso-10646-ucs-2", "utf-8",
		"ibm866", "iso-8859-2", "iso-8859-8-i", "koi8-u", "macintosh", "windows-874", "x-mac-cyrillic", "gbk", "gb18030", "big5",
		"euc-jp", "iso-2022-jp", "shift_jis", "euc-kr", "iso-2022-jp-2", "iso-8859-16"}
	for _, name := range names {
		if got := envelope.Decode([]byte(text), name); got != text {
			t.Errorf("%s: got %q, want %q", name, got, text)
		}
		if got := envelope.Decode([]byte(text+"\xe9"), name); len(got) < len(text) || got[:len(text)] != text {
			t.Errorf("%s, before another letter: got %q, want %q", name, got, text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []struct{ body, charset string }{
		{"it\x92s", "us-ascii"}, {"\x1b$B$3", "iso-2022-jp"}, {"\x81\x30\x81", "gb18030"}, {"\xff\xfea", "utf-16"}, {"\xa4", "latin9"},
	} {
		f.Add([]byte(seed.body), seed.charset)
	}
	f.Fuzz(func(t *testing.T, body []byte, charset string) {
		got := envelope.Decode(body, charset)
		if !utf8.ValidString(got) {
			t.Fatalf("%q in %s is %q", body, charset, got)
		}
		if len(got) > 4*len(body)+8 {
			t.Fatalf("%d bytes became %d", len(body), len(got))
		}
	})
}
