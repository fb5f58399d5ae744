package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
)

func TestParseName(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	sum, err := layout.ParseSHA1(sha)
	if err != nil {
		t.Fatal(err)
	}
	x86, x64 := []layout.Arch{"x86"}, []layout.Arch{"x64"}
	type parts = layout.NameParts
	for name, want := range map[string]parts{
		"Windows2000-KB835732-x86-ENU.EXE":                   {KB: "835732", OS: []OS{"windows2000"}, Arch: x86, Language: "EN"},
		"Q311967_W2K_SP3_x86_en.exe":                         {KB: "311967", OS: []OS{"windows2000"}, Arch: x86, Language: "EN", IncludedIn: "SP3"},
		"q259401_w2k_sp1_x86_en.exe":                         {KB: "259401", OS: []OS{"windows2000"}, Arch: x86, Language: "EN", IncludedIn: "SP1"},
		"Q815485_WXP_SP2_x86_ENU.exe":                        {KB: "815485", OS: []OS{"windowsxp"}, Arch: x86, Language: "EN", IncludedIn: "SP2"},
		"WindowsServer2003.WindowsXP-KB2624667-x64-jpn.exe":  {KB: "2624667", OS: []OS{"windowsxp", "windowsserver2003"}, Arch: x64, Language: "JA"},
		"WindowsXP-KB911280-v2-x86-TRK.exe":                  {KB: "911280", OS: []OS{"windowsxp"}, Arch: x86, Language: "TR", Revision: 2},
		"WindowsServer2003-KB4012598-x86-custom-CHS.exe":     {KB: "4012598", OS: []OS{"windowsserver2003"}, Arch: x86, Language: "ZHCN"},
		"WindowsServer2003-KB889101-SP1-x86-TRK.exe":         {KB: "889101", OS: []OS{"windowsserver2003"}, Arch: x86, Language: "TR"},
		"IE6.0sp1-KB833989-x86-PLK.exe":                      {KB: "833989", Arch: x86, Language: "PL"},
		"IE6.0sp1-KB918899-Windows-2000-XP-x86-TRK.exe":      {KB: "918899", OS: []OS{"windows2000", "windowsxp"}, Arch: x86, Language: "TR"},
		"IE-KB841873-WindowsNT4sp6-x86-JPN.exe":              {KB: "841873", OS: []OS{"windowsnt4-sp6"}, Arch: x86, Language: "JA"},
		"office2003-KB975051-FullFile-JPN.exe":               {KB: "975051", Language: "JA"},
		"excelloc2010-kb3017810-fullfile-x64-glb.exe":        {KB: "3017810", Arch: x64, Neutral: true},
		"windows10.0-kb5027386-x64_" + sha + ".cab":          {KB: "5027386", OS: []OS{"windows10"}, Arch: x64, SHA1: sum},
		"windows11.0-kb5120711-arm64-ndp481_" + sha + ".msu": {KB: "5120711", OS: []OS{"windows11"}, Arch: []layout.Arch{"arm64"}, SHA1: sum},
		"Windows6.1-KB958830-x86-RefreshPkg.msu":             {KB: "958830", OS: []OS{"windows7", "windowsserver2008r2"}, Arch: x86},
		"Windows8-RT-KB3063858-x64.msu":                      {KB: "3063858", OS: []OS{"windows8", "windowsserver2012"}, Arch: x64},
		"w2ksp4_en_7f12d2da3d7c5b6a62ec4fde9a4b1e6.exe":      {OS: []OS{"windows2000"}, Language: "EN"},
		"W2KSP4_HU.EXE":                                         {OS: []OS{"windows2000"}, Language: "HU"},
		"xpsp2_" + sha + ".exe":                                 {OS: []OS{"windowsxp"}, SHA1: sum},
		"NDP471-KB4033342-x86-x64-AllOS-FRA.exe":                {KB: "4033342", Arch: []layout.Arch{"x86", "x64"}, Language: "FR"},
		"888113USA8.EXE":                                        {KB: "888113", Language: "EN"},
		"Q274835i.EXE":                                          {KB: "274835", Arch: x86},
		"Q832894.exe":                                           {KB: "832894"},
		"Windows-KB909520-v1.000-x86-TRK.exe":                   {KB: "909520", Arch: x86, Language: "TR", Revision: 1},
		"projectmui-pt-br.cab":                                  {Language: "PTBR"},
		"proof-sr-latn-rs.cab":                                  {Language: "SRLATN"},
		"graph-x-none.cab":                                      {Neutral: true},
		"mssefullinstall-amd64fre-zh-tw-vista-win7.exe":         {OS: []OS{"windowsvista", "windows7"}, Arch: x64, Language: "ZHTW"},
		"dotnetfx35langpack_x86de.exe":                          {Arch: x86, Language: "DE"},
		"Exchange2010-KB2787763-x64-EN.msp":                     {KB: "2787763", Arch: x64, Language: "EN"},
		"22000.1.2-3.co_release_CLIENTBUSINESS_x64FRE_es-mx.es": {OS: []OS{"windows11-21h2"}, Arch: x64, Language: "ESMX"},
		"tp_t480s_w1064_1909_202012.exe":                        {OS: []OS{"windows10"}, Arch: x64},
		"XPSEP%20XP%20and%20Server%202003.msi":                  {OS: []OS{"windowsxp"}},
		"lp.cab":                                                {},
		"":                                                      {},
		"../../x":                                               {},
		"kb" + strings.Repeat("1", 300):                         {},
		"a_" + sha + "0.cab":                                    {},
		"a_" + strings.ToUpper(sha) + ".X":                      {SHA1: sum},
	} {
		if diff := cmp.Diff(want, layout.ParseName(name)); diff != "" {
			t.Errorf("ParseName(%q) (-want +got):\n%s", name, diff)
		}
	}
}

