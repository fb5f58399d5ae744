package verify_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"patchferry/layout"
	"patchferry/verify"
)

func TestSums(t *testing.T) {
	s := newPublisher(t)
	sig := s.sign("another")
	small, large := sha256.Sum256([]byte(advisory)), sha512.Sum512([]byte(advisory))
	a, b := hex.EncodeToString(small[:]), hex.EncodeToString(large[:])
	other := strings.Repeat("0f", 32)
	wide := func(text string, swap bool) string {
		var out []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			pair := []byte{byte(u), byte(u >> 8)}
			if swap {
				pair[0], pair[1] = pair[1], pair[0]
			}
			out = append(out, pair...)
		}
		return string(out)
	}
	certutil := "SHA256 hash of a.json:\r\n" + a + "\r\nCertUtil: -hashfile command completed successfully.\r\n"
	var pairs []string
	for i := 0; i < len(b); i += 2 {
		pairs = append(pairs, b[i:i+2])
	}
	for _, test := range []struct{ name, text, want string }{
		{"alone", a, "match"},
		{"SHA-512", b + "\n", "match"},
		{"upper case", strings.ToUpper(b), "match"},
		{"one space", a + " a.json\n", "match"},
		{"two spaces", a + "  a.json\n", "match"},
		{"binary mark", a + " *a.json\n", "match"},
		{"a path", a + "  ./2024/a.json\n", "match"},
		{"a path of Windows", a + `  C:\csaf\a.json` + "\r\n", "match"},
		{"BSD", "SHA256 (a.json) = " + a + "\n", "match"},
		{"another name, alone", a + "  b.json\n", "match"},
		{"a BOM", "\ufeff" + a, "match"},
		{"certutil", certutil, "match"},
		{"certutil, UTF-16", wide(certutil, false), "match"},
		{"UTF-16, the other way", wide(certutil, true), "match"},
		{"certutil of old", "SHA512 hash of file a.json:\r\n" + strings.Join(pairs, " ") + "\r\n", "match"},
		{"among others", other + "  b.json\n" + a + "  a.json\n" + other + "  xa.json\n", "match"},
		{"wrong", other, "differ"},
		{"wrong among others", a + "  b.json\n" + other + "  a.json\n", "differ"},
		{"of others only", a + "  b.json\n" + a + "  xa.json\n", ""},
		{"HTML", "<html><body>" + a + "</body></html>", ""},
		{"empty", "", ""},
		{"too short", a[1:], ""},
		{"too long", a + "0", ""},
		{"another length", a + strings.Repeat("0", 32), ""},
		{"no digits", strings.Repeat("x", 64), ""},
		{"too large", strings.Repeat("\n", 1<<16) + a, ""},
		{"half of UTF-16", "\xff\xfe1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := verify.Document{Name: "a.json", Original: []byte(advisory), Signature: sig}
			doc.Sums = []layout.Sum{{Name: "a.json.sha", Text: []byte(test.text)}}
			got := s.judge.Document(doc)
			if got.Verdict != layout.Bad || got.Diagnosis.Sums != test.want {
				t.Errorf("got %s, sums %q, want bad, %q", got.Verdict, got.Diagnosis.Sums, test.want)
			}
		})
	}
}

// FuzzSums holds that a file of digests matches only where it has a digest of
// the document in it.
func FuzzSums(f *testing.F) {
	s := newPublisher(f)
	sig := s.sign("another")
	small, large := sha256.Sum256([]byte(advisory)), sha512.Sum512([]byte(advisory))
	f.Add(fmt.Appendf(nil, "%x  a.json\n", small))
	f.Add(fmt.Appendf(nil, "\xff\xfe%x", large))
	f.Add(fmt.Appendf(nil, "% X", small))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc := verify.Document{Name: "a.json", Original: []byte(advisory), Signature: sig, Sums: []layout.Sum{{Text: text}}}
		got := s.judge.Document(doc)
		if got.Verdict != layout.Bad {
			t.Fatalf("got %s", got.Verdict)
		}
		if got.Diagnosis.Sums != "match" {
			return
		}
		plain := strings.ToLower(string(text))
		for _, c := range []string{"\x00", " ", "\t", "\v", "\f", "\r", "\u0085", "\u00a0"} {
			plain = strings.ReplaceAll(plain, c, "")
		}
		if !strings.Contains(plain, hex.EncodeToString(small[:])) && !strings.Contains(plain, hex.EncodeToString(large[:])) {
			t.Errorf("%q matches", text)
		}
	})
}
