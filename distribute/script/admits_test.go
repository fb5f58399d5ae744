package script_test

import (
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// TestAdmits holds hosts to gates by what they say of themselves.
func TestAdmits(t *testing.T) {
	sp2 := layout.Report{OS: "windowsxp", Release: "sp2", SP: 2, Build: "5.1.2600", Arch: "x86", Language: "EN"}
	ten := layout.Report{OS: "windows10", Release: "22h2", Build: "10.0.19045.2965", Arch: "x64", Language: "DE"}
	silent := layout.Report{OS: "windowsxp"}
	for name, tt := range map[string]struct {
		gate  script.Gate
		hosts string // of sp2, ten and silent
	}{
		"no service pack": {script.Gate{}, "ten silent"},
		"any":             {script.Gate{MaxSP: -1}, "sp2 ten silent"},
		"family":          {script.Gate{OS: []layout.OS{"windowsxp", "windows7"}, MaxSP: -1}, "sp2 silent"},
		"release":         {script.Gate{OS: []layout.OS{"windowsxp-sp2"}, MaxSP: -1}, "sp2 silent"},
		"another release": {script.Gate{OS: []layout.OS{"windowsxp-sp3", "windows10-22h2"}, MaxSP: -1}, "ten silent"},
		"architecture":    {script.Gate{Arch: []layout.Arch{"x64"}, MaxSP: -1}, "ten silent"},
		"language":        {script.Gate{Language: "EN", MaxSP: -1}, "sp2 silent"},
		"before SP 2":     {script.Gate{OS: []layout.OS{"windowsxp"}, MaxSP: 1}, "silent"},
		"from SP 2 on":    {script.Gate{OS: []layout.OS{"windowsxp"}, MinSP: 2, MaxSP: -1}, "sp2"},
		"RTM alone":       {script.Gate{OS: []layout.OS{"windowsxp"}}, "silent"},
		"builds":          {script.Gate{MaxSP: -1, MinBuild: 19041, MaxBuild: 19045}, "ten silent"},
		"later builds":    {script.Gate{MaxSP: -1, MinBuild: 19046}, "silent"},
		"earlier builds":  {script.Gate{MaxSP: -1, MaxBuild: 2600}, "sp2 silent"},
	} {
		var got []string
		for _, h := range []struct {
			name string
			r    *layout.Report
		}{{"sp2", &sp2}, {"ten", &ten}, {"silent", &silent}} {
			if tt.gate.Admits(h.r) {
				got = append(got, h.name)
			}
		}
		if s := strings.Join(got, " "); s != tt.hosts {
			t.Errorf("%s: admits %q, want %q", name, s, tt.hosts)
		}
	}
}
