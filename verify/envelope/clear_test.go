package envelope_test

import (
	"strings"
	"testing"
)

// The lines of a frame.
const (
	begin = "-----BEGIN PGP SIGNED MESSAGE-----\n"
	hash  = "Hash: SHA256\n"
	sig   = "-----BEGIN PGP SIGNATURE-----\n"
	end   = "-----END PGP SIGNATURE-----\n"
)

// bulletin has everything that mailers alter.
const bulletin = "Title: Vulnerability in “Server” Service\n" +
	"-----\n" +
	"- list\n" +
	"From here on <b>a & b</b> =3D x = y\n" +
	"trailing blanks  \t\n" +
	"\n" +
	"Café\n" +
	"a\ttab\n"

// mutation is a document made of a signed one, and what is made of it: by us
// (frame by Open, the signature of what Open returns by gpgv), and by gpgv
// alone. Where they differ, why says why ours is the safer answer.
//
// Sequoia (sqop 0.27.3) is not asked here. It is known to read foreign headers,
// a block of armor without its blank line, a wrong checksum and a quoted
// message, which gpgv does not, and not to read a block without its END line,
// which gpgv does. Of the two the stricter answer is the one wanted here.
type mutation struct{ name, doc, want, gpgv, why string }

func (g *gpg) check(t *testing.T, m mutation) {
	t.Helper()
	t.Run(m.name, func(t *testing.T) {
		got, gpgv := g.open(m.doc), g.gpgv(g.file("doc.asc", []byte(m.doc)))
		if got != m.want || gpgv != m.gpgv {
			t.Errorf("got %q and %q of gpgv, want %q and %q\n%.2000s", got, gpgv, m.want, m.gpgv, m.doc)
		}
		if same := got == gpgv || got == "malformed" && gpgv != "good"; same != (m.why == "") {
			t.Errorf("got %q, gpgv %q, and the reason %q", got, gpgv, m.why)
		}
	})
}

// edit replaces the first of old, which must be there.
func edit(t *testing.T, doc, old, with string) string {
	t.Helper()
	got := strings.Replace(doc, old, with, 1)
	if got == doc {
		t.Fatalf("%q is not in %q", old, doc)
	}
	return got
}

func TestFrames(t *testing.T) {
	g := newGPG(t)
	signed, other := g.clearsign(bulletin), g.clearsign("another\n")
	change := func(old, with string) string { return edit(t, signed, old, with) }
	behind := func(marker, more string) string {
		return change(marker, strings.TrimSuffix(marker, "\n")+more+"\n")
	}
	lines := func(with string) string { return strings.ReplaceAll(signed, "\n", with) }
	const (
		several = "gpgv reads one block and calls the rest an error; here each is judged for itself"
		marker  = "a line that looks like the marker and is not: to one program it ends the text, to another it is text"
	)
	for _, m := range []mutation{
		{"untouched", signed, "good", "good", ""},
		{"text before", "x\n" + signed, "good", "good", ""},
		{"text after", signed + "x\n", "good", "good", ""},
		{"no final newline", strings.TrimSuffix(signed, "\n"), "good", "good", ""},
		{"no signature", signed[:strings.Index(signed, sig)], "malformed", "none", ""},
		{"no END line", strings.TrimSuffix(signed, end), "malformed", "good", "the file was cut"},
		{"another END line", change(end, "-----END PGP MESSAGE-----\n"), "malformed", "good", marker},
		{"five dashes as END line", change(end, "-----\n"), "malformed", "good", marker},
		{"blanks behind BEGIN MESSAGE", behind(begin, " \t"), "good", "good", ""},
		{"blanks behind BEGIN SIGNATURE", behind(sig, " \t"), "good", "good", ""},
		{"blanks behind END SIGNATURE", behind(end, " \t"), "good", "good", ""},
		{"text behind BEGIN MESSAGE", behind(begin, " x"), "none", "none", ""},
		{"text behind BEGIN SIGNATURE", behind(sig, " x"), "malformed", "good", marker},
		{"text behind END SIGNATURE", behind(end, " x"), "malformed", "good", marker},
		{"vertical tab behind BEGIN MESSAGE", behind(begin, "\v"), "none", "none", ""},
		{"four dashes", signed[1:], "none", "none", ""},
		{"six dashes", "-" + signed, "none", "none", ""},
		{"six dashes before BEGIN SIGNATURE", change(sig, "-"+sig), "malformed", "good", marker},
		{"quoted", "> " + lines("\n> "), "none", "none", ""},
		{"indented", "  " + lines("\n  "), "none", "none", ""},
		{"line breaks of HTML", lines("<br>\n"), "none", "none", ""},
		{"BOM", "\ufeff" + signed, "good", "none", "an editor put it there, before the block"},
		{"BOM on a line of its own", "\ufeff\n" + signed, "good", "good", ""},
		{"CRLF", lines("\r\n"), "good", "good", ""},
		{"CR CR LF", lines("\r\r\n"), "good", "good", ""},
		{"CR only", lines("\r"), "none", "none", ""},
		{"mixed line ends", strings.Replace(lines("\r\n"), "\r\n", "\n", 8), "good", "good", ""},
		{"a key behind it", signed + "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n",
			"good", "good, then an error", "it is unsigned text behind the block"},
		{"two blocks", signed + other, "good", "good, then an error", several},
		{"two blocks, the first altered", change("Server", "Client") + other, "bad", "bad", ""},
		{"two blocks, the second altered", other + change("Server", "Client"), "bad", "good, then an error", several},
		{"a block within, escaped", g.clearsign(signed), "good", "good", ""},
		{"an altered block within", g.clearsign(change("Server", "Client")), "bad", "good", "gpgv looks at the outer one only"},
		{"a block within, not escaped", change("\n"+sig, "\n"+other+sig), "malformed", "none", ""},
		{"begun twice", begin + hash + "\nunsigned\n" + signed, "malformed", "none", ""},
		{"begun twice in the headers", begin + hash + signed, "malformed", "bad", ""},
		{"a signature of PGP 2's detached kind", strings.ReplaceAll(signed, "PGP SIGNATURE", "PGP MESSAGE"), "malformed", "good",
			"it stands in no text that a program wrote"},
	} {
		g.check(t, m)
	}
}

