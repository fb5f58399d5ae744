package script

import "patchferry/layout"

// How packages of a kind are run silently, and what they answer. The numbers
// in brackets are those of the sources at the end of this file.

// recipe says how packages of one kind are run.
type recipe struct {
	kind   layout.Kind
	engine Engine
	args   []string
	log    string // as Run.Log
	codes  []layout.ExitCode
	reboot bool // packages of the kind may want a restart where the catalog is silent
	qchain bool
}

// The results of an exit code.
const (
	resultOK     = "ok"
	resultReboot = "reboot"
	resultThere  = "present"
	resultNot    = "not-applicable"
	resultRetry  = "retry"
	resultFailed = "failed"
)

// common are the codes of Windows Installer, which Update.exe and most others
// share [1] [2]. 3011 is a success that counts after a restart of a service; WSUS
// Offline treats it as one that wants a restart.
var common = []layout.ExitCode{
	{Code: 0, Result: resultOK},
	{Code: 1618, Result: resultRetry},
	{Code: 1641, Result: resultReboot},
	{Code: 3010, Result: resultReboot},
	{Code: 3011, Result: resultReboot},
}

// recipes hold every kind that a script can run. The backup of what is replaced
// is never switched off (no -n).
var recipes = []recipe{
	// Hotfix.exe knows no code for "restart needed": with -z the restart is left
	// to the caller, once, after QChain.exe [3] [4].
	// The uninstaller of its backup is of the later family, and may answer 3010.
	{layout.KindHotfix, EngineSelf, []string{"-m", "-q", "-z"}, "", []layout.ExitCode{{Code: 0, Result: resultReboot}, {Code: 3010, Result: resultReboot}}, true, true},
	// The old switches, which every engine understands [5]; newSwitches has the others.
	{layout.KindUpdate, EngineSelf, []string{"-u", "-q", "-z"}, "", with(1603, resultFailed), true, false},
	{layout.KindServicePack, EngineSelf, []string{"-u", "-q", "-z"}, "", with(1603, resultFailed), true, false},
	// An IExpress package hands on the code of the program in it [6].
	{layout.KindIExpress, EngineSelf, []string{"/Q:A", "/R:N"}, "", common, true, false},
	{layout.KindMSI, EngineMSI, []string{"/qn", "/norestart"}, "/l*v ",
		with(1603, resultFailed, 1605, resultFailed, 1619, resultFailed, 1638, resultFailed), false, false},
	{layout.KindMSP, EngineMSP, []string{"/qn", "/norestart", "REBOOT=ReallySuppress"}, "/l*v ",
		with(1603, resultFailed, 1636, resultFailed, 1642, resultNot, 1647, resultFailed, 1648, resultFailed), true, false},
	{layout.KindOffice, EngineSelf, []string{"/quiet", "/norestart"}, "/log:", officeCodes, true, false},
	{layout.KindDotNet, EngineSelf, []string{"/q", "/norestart"}, "",
		with(1602, resultFailed, 1603, resultFailed, 5100, resultFailed, 16389, resultFailed), true, false},
	{layout.KindMSU, EngineWUSA, []string{"/quiet", "/norestart"}, "/log:", wusaCodes, true, false},
	{layout.KindCAB, EngineDISM, []string{"/Quiet", "/NoRestart"}, "/LogPath:", dismCodes, true, false},
	// One INF a call: of several the code says nothing [7].
	{layout.KindDriverINF, EnginePnPUtil, []string{"/install"}, "", pnputilCodes, true, false},
	{layout.KindDriverCAB, EnginePnPUtil, []string{"/install"}, "", pnputilCodes, true, false},
	{layout.KindDefender, EngineSelf, []string{"-q"}, "", []layout.ExitCode{{Code: 0, Result: resultOK}}, false, false},
	// A program of which nothing more is known is run only where somebody says
	// with which switches.
	{layout.KindExe, EngineSelf, nil, "", common, true, false},
	{layout.KindDriverExe, EngineSelf, nil, "", common, true, false},
}

