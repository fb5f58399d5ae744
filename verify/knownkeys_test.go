package verify_test

import (
	"strings"
	"testing"

	"patchferry/verify"
)

// TestDocumentedKeys holds the table to what can be said of each line: a
// fingerprint is one and ends in the key id; a misprint is none.
func TestDocumentedKeys(t *testing.T) {
	for _, k := range verify.DocumentedKeys() {
		name := k.Owner + ", " + k.Use
		if k.Owner == "" || k.Use == "" || k.Where == "" || len(k.KeyID) != 16 {
			t.Errorf("%s: got %+v, want owner, use, place and key id", name, k)
		}
		if k.Fingerprint != "" {
			if f, err := verify.ParseFingerprint(string(k.Fingerprint)); err != nil || f != k.Fingerprint {
				t.Errorf("%s: fingerprint %q: %v", name, k.Fingerprint, err)
			}
			if !strings.HasSuffix(string(k.Fingerprint), k.KeyID) {
				t.Errorf("%s: %s does not end in the key id %s", name, k.Fingerprint, k.KeyID)
			}
		}
		if k.Printed != "" {
			if _, err := verify.ParseFingerprint(k.Printed); err == nil {
				t.Errorf("%s: %q is a fingerprint and belongs there", name, k.Printed)
			}
			if !strings.HasSuffix(strings.ReplaceAll(k.Printed, " ", ""), k.KeyID) {
				t.Errorf("%s: %q does not end in the key id %s", name, k.Printed, k.KeyID)
			}
		}
	}
}

func TestDocumentedIssuer(t *testing.T) {
	for _, test := range []struct{ issuer, want string }{
		{"8ADE1206AA55BC66", "Microsoft Security Response Center"},
		{"8ade1206aa55bc66", "Microsoft Security Response Center"},
		{"144AED0A57BE7D4AE835D9D8CAC5AC4F74164B17", "CISA"},
		{"CAC5AC4F74164B17", "CISA"},
		{"74164B17", ""}, // too short to mean anything
		{"", ""},
		{"0000000000000000", ""},
	} {
		got, ok := verify.DocumentedIssuer(test.issuer)
		if got.Owner != test.want || ok != (test.want != "") {
			t.Errorf("%q: got %q, %t, want %q", test.issuer, got.Owner, ok, test.want)
		}
	}
}
