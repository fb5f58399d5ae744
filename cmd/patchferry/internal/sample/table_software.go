package sample

import "patchferry/layout"

// one returns the only file of an update.
func one(name string, size int64) []layout.File {
	return []layout.File{{Name: name, Size: size}}
}

func windows2000Era() []Update {
	return []Update{
		{List: "windows", Update: layout.Update{
			ID: "nt4-299444-en", KB: "299444", Title: "Security rollup for Windows NT 4.0 after Service Pack 6a",
			Description:    "All fixes for Windows NT 4.0 since its last service pack, in one package.",
			Classification: layout.UpdateRollup, Severity: layout.Critical, Products: []string{"Windows NT 4.0"},
			OS: []layout.OS{"windowsnt4-sp6a"}, Arch: []layout.Arch{"x86"}, Language: "EN", Released: "2001-07-26",
			Bulletins: []string{"MS01-041"}, Reboot: "required", Files: one("Q299444i.EXE", 1_402_112),
		}},
		{List: "windows", Update: layout.Update{
			ID: "w2k-311967-en", KB: "311967", Title: "Windows 2000: overlong names of network resources (Q311967)",
			Description:    "A name that is too long, sent to the component that finds network resources, stops the computer or runs code on it.",
			Classification: layout.SecurityUpdate, Severity: layout.Moderate, Products: []string{"Windows 2000"},
			OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN", IncludedIn: "SP3", Released: "2002-04-04",
			Bulletins: []string{"MS02-017"}, CVEs: []string{"CVE-2002-0151"}, Reboot: "required", Files: one("Q311967_W2K_SP3_X86_EN.exe", 236_544),
		}},
		{List: "windows", Update: layout.Update{
			ID: "w2k-323255-de", KB: "323255", Title: "Windows 2000: Fehler in der HTML-Hilfe (Q323255)",
			Description:    "Eine präparierte Hilfedatei kann Programme starten.",
			Classification: layout.SecurityUpdate, Severity: layout.Critical, Products: []string{"Windows 2000"},
			OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "DE", IncludedIn: "SP4", Released: "2002-10-02",
			Bulletins: []string{"MS02-055"}, Reboot: "may be required", Files: one("Q323255_W2K_SP4_X86_DE.exe", 498_176),
		}},
		{List: "windows", Update: layout.Update{
			ID: "w2k-sp4-en", Title: "Windows 2000 Service Pack 4, network installation",
			Description:    "Everything since the release of Windows 2000, for the installation of many computers from one place.",
			Classification: layout.ServicePack, Products: []string{"Windows 2000"},
			OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN", Released: "2003-06-26",
			Supersedes: []string{"311967"}, Reboot: "required",
			Files: []layout.File{{Name: "W2KSP4_EN.EXE", Size: 2_400_000, Kind: layout.KindServicePack}},
		}},
	}
}

func windowsXPEra() []Update {
	lsass := func(id string, lang layout.Language, title, about, name string) Update {
		return Update{List: "windows", Update: layout.Update{
			ID: id, KB: "835732", Title: title, Description: about,
			Classification: layout.SecurityUpdate, Severity: layout.Critical, Products: []string{"Windows XP"},
			OS: []layout.OS{"windowsxp", "windowsxp-sp1"}, Arch: []layout.Arch{"x86"}, Language: lang, IncludedIn: "SP2", Released: "2004-04-13",
			Bulletins: []string{"MS04-011"}, CVEs: []string{"CVE-2003-0533", "CVE-2004-0120"}, Supersedes: []string{"828028"},
			Reboot: "required", Files: one(name, 901_120),
		}}
	}
	return []Update{
		lsass("xp-835732-en", "EN", "Windows XP: several faults in the local security authority (KB835732)",
			"Requests from the network could run code with the rights of the system.", "WindowsXP-KB835732-x86-ENU.EXE"),
		lsass("xp-835732-ja", "JA", "Windows XP: ローカル セキュリティ機関の複数の問題 (KB835732)",
			"ネットワークからの要求により、システム権限でコードが実行される可能性があります。", "WindowsXP-KB835732-x86-JPN.EXE"),
		{List: "windows", Update: layout.Update{
			ID: "ws03-828741-fr", KB: "828741", Title: "Windows Server 2003 : correctif cumulatif pour RPC/DCOM (KB828741)",
			Description:    "Quatre défauts du service d'appel de procédure distante.",
			Classification: layout.SecurityUpdate, Severity: layout.Critical, Products: []string{"Windows Server 2003"},
			OS: []layout.OS{"windowsserver2003"}, Arch: []layout.Arch{"x86"}, Language: "FR", IncludedIn: "SP1", Released: "2004-04-13",
			Bulletins: []string{"MS04-012"}, Supersedes: []string{"MS03-039"}, Reboot: "required", Files: one("WindowsServer2003-KB828741-x86-FRA.EXE", 894_464),
		}},
		{List: "windows", Update: layout.Update{
			ID: "xp-sp3-ptbr", KB: "936929", Title: "Windows XP Service Pack 3, instalação em rede",
			Description:    "Todas as correções desde o lançamento do Windows XP, em um único pacote.",
			Classification: layout.ServicePack, Products: []string{"Windows XP"},
			OS: []layout.OS{"windowsxp"}, Arch: []layout.Arch{"x86"}, Language: "PTBR", Released: "2008-05-06",
			Supersedes: []string{"835732"}, Reboot: "required",
			Files: []layout.File{{Name: "WindowsXP-KB936929-SP3-x86-PTB.exe", Size: 2_100_000, Kind: layout.KindServicePack}},
		}},
	}
}