// officeCodes are those of the update packages of Office 2007 and later [8].
var officeCodes = with(
	17021, resultFailed, // no temporary folder
	17022, resultReboot,
	17023, resultFailed, // cancelled
	17024, resultFailed, // no folder
	17025, resultThere,
	17026, resultThere, // in the administrative installation
	17027, resultFailed, // wants the full installation source
	17028, resultNot, // none of the products is there
	17029, resultFailed,
	17030, resultFailed, // detection: invalid file
	17031, resultFailed, // detection: baseline missing, mostly a service pack
	17034, resultFailed, // detection: the patch it builds on is missing
	17301, resultFailed, // detection
	17302, resultFailed, // applying the patch
	17303, resultFailed, // extracting
)

// wusaCodes are those of the stand-alone installer of Windows Vista and later
// [9] [10]. Windows Vista and Server 2008 before KB949545 answer 1 also where
// an update is there or not applicable, which cannot be told from a failure.
var wusaCodes = with(
	5, resultFailed,
	87, resultFailed,
	1058, resultFailed, // the Windows Update service is disabled
	2359301, resultReboot, // 0x00240005
	2359302, resultThere, // 0x00240006
	-2145124329, resultNot, // 0x80240017
)

// dismCodes are those of DISM where it adds a package [11] [12] [13] [14].
var dismCodes = with(
	2, resultFailed,
	5, resultFailed,
	50, resultFailed,
	87, resultFailed,
	-2146498530, resultNot, // 0x800f081e, also where a newer cumulative update is there
	-2146498525, resultFailed, // 0x800f0823: the servicing stack is too old
	-2146498554, resultRetry, // 0x800f0806: another operation is pending
	-2147024344, resultFailed, // 0x80070228: a checkpoint was named in place of its target
)

// pnputilCodes are those of PnPUtil [7]; 259 is "no device matches, or a better
// driver is there".
var pnputilCodes = []layout.ExitCode{
	{Code: 0, Result: resultOK},
	{Code: 259, Result: resultNot},
	{Code: 1641, Result: resultReboot},
	{Code: 3010, Result: resultReboot},
}

// with returns the common codes and further ones, given in pairs of code and result.
func with(pairs ...any) []layout.ExitCode {
	codes := append([]layout.ExitCode(nil), common...)
	for i := 0; i+1 < len(pairs); i += 2 {
		codes = append(codes, layout.ExitCode{Code: int32(pairs[i].(int)), Result: pairs[i+1].(string)})
	}
	return sortCodes(codes)
}

// Of Update.exe: from the first version on the switches of Windows Installer
// are understood, from the second on /log [5] [15].
const (
	newSwitchesSince = "5.3.24.3"
	logSince         = "6.1.22.0"
)

// newSwitches are those of Update.exe from newSwitchesSince on, and of the
// service packs of Windows Vista and later.
var newSwitches = []string{"/quiet", "/norestart"}

// unrunnable are the kinds that no script can run, and why.
var unrunnable = map[layout.Kind]string{
	"":                   "it is no package that a script can run",
	layout.KindZIP:       "an archive: unpack it and follow what is in it",
	layout.KindISO:       "an image of a disc: Setup is run from it by hand",
	layout.KindWIM:       "an image of an installation: it is no update of a running system",
	layout.KindESD:       "a part of an installation image: it is no update of a running system",
	layout.KindPSF:       "the payload of a cabinet that is not here",
	layout.KindExe:       "a program of which nobody says how it runs silently (install.switches of its source, or an [[override]])",
	layout.KindDriverExe: "a maker's own driver program, of which nobody says how it runs silently (install.switches of its source, or an [[override]])",
}

// Sources: [1] learn.microsoft.com, win32/msi/error-codes. [2] KB262841. [3]
// KB184305. [4] KB296861. [5] KB262841 and KB832475. [6] KB197147; not tried.
// [7] learn.microsoft.com, pnputil-return-values. [8] Office 2007 resource kit,
// error codes of update packages. [9] KB934307. [10] KB949545. [11] serverfault
// 1153656. [12] CBS logs of 0x800f0823. [13] technet cc732334. [14] learn.microsoft.com,
// catalog-checkpoint-cumulative-updates. [15] KB832475. None of these programs
// was run for this table: it is what is written of them.
