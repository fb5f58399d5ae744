package layout

// kernelNames are the systems that a Windows file name stands for by its
// first word. From Vista on it gives the kernel's version, which a client and
// a server share. Windows 10's servers (2016 to 2022) and Windows 11's (2025)
// share a name with several clients and cannot be told from it.
var kernelNames = map[string][]OS{
	"windows5.0":  {"windows2000"},
	"windows5.1":  {"windowsxp"},
	"windows5.2":  {"windowsserver2003"},
	"windows6.0":  {"windowsvista", "windowsserver2008"},
	"windows6.1":  {"windows7", "windowsserver2008r2"},
	"windows6.2":  {"windows8", "windowsserver2012"},
	"windows8":    {"windows8", "windowsserver2012"},
	"windows6.3":  {"windows8.1", "windowsserver2012r2"},
	"windows8.1":  {"windows8.1", "windowsserver2012r2"},
	"windows10.0": {"windows10"},
	"windows11.0": {"windows11"},
}

// afterWindows are the words that may follow a lone "Windows" in a name, as in
// IE6.0sp1-KB918899-Windows-2000-XP-x86-ENU.exe.
var afterWindows = map[string]OS{
	"95": "windows95", "98": "windows98", "me": "windowsme", "nt4": "windowsnt4", "2000": "windows2000", "xp": "windowsxp",
	"2003": "windowsserver2003", "vista": "windowsvista", "7": "windows7", "8": "windows8", "8.1": "windows8.1",
	"10": "windows10", "11": "windows11",
}

// builds are the releases that the build number at the head of an installation
// image's name stands for (22000.132.210809-2349.co_release_…).
var builds = map[string]OS{
	"10240": "windows10-1507", "10586": "windows10-1511", "14393": "windows10-1607", "15063": "windows10-1703",
	"16299": "windows10-1709", "17134": "windows10-1803", "17763": "windows10-1809", "18362": "windows10-1903",
	"18363": "windows10-1909", "19041": "windows10-2004", "19042": "windows10-20h2", "19043": "windows10-21h1",
	"19044": "windows10-21h2", "19045": "windows10-22h2",
	"22000": "windows11-21h2", "22621": "windows11-22h2", "22631": "windows11-23h2", "26100": "windows11-24h2", "26200": "windows11-25h2",
}

// nameArch are the words of file names that say an architecture. It leaves out
// what makers put into driver names whatever the architecture (WN32).
var nameArch = map[string]Arch{
	"x86": "x86", "i386": "x86", "x86fre": "x86",
	"x64": "x64", "amd64": "x64", "x64fre": "x64", "amd64fre": "x64", "64bit": "x64",
	"ia64": "ia64", "arm64": "arm64", "arm64fre": "arm64", "arm": "arm", "nec98": "nec98",
}
