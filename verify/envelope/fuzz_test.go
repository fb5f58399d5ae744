package envelope_test

import (
	"bytes"
	"strings"
	"testing"

	"patchferry/verify/envelope"
)

// FuzzOpen holds that no part says what stands outside of a block: put back
// into its frame, a part is found in the document, byte for byte.
func FuzzOpen(f *testing.F) {
	one := begin + "Hash: SHA1\n\none\n- -two\r\n" + signature
	for _, seed := range []string{
		one, "x\n" + one + one + "y", begin + "\n" + escape(one) + signature, "\ufeff" + one,
		strings.ReplaceAll(one, "\n", "\r\n"), begin + "NotDashEscaped: x\n\none\n" + signature,
		"> " + strings.ReplaceAll(one, "\n", "\n> "), "-" + one, begin + "\na\f\n" + signature,
		"From: a@example.com\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\n" + one,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		given := bytes.Clone(doc)
		parts, err := envelope.Open(doc)
		if !bytes.Equal(doc, given) {
			t.Fatal("the document was changed")
		}
		if err != nil && parts != nil {
			t.Fatalf("got parts and %v", err)
		}
		if envelope.IsMailbox(doc) || bytes.Contains(bytes.ToLower(doc), []byte("content-")) {
			return // its text is encoded: see FuzzLeaves
		}
		for _, p := range parts {
			checkPart(t, doc, p, 1)
		}
	})
}

func checkPart(t *testing.T, doc []byte, p envelope.Part, depth int) {
	t.Helper()
	if depth > envelope.MaxDepth {
		t.Fatal("parts are too deep")
	}
	if p.Err != nil {
		if p.Body != nil || p.Text != nil || p.Armor != nil || p.Inner != nil {
			t.Fatalf("a part has the error %v and text: %+v", p.Err, p)
		}
		return
	}
	if p.Form != envelope.Clear {
		return
	}
	if !bytes.Equal(p.Body, p.Text) {
		t.Fatalf("got text %q of %q", p.Text, p.Body)
	}
	if !framed(doc, p) {
		t.Fatalf("%q is not in a block of %q", p.Body, doc)
	}
	if _, err := envelope.Dearmor(p.Armor); err != nil {
		t.Fatalf("the armor of a part: %v", err)
	}
	for _, inner := range p.Inner {
		checkPart(t, p.Body, inner, depth+1)
	}
}

// framed reports whether a document has the text of a part, and its signature
// right behind it, between the marker of a message and that of a signature. It
// reads in the other direction than Open: from the signature back, line by
// line.
func framed(doc []byte, p envelope.Part) bool {
	lines := bytes.Split(doc, []byte("\n"))
	body := bytes.Split(p.Body, []byte("\n"))
	armor := bytes.Split(p.Armor, []byte("\n"))
	for i := range lines {
		if i < len(body)+1 || !fits(lines[i:], armor, false) {
			continue
		}
		if fits(lines[i-len(body):i], body, true) && opens(lines[:i-len(body)]) {
			return true
		}
		// An empty text may have no line at all.
		if len(p.Body) == 0 && opens(lines[:i]) {
			return true
		}
	}
	return false
}

// fits reports whether lines begin with those of a text, escaped or not; of the
// last line a carriage return may be missing.
func fits(lines, text [][]byte, escapes bool) bool {
	if len(lines) < len(text) {
		return false
	}
	for i, want := range text {
		got := lines[i]
		if escapes {
			got = bytes.TrimPrefix(got, []byte("- "))
		}
		last := i == len(text)-1 && string(got) == string(want)+"\r"
		if !last && !bytes.Equal(got, want) {
			return false
		}
	}
	return true
}

// opens reports whether lines end in the marker of a message, Hash headers and
// a blank line.
func opens(lines [][]byte) bool {
	if len(lines) < 2 || len(bytes.TrimSpace(lines[len(lines)-1])) > 0 {
		return false
	}
	for i := len(lines) - 2; i >= 0; i-- {
		line := string(bytes.TrimRight(lines[i], " \t\r"))
		if i == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line+"\n" == begin {
			return true
		}
		if !strings.HasPrefix(line, "Hash: ") {
			return false
		}
	}
	return false
}
