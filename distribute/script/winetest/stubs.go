package winetest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// overrides lets the programs that stand in for tools of Windows run in place of
// those that Wine brings, also where they are called by their full path.
const overrides = "wusa.exe=n;" + others

const others = "dism.exe,pnputil.exe,certutil.exe,fciv.exe,curl.exe,qchain.exe,expand.exe=n;start.exe=n,b;mscoree,mshtml="

// RealWUSA is for Cmd: Wine's own wusa runs, which really installs small packages.
const RealWUSA = "WINEDLLOVERRIDES=wusa.exe=b;" + others

// NoMSI is for Cmd: msiexec too is one that records its calls, where Tools has put it
// there.
const NoMSI = "WINEDLLOVERRIDES=msiexec.exe," + overrides

// Tools puts programs that record their calls in the place of tools of Windows: dism,
// pnputil, certutil, wusa, curl, fciv, qchain, expand. In the place of start it puts one
// that records nothing, and does not fail now and then.
func (w *Windows) Tools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		from := "installer.exe"
		if name == "curl" || name == "start" {
			from = name + ".exe"
		}
		w.Without(t, name) // what is there may be a link to Wine's own
		w.Write(t, `C:\windows\system32\`+name+".exe", stub(t, from))
	}
}

// Bits returns a program that fetches by the Background Intelligent Transfer Service:
// bits URL FILE.
func Bits(t testing.TB) []byte {
	t.Helper()
	return stub(t, "bits.exe")
}

// Without takes tools away, as they are missing in old releases.
func (w *Windows) Without(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		err := os.Remove(w.Path(`C:\windows\system32\` + name + ".exe"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// Plan is what a package does to the machine that it is run on.
type Plan struct {
	Code    int32     `json:"code"`              // exit code
	Folders []string  `json:"folders,omitempty"` // to make
	Files   []File    `json:"files,omitempty"`   // to write
	Keys    []Key     `json:"keys,omitempty"`    // of the registry, to set
	Gone    []string  `json:"gone,omitempty"`    // files, folders and keys to remove
	Copies  []Planned `json:"copies,omitempty"`  // of the package's program, with plans of their own
	Needs   []string  `json:"needs,omitempty"`   // files that must lie beside it
	Undo    *Plan     `json:"undo,omitempty"`    // what taking it off does
	Names   []string  `json:"names,omitempty"`   // by which tools know it when it is there
}

// File is one that a package writes; variables in Path are the machine's.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Key is a key of the registry, below HKLM, and where Data is given a value of it.
type Key struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Data  string `json:"data,omitempty"` // "dword:512" is a number
}

// Planned is a program that a package leaves behind: spuninst.exe.
type Planned struct {
	Path string `json:"path"`
	Plan *Plan  `json:"plan"`
}

// Program returns a package that is a program and does what the plan says.
func Program(t testing.TB, p Plan) []byte {
	t.Helper()
	return withPlan(t, stub(t, "installer.exe"), p)
}

// Package returns a package that a tool installs, with head before its plan: it need
// not be what its name says.
func Package(t testing.TB, head string, p Plan) []byte {
	t.Helper()
	return withPlan(t, []byte(head), p)
}

func withPlan(t testing.TB, head []byte, p Plan) []byte {
	t.Helper()
	line, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(head, "\n#plan "...), line...)
}

// stub reads a program that make stubs built. Where there is none the test is
// skipped, or fails if PATCHFERRY_REQUIRE names stubs.
func stub(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := root()
	var data []byte
	if err == nil {
		data, err = os.ReadFile(filepath.Join(dir, ".tools", "stubs", name))
	}
	if err != nil {
		lacking(t, "stubs", err)
	}
	return data
}

// root is the folder of the module, above the package that is tested.
func root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fs.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