func TestHeaders(t *testing.T) {
	g := newGPG(t)
	signed := g.clearsign(bulletin)
	header := func(with string) string { return edit(t, signed, hash, with) }
	const (
		judged  = "package verify holds the signature's digest to the header"
		foreign = "gpgv takes the header for weak or does not know it; the signature's digest decides"
	)
	for _, m := range []mutation{
		{"a list", header("Hash: SHA512,SHA256\n"), "good", "good", ""},
		{"a list with blanks", header("Hash: SHA512, SHA256 \n"), "good", "good", ""},
		{"two headers", header("Hash: SHA1\n" + hash), "good", "good", ""},
		{"every old digest", header("Hash: SHA256,SHA1,RIPEMD160,SHA224,SHA384,SHA512\n"), "good", "good", ""},
		{"MD5 beside it", header("Hash: SHA256,MD5\n"), "good", "bad", foreign},
		{"SHA-3 beside it", header("Hash: SHA256,SHA3-512\n"), "good", "bad", foreign},
		{"another digest", header("Hash: SHA512\n"), "good", "bad", judged},
		{"no header", header(""), "good", "bad", judged},
		{"unknown digest", header("Hash: SHA257\n"), "malformed", "bad", ""},
		{"unknown digest beside it", header("Hash: SHA256,SHA257\n"), "malformed", "bad", ""},
		{"separated by blanks", header("Hash: SHA512 SHA256\n"), "malformed", "bad", ""},
		{"a comma too many", header("Hash: SHA256,\n"), "malformed", "good", "it has one form"},
		{"text behind the digest", header("Hash: SHA256 is what we use\n"), "malformed", "bad", ""},
		{"lower case", header("hash: SHA256\n"), "malformed", "bad", ""},
		{"lower-case digest", header("Hash: sha256\n"), "malformed", "bad", ""},
		{"no blank", header("Hash:SHA256\n"), "malformed", "bad", ""},
		{"Comment", header(hash + "Comment: call us\n"), "malformed", "bad", ""},
		{"Charset", header(hash + "Charset: UTF-8\n"), "malformed", "bad", ""},
		{"Version", header("Version: 2.6.2\n" + hash), "malformed", "bad", ""},
		{"NotDashEscaped", header(hash + "NotDashEscaped: You need GnuPG to verify this message\n"), "malformed", "bad", ""},
		{"text", header(hash + "injected text\n"), "malformed", "bad", ""},
		{"a form feed", header(hash + "\f\n"), "malformed", "bad", ""},
		{"blanks end them", header(hash + " \t"), "good", "good", ""},
		{"a vertical tab ends them", edit(t, signed, hash+"\n", hash+"\v\n"), "malformed", "good, then an error", ""},
		{"nothing ends them", edit(t, signed, hash+"\n", hash), "malformed", "bad", ""},
		{"the file ends", begin + hash, "malformed", "none", ""},
	} {
		g.check(t, m)
	}
}

