package sample

import "patchferry/layout"

func drivers() []Update {
	driver := func(id, title string, released layout.Date, os layout.OS, arch layout.Arch, d layout.Driver, name string, size int64) Update {
		return Update{List: "windows", Update: layout.Update{
			ID: id, Title: title, OS: []layout.OS{os}, Arch: []layout.Arch{arch}, Released: released,
			Driver: &d, Files: []layout.File{{Name: name, Size: size, Kind: layout.KindDriverCAB}},
		}}
	}
	return []Update{
		driver("drv-3com-3c905", "3Com EtherLink XL for Windows 98", "1999-11-02", "windows98", "x86", layout.Driver{
			Maker: "3Com", Class: "Net", Version: "4.10.0.2", Models: []string{"EtherLink XL 10/100 PCI (3C905C-TX)"},
			HardwareIDs: []string{`PCI\VEN_10B7&DEV_9200`},
		}, "3c90x_w98.cab", 96_256),
		driver("drv-realtek-ac97", "Realtek AC'97 audio for Windows 2000", "2003-09-18", "windows2000", "x86", layout.Driver{
			Maker: "Realtek", Class: "Media", Version: "5.10.0.5240", Models: []string{"Realtek AC'97 Audio"},
			HardwareIDs: []string{`PCI\VEN_8086&DEV_24C5`, `PCI\VEN_1106&DEV_3059`},
		}, "alcxwdm_w2k.cab", 455_680),
		driver("drv-intel-pro100", "Intel PRO/100 network adapters for Windows XP", "2004-06-30", "windowsxp", "x86", layout.Driver{
			Maker: "Intel Corporation", Class: "Net", Version: "8.0.21.0", Models: []string{"PRO/100 VE", "PRO/100 S Desktop"},
			HardwareIDs: []string{`PCI\VEN_8086&DEV_1229`, `PCI\VEN_8086&DEV_103A`},
		}, "e100b_wxp.cab", 148_992),
		driver("drv-hp-upd", "HP universal printing, PCL 6, for Windows 7", "2014-05-19", "windows7", "x64", layout.Driver{
			Maker: "HP", Class: "Printer", Version: "61.165.1.17560", Models: []string{"Universal Printing PCL 6"},
			HardwareIDs: []string{`USBPRINT\HEWLETT-PACKARDHP_LA0C3B`},
		}, "hpcu165u_w7x64.cab", 702_464),
		driver("drv-nvidia-quadro", "NVIDIA display for Windows 10", "2022-11-15", "windows10", "x64", layout.Driver{
			Maker: "NVIDIA", Class: "Display", Version: "31.0.15.2698", Models: []string{"RTX A2000", "T1000"},
			HardwareIDs: []string{`PCI\VEN_10DE&DEV_2531`, `PCI\VEN_10DE&DEV_1FB0`},
		}, "nv_dispi_w10x64.cab", 1_250_000),
	}
}

func office() []Update {
	return []Update{
		{List: "office", Update: layout.Update{
			ID: "office2003-975051-ja", KB: "975051", Title: "Office 2003 の更新プログラム (KB975051)",
			Description:    "文書を開くときの問題を修正します。",
			Classification: layout.SecurityUpdate, Severity: layout.Important, Products: []string{"Office 2003"},
			Language: "JA", Released: "2009-11-10", Files: one("office2003-KB975051-FullFile-JPN.exe", 788_992),
		}},
		{List: "office", Update: layout.Update{
			ID: "office2010-sp2-de", KB: "2687455", Title: "Service Pack 2 für Office 2010, 32 Bit (KB2687455)",
			Description:    "Alle Korrekturen seit dem Erscheinen von Office 2010.",
			Classification: layout.ServicePack, Products: []string{"Office 2010"}, Arch: []layout.Arch{"x86"},
			Language: "DE", Released: "2013-07-16", Files: one("officesp2010-kb2687455-fullfile-x86-de-de.exe", 1_310_720),
		}},
		{List: "office", Update: layout.Update{
			ID: "excel2010-3017810", KB: "3017810", Title: "Update for Excel 2010, 64-bit (KB3017810)",
			Classification: layout.SecurityUpdate, Severity: layout.Important, Products: []string{"Excel 2010"}, Arch: []layout.Arch{"x64"},
			Released: "2015-10-13", Files: one("excel2010-kb3017810-fullfile-x64-glb.exe", 540_672),
		}},
	}
}

// lists returns what the lists of plain addresses offer: for these the names
// of list and files say all there is.
func lists() []Update {
	return []Update{
		{List: "offline", Update: layout.Update{
			ID: "w10-5048652", KB: "5048652", Classification: layout.SecurityUpdate, OS: []layout.OS{"windows10", "windowsserver2016"},
			Arch: []layout.Arch{"x64"}, Released: "2024-12-10", Files: one("windows10.0-kb5048652-x64_"+sha1Place+".msu", 1_450_000),
		}},
		{List: "offline", Update: layout.Update{
			ID: "w10-4577586", KB: "4577586", Classification: layout.PlainUpdate, OS: []layout.OS{"windows10", "windowsserver2016"},
			Arch: []layout.Arch{"x64"}, Released: "2021-01-19", Files: one("windows10.0-kb4577586-x64_"+sha1Place+".cab", 12_288),
		}},
		{List: "offline", Update: layout.Update{
			ID: "w10-5031539", KB: "5031539", Classification: layout.CriticalUpdate, OS: []layout.OS{"windows10", "windowsserver2016"},
			Arch: []layout.Arch{"x64"}, Released: "2023-10-10", Files: one("ssu-19041.3562-x64_"+sha1Place+".cab", 405_504),
		}},
		{List: "local", Update: layout.Update{
			ID: "xp-958644-zhcn", KB: "958644", Classification: layout.SecurityUpdate, Severity: layout.Critical, OS: []layout.OS{"windowsxp"},
			Arch: []layout.Arch{"x86"}, Language: "ZHCN", Released: "2008-10-23", Bulletins: []string{"MS08-067"},
			Files: one("WindowsXP-KB958644-x86-CHS.exe", 652_288),
		}},
		{List: "local", Update: layout.Update{
			ID: "xp-2686509-ru", KB: "2686509", Classification: layout.SecurityUpdate, Severity: layout.Important, OS: []layout.OS{"windowsxp"},
			Arch: []layout.Arch{"x86"}, Language: "RU", Released: "2012-05-08", Bulletins: []string{"MS12-034"},
			Files: one("WindowsXP-KB2686509-x86-RUS.exe", 598_016),
		}},
		{List: "defender", Update: layout.Update{
			ID: "mpam-fe", Arch: []layout.Arch{"x64"}, Files: one("mpam-fe.exe", 1_240_000),
		}},
	}
}
