package verify_test

import (
	"bytes"
	"errors"
	"testing"

	"patchferry/verify"
)

var state = []byte("{\n  \"format\": \"patchferry-state\",\n  \"why\": \"– a dash –\"\n}\n")

func TestClearSignedTextComesBack(t *testing.T) {
	key := newKey(t, "site")
	trust := trusting(t, verify.PurposeSite, key)
	for name, text := range map[string]string{
		"state":          string(state),
		"one line":       "{}\n",
		"dashes":         "- a\n-- b\n-----BEGIN PGP SIGNATURE-----\nFrom me\n",
		"empty lines":    "\n\nx\n\n\n",
		"leading blanks": "  x\n\ty\n",
		"not ASCII":      "Größe 大小 \u2028\n",
		"not UTF-8":      "\xff\xfe\n",
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := key.ClearSign([]byte(text), noon)
			if err != nil {
				t.Fatal(err)
			}
			got, err := trust.OpenClear(doc, verify.PurposeSite)
			if err != nil {
				t.Fatalf("%v\n%s", err, doc)
			}
			if string(got.Text) != text {
				t.Errorf("got text %q, want %q", got.Text, text)
			}
			if got.Fingerprint != key.Fingerprint() || got.Algorithm != "ed25519" || got.Hash != "SHA512" || !got.SignedAt.Time().Equal(noon) {
				t.Errorf("got signer %+v", got.Signer)
			}
		})
	}
}

func TestEveryAlteredByteIsRefused(t *testing.T) {
	key := newKey(t, "site")
	trust := trusting(t, verify.PurposeSite, key)
	doc, err := key.ClearSign(state, noon)
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(doc)
	for i := range doc {
		for b := range 256 {
			if byte(b) == doc[i] {
				continue
			}
			altered[i] = byte(b)
			got, err := trust.OpenClear(altered, verify.PurposeSite)
			if err == nil {
				t.Errorf("byte %d of %d changed from %q to %#x: accepted with text %q", i, len(doc), doc[i], b, got.Text)
			} else if !errors.Is(err, verify.ErrUntrusted) {
				t.Errorf("byte %d changed to %#x: got %v, want an error that matches ErrUntrusted", i, b, err)
			}
		}
		altered[i] = doc[i]
	}
}
