package verify_test

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/verify"
	"patchferry/verify/envelope"
)

// modernPublisher signs clear texts of today.
type modernPublisher struct {
	key   *oldPGP
	judge *verify.Judge
}

func newModern(t *testing.T) *modernPublisher {
	t.Helper()
	key := newOldRSA(t, 4, 2048)
	ring := key.ring(key.certify(sig{version: 4, digest: crypto.SHA256, at: year1998, area: sub(27, 3)}))
	return &modernPublisher{key: key, judge: csaf(ring)}
}

func (p *modernPublisher) sign(text string) []byte {
	packet := p.key.sign(sig{version: 4, kind: 1, digest: crypto.SHA256, at: year1998}, crlf(text))
	escaped := text
	if strings.HasPrefix(text, "-") {
		escaped = "- " + text
	}
	return clearSigned("Hash: SHA256\n", strings.ReplaceAll(escaped, "\n-", "\n- -"), packet)
}

func (p *modernPublisher) verdict(doc []byte) *verify.Judgement {
	return p.judge.Document(verify.Document{Original: doc})
}

func texts(j *verify.Judgement) []string {
	var out []string
	for _, text := range j.Texts() {
		out = append(out, string(text.Body))
	}
	return out
}

// TestS15Malformed checks what is no block of signatures at all.
func TestS15Malformed(t *testing.T) {
	p := newModern(t)
	good := p.key.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc)
	wantVerdict(t, p.judge.Document(verify.Document{Original: doc, Signature: good}), layout.Valid)
	armored := wrapped("SIGNATURE", good)
	for name, signature := range map[string][]byte{
		"empty":             {},
		"blank":             []byte(" \n"),
		"text":              []byte("no signature\n"),
		"HTML":              []byte("<!DOCTYPE html><title>404</title>"),
		"truncated":         good[:len(good)-1],
		"one byte":          good[:1],
		"garbage behind":    append(slices.Clone(good), 0),
		"garbage packet":    slices.Concat(good, packetOf(13, []byte("name"))),
		"garbage before":    slices.Concat(packetOf(10, []byte("PGP")), good),
		"a key":             wrapped("PUBLIC KEY BLOCK", p.key.public()),
		"armor cut":         armored[:len(armored)/2],
		"text behind armor": append(slices.Clone(armored), "text\n"...),
		"two blocks":        slices.Concat(armored, armored),
		"65 signatures":     slices.Repeat(good, 65),
		"length of 4 GiB":   {0xc2, 0xff, 0xff, 0xff, 0xff, 0xff, 4},
		"no definite end":   {0x8b, 4, 0},
		"empty packet":      packetOf(2, nil),
		"v3, cut":           packetOf(2, []byte{3, 5, 0, 1, 2}),
		"v3, long header":   packetOf(2, append([]byte{3, 6}, make([]byte, 40)...)),
	} {
		t.Run(name, func(t *testing.T) {
			wantVerdict(t, p.judge.Document(verify.Document{Original: doc, Signature: signature}), layout.Malformed)
		})
	}
	if got := p.judge.Document(verify.Document{Original: doc, Signature: slices.Repeat(good, 64)}); got.Verdict != layout.Valid {
		t.Errorf("64 signatures: got %s %q", got.Verdict, got.Reasons)
	}
}

