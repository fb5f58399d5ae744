package envelope_test

import (
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
	const begin = "-----BEGIN PGP SIGNED MESSAGE-----\n"
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
