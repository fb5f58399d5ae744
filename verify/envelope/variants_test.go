package envelope_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"patchferry/verify/envelope"
)

// Each change that happens to documents is made to one, and the variant of its
// name must be the document again.
func TestVariants(t *testing.T) {
	const text = "Grüße – “Café”\n\nFrom here on <b>a & b</b> = c\n- -x\n  indented\n"
	crlf := strings.ReplaceAll(text, "\n", "\r\n")
	for _, test := range []struct{ name, original, changed string }{
		{envelope.LFToCRLF, crlf, text},
		{envelope.LFToCRLF, "a\r\nb\r\nc", "a\r\nb\nc"},
		{envelope.LFToCRLFNoNewline, strings.TrimSuffix(crlf, "\r\n"), text},
		{envelope.CRLFToLF, text, crlf},
		{envelope.FinalNewlineRemoved, "{}", "{}\n"},
		{envelope.FinalNewlineRemoved, "{}", "{}\r\n"},
		{envelope.FinalNewlineAdded, "{}\n", "{}"},
		{envelope.FinalNewlineAdded, crlf, strings.TrimSuffix(crlf, "\r\n")},
		{envelope.BOMRemoved, text, "\ufeff" + text},
		{envelope.BOMAdded, "\ufeff" + text, text},
		{envelope.SpacesRemoved, "a\t\r\nb\n", "a\t \r\nb  \n"},
		{envelope.MojibakeUndone, text, "GrÃ¼ÃŸe â€“ â€œCafÃ©â€\u009d\n\nFrom here on <b>a & b</b> = c\n- -x\n  indented\n"},
		{envelope.UTF8ToWindows1252, "Gr\xfc\xdfe \x96 \x93Caf\xe9\x94\n", "Grüße – “Café”\n"},
		{envelope.Windows1252ToUTF8, "Grüße – “Café”\n", "Gr\xfc\xdfe \x96 \x93Caf\xe9\x94\n"},
		{envelope.HTMLUndone, text, "Gr&uuml;&szlig;e &#8211; &ldquo;Caf&#xe9;&rdquo;\n\nFrom here on &lt;b&gt;a &amp; b&lt;/b&gt; = c\n- -x\n  indented\n"},
		{envelope.NoBreakSpacesUndone, text, strings.ReplaceAll(text, "  ", "\u00a0 ")},
		{envelope.QuotedPrintableUndone, text, "Gr=C3=BC=C3=9Fe =E2=80=93 =E2=80=9CCaf=C3=A9=E2=80=9D\n\nFrom here on <b>a & =\nb</b> =3D c\n- -x\n  indented\n"},
		{envelope.QuotingRemoved, text, "> " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n> ") + "\n"},
		{envelope.QuotingRemoved, "a\n\nb\n", ">a\n\n> b\n"},
		{envelope.FromUnescaped, text, strings.ReplaceAll(text, "From", ">From")},
		{envelope.DashesUnescaped, "--- a\n+++ b\n-x\n", "- --- a\n+++ b\n- -x\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := []byte(test.changed)
			found := false
			for name, got := range envelope.Variants(changed, true) {
				if bytes.Equal(got, changed) {
					t.Errorf("%s changes nothing", name)
				}
				if len(got) > 2*len(changed)+2 {
					t.Errorf("%s makes %d bytes of %d", name, len(got), len(changed))
				}
				if string(got) == test.original {
					found = found || name == test.name
				}
				// A variant is a copy: what is done to it must do nothing here.
				clear(got)
			}
			if string(changed) != test.changed {
				t.Fatal("the text was changed")
			}
			if !found {
				t.Errorf("%q does not lead back to %q", test.changed, test.original)
			}
		})
	}
}

