package layout_test

import (
	"strings"
	"testing"

	"patchferry/layout"
)

func TestParseOS(t *testing.T) {
	for in, want := range map[string]struct {
		os OS
		ok bool
	}{
		"windowsxp":                 {"windowsxp", true},
		"windowsxp-sp3":             {"windowsxp-sp3", true},
		"Windows XP":                {"windowsxp", true},
		"WinXP":                     {"windowsxp", true},
		"W2K":                       {"windows2000", true},
		"W2KSP4":                    {"windows2000-sp4", true},
		"windows2000-sp4":           {"windows2000-sp4", true},
		"NT4":                       {"windowsnt4", true},
		"Windows NT 4.0 SP6a":       {"windowsnt4-sp6a", true},
		"win10":                     {"windows10", true},
		"windows11-24h2":            {"windows11-24h2", true},
		"Windows XP Service Pack 3": {"windowsxp-sp3", true},
		"Windows XP Professional x64 Edition Service Pack 2":      {"windowsxp-sp2", true},
		"Windows 10 Version 22H2 for x64-based Systems":           {"windows10-22h2", true},
		"Windows 10, version 1903 and later":                      {"windows10-1903", true},
		"Windows 7 for 32-bit Systems Service Pack 1":             {"windows7-sp1", true},
		"Windows Server 2008 R2 for Itanium-Based Systems SP1":    {"windowsserver2008r2-sp1", true},
		"Windows Server 2012 R2 (Server Core installation)":       {"windowsserver2012r2", true},
		"Windows Server, version 20H2 (Server Core Installation)": {"windowsserver-sac-20h2", true},
		"windowsserver-sac":                                                    {"windowsserver-sac", true},
		"windowsserver-sac-1903":                                               {"windowsserver-sac-1903", true},
		"Windows 98 Second Edition":                                            {"windows98-se", true},
		"Windows 8.1":                                                          {"windows8.1", true},
		"Windows Server 2003":                                                  {"windowsserver2003", true},
		"ver_platform_win32_nt.5.0.x86...2195.4.0":                             {"windows2000-sp4", true},
		"ver_platform_win32_nt.5.0.x86.ver_nt_server.n.2195.0.0":               {"windows2000", true},
		"ver_platform_win32_nt.5.1.ia64.ver_nt_workstation.n.2600..":           {"windowsxp", true},
		"ver_platform_win32_nt.5.2.amd64.ver_nt_workstation..3790..":           {"windowsxp", true},
		"ver_platform_win32_nt.5.2.x86.ver_nt_server.ver_suite_blade.3790.1.0": {"windowsserver2003-sp1", true},
		"ver_platform_win32_windows.4.90.x86...3000..":                         {"windowsme", true},
		"ver_platform_win32_nt.5.0.x86...2195.9.0":                             {"windows2000-sp9", false},
		"windows11-26h9":                                                       {"windows11-26h9", false},
		"Windows XP Embedded":                                                  {"windows-xp-embedded", false},
		"Windows CE":                                                           {"windows-ce", false},
		"solaris":                                                              {"solaris", false},
		"":                                                                     {"", false},
		"../../x\x00y<>":                                                       {"x-y", false},
		strings.Repeat("a", 500):                                               {OS(strings.Repeat("a", 32)), false},
	} {
		if got, ok := layout.ParseOS(in); got != want.os || ok != want.ok {
			t.Errorf("ParseOS(%q) = %q, %v, want %q, %v", in, got, ok, want.os, want.ok)
		}
	}
}

type OS = layout.OS

// TestOSTable holds the table to what is built on it: codes parse to
// themselves, and folders are unique and safe.
func TestOSTable(t *testing.T) {
	platforms := make(map[string]OS)
	for _, info := range layout.OSes() {
		for _, name := range []string{string(info.OS), info.Label, strings.ToUpper(string(info.OS))} {
			if got, ok := layout.ParseOS(name); !ok || got != info.OS {
				t.Errorf("ParseOS(%q) = %q, %v, want %q", name, got, ok, info.OS)
			}
		}
		if got := info.OS.Label(); got != info.Label {
			t.Errorf("%s: Label = %q, want %q", info.OS, got, info.Label)
		}
		family, release := info.OS.Family(), info.OS.Release()
		if join := strings.TrimSuffix(string(family)+"-"+release, "-"); join != string(info.OS) {
			t.Errorf("%s is family %q and release %q", info.OS, family, release)
		}
		if want := "com_microsoft." + string(family); info.Product != want {
			t.Errorf("%s: Product = %q, want %q", info.OS, info.Product, want)
		}
		p := info.OS.Platform("x64")
		if other, taken := platforms[p]; taken && other != family {
			t.Errorf("%s and %s share the platform %s", other, family, p)
		}
		platforms[p] = family
	}
	if len(platforms) < 22 {
		t.Errorf("got %d families, want at least 22", len(platforms))
	}
}

