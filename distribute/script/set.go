package script

import "patchferry/layout"

// Set is a number of updates that are installed together, in order: one update, a
// selection, a bulletin's, or all that a kind of host needs.
type Set struct {
	Name    string   // of the set in logs and in the registry: letters, digits, hyphens
	Title   string   // for people, in ASCII
	Place   string   // folder of the scripts below the root of the tree: "install/hosts/windows2000/x86/EN"
	Bases   []string // where the tree is besides "above the scripts": URLs and UNC paths, in order
	Ring    string
	Edition Edition
	Items   []Item
	Left    []Left   // what was asked for and is not in Items
	Notes   []string // for people, in ASCII: a circle of prerequisites that was cut, a base that cannot be used
}

// Edition names what a set was made from.
type Edition struct {
	Generation uint64        // number of the newest generation in it
	State      uint64        // number of the state that publishes it
	Root       layout.Digest // SHA-256 over what the ring shows (distribute.ViewMeta.Digest)
	Created    layout.Time
}

// Item is one package that is run on a host, or a few that are given to DISM
// together.
type Item struct {
	ID       string // safe in every script: letters, digits, ".", "-", "_"; unique in the set
	Update   string // id of the update as it stands in the catalog: for lists, not safe in scripts
	KB       string // digits
	Title    string // for people, ASCII
	Path     string // of the file that is run, below the root of the tree
	Name     string // its last part
	Size     int64
	SHA256   layout.Digest
	SHA1     layout.SHA1 // zero where unknown
	MD5      layout.MD5  // zero where unknown
	Members  []Member    // further files that must lie in the same folder (checkpoints, .psf)
	Kind     layout.Kind
	Run      Run
	Gate     Gate
	Detect   Detect
	Remove   Remove
	Barrier  Barrier
	Reboot   bool // it may want a restart, as the catalog says
	Order    int  // its place, 10, 20 …
	Released layout.Date
}

// Note returns what an earlier run may have written down of an item that leaves no
// traces: the first 32 digits of its SHA-256, the name of a value
// of HKLM\SOFTWARE\patchferry\Packages, whose data is the item's ID. It is empty where the host tells by itself, or the digest is unknown.
func (it *Item) Note() string {
	if it.Detect.any() || it.SHA256.IsZero() {
		return ""
	}
	return it.SHA256.String()[:32]
}

// Member is a file that an item needs beside its own.
type Member struct {
	Path, Name string
	Size       int64
	SHA256     layout.Digest
	SHA1       layout.SHA1
	MD5        layout.MD5
}

// Engine says which program runs a package.
type Engine string

// The engines.
const (
	EngineSelf    Engine = "self"    // the package is a program and takes Args itself
	EngineMSI     Engine = "msi"     // msiexec /i FILE Args
	EngineMSP     Engine = "msp"     // msiexec /p FILE Args
	EngineWUSA    Engine = "wusa"    // wusa FILE Args; never with Members
	EngineDISM    Engine = "dism"    // dism /Online /Add-Package /PackagePath:FILE Args
	EnginePnPUtil Engine = "pnputil" // pnputil /add-driver FILE Args, one call an INF; a driver.cab is expanded first
)

// Run says how a package is run silently and without a restart of its own.
type Run struct {
	Engine Engine
	Args   []string
	Codes  []layout.ExitCode // by code, each once; what is not listed failed
	QChain bool              // QChain.exe must run after a batch with it (Hotfix.exe)
	Log    string            // switch that names a log file, "" where there is none: "/log:"; where it ends in a blank the file is an argument of its own: "/l*v "
}

// Gate says on which hosts an item makes sense. A list that is empty, and a
// limit that is 0, admits all; but MaxSP 0 is "without a service pack", and -1
// admits all.
//
// A host is of an OS where its family stands there, or its family and release:
// "windowsxp", "windows11-24h2", "windowsxp-sp2" (System.Release, or the number
// of its service pack).
type Gate struct {
	OS       []layout.OS // families and releases
	Arch     []layout.Arch
	Language layout.Language
	MinSP    int // service pack, 0 is none
	MaxSP    int // -1: any
	MinBuild int
	MaxBuild int // 0: any
}

// Detect says how a host tells that an item is there. One of Dirs, Keys, Products
// and Packages is enough; none at all: it cannot be told.
type Detect struct {
	Dirs     []string               // %windir%\$NTUninstallKB123456$
	Keys     []layout.InstalledKey  // registry
	Products []string               // MSI product codes
	Patches  []string               // MSP patch codes
	Packages []string               // KB numbers with "KB", as DISM and Win32_QuickFixEngineering name them
	SP       int                    // there from this service pack on; 0: no service pack includes it
	Files    []layout.InstalledFile // all of them, in their version or a later one: validate looks at these too
}

// Remove says how an item is taken off again.
type Remove struct {
	Commands []Command // the first whose program is there is run; none: it cannot be removed
	Why      string    // why it cannot be removed, for people
}

// Command is a program with its arguments; %windir% and the like are the host's.
// The first of several whose program and key are there is run.
type Command struct {
	Program string // "%windir%\\$NTUninstallKB123456$\\spuninst\\spuninst.exe"; "" is the item's own package
	Args    []string
	Key     string // only where this key of the registry is there; "" asks for none
}

// Barrier says that what comes after an item must wait.
type Barrier string

// The barriers.
const (
	NoBarrier      Barrier = ""
	BarrierAfter   Barrier = "after"   // a service pack, servicing stack or SHA-2 support: restart where it asks for one, then go on at the next run
	BarrierRestart Barrier = "restart" // always restart after it
)

// Left is an update that a set does not have, or one file of it.
type Left struct {
	Update string // its id in the catalog
	File   string // its name there, "" where the whole update is meant; not safe for scripts
	Why    string // superseded by …, not here, kind unknown, name unsafe; ASCII
}

// File is one file of a set, beside its scripts.
type File struct {
	Name string
	Data []byte
}
