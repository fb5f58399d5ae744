package verify_test

import (
	"testing"

	"patchferry/layout"
	"patchferry/verify"
)

// TestBasis is another whenever a judgement may be.
func TestBasis(t *testing.T) {
	one, two := newKey(t, "one").Public(), newKey(t, "two").Public()
	base := func() *verify.Judge {
		return &verify.Judge{Keys: one, Pins: verify.PinAll(one, false), Profile: verify.ProfileCSAF, Source: "cisa"}
	}
	seen := map[layout.Digest]string{}
	for name, change := range map[string]func(*verify.Judge){
		"as it is":           func(*verify.Judge) {},
		"another key":        func(j *verify.Judge) { j.Keys = two },
		"one key more":       func(j *verify.Judge) { j.Keys = verify.MergeKeyrings(one, two) },
		"no key":             func(j *verify.Judge) { j.Keys = nil },
		"another pin":        func(j *verify.Judge) { j.Pins = verify.PinAll(two, false) },
		"a legacy pin":       func(j *verify.Judge) { j.Pins = verify.PinAll(one, true) },
		"no pin":             func(j *verify.Judge) { j.Pins = nil },
		"another profile":    func(j *verify.Judge) { j.Profile = verify.ProfileHistorical },
		"another source":     func(j *verify.Judge) { j.Source = "mail" },
		"another day of MD5": func(j *verify.Judge) { j.MD5Until = "2005-01-01" },
		"another of SHA-1":   func(j *verify.Judge) { j.SHA1Until = "2005-01-01" },
	} {
		j := base()
		change(j)
		d := j.Basis()
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one basis", name, other)
		}
		seen[d] = name
		if again := base(); func() layout.Digest { change(again); return again.Basis() }() != d {
			t.Errorf("%s: two bases of one judge", name)
		}
	}
}
