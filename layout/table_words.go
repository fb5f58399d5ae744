package layout

// The classifications: the standard terms of KB 824684, and what the catalogs
// added since.
const (
	SecurityUpdate   Classification = "security_update"
	CriticalUpdate   Classification = "critical_update"
	ServicePack      Classification = "service_pack"
	UpdateRollup     Classification = "update_rollup"
	PlainUpdate      Classification = "update"
	Hotfix           Classification = "hotfix"
	FeaturePack      Classification = "feature_pack"
	DefinitionUpdate Classification = "definition_update"
	Tool             Classification = "tool"
	Upgrade          Classification = "upgrade"
	DriverUpdate     Classification = "driver"
	DriverSet        Classification = "driver_set"
	Firmware         Classification = "firmware"
	Application      Classification = "application"
)

// classifications maps the words of our sources, folded and with one blank
// for everything that is neither letter nor digit, to classifications. The
// GUIDs are those of WSUS, the
// four-letter words stand in the URLs of Windows Update, the others come from
// MSRC, Dell, HP and Lenovo.
var classifications = map[string]Classification{
	"security update": SecurityUpdate, "security updates": SecurityUpdate, "secu": SecurityUpdate,
	"0fa1201d 4330 4fa8 8ae9 b877473b6441": SecurityUpdate, "security only": SecurityUpdate,
	"security hotpatch update": SecurityUpdate, "securityhotpatchupdate": SecurityUpdate,
	"standalone security update": SecurityUpdate, "securityupdate": SecurityUpdate, "advanced security updates": SecurityUpdate,

	"critical update": CriticalUpdate, "critical updates": CriticalUpdate, "crup": CriticalUpdate,
	"e6cf1350 c01b 414d a61f 263d14d133b4": CriticalUpdate, "criticalupdate": CriticalUpdate,

	"service pack": ServicePack, "service packs": ServicePack, "svpk": ServicePack,
	"68c5b0a3 d1a6 4553 ae49 01d3a7827828": ServicePack, "servicepack": ServicePack,

	"update rollup": UpdateRollup, "update rollups": UpdateRollup, "uprl": UpdateRollup,
	"28bc880e 0592 4cbf 8f95 c79b17911d5f": UpdateRollup, "monthly rollup": UpdateRollup, "rollup": UpdateRollup,
	"cumulative update": UpdateRollup, "alternate cumulative": UpdateRollup, "ie cumulative": UpdateRollup, "updaterollup": UpdateRollup,

	"update": PlainUpdate, "updates": PlainUpdate, "updt": PlainUpdate,
	"cd5ffd1e e932 4e3a bf74 18bf0b1bbd83": PlainUpdate, "recommended updates": PlainUpdate,
	"servicing stack update": PlainUpdate, "servicingstackupdate": PlainUpdate,

	"hotfix": Hotfix, "hotfixes": Hotfix, "qfe": Hotfix,

	"feature pack": FeaturePack, "feature packs": FeaturePack, "ftpk": FeaturePack,
	"b54e7d24 7add 428f 8b75 90a396fa584f": FeaturePack, "featurepack": FeaturePack,

	"definition update": DefinitionUpdate, "definition updates": DefinitionUpdate, "defu": DefinitionUpdate,
	"e0789628 ce08 4437 be74 2495b842f43b": DefinitionUpdate, "definitionupdate": DefinitionUpdate,

	"tool": Tool, "tools": Tool, "windows tools": Tool, "b4832bd8 e735 4761 8daf 37f882276dab": Tool,

	"upgrade": Upgrade, "upgrades": Upgrade, "upgr": Upgrade, "3689bdc8 b205 4af4 8d4a a63924c5e9d5": Upgrade,

	"driver": DriverUpdate, "drivers": DriverUpdate, "drvr": DriverUpdate, "drvs": DriverUpdate,
	"ebfc1fc5 71a4 4f7b 9aca 3b9a503104a0": DriverUpdate, "driver pack": DriverUpdate, "sccm driver pack": DriverUpdate,
	"driver pack win": DriverUpdate, "driver pack winpe": DriverUpdate, "manageability driver pack": DriverUpdate,
	"driver set": DriverSet, "driver sets": DriverSet, "77835c8d 62a7 41f5 82ad f28d1af1e3b1": DriverSet,

	"firmware": Firmware, "frmw": Firmware, "bios": Firmware,

	"application": Application, "applications": Application, "apac": Application,
	"5c9376ab 8ce6 464a b136 22113dd69801": Application,
}

