package script

import "patchferry/layout"

// The updates without which others do not go in, by their articles.

// pack is a service pack of Windows.
type pack struct {
	kb       string
	families []layout.OS
	level    int
	least    int // the service pack that must be there before it
}

// servicePacks are the service packs of Windows 2000 and later that name their
// article. From the knowledge base; that XP SP3 wants SP1 and Vista SP2 wants
// SP1 is written in their release notes and was not tried.
var servicePacks = []pack{
	{"320853", []layout.OS{"windows2000"}, 3, 0},
	{"327194", []layout.OS{"windows2000"}, 4, 0},
	{"835935", []layout.OS{"windowsxp"}, 2, 0},
	{"936929", []layout.OS{"windowsxp"}, 3, 1},
	{"889101", []layout.OS{"windowsserver2003", "windowsxp"}, 1, 0},
	{"914961", []layout.OS{"windowsserver2003", "windowsxp"}, 2, 0},
	{"936330", []layout.OS{"windowsvista", "windowsserver2008"}, 1, 0},
	{"948465", []layout.OS{"windowsvista", "windowsserver2008"}, 2, 1},
	{"976932", []layout.OS{"windows7", "windowsserver2008r2"}, 1, 0},
}

// sha2 are the updates that teach Windows signatures by SHA-2, in the order in
// which Microsoft's articles of 2019 ask for them: the servicing stack that
// checks such signatures comes before the rest. Without them nothing that was
// published after August 2019 goes in.
var sha2 = []string{"3033929", "4039648", "4490628", "4493730", "4474419"}

// stacks are servicing stack updates whose titles do not always say so.
var stacks = []string{"3020369", "3021910", "3173424", "3173426", "3177467", "4490628", "4493730"}

// foundations are installers that others are packed for: the package installer of
// 2005, Windows Installer 3.1 and 4.5.
var foundations = []string{"898461", "893803", "942288"}

// The phases of a set, in order.
const (
	phasePack = iota
	phaseSHA2
	phaseStack
	phaseFoundation
	phaseRest
)