func windows7Era() []Update {
	return []Update{
		{List: "windows", Update: layout.Update{
			ID: "vista-2117917", KB: "2117917", Title: "Platform update supplement for Windows Vista (KB2117917)",
			Classification: layout.PlainUpdate, Products: []string{"Windows Vista"},
			OS: []layout.OS{"windowsvista-sp2"}, Arch: []layout.Arch{"x86"}, Released: "2011-02-22",
			Files: one("Windows6.0-KB2117917-x86.msu", 1_021_440),
		}},
		{List: "windows", Update: layout.Update{
			ID: "w7-3125574", KB: "3125574", Revision: 4, Title: "Convenience rollup for Windows 7 SP1 and Server 2008 R2 SP1, x64 (KB3125574)",
			Description:    "Nearly everything between Service Pack 1 and the spring of 2016.",
			Classification: layout.UpdateRollup, Products: []string{"Windows 7", "Windows Server 2008 R2"},
			OS: []layout.OS{"windows7-sp1", "windowsserver2008r2-sp1"}, Arch: []layout.Arch{"x64"}, Released: "2016-05-17",
			Prerequisites: [][]string{{"3020369"}}, Reboot: "required", Files: one("windows6.1-kb3125574-v4-x64_"+sha1Place+".msu", 1_400_000),
		}},
		{List: "windows", Update: layout.Update{
			ID: "dotnet471-ru", KB: "4033342", Title: ".NET Framework 4.7.1, автономный языковой пакет",
			Description:    "Языковой пакет для всех поддерживаемых систем.",
			Classification: layout.FeaturePack, Products: []string{".NET Framework 4.7.1"},
			OS: []layout.OS{"windows7-sp1", "windows8.1"}, Arch: []layout.Arch{"x86", "x64"}, Language: "RU", Released: "2017-10-17",
			Files: []layout.File{{Name: "NDP471-KB4033342-x86-x64-AllOS-RUS.exe", Size: 612_352, Kind: layout.KindDotNet}},
		}},
	}
}

func windows11Era() []Update {
	return []Update{
		{List: "windows", Update: layout.Update{
			ID: "w11-24h2-5050009", KB: "5050009", Title: "2025-01 cumulative update for Windows 11, version 24H2, x64 (KB5050009)",
			Description:    "The second file is the checkpoint on which the first one builds.",
			Classification: layout.SecurityUpdate, Severity: layout.Critical, Products: []string{"Windows 11, version 24H2"},
			OS: []layout.OS{"windows11-24h2"}, Arch: []layout.Arch{"x64"}, Released: "2025-01-14",
			CVEs: []string{"CVE-2025-21298", "CVE-2025-21307"}, Supersedes: []string{"5048667"}, Reboot: "required",
			Files: []layout.File{
				{Name: "windows11.0-kb5050009-x64_" + sha1Place + ".msu", Size: 1_300_000},
				{Name: "windows11.0-kb5043080-x64_" + sha1Place + ".msu", Size: 800_000},
			},
		}},
	}
}