// TestFrames checks the cases S16 to S20: where in a document signed text
// stands, and that no other text comes out.
func TestFrames(t *testing.T) {
	p := newModern(t)
	stranger := newModern(t)
	block, second := p.sign("one\n- two\nthree"), p.sign("second")
	altered := bytes.Replace(block, []byte("three"), []byte("throe"), 1)
	foreign := stranger.sign("stranger")
	outer := func(inner []byte) []byte { return p.sign(strings.TrimSuffix(string(inner), "\n")) }
	const one = "one\n- two\nthree"
	for _, test := range []struct {
		name       string
		doc        []byte
		want       layout.Verdict
		qualifiers string
		texts      []string
	}{
		{"alone", block, layout.Valid, "", []string{one}},
		{"CRLF", bytes.ReplaceAll(block, []byte("\n"), []byte("\r\n")), layout.Valid, "", []string{one}},
		{"BOM", append([]byte("\ufeff"), block...), layout.Valid, "", []string{one}},
		{"blanks added", bytes.Replace(block, []byte("three"), []byte("three \t"), 1), layout.Valid, "", []string{one}},
		{"altered", altered, layout.Bad, "", nil},
		{"S16 six dashes", append([]byte("-"), block...), layout.Unsigned, "", nil},
		{"S17 signature cut off", block[:bytes.Index(block, []byte("-----BEGIN PGP SIGNATURE"))], layout.Malformed, "", nil},
		{"S17 no frame left", []byte("one\n- - two\nthree\n"), layout.Unsigned, "", nil},
		{"S18 two blocks", slices.Concat(block, second), layout.Valid, "multiple-blocks", []string{one, "second"}},
		{"S18 good, bad", slices.Concat(second, altered), layout.Bad, "multiple-blocks", nil},
		{"S18 bad, good", slices.Concat(altered, second), layout.Bad, "multiple-blocks", nil},
		{"S18 good, unknown", slices.Concat(second, foreign), layout.Valid, "multiple-blocks", []string{"second"}},
		{"S19 good in good", outer(block), layout.Valid, "", []string{strings.TrimSuffix(string(block), "\n"), one}},
		{"S19 bad in good", outer(altered), layout.Bad, "", nil},
		{"S19 good in bad", bytes.Replace(outer(block), []byte("- -----END"), []byte("x\n- -----END"), 1), layout.Bad, "", nil},
		{"S19 good in altered", bytes.Replace(outer(append([]byte("top\n"), block...)), []byte("top"), []byte("tip"), 1), layout.Bad, "", nil},
		{"S19 unknown in good", outer(foreign), layout.Valid, "", []string{strings.TrimSuffix(string(foreign), "\n")}},
		{"S19 good in unknown", stranger.sign(strings.TrimSuffix(string(block), "\n")), layout.Valid, "", []string{one}},
		{"S20 text around", slices.Concat([]byte("before\n"), block, []byte("after\n")), layout.Valid, "extra-text", []string{one}},
		{"S24 NUL", bytes.Replace(block, []byte("three"), []byte("thr\x00e"), 1), layout.Malformed, "", nil},
		{"S24 form feed", bytes.Replace(block, []byte("three"), []byte("three\f"), 1), layout.Malformed, "", nil},
		{"S24 vertical tab", bytes.Replace(block, []byte("three"), []byte("three\v"), 1), layout.Bad, "", nil},
		{"nothing", nil, layout.Unsigned, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := p.verdict(test.doc)
			if got.Verdict != test.want {
				t.Fatalf("got %s %q, want %s", got.Verdict, got.Reasons, test.want)
			}
			if q := strings.Join(got.Qualifiers, ","); q != test.qualifiers {
				t.Errorf("got the qualifiers %q, want %q", q, test.qualifiers)
			}
			if !slices.Equal(texts(got), test.texts) {
				t.Errorf("got the texts %q, want %q", texts(got), test.texts)
			}
			if got.FileSHA256 != layout.DigestOf(test.doc) {
				t.Error("the digest of the file is wrong")
			}
		})
	}
}

// TestS22Size checks the limit of a document.
func TestS22Size(t *testing.T) {
	p := newModern(t)
	whole := bytes.Repeat([]byte("x"), envelope.MaxDocument+1)
	for n, want := range map[int]layout.Verdict{envelope.MaxDocument: layout.Valid, envelope.MaxDocument + 1: layout.Unsupported} {
		packet := p.key.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, whole[:n])
		wantVerdict(t, p.judge.Document(verify.Document{Original: whole[:n], Signature: packet}), want)
	}
	wantVerdict(t, p.verdict(whole), layout.Unsupported)
}

// TestManySignatures checks that the limit is one of the whole document.
func TestManySignatures(t *testing.T) {
	p := newModern(t)
	packet := p.key.sign(sig{version: 4, kind: 1, digest: crypto.SHA256, at: year1998}, []byte("text"))
	block := clearSigned("Hash: SHA256\n", "text", slices.Repeat(packet, 33))
	wantVerdict(t, p.verdict(slices.Concat(block, block)), layout.Malformed, "multiple-blocks")
}

// TestS23LineEnds checks that lines end as gpgv has it.
func TestS23LineEnds(t *testing.T) {
	p := newModern(t)
	block := string(p.sign("one\ntwo"))
	for body, want := range map[string]layout.Verdict{
		"one\r\ntwo":   layout.Valid, // mixed with the LF of the frame
		"one\r\r\ntwo": layout.Valid, // a carriage return is a blank (RFC 9580 section 7.2)
		"one\rtwo":     layout.Bad,
		"one\n\ntwo":   layout.Bad,
	} {
		got := p.verdict([]byte(strings.Replace(block, "one\ntwo", body, 1)))
		if got.Verdict != want {
			t.Errorf("%q: got %s %q, want %s", body, got.Verdict, got.Reasons, want)
		}
		if got.Verdict == layout.Valid && texts(got)[0] != "one\ntwo" {
			t.Errorf("%q: got the text %q", body, texts(got)[0])
		}
	}
}

// TestS28NoKeys checks that a signature and no key is not valid.
func TestS28NoKeys(t *testing.T) {
	p := newModern(t)
	packet := p.key.sign(sig{version: 4, digest: crypto.SHA256, at: year1998}, doc)
	for _, profile := range []verify.Profile{"", verify.ProfileCSAF, verify.ProfileHistorical, verify.ProfileBundle} {
		empty := &verify.Judge{Profile: profile}
		got := empty.Document(verify.Document{Original: doc, Signature: packet})
		wantVerdict(t, got, layout.UnknownKey)
		if want := fmt.Sprintf("%X", p.key.id()); got.Issuer != want {
			t.Errorf("got the issuer %s, want %s", got.Issuer, want)
		}
		unpinned := &verify.Judge{Keys: p.judge.Keys, Profile: profile, Clock: clock(noon)}
		wantVerdict(t, unpinned.Document(verify.Document{Original: doc, Signature: packet}), layout.Unpinned)
	}
}
