package verify_test

import (
	"errors"
	"strings"
	"testing"

	"patchferry/verify"
)

// TestADestinationSpeaksForItself: a key that is pinned for one far side proves
// nothing of another, and none that is pinned for something else proves
// anything of a far side.
func TestADestinationSpeaksForItself(t *testing.T) {
	one, both, origin, stranger := newKey(t, "one"), newKey(t, "both"), newKey(t, "origin"), newKey(t, "stranger")
	pins := &verify.Pins{}
	for _, p := range []verify.Pin{
		{Fingerprint: one.Fingerprint(), Purpose: verify.PurposeDestination, Source: "plant-1"},
		{Fingerprint: both.Fingerprint(), Purpose: verify.PurposeDestination, Source: "plant-1"},
		{Fingerprint: both.Fingerprint(), Purpose: verify.PurposeDestination, Source: "plant-2"},
		{Fingerprint: origin.Fingerprint(), Purpose: verify.PurposeOrigin},
	} {
		if err := pins.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	ring := verify.MergeKeyrings(one.Public(), both.Public(), origin.Public(), stranger.Public())
	trust := &verify.Trust{Keys: ring, Pins: pins}
	doc := []byte("{}\n")
	for _, test := range []struct {
		name, destination string
		key               *verify.SecretKey
		want              string // in the refusal; empty: believed
	}{
		{"its own", "plant-1", one, ""},
		{"another's", "plant-2", one, "is pinned for destination plant-1, not for destination plant-2"},
		{"one for both, the first", "plant-1", both, ""},
		{"one for both, the second", "plant-2", both, ""},
		{"an origin", "plant-1", origin, "is pinned for origin, not for destination plant-1"},
		{"nobody", "plant-1", stranger, "is not pinned for destination plant-1"},
		{"a pattern of it", "plant-?", one, "not for destination plant-?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sig, err := test.key.Sign(doc, noon)
			if err != nil {
				t.Fatal(err)
			}
			_, err = trust.CheckDestination(doc, sig, test.destination)
			if test.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, verify.ErrUntrusted)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