// What stands alone in plain text has few variants, and line ends are tried
// only where they are signed.
func TestVariantsBounded(t *testing.T) {
	names := func(text string, lineEnds bool) (names []string) {
		for name := range envelope.Variants([]byte(text), lineEnds) {
			names = append(names, name)
		}
		return names
	}
	for _, test := range []struct {
		text     string
		lineEnds bool
		want     []string
	}{
		{"", true, []string{envelope.FinalNewlineAdded, envelope.BOMAdded}},
		{"a\n", true, []string{envelope.LFToCRLF, envelope.FinalNewlineRemoved, envelope.FinalNewlineAdded, envelope.BOMAdded}},
		{"a\nb\n", true, []string{envelope.LFToCRLF, envelope.LFToCRLFNoNewline, envelope.FinalNewlineRemoved, envelope.FinalNewlineAdded, envelope.BOMAdded}},
		{"a\n", false, []string{envelope.FinalNewlineRemoved, envelope.FinalNewlineAdded, envelope.BOMAdded}},
	} {
		if got := names(test.text, test.lineEnds); !slices.Equal(got, test.want) {
			t.Errorf("%q, %v: got %q, want %q", test.text, test.lineEnds, got, test.want)
		}
	}
	for range envelope.Variants([]byte("a\n"), true) {
		break // stops, and does not go on
	}
	for range envelope.Variants([]byte("a\n"), false) {
		break
	}
}

func TestFrameVariants(t *testing.T) {
	block := begin + "Hash: SHA1\n\none = two <b>\n" + signature
	for _, test := range []struct {
		name, changed, want string // want is the variant, or empty where there is none
	}{
		{"quoted", "> " + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n> ") + "\n", envelope.QuotingRemoved},
		{"quoted twice", ">> " + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n>> ") + "\n", envelope.QuotingRemoved},
		{"quoted, blanks taken off", "> " + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n> "), "> \n", ">\n") + "\n", envelope.QuotingRemoved},
		{"indented", "    " + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n    ") + "\n", envelope.IndentationRemoved},
		{"raw quoted-printable", strings.ReplaceAll(strings.ReplaceAll(block, "=", "=3D"), "-----BEGIN PGP SIGNED", "-----BEGIN PGP SIG=\nNED"), envelope.QuotedPrintableUndone},
		{"a page", strings.ReplaceAll(block, "-----BEGIN", "&#45;----BEGIN"), envelope.HTMLUndone},
		{"copied from a browser", strings.ReplaceAll(block, "BEGIN PGP SIGNED", "BEGIN\u00a0PGP SIGNED"), envelope.NoBreakSpacesUndone},
		{"six dashes", "-" + block, envelope.ExtraDashRemoved},
		{"text", "a &amp; b = c\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if parts, err := envelope.Open([]byte(test.changed)); err != nil || len(parts) > 0 {
				t.Fatalf("got parts %+v, %v", parts, err)
			}
			var names []string
			for name, got := range envelope.Frames([]byte(test.changed)) {
				names = append(names, name)
				if string(got) != block {
					t.Errorf("%s: got %q, want %q", name, got, block)
				}
			}
			if strings.Join(names, ",") != test.want {
				t.Errorf("got %q, want %q", names, test.want)
			}
		})
	}
}

func FuzzVariants(f *testing.F) {
	f.Add([]byte("Grüße\r\n>From x\n- -y =3D &lt;\n"), true)
	f.Add([]byte("> \x93a\x94\n"), false)
	f.Add([]byte("\ufeffCafÃ©\u00a0\n"), true)
	f.Fuzz(func(t *testing.T, body []byte, lineEnds bool) {
		given := bytes.Clone(body)
		count := 0
		for name, got := range envelope.Variants(body, lineEnds) {
			count++
			if bytes.Equal(got, given) {
				t.Errorf("%s changes nothing", name)
			}
			if len(got) > 3*len(body)+3 { // Windows-1252 to UTF-8 grows most
				t.Errorf("%s makes %d bytes of %d", name, len(got), len(body))
			}
			clear(got)
		}
		if !bytes.Equal(body, given) {
			t.Error("the text was changed")
		}
		if count > 16 {
			t.Errorf("got %d variants", count)
		}
	})
}
