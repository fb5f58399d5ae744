package layout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

func notice(id string, v layout.Verdict, bulletins ...layout.Bulletin) *layout.Notice {
	return &layout.Notice{
		ID: id, File: "a.txt", By: "https://example.net/a.txt", Verdict: v,
		Original: layout.ObjectRef{SHA256: layout.DigestOf([]byte(id)), Size: 5}, Bulletins: bulletins,
	}
}

func TestNoticeRoundTrip(t *testing.T) {
	at := layout.At(layout.Date("2026-11-22").Time())
	whole := notice("cisa:2024/a.json@0123456789ab", layout.Valid, layout.Bulletin{
		Name: "MS04-011", Title: "Größe <1>", Status: layout.StatusAnnounced, Revision: "1.2", Severity: layout.Critical,
		Released: "2004-04-13", Revised: "2004-05-04", KBs: []string{"835732"}, CVEs: []string{"CVE-2003-0533"},
		Products: []string{"Windows 2000"}, Supersedes: []string{"MS03-039"}, URL: "https://example.net/?a=1&b=2",
		Files: []layout.Stated{{Name: "a.exe", SHA256: layout.DigestOf([]byte("a"))}},
	})
	whole.Signature, whole.SigFile = layout.ObjectRef{SHA256: layout.DigestOf([]byte("s")), Size: 1}, "a.txt.asc"
	whole.Captured, whole.SignedAt, whole.TLSKey = at, at, layout.DigestOf([]byte("k"))
	whole.Profile, whole.Qualifiers, whole.Signer, whole.SigningKey, whole.Reason = "csaf", []string{"sig-v3"}, "F", "G", "r"
	for name, n := range map[string]*layout.Notice{"everything": whole, "little": notice("s:1", layout.Unpinned)} {
		t.Run(name, func(t *testing.T) {
			line, err := layout.AppendNotice(nil, n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := layout.ParseNotice(line)
			if err != nil {
				t.Fatal(err)
			}
			again, err := layout.AppendNotice(nil, got)
			if err != nil || string(again) != string(line) {
				t.Errorf("written again: %v\n%s\n%s", err, line, again)
			}
			if !strings.HasPrefix(string(line), `{"id":"`+n.ID+`"`) || strings.Count(string(line), "\n") != 1 {
				t.Errorf("line is %q", line)
			}
		})
	}
}

func TestNoticeRefuses(t *testing.T) {
	bulletin := layout.Bulletin{Name: "MS04-011"}
	for name, n := range map[string]*layout.Notice{
		"unpinned that announces":    notice("s:1", layout.Unpinned, bulletin),
		"bad that announces":         notice("s:1", layout.Bad, bulletin),
		"unknown key that announces": notice("s:1", layout.UnknownKey, bulletin),
		"refused that announces":     notice("s:1", layout.Refused, bulletin),
		"no verdict":                 notice("s:1", ""),
		"no source in the id":        notice("1", layout.Valid),
		"no original":                {ID: "s:1", Verdict: layout.Valid},
		"too long":                   notice("s:1", layout.Valid, layout.Bulletin{Name: strings.Repeat("x", 3<<20)}),
	} {
		t.Run(name, func(t *testing.T) {
			if line, err := layout.AppendNotice(nil, n); err == nil {
				t.Errorf("written: %.200s", line)
			}
		})
	}
	for name, line := range map[string]string{
		"an unknown member": `{"id":"s:1","verdict":"valid","original":{"sha256":"` + layout.DigestOf(nil).String() + `","size":1},"new":1}`,
		"a member twice":    `{"id":"s:1","verdict":"bad","verdict":"valid","original":{"sha256":"` + layout.DigestOf(nil).String() + `","size":1}}`,
		"unpinned that announces": `{"id":"s:1","verdict":"unpinned","original":{"sha256":"` + layout.DigestOf(nil).String() +
			`","size":1},"bulletins":[{"name":"x"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := layout.ParseNotice([]byte(line + "\n")); err == nil {
				t.Errorf("read as %+v", n)
			}
		})
	}
}

func TestVouches(t *testing.T) {
	for _, tt := range []struct {
		verdict    layout.Verdict
		qualifiers []string
		want       bool
	}{
		{layout.Valid, nil, true},
		{layout.Valid, []string{"key-expired-since", "sig-v3", "self-signature-newer"}, true},
		{layout.Valid, []string{"sig-v3", "weak-digest-sha1"}, false},
		{layout.Valid, []string{"weak-key-dsa1024"}, false},
		{layout.Valid, []string{"key-v3"}, false},
		{layout.Valid, []string{"signed-after-key-expiry"}, false},
		{layout.Unsigned, nil, false},
		{layout.Unpinned, nil, false},
	} {
		n := notice("s:1", tt.verdict)
		n.Qualifiers = tt.qualifiers
		if got := n.Vouches(); got != tt.want {
			t.Errorf("%s %v: got %t, want %t", tt.verdict, tt.qualifiers, got, tt.want)
		}
	}
}

func TestCurrent(t *testing.T) {
	said := func(id string, v layout.Verdict, b layout.Bulletin) *layout.Notice {
		b.Name = "MS04-011"
		return notice(id, v, b)
	}
	later := said("s:signed later", layout.Valid, layout.Bulletin{Released: "2004-04-13", Revision: "1.0"})
	later.SignedAt = layout.At(time.Date(2004, 4, 14, 0, 0, 0, 0, time.UTC))
	for _, tt := range []struct {
		name string
		a, b *layout.Notice
		want string
	}{
		{"released replaces announced", said("s:released", layout.Valid, layout.Bulletin{Released: "2004-04-13"}),
			said("s:announced", layout.Valid, layout.Bulletin{Status: layout.StatusAnnounced, Released: "2004-05-01"}), "s:released"},
		{"a later revision counts", said("s:1", layout.Valid, layout.Bulletin{Released: "2004-04-13"}),
			said("s:2", layout.Valid, layout.Bulletin{Released: "2004-04-13", Revised: "2004-05-04"}), "s:2"},
		{"revisions are numbers", said("s:9", layout.Valid, layout.Bulletin{Released: "2004-04-13", Revision: "1.9"}),
			said("s:10", layout.Valid, layout.Bulletin{Released: "2004-04-13", Revision: "1.10"}), "s:10"},
		{"signed comes before unsigned", said("s:signed", layout.Valid, layout.Bulletin{Released: "2004-04-13"}),
			said("s:unsigned", layout.Unsigned, layout.Bulletin{Released: "2026-01-01", Revision: "9"}), "s:signed"},
		{"the later signature of equals", said("s:z", layout.Valid, layout.Bulletin{Released: "2004-04-13", Revision: "1.0"}), later, "s:signed later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, order := range [][]*layout.Notice{{tt.a, tt.b}, {tt.b, tt.a}} {
				got := layout.Current(order)
				if len(got) != 1 || got[0].Notice.ID != tt.want {
					t.Errorf("got %+v, want the bulletin of %s", got, tt.want)
				}
			}
		})
	}
}

// TestCurrentCompletes has revisions that name only what changed.
func TestCurrentCompletes(t *testing.T) {
	whole := layout.Bulletin{
		Name: "MS08-056", Title: "Office", Severity: layout.Moderate, Released: "2008-10-14", Revision: "1.0",
		KBs: []string{"957699"}, CVEs: []string{"CVE-2008-4020"}, Products: []string{"Office XP"},
	}
	minor := layout.Bulletin{Name: "MS08-056", Revised: "2008-11-12", Revision: "1.1"}
	got := layout.Current([]*layout.Notice{notice("s:1", layout.Valid, whole), notice("s:2", layout.Valid, minor)})
	want := whole
	want.Revised, want.Revision = minor.Revised, minor.Revision
	if len(got) != 1 || got[0].Notice.ID != "s:2" || got[0].Latest.Revision != "1.1" {
		t.Fatalf("got %+v", got)
	}
	if diff := cmp.Diff(want, *got[0].Bulletin); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
	if len(got[0].Latest.KBs) > 0 {
		t.Error("the notice itself was changed")
	}
	for name, other := range map[string]*layout.Notice{
		"an unsigned one": notice("s:1", layout.Unsigned, whole),
		"one that was only announced": notice("s:1", layout.Valid, func() layout.Bulletin {
			b := whole
			b.Status = layout.StatusAnnounced
			return b
		}()),
	} {
		if got := layout.Current([]*layout.Notice{other, notice("s:2", layout.Valid, minor)}); len(got[0].KBs) > 0 || got[0].Severity != "" {
			t.Errorf("%s completes a signed one: %+v", name, got[0].Bulletin)
		}
	}
}

func TestDeadlines(t *testing.T) {
	for _, tt := range []struct {
		severity layout.Severity
		released layout.Date
		want     layout.Due
	}{
		{layout.Critical, "2004-04-13", layout.Due{DeployBy: "2004-04-14", Tested: "2004-04-27"}},
		{layout.Important, "2004-01-31", layout.Due{DeployBy: "2004-02-29", Tested: "2004-03-31"}},
		{layout.Moderate, "2003-10-31", layout.Due{DeployBy: "2004-02-29", Tested: "2004-04-30", OrWith: true}},
		{layout.Low, "2004-04-13", layout.Due{OrWith: true, MaySkip: true}},
		{"", "2004-04-13", layout.Due{}},
		{"Unusual", "2004-04-13", layout.Due{}},
		{layout.Critical, "", layout.Due{}},
	} {
		got := layout.DefaultDeadlines().Due(tt.severity, tt.released)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tt.severity, tt.released, diff)
		}
	}
}

func TestParseTerm(t *testing.T) {
	for in, want := range map[string]layout.Term{
		"": {}, "24h": {Days: 1}, "48 h": {Days: 2}, "14d": {Days: 14}, "2w": {Days: 14}, "4mo": {Months: 4}, "1MO": {Months: 1},
	} {
		got, err := layout.ParseTerm(in)
		if err != nil || got != want {
			t.Errorf("ParseTerm(%q) = %+v, %v, want %+v", in, got, err, want)
		}
		if back, err := layout.ParseTerm(got.String()); err != nil || back != got {
			t.Errorf("ParseTerm(%q) = %+v, %v, want %+v", got.String(), back, err, got)
		}
	}
	for _, in := range []string{"7h", "d", "0d", "-1d", "1y", "1.5d", "99999999999999999999d", "40000d", "1m"} {
		if got, err := layout.ParseTerm(in); err == nil {
			t.Errorf("ParseTerm(%q) = %+v, want an error", in, got)
		}
	}
}

func TestDueDays(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		due  layout.Due
		days int
		ok   bool
	}{
		{layout.Due{DeployBy: "2026-11-23", Tested: "2026-12-06"}, 14, true},
		{layout.Due{DeployBy: "2026-11-20"}, -2, true},
		{layout.Due{DeployBy: "2026-11-22"}, 0, true},
		{layout.Due{OrWith: true, MaySkip: true}, 0, false},
	} {
		if days, ok := tt.due.Days(now); days != tt.days || ok != tt.ok {
			t.Errorf("%+v: got %d, %t, want %d, %t", tt.due, days, ok, tt.days, tt.ok)
		}
	}
}

func FuzzParseNotice(f *testing.F) {
	line, err := layout.AppendNotice(nil, notice("s:1", layout.Valid, layout.Bulletin{Name: "MS04-011"}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Fuzz(func(t *testing.T, line []byte) {
		n, err := layout.ParseNotice(line)
		if err != nil {
			return
		}
		if again, err := layout.AppendNotice(nil, n); err == nil {
			if _, err := layout.ParseNotice(again); err != nil {
				t.Errorf("%q was read, and not as it was written again: %v", line, err)
			}
		}
	})
}