// The severities of the MSRC (November 2002).
const (
	Critical  Severity = "Critical"
	Important Severity = "Important"
	Moderate  Severity = "Moderate"
	Low       Severity = "Low"
)

// severities maps the folded words of bulletins in the languages in which we
// have them to severities; the empty one is for those that say that there is
// none.
var severities = map[string]Severity{
	"critical": Critical, "kritisch": Critical, "緊急": Critical, "重大": Critical, "严重": Critical, "critique": Critical,
	"критическое": Critical, "критический": Critical, "критическая": Critical, "critico": Critical, "crítico": Critical, "crítica": Critical,
	"critica": Critical,

	"important": Important, "hoch": Important, "wichtig": Important, "重要": Important, "важное": Important, "важный": Important,
	"importante": Important,

	"moderate": Moderate, "mittel": Moderate, "警告": Moderate, "中等": Moderate, "среднее": Moderate, "средний": Moderate,
	"medio": Moderate, "moderada": Moderate, "moderado": Moderate, "modéré": Moderate, "moderata": Moderate,

	"low": Low, "niedrig": Low, "注意": Low, "低": Low, "низкое": Low, "низкий": Low, "basso": Low, "bassa": Low,
	"bajo": Low, "baja": Low, "baixa": Low, "faible": Low,

	"": "", "unspecified": "", "none": "", "n/a": "",
}

// archs maps folded words to architectures; the empty one is for those that
// name several or all.
var archs = map[string]Arch{
	"x86": "x86", "i386": "x86", "i486": "x86", "i586": "x86", "i686": "x86", "ia32": "x86", "intel": "x86", "32": "x86", "32-bit": "x86",
	"32bit": "x86", "win32": "x86", "wn32": "x86", "x86-based": "x86", "x86fre": "x86",
	"x64": "x64", "amd64": "x64", "x86_64": "x64", "x86-64": "x64", "64": "x64", "64-bit": "x64", "64bit": "x64", "win64": "x64",
	"wn64": "x64", "x64-based": "x64", "x64fre": "x64", "amd64fre": "x64",
	"ia64": "ia64", "itanium": "ia64", "itanium-based": "ia64",
	"arm64": "arm64", "aarch64": "arm64", "arm64-based": "arm64", "arm64fre": "arm64", "a64": "arm64",
	"arm": "arm", "arm32": "arm", "armv7": "arm",
	"nec98": "nec98", "pc98": "nec98",
	"": "", "multi": "", "all": "", "any": "", "neutral": "", "noarch": "",
}

// archOrder is the order in which architectures came; the first of an
// update's is the one under which it is kept.
var archOrder = []Arch{"x86", "nec98", "ia64", "x64", "arm", "arm64"}

// The package kinds: how a file is installed.
const (
	KindHotfix      Kind = "hotfix.exe"   // Hotfix.exe: NT 4, 2000 before SP3
	KindUpdate      Kind = "update.exe"   // Update.exe: 2000 from SP3 on, XP, 2003
	KindServicePack Kind = "service-pack" // network package of a service pack
	KindIExpress    Kind = "iexpress"     // /q:a /r:n
	KindMSI         Kind = "msi"
	KindMSP         Kind = "msp"
	KindOffice      Kind = "office.exe" // Office 2007 and later
	KindDotNet      Kind = "dotnet.exe"
	KindMSU         Kind = "msu"
	KindCAB         Kind = "cab" // by DISM, or by Office's own setup
	KindPSF         Kind = "psf" // payload that goes with a cabinet
	KindDriverCAB   Kind = "driver.cab"
	KindDriverExe   Kind = "driver.exe"
	KindDriverINF   Kind = "driver.inf"
	KindDefender    Kind = "defender"
	KindESD         Kind = "esd"
	KindWIM         Kind = "wim"
	KindISO         Kind = "iso"
	KindZIP         Kind = "zip"
	KindExe         Kind = "exe" // a program of which the name says no more
)
