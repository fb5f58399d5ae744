package envelope_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"patchferry/verify/envelope"
)

// signature is well-formed armor; what is within is of no interest here.
const signature = `-----BEGIN PGP SIGNATURE-----
Version: 2.6.2

aGVsbG8sIHdvcmxk
=dfop
-----END PGP SIGNATURE-----
`

func TestOpen(t *testing.T) {
	part := func(where, body string, extra bool, hashes ...string) envelope.Part {
		return envelope.Part{
			Where: where, Body: []byte(body), Text: []byte(body), Hashes: hashes, Extra: extra,
			Armor: []byte(strings.TrimSuffix(signature, "\n")),
		}
	}
	within := func(outer envelope.Part, inner ...envelope.Part) envelope.Part {
		outer.Inner = inner
		return outer
	}
	one := begin + "Hash: SHA1\n\none\n" + signature
	two := begin + "\ntwo\n" + signature
	for _, test := range []struct {
		name, doc string
		want      []envelope.Part
	}{
		{"nothing", "", nil},
		{"text", "Hello\n", nil},
		{"OpenPGP", one, []envelope.Part{part("", "one", false, "SHA1")}},
		{"PGP 2", two, []envelope.Part{part("", "two", false)}},
		{"a list of digests", begin + "Hash: SHA1, SHA256,SHA512\nHash: MD5\n\none\n" + signature,
			[]envelope.Part{part("", "one", false, "SHA1", "SHA256", "SHA512", "MD5")}},
		{"no text", begin + "\n" + signature, []envelope.Part{part("", "", false)}},
		{"an empty line", begin + "\n\n" + signature, []envelope.Part{part("", "", false)}},
		{"two empty lines", begin + "\n\n\n" + signature, []envelope.Part{part("", "\n", false)}},
		{"CRLF", begin + "\r\none\r\ntwo\r\n" + signature, []envelope.Part{part("", "one\r\ntwo", false)}},
		{"trailing blanks", begin + "\none \t\ntwo \t\n" + signature, []envelope.Part{part("", "one \t\ntwo \t", false)}},
		{"escapes", begin + "\n- -----\n- From x\n- - x\n-x\n-\n- \n" + signature,
			[]envelope.Part{part("", "-----\nFrom x\n- x\n-x\n-\n", false)}},
		{"blank lines around", "\n \n" + one + "\r\n\n", []envelope.Part{part("", "one", false, "SHA1")}},
		{"BOM", "\ufeff" + one, []envelope.Part{part("", "one", false, "SHA1")}},
		{"text before", "x\n" + one, []envelope.Part{part("block 1", "one", true, "SHA1")}},
		{"text after", one + "x", []envelope.Part{part("block 1", "one", true, "SHA1")}},
		{"two blocks", one + two, []envelope.Part{part("block 1", "one", false, "SHA1"), part("block 2", "two", false)}},
		{"two blocks and text", one + "x\n" + two, []envelope.Part{part("block 1", "one", true, "SHA1"), part("block 2", "two", true)}},
		{"nested", begin + "\n" + escape("before\n"+one+two+"after\n") + signature,
			[]envelope.Part{within(part("", "before\n"+one+two+"after", false),
				part("inside, block 1", "one", false, "SHA1"), part("inside, block 2", "two", false))}},
		{"nested, after another", two + begin + "\n" + escape(one) + signature, []envelope.Part{
			part("block 1", "two", false),
			within(part("block 2", strings.TrimSuffix(one, "\n"), false), part("block 2, inside", "one", false, "SHA1")),
		}},
		{"a line as long as may be", begin + "\n" + strings.Repeat("x", envelope.MaxLine) + "\n" + signature,
			[]envelope.Part{part("", strings.Repeat("x", envelope.MaxLine), false)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := envelope.Open([]byte(test.doc))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateErrors()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A block that cannot be read is a part with an error and without text, and
// those around it are found.
func TestOpenBroken(t *testing.T) {
	one := begin + "Hash: SHA1\n\none\n" + signature
	for _, test := range []struct {
		name, doc string
		want      []string // the text or the error of each part
	}{
		{"a line too long", begin + "\n" + strings.Repeat("x", envelope.MaxLine+1) + "\n" + signature,
			[]string{"a signed message has a line of more than 19995 bytes, which other programs cut"}},
		{"begun again in the text", begin + "\ntext\n" + one,
			[]string{`a signed message is broken off by the line "-----BEGIN PGP SIGNED MESSAGE-----"`, "one"}},
		{"begun again in the headers", begin + one,
			[]string{`a signed message has a header other than Hash, or no blank line before its text: "-----BEGIN PGP SIGNED MESSAGE-----"`, "one"}},
		{"begun again in the signature", begin + "\ntext\n" + sig + one,
			[]string{`a signature is broken off by the line "-----BEGIN PGP SIGNED MESSAGE-----"`, "one"}},
		{"cut in the headers", one + begin + "Hash: SHA1\n", []string{"one", "a signed message ends within its headers"}},
		{"cut in the text", one + begin + "\nx", []string{"one", "a signed message has no signature"}},
		{"cut in the signature", one + begin + "\nx\n" + sig, []string{"one", "a signature has no END line"}},
		{"too many digests", begin + "Hash: SHA1" + strings.Repeat(",SHA1", 32) + "\n\nx\n" + signature,
			[]string{"a signed message names more than 32 digests"}},
		{"zero byte", begin + "\na\x00b\n" + signature + one, []string{"a signed message has a zero byte", "one"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts, err := envelope.Open([]byte(test.doc))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range parts {
				if p.Err != nil {
					got = append(got, p.Err.Error())
					if p.Body != nil || p.Text != nil || p.Armor != nil || p.Inner != nil {
						t.Errorf("a part has the error %v and text: %+v", p.Err, p)
					}
					continue
				}
				got = append(got, string(p.Body))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenLimits(t *testing.T) {
	one := begin + "\none\n" + signature
	nest := func(depth int) string {
		doc := "text\n"
		for range depth {
			doc = begin + "\n" + escape(doc) + signature
		}
		return doc
	}
	for _, test := range []struct {
		name, doc, want string // want is the error, or empty
	}{
		{"as large as may be", one + strings.Repeat("x", envelope.MaxDocument-len(one)), ""},
		{"larger", one + strings.Repeat("x", envelope.MaxDocument-len(one)+1), "the document has more than 4194304 bytes"},
		{"as many as may be", strings.Repeat(one, envelope.MaxParts), ""},
		{"more", strings.Repeat(one, envelope.MaxParts+1), "the document has more than 64 signed parts"},
		{"more that are broken", strings.Repeat(begin, envelope.MaxParts+1), "the document has more than 64 signed parts"},
		{"more within", begin + "\n" + escape(strings.Repeat(one, envelope.MaxParts)) + signature, "the document has more than 64 signed parts"},
		{"as deep as may be", nest(envelope.MaxDepth), ""},
		{"deeper", nest(envelope.MaxDepth + 1), "signed texts stand within one another more than 4 deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := envelope.Open([]byte(test.doc))
			if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// escape escapes a text as a signer does.
func escape(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "From ") {
			b.WriteString("- ")
		}
		b.WriteString(line)
	}
	return b.String()
}
