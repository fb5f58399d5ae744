package verify_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/verify"
	"patchferry/verify/envelope"
)

const advisory = "{\r\n  \"title\": \"Grüße – a < b & c = d\"\r\n}\r\n"

// publisher makes signed documents and a judge who pins its key.
type publisher struct {
	t     testing.TB
	key   *verify.SecretKey
	judge *verify.Judge
}

func newPublisher(t testing.TB) *publisher {
	t.Helper()
	key := newKey(t, "publisher")
	ring := key.Public()
	return &publisher{t, key, &verify.Judge{Keys: ring, Pins: verify.PinAll(ring, false), Clock: clock(noon)}}
}

func (s *publisher) sign(text string) []byte {
	s.t.Helper()
	sig, err := s.key.Sign([]byte(text), noon.Add(-time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	return sig
}

func (s *publisher) clear(text string) string {
	s.t.Helper()
	doc, err := s.key.ClearSign([]byte(text), noon.Add(-time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(doc)
}

// sums returns files with the SHA-256 and the SHA-512 digest of a text.
func sums(text string) []layout.Sum {
	small, large := sha256.Sum256([]byte(text)), sha512.Sum512([]byte(text))
	return []layout.Sum{
		{Name: "a.json.sha256", Text: fmt.Appendf(nil, "%x  a.json\n", small)},
		{Name: "a.json.sha512", Text: fmt.Appendf(nil, "%x", large)},
	}
}

func TestDiagnoseFile(t *testing.T) {
	s := newPublisher(t)
	lf := strings.ReplaceAll(advisory, "\r\n", "\n")
	const (
		converted = "signed with CRLF line ends; the file was converted after it was signed: get the original bytes"
		revised   = "neither the signature nor the file of digests beside it fits"
	)
	for _, test := range []struct {
		name, signed, found string
		sums                []layout.Sum
		transform, match    string
		text                string // is in the words
	}{
		{"line ends", advisory, lf, nil, envelope.LFToCRLF, "", converted},
		{"line ends, digested afterwards", advisory, lf, sums(lf), envelope.LFToCRLF, "match", "it was the publisher or the mirror who converted it: tell them"},
		{"line ends, digested before", advisory, lf, sums(advisory), envelope.LFToCRLF, "differ", "the file was converted on its way to you"},
		{"line ends, digests of another", advisory, lf, sums("x"), envelope.LFToCRLF, "differ", "it fits neither"},
		{"line ends back", lf, advisory, nil, envelope.CRLFToLF, "", "signed with LF line ends"},
		{"final newline added", "{}", "{}\n", nil, envelope.FinalNewlineRemoved, "", "signed without the line end at its end"},
		{"final newline lost", "{}\n", "{}", nil, envelope.FinalNewlineAdded, "", "signed with a line end at its end"},
		{"line ends and newline", "{\r\n}", "{\n}\n", nil, envelope.LFToCRLFNoNewline, "", "none behind its last line"},
		{"BOM", lf, "\ufeff" + lf, nil, envelope.BOMRemoved, "", "byte order mark"},
		{"mojibake", lf, strings.NewReplacer("ü", "Ã¼", "ß", "ÃŸ", "–", "â€“").Replace(lf), nil, envelope.MojibakeUndone, "", "Windows-1252"},
		{"HTML", lf, strings.NewReplacer("<", "&lt;", "&", "&amp;", `"`, "&quot;").Replace(lf), nil, envelope.HTMLUndone, "", "web page"},
		{"quoted-printable", lf, strings.NewReplacer("=", "=3D", "ü", "=C3=BC").Replace(lf), nil, envelope.QuotedPrintableUndone, "", "quoted-printable"},
		{"quoted", lf, "> " + strings.ReplaceAll(strings.TrimSuffix(lf, "\n"), "\n", "\n> ") + "\n", nil, envelope.QuotingRemoved, "", "a reply that quotes it"},
		{"altered", lf, strings.Replace(lf, "Grüße", "Gruß", 1), nil, "", "", "the document was altered after it was signed, or the signature is that of another revision"},
		{"altered, digested afterwards", lf, lf + "x", sums(lf + "x"), "", "match", "these are the bytes that were published, with a signature of others"},
		{"altered, digested before", lf, lf + "x", sums(lf), "", "differ", revised},
		{"revised", lf, lf + "x", sums("another"), "", "differ", revised},
		{"one of two digests fits", lf, lf + "x", append(sums(lf)[:1], sums(lf + "x")[1]), "", "differ", revised},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := verify.Document{Name: "a.json", Original: []byte(test.found), Signature: s.sign(test.signed), Sums: test.sums}
			got := s.judge.Document(doc)
			if got.Verdict != layout.Bad || got.Texts() != nil {
				t.Fatalf("got %s and texts %q, want bad and none", got.Verdict, got.Texts())
			}
			d := got.Diagnosis
			if d.Transform != test.transform || d.Sums != test.match || !strings.Contains(d.Text, test.text) {
				t.Errorf("got %q, sums %q, %q, want %q, %q, …%q…", d.Transform, d.Sums, d.Text, test.transform, test.match, test.text)
			}
			want := test.signed
			if test.transform == "" {
				want = ""
			}
			if string(d.Original) != want {
				t.Errorf("got the original %q, want %q", d.Original, want)
			}
			if want == "" {
				return
			}
			// What is called the original is what the key signed.
			doc.Original = d.Original
			if again := s.judge.Document(doc); again.Verdict != layout.Valid {
				t.Errorf("the original is %s", again.Verdict)
			}
		})
	}
}

func TestDiagnoseMessage(t *testing.T) {
	s := newPublisher(t)
	const text = "Grüße\n\nFrom here on\n- --x = <y>\n"
	signed := s.clear(text)
	altered := strings.Replace(signed, "Grüße", "Gruß", 1)
	quote := func(doc string) string {
		return "> " + strings.ReplaceAll(strings.TrimSuffix(doc, "\n"), "\n", "\n> ") + "\n"
	}
	printable := strings.NewReplacer("=", "=3D", "ü", "=C3=BC")
	for _, test := range []struct {
		name, found string
		verdict     layout.Verdict
		transform   string
		text        string // is in the words; empty where there is no diagnosis
	}{
		{"blank line added", strings.Replace(signed, "<y>\n", "<y>\n\n", 1), layout.Bad, envelope.FinalNewlineRemoved, "get the message as it was sent"},
		{"mailbox", strings.Replace(signed, "\n- From", "\n>From", 1), layout.Bad, envelope.FromUnescaped, "a mailbox"},
		{"mojibake", strings.NewReplacer("ü", "Ã¼", "ß", "ÃŸ").Replace(signed), layout.Bad, envelope.MojibakeUndone, "Windows-1252"},
		{"Windows-1252", strings.NewReplacer("ü", "\xfc", "ß", "\xdf").Replace(signed), layout.Bad, envelope.Windows1252ToUTF8, "Windows-1252"},
		{"HTML", strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(signed), layout.Bad, envelope.HTMLUndone, "web page"},
		{"altered", altered, layout.Bad, "", "the text was altered after it was signed, and by none of the usual conversions"},
		{"quoted", quote(signed), layout.Unsigned, envelope.QuotingRemoved, "a reply that quotes it: get the message as it was sent"},
		{"quoted and altered", quote(altered), layout.Unsigned, "", "it seems that a message in it was signed without"},
		{"a reply", "From: a@example.org\nSubject: Re: x\n\nThey wrote:\n" + quote(signed) + "So what?\n", layout.Unsigned, envelope.QuotingRemoved, "a reply that quotes it"},
		{"indented", "They wrote:\n\t" + strings.ReplaceAll(signed, "\n", "\n\t"), layout.Unsigned, envelope.IndentationRemoved, "blanks before each line"},
		{"raw quoted-printable", printable.Replace(signed), layout.Malformed, envelope.QuotedPrintableUndone, "quoted-printable"},
		{"six dashes", "-" + signed, layout.Unsigned, envelope.ExtraDashRemoved, "a sixth was added"},
		{"frame taken off", "- -----\ntext\n- -----\n", layout.Unsigned, "", "its first line and its signature were taken off"},
		{"unsigned", "PGP is in it, and a & b = c\n- a list\n", layout.Unsigned, "", ""},
		{"broken", strings.Replace(signed, "Hash: ", "Hash:", 1), layout.Malformed, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := s.judge.Document(verify.Document{Original: []byte(test.found)})
			if got.Verdict != test.verdict || got.Texts() != nil {
				t.Fatalf("got %s %q, want %s", got.Verdict, got.Reasons, test.verdict)
			}
			d := got.Diagnosis
			if test.text == "" {
				if d != nil {
					t.Errorf("got %+v, want no diagnosis", d)
				}
				return
			}
			if d == nil || d.Transform != test.transform || d.Sums != "" || !strings.Contains(d.Text, test.text) {
				t.Fatalf("got %+v, want %q and …%q…", d, test.transform, test.text)
			}
			if d.Original == nil {
				return
			}
			if again := s.judge.Document(verify.Document{Original: d.Original}); again.Verdict != layout.Valid {
				t.Errorf("the original is %s", again.Verdict)
			}
		})
	}
}

// A text in which every change may have happened is tried for the likely ones,
// twelve of them.
func TestDiagnoseTriesTheLikely(t *testing.T) {
	s := newPublisher(t)
	found := ">From é\u00a0&amp; =3D \r\n> a\n> b\n"
	count := 0
	for name, original := range envelope.Variants([]byte(found), true) {
		count++
		want := name
		if count > 12 {
			want = ""
		}
		got := s.judge.Document(verify.Document{Original: []byte(found), Signature: s.sign(string(original))})
		if got.Diagnosis.Transform != want {
			t.Errorf("change %d: got %q, want %q", count, got.Diagnosis.Transform, want)
		}
	}
	if count < 13 {
		t.Errorf("got %d changes, want more than are tried", count)
	}
}

// What is valid has no diagnosis, whatever stands beside it.
func TestDiagnoseNothing(t *testing.T) {
	s := newPublisher(t)
	got := s.judge.Document(verify.Document{Original: []byte(advisory), Signature: s.sign(advisory), Sums: sums("x")})
	if got.Verdict != layout.Valid || got.Diagnosis != nil {
		t.Errorf("got %s and %+v, want valid and no diagnosis", got.Verdict, got.Diagnosis)
	}
}

// TestDiagnoseRealDocuments looks at the bad documents of the table whose cause
// is known.
func TestDiagnoseRealDocuments(t *testing.T) {
	dir := signedDir(t)
	for _, test := range []struct{ name, transform, sums string }{
		{"icsa-26-022-07.json", envelope.LFToCRLF, "match"},
		{"icsa-26-015-03.json", envelope.LFToCRLF, "match"},
		{"icsa-26-022-04.json", envelope.LFToCRLF, "match"},
		{"icsa-25-191-10.json", envelope.FinalNewlineRemoved, "differ"},
		{"icsa-24-032-01.json", "", "differ"},
		{"icsa-25-148-04.json", "", "differ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys := ring(t, dir, "keys/cisa-csaf-signing.asc")
			judge := &verify.Judge{Keys: keys, Pins: verify.PinAll(keys, false), Clock: clock(noon)}
			e := expectation{document: "cisa-csaf-mirror-bad/" + test.name, signature: "cisa-csaf-mirror-bad/" + test.name + ".asc"}
			doc := e.read(t, dir)
			got := judge.Document(doc)
			if got.Verdict != layout.Bad {
				t.Fatalf("got %s", got.Verdict)
			}
			d := got.Diagnosis
			if d.Transform != test.transform || d.Sums != test.sums {
				t.Errorf("got %q, %q, want %q, %q: %s", d.Transform, d.Sums, test.transform, test.sums, d.Text)
			}
			if test.transform == "" {
				return
			}
			doc.Original = d.Original
			if again := judge.Document(doc); again.Verdict != layout.Valid {
				t.Errorf("the original is %s", again.Verdict)
			}
		})
	}
}

// The largest documents with the most signatures are not looked into for each.
func TestDiagnoseIsBounded(t *testing.T) {
	s := newPublisher(t)
	lf := bytes.Repeat([]byte("0123456789abcdef\n"), envelope.MaxDocument/17)
	one, err := envelope.Dearmor(s.sign(strings.ReplaceAll(string(lf), "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	got := s.judge.Document(verify.Document{Original: lf, Signature: bytes.Repeat(one, 24)})
	if got.Verdict != layout.Bad || len(got.Parts) != 24 {
		t.Fatalf("got %s and %d parts, want bad and 24", got.Verdict, len(got.Parts))
	}
	found := 0
	for _, p := range got.Parts {
		if p.Diagnosis.Transform == envelope.LFToCRLF {
			found++
		} else if want := "too large"; !strings.Contains(p.Diagnosis.Text, want) {
			t.Errorf("got %q, want …%s…", p.Diagnosis.Text, want)
		}
	}
	if found == 0 || found > 12 {
		t.Errorf("looked into %d signatures, want some and 12 at most", found)
	}
}