func TestComplete(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	sum, _ := layout.ParseSHA1(sha)
	for name, c := range map[string]struct{ in, want layout.Update }{
		"a bare link": {
			in: layout.Update{Files: []layout.File{{Name: "windows6.1-kb123456-x64.msu",
				URL: "http://example.net/software/secu/2015/07/windows6.1-kb123456-x64_" + sha + ".msu?x=1"}}},
			want: layout.Update{KB: "123456", OS: []OS{"windows7", "windowsserver2008r2"}, Arch: []layout.Arch{"x64"},
				Classification: layout.SecurityUpdate, Files: []layout.File{{Name: "windows6.1-kb123456-x64.msu", SHA1: sum, Kind: layout.KindMSU,
					URL: "http://example.net/software/secu/2015/07/windows6.1-kb123456-x64_" + sha + ".msu?x=1"}}},
		},
		"what the source said stays": {
			in: layout.Update{KB: "1", OS: []OS{"windowsxp-sp3"}, Arch: []layout.Arch{"ia64"}, Language: "DE", IncludedIn: "SP4", Classification: "tool",
				Files: []layout.File{{Name: "Q311967_W2K_SP3_x86_en.exe", SHA1: layout.SHA1{1}, Kind: "msi", URL: "http://e.net/crup/2001/01/x"}}},
			want: layout.Update{KB: "1", OS: []OS{"windowsxp-sp3"}, Arch: []layout.Arch{"ia64"}, Language: "DE", IncludedIn: "SP4", Classification: "tool",
				Files: []layout.File{{Name: "Q311967_W2K_SP3_x86_en.exe", SHA1: layout.SHA1{1}, Kind: "msi", URL: "http://e.net/crup/2001/01/x"}}},
		},
		"files of one language": {
			in:   layout.Update{Files: []layout.File{{Name: "a-de-de.cab"}, {Name: "b-de-de.cab"}}},
			want: layout.Update{Language: "DE", Files: []layout.File{{Name: "a-de-de.cab", Kind: "cab"}, {Name: "b-de-de.cab", Kind: "cab"}}},
		},
		"files of two languages, and of none": {
			in: layout.Update{Files: []layout.File{{Name: "a-de-de.cab"}, {Name: "a-fr-fr.cab"}, {Name: "a-x-none.cab"}}},
			want: layout.Update{Files: []layout.File{{Name: "a-de-de.cab", Language: "DE", Kind: "cab"},
				{Name: "a-fr-fr.cab", Language: "FR", Kind: "cab"}, {Name: "a-x-none.cab", Kind: "cab"}}},
		},
		"two articles": {
			in: layout.Update{Files: []layout.File{{Name: "windows10.0-kb111111-x64.msu"}, {Name: "windows10.0-kb222222-x64.msu"}}},
			want: layout.Update{OS: []OS{"windows10"}, Arch: []layout.Arch{"x64"}, Files: []layout.File{
				{Name: "windows10.0-kb111111-x64.msu", Kind: "msu"}, {Name: "windows10.0-kb222222-x64.msu", Kind: "msu"}}},
		},
		"no files": {},
	} {
		t.Run(name, func(t *testing.T) {
			layout.Complete(&c.in)
			if diff := cmp.Diff(c.want, c.in, cmp.AllowUnexported(layout.Time{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	driver := &layout.Update{Type: layout.Drivers}
	for _, c := range []struct {
		name string
		u    *layout.Update
		want layout.Kind
	}{
		{"Q311967_W2K_SP3_x86_en.exe", nil, layout.KindHotfix},
		{"Q274835i.EXE", nil, layout.KindHotfix},
		{"Q811493_W2K_SP4_X86_EN.exe", nil, layout.KindUpdate},
		{"Q815485_WXP_SP2_x86_ENU.exe", nil, layout.KindUpdate},
		{"WindowsXP-KB911280-v2-x86-TRK.exe", nil, layout.KindUpdate},
		{"WindowsServer2003.WindowsXP-KB925876-v2-x64-JPN.exe", nil, layout.KindUpdate},
		{"IE8-WindowsXP-KB2925418-x86-JPN.exe", nil, layout.KindUpdate},
		{"WindowsMedia9-KB911565-x86-TRK.exe", nil, layout.KindUpdate},
		{"W2KSP4_EN.EXE", nil, layout.KindServicePack},
		{"xpsp2_0123456789abcdef0123456789abcdef01234567.exe", nil, layout.KindServicePack},
		{"WindowsXP-KB936929-SP3-x86-ENU.exe", nil, layout.KindServicePack},
		{"windows6.1-KB976932-X64.exe", nil, layout.KindServicePack},
		{"IE6.0sp1-KB833989-x86-PLK.exe", nil, layout.KindIExpress},
		{"Q832894.exe", nil, layout.KindIExpress},
		{"888113USA8.EXE", nil, layout.KindIExpress},
		{"office2003-KB975051-FullFile-JPN.exe", nil, layout.KindIExpress},
		{"officexp-kb832332-v2-client-trk.exe", nil, layout.KindIExpress},
		{"excelloc2010-kb3017810-fullfile-x64-glb.exe", nil, layout.KindOffice},
		{"office2007sp3-kb2526086-fullfile-zh-tw.exe", nil, layout.KindOffice},
		{"NDP471-KB4033342-x86-x64-AllOS-FRA.exe", nil, layout.KindDotNet},
		{"dotnet-runtime-8.0.11-win-x64.exe", nil, layout.KindDotNet},
		{"mpam-fe.exe", nil, layout.KindDefender},
		{"windows10.0-kb5044286-x64.msu", nil, layout.KindMSU},
		{"a.MSP", nil, layout.KindMSP}, {"a.msi", nil, layout.KindMSI}, {"a.psf", nil, layout.KindPSF}, {"a.esd", nil, layout.KindESD},
		{"a.wim", nil, layout.KindWIM}, {"a.iso", nil, layout.KindISO}, {"a.zip", driver, layout.KindZIP},
		{"lp.cab", nil, layout.KindCAB}, {"5300-win11-A00.CAB", driver, layout.KindDriverCAB},
		{"sp111353.exe", driver, layout.KindDriverExe}, {"net.inf", driver, layout.KindDriverINF},
		{"setup.exe", nil, layout.KindExe}, {"setup.exe ", nil, layout.KindExe},
		{"jscript.asp", nil, ""}, {"", nil, ""},
	} {
		if got := layout.KindOf(c.name, c.u); got != c.want {
			t.Errorf("KindOf(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"Q311967_W2K_SP3_x86_en.exe", "kb.", "a.b.c.D", "windows-2000-xp", "_0.cab", "x86de", "v2", "\xff-kb123456",
		"q123456engi386", "%20%20", strings.Repeat(".a", 2000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := layout.ParseName(s)
		if strings.Trim(p.KB, "0123456789") != "" || p.Revision < 0 || p.Revision > 99 || p.Neutral && p.Language != "" {
			t.Errorf("ParseName(%q) = %+v", s, p)
		}
		for _, os := range p.OS {
			if got, ok := layout.ParseOS(string(os)); !ok || got != os {
				t.Errorf("ParseName(%q) has the system %q, which is unknown", s, os)
			}
		}
		layout.KindOf(s, nil)
	})
}
