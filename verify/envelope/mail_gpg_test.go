package envelope_test

import (
	"fmt"
	"strings"
	"testing"

	"patchferry/verify/envelope"
)

// sign returns an entity with its signature, as multipart/signed with LF line
// ends, the way mail programs keep it on disk.
func (g *gpg) sign(entity string) string {
	g.t.Helper()
	entity = strings.ReplaceAll(entity, "\n", "\r\n")
	boundary := fmt.Sprintf("sig=_%d", strings.Count(entity, "sig=_"))
	armor := g.run(entity, "--digest-algo", "SHA256", "--armor", "--textmode", "--detach-sign")
	mail := multipart("signed", boundary, strings.ReplaceAll(entity, "\r\n", "\n"), "Content-Type: application/pgp-signature; name=\"signature.asc\"\n\n"+armor)
	return strings.Replace(mail, "signed;", `signed; micalg=pgp-sha256; protocol="application/pgp-signature";`, 1)
}

// TestSignedMails has gpgv check what Open takes out of mails that gpg signed,
// in all the ways in which they are kept and sent on, and of some that were
// changed.
func TestSignedMails(t *testing.T) {
	g := newGPG(t)
	text := "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n" +
		"EX06-012: Gr=F6=DFe=20\n=46rom now on, install it.\n--=20\nthe team\n\n"
	attached := multipart("mixed", "in", text, "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nTVo=\n")
	mail := header + g.sign(text)
	raw := header + g.sign("Content-Type: text/plain\n\n- not escaped\nFrom now on, install it.\n.\n\n\n")
	clear := g.clearsign("EX06-012\n- From a\nFrom b\nGr\xf6\xdfe = 1\n" + strings.Repeat("long ", 300) + "\n")
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	inbox := func(s string) string {
		return "From a@b Thu Jan  1 00:00:00 1970\n" + strings.ReplaceAll(s, "\nFrom ", "\n>From ") + "\n"
	}
	for _, test := range []struct{ name, doc, want string }{
		{"signed entity", mail, "good"},
		{"with CRLF", crlf(mail), "good"},
		{"with attachment", header + g.sign(attached), "good"},
		{"8-bit text", header + g.sign("Content-Type: text/plain; charset=utf-8\n\nGröße\n"), "good"},
		{"of no line end", header + g.sign("Content-Type: text/plain\n\na"), "good"},
		{"in a mailbox", inbox(raw), "good"},
		{"in a mailbox with CRLF", crlf(inbox(raw)), "good"},
		{"second in a mailbox", inbox(header+"\nhello\n") + inbox(mail), "good"},
		{"in a list's mail", header + multipart("mixed", "b", g.sign(text), "\nfooter"), "good"},
		{"forwarded", header + multipart("mixed", "b", "\nsee below", "Content-Type: message/rfc822\n\n"+mail), "good"},
		{"forwarded in base64", header + multipart("mixed", "b", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"+based(mail)), "good"},
		{"within another", header + g.sign(strings.TrimPrefix(g.sign(text), "MIME-Version: 1.0\n")), "good"},

		{"altered", strings.Replace(mail, "EX06-012: ", "EX06-013: ", 1), "bad"},
		{"with another charset", strings.Replace(mail, "iso-8859-1", "iso-8859-7", 1), "bad"},
		{"encoded anew", strings.Replace(mail, "=46rom", "From", 1), "bad"},
		{"with another field", strings.Replace(mail, "Content-Type: text/plain;", "Content-Language: en\nContent-Type: text/plain;", 1), "bad"},
		{"with one part more", strings.Replace(mail, "--sig=_0--", "--sig=_0\n\nx\n--sig=_0--", 1), "malformed"},
		{"parts exchanged", header + multipart("signed", "b", "Content-Type: application/pgp-signature\n\n"+signature, text), "malformed"},

		{"clear text", header + "\n" + clear, "good"},
		{"clear text in quoted-printable", header + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted(clear), "good"},
		{"clear text in quoted-printable with CRLF", crlf(header + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted(clear)), "good"},
		{"clear text in base64", header + "Content-Transfer-Encoding: base64\n\n" + based(crlf(clear)), "good"},
		{"clear text in a mailbox", inbox(header + "\n" + clear), "good"},
		{"clear text in alternatives", header + multipart("alternative", "b", "\n"+clear, "Content-Type: text/html\n\n<pre>"+clear+"</pre>"), "good"},
		{"clear text, altered in its encoding", header + "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Replace(quoted(clear), "=3D 1", "=3D 2", 1), "bad"},
		{"clear text without its encoding", header + "\n" + quoted(clear), "malformed"},
		{"clear text in markup alone", header + "Content-Type: text/html\n\n<pre>" + clear + "</pre>", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := &gpg{t: t, home: g.home}
			if got := g.openMail(test.doc); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// openMail is open for mails: the entity of a MIME part is signed with its
// trailing blanks, byte for byte.
func (g *gpg) openMail(doc string) string {
	g.t.Helper()
	parts, err := envelope.Open([]byte(doc))
	if err != nil {
		return "malformed"
	}
	verdict := "none"
	for i, p := range parts {
		body := p.Body
		if p.Form == envelope.Clear {
			body = canonical(body)
		}
		switch {
		case p.Err != nil:
			verdict = "malformed"
		case verdict == "none" || verdict == "good":
			verdict = g.gpgv(g.file(fmt.Sprintf("%d.asc", i), p.Armor), g.file(fmt.Sprintf("%d.txt", i), body))
		}
	}
	return verdict
}

// TestNestedSignedMails reads a signed mail within a signed mail: each is a
// part, and the text of the outer one is that of both.
func TestNestedSignedMails(t *testing.T) {
	text := "Content-Type: text/plain; charset=latin1\n\ninner text\n"
	armored := "Content-Type: application/pgp-signature\n\n" + signature
	inner := strings.TrimPrefix(multipart("signed", "i", text, armored), "MIME-Version: 1.0\n")
	middle := strings.TrimPrefix(multipart("signed", "m", inner, armored), "MIME-Version: 1.0\n")
	got := open(t, header+multipart("signed", "o", middle, armored))
	want := []string{"", "part 1", "part 1.1"}
	if len(got) != len(want) {
		t.Fatalf("got %d parts, want %d: %+v", len(got), len(want), got)
	}
	for i, p := range got {
		if p.Where != want[i] || p.Text != "inner text\n" || p.Charset != "latin1" || p.Err != "" {
			t.Errorf("part %d: got %+v", i, p)
		}
	}
}

// TestTextsOfSignedMails has a signed entity of several texts, whose charsets
// differ.
func TestTextsOfSignedMails(t *testing.T) {
	entity := multipart("mixed", "in", "Content-Type: text/plain; charset=koi8-r\n\n\xc4\xd7\xc1", "Content-Type: text/html\n\n<p>", "Content-Type: text/plain; charset=latin1\n\n\xe9")
	got := open(t, header+multipart("signed", "o", entity, "Content-Type: application/pgp-signature\n\n"+signature))
	if len(got) != 1 || got[0].Text != "два\né" || got[0].Charset != "utf-8" {
		t.Errorf("got %+v, want both texts in UTF-8", got)
	}
}

// FuzzLeaves holds that a mail gives no text that is not in it: where nothing
// is encoded, what was signed stands in the document as it is.
func FuzzLeaves(f *testing.F) {
	armored := "Content-Type: application/pgp-signature\n\n" + signature
	for _, seed := range []string{
		header + "\n" + block,
		header + "Content-Transfer-Encoding: quoted-printable\n\n" + quoted(block),
		header + "Content-Transfer-Encoding: base64\n\n" + based(block),
		header + multipart("mixed", "b", "\n"+block, "Content-Type: text/html\n\n"+block),
		header + multipart("signed", "b", "Content-Type: text/plain\n\nx", armored),
		header + multipart("digest", "b", "\n"+header+multipart("signed", "b2", "\nx", armored), "\n"+header+"\n"+block),
		"From a\n" + header + "\n>From b\n" + block + "\nFrom c\n" + header + multipart("mixed", "b", "\n"+block),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		given := string(doc)
		parts, err := envelope.Open(doc)
		if given != string(doc) {
			t.Fatal("the document was changed")
		}
		if err != nil {
			return
		}
		if len(parts) > envelope.MaxParts {
			t.Fatalf("got %d parts", len(parts))
		}
		lower := strings.ToLower(given)
		if envelope.IsMailbox(doc) || strings.Contains(lower, "base64") || strings.Contains(lower, "quoted") {
			return
		}
		dense := strings.NewReplacer("\r", "", "\n- ", "\n").Replace(given)
		for _, p := range parts {
			body := strings.NewReplacer("\r", "", "\n- ", "\n").Replace(string(p.Body))
			if !strings.Contains(dense, strings.TrimPrefix(body, "- ")) {
				t.Fatalf("%q is not in %q", p.Body, doc)
			}
		}
	})
}
