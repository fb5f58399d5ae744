package script

import "patchferry/layout"

// System is one system as a host can tell it: by the version and build of its
// kernel and by whether it is a client or a server. Of several entries that fit
// a host the first counts.
type System struct {
	Family   layout.OS
	Version  string // of the kernel, as ver shows it: "5.0"
	MinBuild int    // 0: any
	MaxBuild int    // included; 0: any from MinBuild on
	Type     string // client | server, or "" where either fits
	Release  string // "22h2"; "" where a service pack tells the releases apart, or where there are none
}

// The types of a system: ProductType "WinNT" in
// HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions is a client, "ServerNT"
// and "LanmanNT" are servers.
const (
	TypeClient = "client"
	TypeServer = "server"
)

// Systems returns the systems on which scripts run, Windows 2000 and later.
// Windows 11 has the kernel 10.0, as Windows 10 has; its servers share builds
// with its clients; Windows XP for x64 has the kernel of Server 2003. Server
// version 1809 has the build of Server 2019 and is taken for that.
func Systems() []System {
	all := make([]System, len(systems))
	copy(all, systems)
	return all
}

// systems is ordered by version and build. The last entries of 10.0 take what
// came out after this table: without a release.
var systems = []System{
	{"windows2000", "5.0", 2195, 2195, "", ""},
	{"windowsxp", "5.1", 2600, 2600, "", ""},
	{"windowsxp", "5.2", 3790, 3790, TypeClient, ""},
	{"windowsserver2003", "5.2", 3790, 3790, TypeServer, ""},
	{"windowsvista", "6.0", 6000, 6003, TypeClient, ""},
	{"windowsserver2008", "6.0", 6001, 6003, TypeServer, ""},
	{"windows7", "6.1", 7600, 7601, TypeClient, ""},
	{"windowsserver2008r2", "6.1", 7600, 7601, TypeServer, ""},
	{"windows8", "6.2", 9200, 9200, TypeClient, ""},
	{"windowsserver2012", "6.2", 9200, 9200, TypeServer, ""},
	{"windows8.1", "6.3", 9600, 9600, TypeClient, ""},
	{"windowsserver2012r2", "6.3", 9600, 9600, TypeServer, ""},

	{"windows10", "10.0", 10240, 10240, TypeClient, "1507"},
	{"windows10", "10.0", 10586, 10586, TypeClient, "1511"},
	{"windows10", "10.0", 14393, 14393, TypeClient, "1607"},
	{"windows10", "10.0", 15063, 15063, TypeClient, "1703"},
	{"windows10", "10.0", 16299, 16299, TypeClient, "1709"},
	{"windows10", "10.0", 17134, 17134, TypeClient, "1803"},
	{"windows10", "10.0", 17763, 17763, TypeClient, "1809"},
	{"windows10", "10.0", 18362, 18362, TypeClient, "1903"},
	{"windows10", "10.0", 18363, 18363, TypeClient, "1909"},
	{"windows10", "10.0", 19041, 19041, TypeClient, "2004"},
	{"windows10", "10.0", 19042, 19042, TypeClient, "20h2"},
	{"windows10", "10.0", 19043, 19043, TypeClient, "21h1"},
	{"windows10", "10.0", 19044, 19044, TypeClient, "21h2"},
	{"windows10", "10.0", 19045, 19045, TypeClient, "22h2"},
	{"windows11", "10.0", 22000, 22000, TypeClient, "21h2"},
	{"windows11", "10.0", 22621, 22621, TypeClient, "22h2"},
	{"windows11", "10.0", 22631, 22631, TypeClient, "23h2"},
	{"windows11", "10.0", 26100, 26100, TypeClient, "24h2"},
	{"windows11", "10.0", 26200, 26200, TypeClient, "25h2"},
	{"windows11", "10.0", 28000, 28000, TypeClient, "26h1"},

	{"windowsserver2016", "10.0", 14393, 14393, TypeServer, ""},
	{"windowsserver-sac", "10.0", 16299, 16299, TypeServer, "1709"},
	{"windowsserver-sac", "10.0", 17134, 17134, TypeServer, "1803"},
	{"windowsserver2019", "10.0", 17763, 17763, TypeServer, ""},
	{"windowsserver-sac", "10.0", 18362, 18362, TypeServer, "1903"},
	{"windowsserver-sac", "10.0", 18363, 18363, TypeServer, "1909"},
	{"windowsserver-sac", "10.0", 19041, 19041, TypeServer, "2004"},
	{"windowsserver-sac", "10.0", 19042, 19042, TypeServer, "20h2"},
	{"windowsserver2022", "10.0", 20348, 20348, TypeServer, ""},
	{"windowsserver-sac", "10.0", 25398, 25398, TypeServer, "23h2"},
	{"windowsserver2025", "10.0", 26100, 26100, TypeServer, ""},

	{"windows10", "10.0", 10240, 21999, TypeClient, ""},
	{"windows11", "10.0", 22000, 0, TypeClient, ""},
}
