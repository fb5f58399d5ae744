package layout

// Type is what an update is: software or a driver.
type Type string

// The types of update; each names the top folder of the catalog tree.
const (
	Software Type = "software"
	Drivers  Type = "driver"
)

// Unknown values of the vocabularies below are kept and passed through.
type (
	// OS is an operating-system family, or a family with a release:
	// "windows2000", "windowsxp-sp3", "windows11-24h2".
	OS string
	// Arch is a processor architecture: "x86", "x64", "ia64", "arm", "arm64".
	Arch string
	// Language is a language in the catalog's own code: "EN", "DE", "ZHCN",
	// "PTBR". Empty is none or all of them.
	Language string
	// Classification is a standard term of KB 824684: "security_update".
	Classification string
	// Severity is an MSRC rating: "Critical", "Important", "Moderate", "Low".
	Severity string
	// Kind is how a file is installed: "update.exe", "hotfix.exe", "msi", "msu".
	Kind string
)
