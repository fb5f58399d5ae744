package envelope_test

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/verify/envelope"
)

const (
	beginSigned = "-----BEGIN PGP SIGNED MESSAGE-----\n"
	block       = beginSigned + "Hash: SHA1\n\ntext of it = all\n" + signature
)

// seen is what a test looks at in a part.
type seen struct {
	Where, Body, Text, Charset string
	Form                       envelope.Form
	Extra                      bool
	Err                        string
	Inner                      []seen
}

func look(parts []envelope.Part) []seen {
	var all []seen
	for _, p := range parts {
		s := seen{Where: p.Where, Body: string(p.Body), Charset: p.Charset, Form: p.Form, Extra: p.Extra, Inner: look(p.Inner)}
		if p.Form == envelope.MIME {
			s.Text = string(p.Text)
		}
		if p.Err != nil {
			s.Err = p.Err.Error()
		}
		all = append(all, s)
	}
	return all
}

func open(t testing.TB, doc string) []seen {
	t.Helper()
	parts, err := envelope.Open([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return look(parts)
}

// header begins a mail whose further fields follow.
const header = "Received: from a by b\nFrom: secure@publisher.example\nSubject: EX06-012\n"

func quoted(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // to memory
	_ = w.Close()
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func based(s string) string {
	text := base64.StdEncoding.EncodeToString([]byte(s))
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	return b.String() + text + "\n"
}

// TestMailsOfOneText writes one signed text as mails do.
func TestMailsOfOneText(t *testing.T) {
	signed := func(text string) string { return beginSigned + "\n" + text + "\n" + signature }
	for _, test := range []struct{ name, doc, body, charset string }{
		{"plain", header + "\n" + signed("a"), "a", ""},
		{"7bit", header + "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\n" + signed("a"), "a", "us-ascii"},
		{"8bit", header + "Content-Type: text/plain; charset=\"ISO-8859-1\"\nContent-Transfer-Encoding: 8bit\n\n" + signed("\xe9"), "\xe9", "ISO-8859-1"},
		{"folded fields", header + "Content-Type:\n text/plain;\n\tcharset=koi8-r\n\n" + signed("\xc4"), "\xc4", "koi8-r"},
		{"fields in any case, blanks before the colon", header + "CONTENT-TYPE : Text/Plain; CharSet=koi8-r\n\n" + signed("\xc4"), "\xc4", "koi8-r"},
		{"type of old", header + "Content-Type: text\n\n" + signed("a"), "a", ""},
		{"type of the first mails with PGP", header + "Content-Type: application/pgp; format=text; x-action=sign\n\n" + signed("a"), "a", ""},
		{"parameters that are not quoted", header + "Content-Type: text/plain; name=a b.txt; charset=koi8-r\n\n" + signed("a"), "a", "koi8-r"},
		{"a charset twice", header + "Content-Type: text/plain; charset=a; charset=b\n\n" + signed("a"), "a", ""},
		{"a charset that is none", header + "Content-Type: text/plain; charset=\"a\x1b[2J\"\n\n" + signed("a"), "a", ""},
		{"quoted-printable", header + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted(signed("x=1 \t\nFrom \xe9"+strings.Repeat("long ", 50)+"\n.")),
			"x=1 \t\nFrom \xe9" + strings.Repeat("long ", 50) + "\n.", ""},
		{"quoted-printable, blanks added on the way", header + "Content-Transfer-Encoding: Quoted-Printable\n\n" +
			strings.ReplaceAll(quoted(signed("a="+strings.Repeat("b", 100))), "\n", "  \n"), "a=" + strings.Repeat("b", 100), ""},
		{"quoted-printable in lower case", header + "Content-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(quoted(signed("=\xe9")), "=E9", "=e9"), "=\xe9", ""},
		{"quoted-printable that left bytes as they were", header + "Content-Transfer-Encoding: quoted-printable\n\n" +
			strings.ReplaceAll(quoted(signed("\x0b\xe9=")), "=E9", "\xe9"), "\x0b\xe9=", ""},
		{"base64", header + "Content-Transfer-Encoding: base64\n\n" + based(signed(strings.Repeat("a\t\n", 90))), strings.Repeat("a\t\n", 90), ""},
		{"base64 without padding", header + "Content-Transfer-Encoding: base64\n\n" + strings.TrimRight(based(signed("aa")), "=\n"), "aa", ""},
		{"multipart", header + multipart("mixed", "b", "\n"+signed("a")), "a", ""},
		{"line of a mailbox", "From secure@publisher.example Tue Dec 10 09:00:00 2002\n" + header + "\n" + signed("a"), "a", ""},
		{"escape of a mailbox", "From x\n" + header + "\n" + signed(">From a\n>>From b\n> From c"), "From a\n>From b\n> From c", ""},
		{"byte order mark", "\ufeff" + header + "\n" + signed("a"), "a", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, ending := range []string{"\n", "\r\n"} {
				doc, body := test.doc, test.body
				doc = strings.ReplaceAll(doc, "\n", ending)
				if !strings.Contains(test.name, "base64") { // which has line ends of its own
					body = strings.ReplaceAll(body, "\n", ending)
				}
				where := ""
				if test.name == "multipart" {
					where = "part 1"
				}
				want := []seen{{Where: where, Body: body, Charset: test.charset}}
				if diff := cmp.Diff(want, open(t, doc)); diff != "" {
					t.Errorf("line ends %q: parts (-want +got):\n%s", ending, diff)
				}
			}
		})
	}
}

// multipart returns the fields and the body of a mail with parts, each with
// its own header.
func multipart(kind, boundary string, parts ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "MIME-Version: 1.0\nContent-Type: multipart/%s; boundary=\"%s\"\n\nnot read by anyone\n", kind, boundary)
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\n%s\n", boundary, p)
	}
	fmt.Fprintf(&b, "--%s--\nnor is this\n", boundary)
	return b.String()
}

func TestMailsOfParts(t *testing.T) {
	extra := func(s seen) []seen { s.Extra = true; return []seen{s} }
	part := func(where string) seen { return seen{Where: where, Body: "text of it = all"} }
	fails := func(where, err string) seen { return seen{Where: where, Form: envelope.MIME, Err: err} }
	html := "Content-Type: text/html\n\n" + block
	armored := "Content-Type: application/pgp-signature\n\n" + signature
	pgp := func(parts ...string) string {
		m := multipart("signed", "s", parts...)
		return strings.Replace(m, "signed;", `signed; protocol="application/pgp-signature";`, 1)
	}
	entity := "Content-Type: text/plain; charset=latin1\n\nline\r\n two "
	signedPart := func(where string) seen {
		return seen{Where: where, Form: envelope.MIME, Charset: "latin1", Text: "line\r\n two ",
			Body: "Content-Type: text/plain; charset=latin1\r\n\r\nline\r\n two "}
	}
	nest := func(depth int) string {
		doc := "\n" + block
		for i := range depth {
			doc = multipart("mixed", fmt.Sprintf("b%d", i), doc)
		}
		return header + doc
	}
	for _, test := range []struct {
		name, doc string
		want      []seen
	}{
		{"text and markup", header + multipart("alternative", "b", "\n"+block, html), []seen{part("part 1")}},
		{"markup alone", header + html, nil},
		{"an image", header + "Content-Type: image/png\n\n" + block, nil},
		{"two texts", header + multipart("mixed", "b", "\n"+block, "\n"+block), []seen{part("part 1"), part("part 2")}},
		{"parts within parts", header + multipart("mixed", "b", html, multipart("alternative", "bb", html, "\n"+block)), []seen{part("part 2.2")}},
		{"a mail within", header + multipart("mixed", "b", "\nsee below", "Content-Type: message/rfc822\n\n"+header+"\n"+block), extra(part("part 2"))},
		{"a digest", header + multipart("digest", "b", "\n"+header+"\n"+block, "\n"+header+html), []seen{part("part 1")}},
		{"no end", strings.TrimSuffix(header+multipart("mixed", "b", "\n"+block), "--b--\nnor is this\n"), []seen{part("part 1")}},
		{"a boundary that begins as another", header + multipart("mixed", "b", multipart("mixed", "b2", "\n"+block), "\n"+block), []seen{part("part 1.1"), part("part 2")}},
		{"outside of all parts", header + strings.Replace(multipart("mixed", "b", "\nx"), "not read by anyone\n", block, 1), nil},
		{"no boundary", header + "Content-Type: multipart/mixed\n\n" + block, []seen{fails("", "its parts have no usable boundary")}},
		{"eight deep", nest(8), []seen{part("part 1.1.1.1.1.1.1.1")}},
		{"nine deep", nest(9), []seen{fails("part 1.1.1.1.1.1.1.1.1", "its parts stand within one another more than 8 deep")}},
		{"two types", header + "Content-Type: text/plain\nContent-Type: text/html\n\n" + block, []seen{{Body: "text of it = all", Where: "block 1", Extra: true}}},
		{"two types of a part", header + multipart("mixed", "b", "Content-Type: text/plain\nContent-Type: text/html\n\n"+block),
			[]seen{fails("part 1", "its header has the field content-type twice")}},
		{"a long type of a part", header + multipart("mixed", "b", "Content-Type: text/plain;\n "+strings.Repeat("a", 16<<10)+"\n\n"+block),
			[]seen{fails("part 1", "the field content-type of its header has more than 16384 bytes")}},
		{"no header of a part", header + multipart("mixed", "b", block), []seen{fails("part 1", "its header has a line that is no field")}},
		{"an encoding of no name", header + "Content-Transfer-Encoding: x-uuencode\n\n" + block, []seen{fails("", `its transfer encoding "x-uuencode" is not one of RFC 2045`)}},
		{"text behind base64", header + "Content-Transfer-Encoding: base64\n\n" + based(block) + "_____\nfooter\n", []seen{fails("", "its base64 text holds something else")}},
		{"a lone =", header + "Content-Transfer-Encoding: quoted-printable\n\n" + block, []seen{fails("", "its quoted-printable text has an = that stands for nothing")}},

		{"signed", header + pgp(entity, armored), []seen{signedPart("")}},
		{"signed, of no protocol", header + multipart("signed", "b", entity, armored), []seen{signedPart("")}},
		{"signed by another protocol", header + multipart("signed", "b", "\n"+block, "Content-Type: application/pkcs7-signature\n\nx"), []seen{part("part 1")}},
		{"signed, in a list's mail", header + multipart("mixed", "b", pgp(entity, armored), "\nfooter"), extra(signedPart("part 1"))},
		{"signed markup", header + pgp(html, armored), []seen{{Form: envelope.MIME, Body: strings.ReplaceAll(html, "\n", "\r\n")}}},
		{"signed and nothing more", header + pgp(entity), []seen{fails("", "a signed mail of 1 parts: a text and its signature are two")}},
		{"signed and more", header + pgp(entity, armored, entity), []seen{fails("", "a signed mail of 3 parts: a text and its signature are two")}},
		{"signed by a text", header + pgp(entity, entity), []seen{fails("", `the second part of a signed mail is of type "text/plain" and no signature`)}},
		{"signed by nothing", header + pgp(entity, "Content-Type: application/pgp-signature\n\n \n"), []seen{fails("", "the signature of a signed mail is empty")}},
		{"signed, in a broken encoding", header + pgp("Content-Transfer-Encoding: base64\n\n???", armored), []seen{fails("", "its base64 text holds something else")}},
		{"a signature alone", header + multipart("mixed", "b", "\nhello", armored),
			extra(fails("part 2", "a signature that is joined to no text: the mail was taken apart on its way"))},
		{"a signature beside signed text", header + multipart("mixed", "b", "\n"+block, armored), []seen{part("part 1")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, open(t, test.doc)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoMail has texts that begin like mails and are none: whatever they are
// taken for, what is signed is found.
func TestNoMail(t *testing.T) {
	for name, doc := range map[string]string{
		"a title":                      "Subject: EX00-001\n\n" + block,
		"a title and no blank line":    "Subject: EX00-001\n" + block,
		"fields that no mail has":      "Title: EX00-001\nNumber: 1\n\n" + block,
		"a text":                       "From now on:\n\n" + block,
		"a header that is broken":      "Subject: EX00-001\nand more\n\n" + block,
		"an encoding, after the block": block + "\nFrom: a\nContent-Transfer-Encoding: base64\n\nx",
	} {
		t.Run(name, func(t *testing.T) {
			got := open(t, doc)
			if len(got) != 1 || got[0].Body != "text of it = all" || got[0].Err != "" {
				t.Errorf("got %+v, want one part", got)
			}
		})
	}
}

func TestMailsHaveLimits(t *testing.T) {
	many := func(n int, part string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = part
		}
		return header + multipart("mixed", "b", parts...)
	}
	mailbox := strings.Repeat("From x\nFrom: a\n\nb\n\n", 65)
	for _, test := range []struct{ name, doc, want string }{
		{"64 texts", many(64, "\na"), ""},
		{"65 texts", many(65, "\na"), "the mail has more than 64 texts"},
		{"65 mails", mailbox, "the mail has more than 64 texts"},
		{"999 images", many(999, "Content-Type: image/png\n\nx"), ""},
		{"1000 images", many(1000, "Content-Type: image/png\n\nx"), "the mail has more than 1000 parts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts := open(t, test.doc)
			got := ""
			if len(parts) > 0 {
				got = parts[len(parts)-1].Err
			}
			if got != test.want {
				t.Errorf("got error %q, want %q", got, test.want)
			}
		})
	}
}

// TestMailsTakeLinearTime opens mails of 4 MiB that are all structure. Each would
// take minutes if any of it were read over and over.
func TestMailsTakeLinearTime(t *testing.T) {
	fill := func(head, piece string) string {
		return head + strings.Repeat(piece, (envelope.MaxDocument-len(head))/len(piece))
	}
	for name, doc := range map[string]string{
		"boundaries":     fill(header+"Content-Type: multipart/mixed; boundary=b\n\n", "--b\n"),
		"images":         fill(header+"Content-Type: multipart/mixed; boundary=b\n\n", "--b\nContent-Type: image/png\n\n"),
		"nested mails":   fill(header, "Content-Type: message/rfc822\n\n"),
		"nested parts":   fill(header, "Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
		"fields":         fill(header, "Received: x\n"),
		"folded lines":   fill(header+"Content-Type: a;\n", " b=c;\n"),
		"long folded":    fill(header+"Content-Type: a;\n", " b="+strings.Repeat("c", 8<<10)+";\n"),
		"parameters":     fill(header+"Content-Type: a", ";b=c"),
		"mails":          fill("", "From a\nTo: b\n\n"),
		"no line ends":   fill(header+"Content-Transfer-Encoding: quoted-printable\n\n", "=41"),
		"soft line ends": fill(header+"Content-Transfer-Encoding: quoted-printable\n\n", "=\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open(t, doc)
		})
	}
}

// TestGoldenMails reads mails as the programs of their time wrote them.
func TestGoldenMails(t *testing.T) {
	for name, want := range map[string][]seen{
		"outlook.eml": {{Where: "part 1", Charset: "windows-1252", Body: "Example Security Bulletin EX06-012\r\n" +
			"Vulnerabilities in the Example Office \x96 remote code execution (905413)\r\n" +
			"https://publisher.example/technet/security/bulletin/ex06-012.mspx?id=905413\r\nCaf\xe9, \x80 5 "}},
		"exchange.eml": {{Where: "part 2", Form: envelope.MIME, Extra: true, Err: "a signature that is joined to no text: the mail was taken apart on its way"}},
		"mailman.eml": {{Where: "part 1", Form: envelope.MIME, Charset: "iso-8859-1", Extra: true,
			Text: "EX10-001: Update f\xfcr den Beispieldienst.\nFrom now on, install it. \n",
			Body: "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
				"EX10-001: Update f=FCr den Beispieldienst.\r\n=46rom now on, install it.=20\r\n"}},
		"footer.eml": {{Where: "block 1", Extra: true, Body: "EX02-071: a flaw could enable privilege elevation.\r\nFrom now on, install it."}},
		"digest.eml": {{Where: "part 2.1", Extra: true, Body: "first"}, {Where: "part 2.2", Extra: true, Charset: "koi8-r", Body: "second \xc4\xd7\xc1"}},
		"archive.mbox": {
			{Where: "message 1", Extra: true, Body: "seventy"},
			{Where: "message 2", Extra: true, Body: "seventy-one\nFrom a mail program that escapes\n>From one that escaped before"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := os.ReadFile(filepath.Join("testdata", "mails", name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, open(t, string(doc))); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}
