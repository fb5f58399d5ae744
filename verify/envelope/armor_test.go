package envelope_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"patchferry/verify/envelope"
)

func TestDearmor(t *testing.T) {
	change := func(old, with string) string { return edit(t, signature, old, with) }
	const foot = "-----END PGP SIGNATURE-----"
	for _, test := range []struct {
		name, file, want string // want is the error, or empty
	}{
		{"untouched", signature, ""},
		{"CRLF", strings.ReplaceAll(signature, "\n", "\r\n"), ""},
		{"no final newline", strings.TrimSuffix(signature, "\n"), ""},
		{"blank lines around", "\n \r\n" + signature + "\n\n", ""},
		{"BOM", "\ufeff" + signature, ""},
		{"blanks behind lines", strings.ReplaceAll(signature, "\n", " \t\n"), ""},
		{"no headers", change("Version: 2.6.2\n", ""), ""},
		{"no checksum", change("=dfop\n", ""), ""},
		{"bits left over", change("aGVsbG8sIHdvcmxk\n=dfop\n", "aGVsbG8sIHdvcmxkAB==\n"), ""},
		{"PGP 2", strings.ReplaceAll(signature, "PGP SIGNATURE", "PGP MESSAGE"), ""},
		{"PGP 2 begun only", change("PGP SIGNATURE", "PGP MESSAGE"), `the signature does not end with the line "-----END PGP MESSAGE-----"`},
		{"a key", strings.ReplaceAll(signature, "PGP SIGNATURE", "PGP PUBLIC KEY BLOCK"), `the signature does not begin with the line "-----BEGIN PGP SIGNATURE-----"`},
		{"a clear-signed message", begin + "\nx\n" + signature, "the signature is a signed message of its own, and none of another file"},
		{"empty", "", "the signature is empty"},
		{"blank", "\ufeff \r\n\n", "the signature is empty"},
		{"nothing within", sig + "\n" + end, "the signature is empty"},
		{"a checksum of nothing", sig + "\n=twTO\n" + end, "the signature is empty"},
		{"nothing but headers", sig + "Version: 1\n" + end, "the signature is empty"},
		{"one line", sig, `the signature does not end with the line "-----END PGP SIGNATURE-----"`},
		{"cut", strings.TrimSuffix(signature, foot+"\n"), `the signature does not end with the line "-----END PGP SIGNATURE-----"`},
		{"text before", "x\n" + signature, `the signature does not begin with the line "-----BEGIN PGP SIGNATURE-----"`},
		{"text after", signature + "x\n", `the signature does not end with the line "-----END PGP SIGNATURE-----"`},
		{"HTML", "<!DOCTYPE html>\n<title>404</title>\n", `the signature does not begin with the line "-----BEGIN PGP SIGNATURE-----"`},
		{"two blocks", signature + signature, "the signature goes on behind its checksum"},
		{"a wrong checksum", change("=dfop", "=dfoq"), "the checksum of the signature is wrong"},
		{"text behind the checksum", change("=dfop\n", "=dfop\naGVs\n"), "the signature goes on behind its checksum"},
		{"two checksums", change("=dfop\n", "=dfop\n=dfop\n"), "the signature goes on behind its checksum"},
		{"no blank line", change("2.6.2\n\n", "2.6.2\n"), `the signature has no blank line before "aGVsbG8sIHdvcmxk"`},
		{"a header of two words", change("Version:", "Version of:"), `the signature has no blank line before "Version of: 2.6.2"`},
		{"a header without a blank", change("Version: ", "Version:"), `the signature has no blank line before "Version:2.6.2"`},
		{"other characters", change("aGVs", "+aG\u2019Vs"), "the signature is not base64: illegal base64 data at input byte 3"},
		{"carriage return within", change("aGVs", "aG\rVs"), "the signature has a carriage return within a line"},
		{"a line too long", change("2.6.2", strings.Repeat("2", 1000)), "a line of the signature has more than 998 bytes"},
		{"too large", strings.Repeat("\n", envelope.MaxArmor) + signature, "the signature has more than 131072 bytes"},
		{"UTF-16", "\xff\xfe-\x00-\x00", "the signature is UTF-16 text; get the original file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := envelope.Dearmor([]byte(test.file))
			if err != nil || test.want != "" {
				if fmt.Sprint(err) != test.want || got != nil {
					t.Errorf("got %q, %v, want the error %q", got, err, test.want)
				}
				return
			}
			if !strings.HasPrefix(string(got), "hello, world") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestDearmorBinary(t *testing.T) {
	for _, want := range []string{"\x88\x01\n", "\xc2\x05-----", "\xca\x03PGP"} {
		got, err := envelope.Dearmor([]byte(want))
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func FuzzDearmor(f *testing.F) {
	f.Add([]byte(signature))
	f.Add([]byte("\xc2\x05hello"))
	f.Add([]byte(strings.ReplaceAll(signature, "\n", "\r\n")))
	f.Add([]byte(strings.ReplaceAll(signature, "PGP SIGNATURE", "PGP MESSAGE")))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := envelope.Dearmor(file)
		if err != nil {
			return
		}
		if file[0]&0x80 != 0 && string(got) == string(file) {
			return // binary
		}
		// Whatever was read is in the file and fills it.
		within := strings.ReplaceAll(string(file), " ", "")
		for _, blank := range []string{"\r", "\n", "\t"} {
			within = strings.ReplaceAll(within, blank, "")
		}
		text := base64.RawStdEncoding.EncodeToString(got)
		text = text[:len(text)-len(got)%3] // the last character may have bits left over
		if len(got) == 0 || !strings.Contains(within, text) {
			t.Errorf("got %q of %q", got, file)
		}
	})
}