func TestSignedText(t *testing.T) {
	g := newGPG(t)
	signed := g.clearsign(bulletin)
	change := func(old, with string) string { return edit(t, signed, old, with) }
	at, to := strings.Index(signed, "Title"), strings.Index(signed, "\n"+sig)
	const (
		control = "what some programs read as the end of a text or of a line is in no text that can be trusted"
		cut     = "GnuPG cuts the line and calls what is left good"
	)
	for _, m := range []mutation{
		{"nothing", g.clearsign(""), "good", "good", ""},
		{"an empty line", g.clearsign("\n"), "good", "good", ""},
		{"no final newline", g.clearsign("a"), "good", "good", ""},
		{"short dashes, escaped", g.clearsign("-x\n-\n----\n"), "good", "good", ""},
		{"short dashes", strings.ReplaceAll(g.clearsign("-x\n-\n----\n"), "\n- -", "\n-"), "good", "good", ""},
		{"five dashes", change("- -----", "-----"), "malformed", "none", ""},
		{"escaped twice", change("- -----", "- - -----"), "bad", "bad", ""},
		{"escaped without need", change("Café", "- Café"), "good", "good", ""},
		{"an escape taken off too many", change("- - list", "- list"), "bad", "bad", ""},
		{"From not escaped", change("- From", "From"), "good", "good", ""},
		{">From", change("- From", ">From"), "bad", "bad", ""},
		{"blanks added behind lines", signed[:at] + strings.ReplaceAll(signed[at:], "\n", " \t\n"), "good", "good", ""},
		{"blanks behind lines taken off", change("blanks  \t\n", "blanks\n"), "good", "good", ""},
		{"a blank line before", change("Title", "\nTitle"), "bad", "bad", ""},
		{"a blank line behind", change("\n"+sig, "\n\n"+sig), "bad", "bad", ""},
		{"tampered", change("Server", "Client"), "bad", "bad", ""},
		{"mojibake", change("é", "Ã©"), "bad", "bad", ""},
		{"Latin-1", change("é", "\xe9"), "bad", "bad", ""},
		{"HTML", change("<b>", "&lt;b&gt;"), "bad", "bad", ""},
		{"quoted-printable", change("é", "=C3=A9"), "bad", "bad", ""},
		{"CR only", signed[:at] + strings.ReplaceAll(signed[at:to], "\n", "\r") + signed[to:], "bad", "bad", ""},
		{"CR within a line", g.clearsign("a\rb\r\nc\r\r\nd"), "good", "good", ""},
		{"NUL", change("Café", "Caf\x00é"), "malformed", "bad", ""},
		{"NUL, signed", g.clearsign("a\x00b\n"), "malformed", "good", control},
		{"form feed at the end of a line", change("Café\n", "Café\f\n"), "malformed", "bad", ""},
		{"form feed at the end of a line, signed", g.clearsign("a\f\nb\n"), "malformed", "good", control},
		{"form feed and blanks at the end of a line, signed", edit(t, g.clearsign("a\f\nb\n"), "\f", "\f \t"), "malformed", "good", control},
		{"form feed within a line, signed", g.clearsign("a\fb\n"), "good", "good", ""},
		{"vertical tabs, signed", g.clearsign("a\vb\v\n"), "good", "good", ""},
		{"vertical tab added", change("Café\n", "Café\v\n"), "bad", "bad", ""},
		{"a long line", g.clearsign("-" + strings.Repeat("x", 19_990) + "\n"), "good", "good", ""},
		{"a line with text behind what is read", edit(t, signed, "Café\n", "Café"+strings.Repeat(" ", 20_000)+"x\n"), "malformed", "good", cut},
	} {
		g.check(t, m)
	}
}

func TestSignatureBlocks(t *testing.T) {
	g := newGPG(t)
	signed := g.clearsign(bulletin)
	change := func(old, with string) string { return edit(t, signed, old, with) }
	sum := signed[strings.LastIndex(signed, "\n=")+1 : strings.Index(signed, end)]
	const edited = "somebody edited the signature"
	for _, m := range []mutation{
		{"Version and Comment", change(sig, sig+"Version: PGP 8.1\nComment: x: y\n"), "good", "good", ""},
		{"Charset", change(sig, sig+"Charset: noconv\n"), "good", "good", ""},
		{"Hash", change(sig, sig+"Hash: SHA1\n"), "good", "good", ""},
		{"an empty header", change(sig, sig+"Comment:\n"), "good", "good", ""},
		{"an unknown header", change(sig, sig+"X-Note: x\n"), "good", "good", ""},
		{"text as header", change(sig, sig+"unsigned text\n"), "malformed", "none", ""},
		{"blanks end the headers", change(sig, sig+" \t"), "good", "good", ""},
		{"nothing ends the headers", change(sig+"\n", sig), "malformed", "none", ""},
		{"a blank line", change("\n"+sum, "\n\n"+sum), "good", "good", ""},
		{"no checksum", change(sum, ""), "good", "good", ""},
		{"a wrong checksum", change(sum, "=AAAA\n"), "malformed", "none", ""},
		{"the checksum behind a line", change("\n"+sum, sum), "malformed", "good", edited},
		{"text behind the checksum", change(sum, sum+"x\n"), "malformed", "good", edited},
		{"a character that is none of base64", change("\n"+sum, "!\n"+sum), "malformed", "good", edited},
		{"indented", change("\n"+sum, "\n  "+sum), "malformed", "good", edited},
		{"a carriage return within a line", change("\n"+sum, "\rA\n"+sum), "malformed", "none", ""},
		{"empty", signed[:strings.Index(signed, sig)] + sig + "\n" + end, "malformed", "none", ""},
	} {
		g.check(t, m)
	}
}
