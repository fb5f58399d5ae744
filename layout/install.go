package layout

// Package is what the bytes of a file say of themselves: found when the file
// is admitted (mirror/inspect) and kept in the catalog, so that scripts need
// not open files again. Every member may be empty: a file that was looked at, and
// says nothing of itself, has an empty one. It is a description by the file, which
// is vouched for as a whole by File.Evidence, and by nobody else.
type Package struct {
	Title    string   `json:"title,omitempty"`    // product name of a program or an MSI, subject of an MSP, class of a driver
	Version  string   `json:"version,omitempty"`  // of the product or package: "6.0.2900.2180", "10.0.1.4"
	Engine   string   `json:"engine,omitempty"`   // version of the installer engine of an Update.exe package
	Identity string   `json:"identity,omitempty"` // CBS package: Package_for_KB123456~31bf3856ad364e35~amd64~~10.0.1.4
	Product  string   `json:"product,omitempty"`  // product code of an MSI: {8-4-4-4-12}, capitals
	Patch    string   `json:"patch,omitempty"`    // patch code of an MSP, likewise
	Targets  []string `json:"targets,omitempty"`  // product codes that an MSP is for
	Restart  string   `json:"restart,omitempty"`  // required | possible | never, as the package says
	Catalog  string   `json:"catalog,omitempty"`  // file with the signed digests of a driver, as its INF file names it
}

// Install is what a source says of how an update is installed and how it is
// told that it is there. Where it is silent the package kind decides
// (distribute/script).
type Install struct {
	Switches []string        `json:"switches,omitempty"` // in place of the kind's silent switches
	Codes    []ExitCode      `json:"codes,omitempty"`    // before the kind's
	Keys     []InstalledKey  `json:"keys,omitempty"`     // registry: there when the update is
	Files    []InstalledFile `json:"files,omitempty"`    // what it puts on the machine
	MinBuild int             `json:"min_build,omitempty"`
	MaxBuild int             `json:"max_build,omitempty"`
}

// ExitCode says what one exit code of an installer means.
type ExitCode struct {
	Code   int32  `json:"code"`
	Result string `json:"result"` // ok | reboot | present | not-applicable | retry | failed
}

// ExitResults returns what an exit code may mean (ExitCode.Result).
func ExitResults() []string {
	return []string{"ok", "reboot", "present", "not-applicable", "retry", "failed"}
}

// InstalledKey is a key of the registry, and where Value is given a value of it.
type InstalledKey struct {
	Key   string `json:"key"`             // "HKLM\SOFTWARE\…"
	Value string `json:"value,omitempty"` // name of a value
	Data  string `json:"data,omitempty"`  // what it must be, as reg query prints it; empty: anything
}

// InstalledFile is a file as it is on a machine where the update is.
type InstalledFile struct {
	Path    string `json:"path"`              // "%windir%\system32\srv.dll"
	Version string `json:"version,omitempty"` // four numbers: "5.0.2195.5041"; a later one is right too
	Size    int64  `json:"size,omitempty"`
	SHA256  Digest `json:"sha256,omitzero"`
	SHA1    SHA1   `json:"sha1,omitzero"`
	MD5     MD5    `json:"md5,omitzero"`
}