func TestPlatform(t *testing.T) {
	for want, c := range map[string]struct {
		os   OS
		arch layout.Arch
	}{
		"x86win2k": {"windows2000-sp4", "x86"}, "x86winxp": {"windowsxp", "x86"}, "ia64winxp": {"windowsxp", "ia64"},
		"x64win7": {"windows7", "x64"}, "arm64win11": {"windows11-24h2", "arm64"}, "anywin10": {"windows10", ""},
		"x86solaris": {"solaris", "x86"},
	} {
		if got := c.os.Platform(c.arch); got != want {
			t.Errorf("%s on %s: got %q, want %q", c.os, c.arch, got, want)
		}
	}
}

func TestOSMatches(t *testing.T) {
	for name, c := range map[string]struct {
		os, selector OS
		want         bool
	}{
		"equal":             {"windowsxp-sp3", "windowsxp-sp3", true},
		"family selected":   {"windowsxp-sp3", "windowsxp", true},
		"update for family": {"windowsxp", "windowsxp-sp3", true},
		"another release":   {"windowsxp-sp2", "windowsxp-sp3", false},
		"another family":    {"windows2000", "windowsxp", false},
		"a longer name":     {"windowsserver2008r2", "windowsserver2008", false},
		"unknown":           {"solaris", "solaris", true},
		"unknown others":    {"solaris", "irix", false},
		"unknown release":   {"windows11-26h9", "windows11", true},
	} {
		if got := c.os.Matches(c.selector); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestParseLanguage(t *testing.T) {
	for want, names := range map[layout.Language]string{
		"EN":     "EN en ENU enu en-US EN_us 1033 0409 0x409 0x0409 English ENG usa en|1252",
		"DE":     "DE DEU de-DE 1031 0407 German GER de|1252",
		"JA":     "JA JP JPN ja-jp 1041 0411 ja|932",
		"NEC":    "NEC ja-nec 66577",
		"KO":     "KO KR KOR ko-KR",
		"PTBR":   "PTBR ptbr BR PTB pt-BR pt_br 1046 0416",
		"PT":     "PT PTG pt-PT 2070 0816 PRG",
		"ZHCN":   "ZHCN zhcn CN CHS zh-CN zh-Hans 2052 0804",
		"ZHTW":   "ZHTW TW CHT zh-TW 1028 0404",
		"ZHHK":   "ZHHK HK ZHH CHH zh-hk 3076 0c04",
		"NO":     "NO NOR nb nb-no 1044 0414",
		"SRLATN": "sr-Latn sr-latn-rs sr-Latn-CS 2074",
		"SRCYRL": "sr-Cyrl sr-cyrl-rs",
		"SR":     "sr",
		"ESMX":   "es-MX 2058",
		"FRCA":   "fr-CA 3084",
		"ENGB":   "en-GB 2057",
		"ES":     "ES ESN es-es 1034 3082 0c0a",
		"HE":     "HE HEB iw 1037",
		"":       "glb ALL x-none all neutral multi 0 5lg",
	} {
		for name := range strings.FieldsSeq(names) {
			if got, ok := layout.ParseLanguage(name); !ok || got != want {
				t.Errorf("ParseLanguage(%q) = %q, %v, want %q", name, got, ok, want)
			}
		}
	}
	for in, want := range map[string]layout.Language{"tlh-Latn": "TLHLATN", "de-AT": "DEAT", "9999": "9999", "../x": "X", "zz zz zz zz zz zz": "ZZZZZZZZZZZZ"} {
		if got, ok := layout.ParseLanguage(in); ok || got != want {
			t.Errorf("ParseLanguage(%q) = %q, %v, want %q, false", in, got, ok, want)
		}
	}
}

// TestLanguageTable wants every dialect of every language to lead back to it,
// but for ENG, which old names write for English.
func TestLanguageTable(t *testing.T) {
	ids := make(map[int]layout.Language)
	for _, info := range layout.Languages() {
		l := info.Language
		if other, taken := ids[info.LCID]; taken {
			t.Errorf("%s and %s share the id %d", l, other, info.LCID)
		}
		ids[info.LCID] = l
		for _, name := range []string{string(l), info.Tag, info.Label, info.ThreeLetter} {
			if got, ok := layout.ParseLanguage(name); name != "" && name != "ENG" && (!ok || got != l) {
				t.Errorf("ParseLanguage(%q) = %q, %v, want %q", name, got, ok, l)
			}
		}
		if l.Tag() != info.Tag || l.LCID() != info.LCID || l.ThreeLetter() != info.ThreeLetter || l.Label() != info.Label {
			t.Errorf("%s: methods differ from the table", l)
		}
		if layout.SafeName(string(l)) != string(l) || len(l) > 8 {
			t.Errorf("%q is no folder", l)
		}
	}
	// All that WSUS lists in its export packages.
	for id := range strings.FieldsSeq(`1025 1026 1028 1029 1030 1031 1032 1033 1034 1035 1036 1037 1038 1040 1041 1042 1043 1044 1045 1046 1048
		1049 1050 1051 1053 1054 1055 1058 1060 1061 1062 1063 1081 2052 2070 2074 3076 66577`) {
		if l, ok := layout.ParseLanguage(id); !ok || l == "" {
			t.Errorf("language id %s is unknown", id)
		}
	}
}

func TestUnknownLanguagePassesThrough(t *testing.T) {
	l := layout.Language("TLH")
	if l.Tag() != "tlh" || l.LCID() != 0 || l.ThreeLetter() != "TLH" || l.Label() != "TLH" {
		t.Errorf("got %q %d %q %q, want what is known of TLH", l.Tag(), l.LCID(), l.ThreeLetter(), l.Label())
	}
	if got := layout.Language("").Label(); got != "all languages" {
		t.Errorf("no language is called %q", got)
	}
}

func TestParseArch(t *testing.T) {
	for in, want := range map[string]layout.Arch{
		"x86": "x86", "i386": "x86", "32-bit": "x86", "amd64": "x64", "AMD64": "x64", "x64": "x64", "64-bit": "x64", "IA64": "ia64",
		"arm64": "arm64", "ARM": "arm", "nec98": "nec98", "multi": "", "": "", "all": "",
	} {
		if got, ok := layout.ParseArch(in); !ok || got != want {
			t.Errorf("ParseArch(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	if got, ok := layout.ParseArch("../Alpha AXP"); ok || got != "alphaaxp" {
		t.Errorf("got %q, %v, want alphaaxp, false", got, ok)
	}
}

func TestParseClassification(t *testing.T) {
	for in, want := range map[string]layout.Classification{
		"security_update": layout.SecurityUpdate, "Security Updates": layout.SecurityUpdate, "secu": layout.SecurityUpdate,
		"0FA1201D-4330-4FA8-8AE9-B877473B6441": layout.SecurityUpdate, "SecurityHotpatchUpdate": layout.SecurityUpdate,
		"E6CF1350-c01b-414d-a61f-263d14d133b4": layout.CriticalUpdate, "svpk": layout.ServicePack, "Monthly Rollup": layout.UpdateRollup,
		"Updates": layout.PlainUpdate, "ftpk": layout.FeaturePack, "Definition Updates": layout.DefinitionUpdate, "Tools": layout.Tool,
		"Upgrades": layout.Upgrade, "Driver pack (win)": layout.DriverUpdate, "DRVR": layout.DriverUpdate, "BIOS": layout.Firmware,
		"5c9376ab-8ce6-464a-b136-22113dd69801": layout.Application, "77835c8d-62a7-41f5-82ad-f28d1af1e3b1": layout.DriverSet, "": "",
	} {
		if got, ok := layout.ParseClassification(in); !ok || got != want {
			t.Errorf("ParseClassification(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	if got, ok := layout.ParseClassification("Setup <DU>"); ok || got != "setup_du" {
		t.Errorf("got %q, %v, want setup_du, false", got, ok)
	}
}

func TestParseSeverity(t *testing.T) {
	for in, want := range map[string]layout.Severity{
		"Critical": layout.Critical, "CRITICAL": layout.Critical, "Kritisch": layout.Critical, "緊急": layout.Critical, "重大": layout.Critical,
		"Критическое": layout.Critical, "Critico": layout.Critical, "Crítica": layout.Critical, "Hoch": layout.Important, "重要": layout.Important,
		"Важное": layout.Important, "Importante": layout.Important, "Mittel": layout.Moderate, "警告": layout.Moderate, "中等": layout.Moderate,
		"Среднее": layout.Moderate, "Medio": layout.Moderate, "Low": layout.Low, " low ": layout.Low,
		"Low,Moderate": layout.Moderate, "Important, Critical,None": layout.Critical, "Unspecified": "", "n/a": "", "": "",
	} {
		if got, ok := layout.ParseSeverity(in); !ok || got != want {
			t.Errorf("ParseSeverity(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"Recommended", "Critical,Urgent"} {
		if got, ok := layout.ParseSeverity(in); ok || string(got) != in {
			t.Errorf("ParseSeverity(%q) = %q, %v, want it as it is, false", in, got, ok)
		}
	}
}

func FuzzParseLanguage(f *testing.F) {
	for _, s := range []string{"de-DE", "0407", "0x", "x-none", "|", "ſr", "\xff", "pt_BR|1252"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, ok := layout.ParseLanguage(s)
		if again, _ := layout.ParseLanguage(string(l)); ok && again != l {
			t.Errorf("ParseLanguage(%q) = %q, then %q", s, l, again)
		}
		if len(l) > 12 || l != "" && strings.Trim(string(l), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			t.Errorf("ParseLanguage(%q) = %q, which is not safe", s, l)
		}
	})
}
