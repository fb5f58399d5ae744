package layout

// family is one operating system in the catalog.
type family struct {
	os       OS
	label    string
	short    string   // in an update's folder: com_microsoft.Q311967_W2K_SP3_…
	platform string   // after the architecture in the platform folder: x86win2k
	version  string   // major.minor of the kernel, where one family is enough to name it
	releases []string // in order
	names    []string // other names, lower case, without blanks
}

// families is ordered by release, and where two came together the client
// comes before the server. The first of an update's systems in this order is
// the one under which it is kept.
//
// Of the platform folders, publications of 2004 prove x86win2k; the others
// follow its pattern.
var families = []family{
	{"windows95", "Windows 95", "W95", "win95", "4.0w", []string{"osr2"}, []string{"win95", "w95"}},
	{"windowsnt4", "Windows NT 4.0", "NT4", "winnt4", "4.0", []string{"sp1", "sp2", "sp3", "sp4", "sp5", "sp6", "sp6a"},
		[]string{"windowsnt4.0", "winnt4", "wnt4", "nt4", "nt4.0", "windowsnt40", "nt40", "windowsntserver4.0", "windowsntworkstation4.0"}},
	{"windows98", "Windows 98", "W98", "win98", "4.10", []string{"se"}, []string{"win98", "w98"}},
	{"windows2000", "Windows 2000", "W2K", "win2k", "5.0", []string{"sp1", "sp2", "sp3", "sp4"},
		[]string{"win2000", "win2k", "w2k", "windows2k", "w2000", "w50"}},
	{"windowsme", "Windows Me", "WME", "winme", "4.90", nil, []string{"winme", "wme", "windowsmillennium", "windowsmillenniumedition"}},
	{"windowsxp", "Windows XP", "WXP", "winxp", "5.1", []string{"sp1", "sp1a", "sp2", "sp3"}, []string{"winxp", "wxp", "xp"}},
	{"windowsserver2003", "Windows Server 2003", "W2K3", "win2003", "5.2", []string{"sp1", "sp2"},
		[]string{"winserver2003", "win2003", "win2k3", "w2k3", "ws03", "ws2003", "windows2003", "windows.netserver", "windowsserver2003r2"}},
	{"windowsvista", "Windows Vista", "VISTA", "winvista", "6.0", []string{"sp1", "sp2"}, []string{"winvista", "vista", "wvista"}},
	{"windowsserver2008", "Windows Server 2008", "W2K8", "win2008", "", []string{"sp2"},
		[]string{"winserver2008", "win2008", "win2k8", "w2k8", "ws08", "ws2008", "windows2008"}},
	{"windows7", "Windows 7", "W7", "win7", "6.1", []string{"sp1"}, []string{"win7", "w7"}},
	{"windowsserver2008r2", "Windows Server 2008 R2", "W2K8R2", "win2008r2", "", []string{"sp1"},
		[]string{"winserver2008r2", "win2008r2", "win2k8r2", "w2k8r2", "ws08r2", "windows2008r2"}},
	{"windows8", "Windows 8", "W8", "win8", "6.2", nil, []string{"win8", "w8", "windows8.0"}},
	{"windowsserver2012", "Windows Server 2012", "W2K12", "win2012", "", nil,
		[]string{"winserver2012", "win2012", "win2k12", "w2k12", "ws2012", "windows2012"}},
	{"windows8.1", "Windows 8.1", "W81", "win8.1", "6.3", nil, []string{"win8.1", "win81", "w81", "w8.1", "windowsblue"}},
	{"windowsserver2012r2", "Windows Server 2012 R2", "W2K12R2", "win2012r2", "", nil,
		[]string{"winserver2012r2", "win2012r2", "win2k12r2", "w2k12r2", "ws2012r2", "windows2012r2"}},
	{"windows10", "Windows 10", "W10", "win10", "10.0",
		[]string{"1507", "1511", "1607", "1703", "1709", "1803", "1809", "1903", "1909", "2004", "20h2", "21h1", "21h2", "22h2"},
		[]string{"win10", "w10", "windows10.0"}},
	{"windowsserver2016", "Windows Server 2016", "W2K16", "win2016", "", nil, []string{"winserver2016", "win2016", "w2k16", "ws2016", "windows2016"}},
	{"windowsserver-sac", "Windows Server, semi-annual channel", "WSAC", "winsac", "",
		[]string{"1709", "1803", "1809", "1903", "1909", "2004", "20h2", "23h2"}, []string{"windowsserversac", "windowsserversemiannualchannel"}},
	{"windowsserver2019", "Windows Server 2019", "W2K19", "win2019", "", nil, []string{"winserver2019", "win2019", "w2k19", "ws2019", "windows2019"}},
	{"windowsserver2022", "Windows Server 2022", "W2K22", "win2022", "", nil,
		[]string{"winserver2022", "win2022", "w2k22", "ws2022", "windows2022", "microsoftserveroperatingsystem21h2"}},
	{"windows11", "Windows 11", "W11", "win11", "11.0", []string{"21h2", "22h2", "23h2", "24h2", "25h2", "26h1"}, []string{"win11", "w11", "windows11.0"}},
	{"windowsserver2025", "Windows Server 2025", "W2K25", "win2025", "", nil,
		[]string{"winserver2025", "win2025", "w2k25", "ws2025", "windows2025", "microsoftserveroperatingsystem24h2"}},
}

// osNoise are words in product names that do not tell one family or release
// from another.
var osNoise = words(`for 32 bit 64 32bit 64bit x86 x64 x64based x86based arm64 arm64based ia64 amd64 itanium itaniumbased based systems system
	and later edition family server core installation professional home enterprise standard datacenter workstation
	operating pro education editions rtm gold all the microsoft advanced only web`)
