package main

import (
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/verify"
)

// TestNextStep names what to do about each verdict, and where to look for a key
// that is documented.
func TestNextStep(t *testing.T) {
	for name, test := range map[string]struct {
		judged verify.Judgement
		want   string
	}{
		"valid":                     {verify.Judgement{Verdict: layout.Valid}, ""},
		"unpinned":                  {verify.Judgement{Verdict: layout.Unpinned}, "patchferry key pin … --purpose bulletin"},
		"a key that nobody knows":   {verify.Judgement{Verdict: layout.UnknownKey, Issuer: "0123456789ABCDEF"}, "get the key of the signer"},
		"a key that is documented":  {verify.Judgement{Verdict: layout.UnknownKey, Issuer: "8ADE1206AA55BC66"}, "the key id of Microsoft Security Response Center (documented: in print"},
		"documented by fingerprint": {verify.Judgement{Verdict: layout.UnknownKey, Issuer: "144AED0A57BE7D4AE835D9D8CAC5AC4F74164B17"}, "the key id of CISA"},
		"unsigned":                  {verify.Judgement{Verdict: layout.Unsigned}, "--signature FILE"},
		"weak":                      {verify.Judgement{Verdict: layout.Refused, Qualifiers: []string{"weak-digest-md5"}}, "--legacy and --not-after"},
		"future-dated":              {verify.Judgement{Verdict: layout.Refused, Qualifiers: []string{"future-dated"}}, ""},
		"bad":                       {verify.Judgement{Verdict: layout.Bad}, "do not use it; get the original"},
		"bad, and diagnosed":        {verify.Judgement{Verdict: layout.Bad, Diagnosis: &verify.Diagnosis{Text: "altered"}}, "do not use it"},
		"bad, and recovered":        {verify.Judgement{Verdict: layout.Bad, Diagnosis: &verify.Diagnosis{Original: []byte("x")}}, "--write-original FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			got := nextStep(&test.judged)
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("got %q, want it to say %q", got, test.want)
			}
		})
	}
}
