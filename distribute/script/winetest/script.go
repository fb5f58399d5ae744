package winetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Result is what a script answered.
type Result struct {
	Code   int32  // %ERRORLEVEL%, all of it
	Output string // what it printed
	Calls  []Call // of packages and tools, in order
}

// Call is one call of a program that records them.
type Call struct {
	Name   string   `json:"name"` // in small letters, without .exe
	Args   []string `json:"args"`
	Dir    string   `json:"dir"`
	Beside []string `json:"beside"` // what lay in the folder of the package that a tool was given
	Code   int32    `json:"code"`
}

// String is a call as it would be typed.
func (c Call) String() string { return strings.Join(append([]string{c.Name}, c.Args...), " ") }

// Installers returns the calls without those of tools that only look: certutil,
// fciv, curl, and DISM where it lists.
func (r Result) Installers() []Call {
	var all []Call
	for _, c := range r.Calls {
		switch {
		case c.Name == "certutil", c.Name == "fciv", c.Name == "curl":
		case c.Name == "dism" && strings.Contains(strings.ToLower(c.String()), "/get-"):
		default:
			all = append(all, c)
		}
	}
	return all
}

// Cmd runs a command line of cmd.exe: `"\\server\share\some folder\install.cmd" /dry`.
// It is run by cmd /c from a script of its own, which alone sees the whole exit code.
// env has variables ("STUB_RC_QCHAIN=1") for this run.
func (w *Windows) Cmd(t testing.TB, line string, env ...string) Result {
	t.Helper()
	for _, name := range []string{`C:\calls.jsonl`, `C:\code.txt`, `C:\output.txt`} {
		if err := os.Remove(w.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	// A digit before > would be the number of a handle; Wine knows 2>&1 at the end alone.
	var arch string
	if w.arch != "" { // Wine sets it again for each program from outside
		arch = "set PROCESSOR_ARCHITECTURE=" + w.arch + "\r\n"
	}
	script := "@echo off\r\n" + arch + "cmd /c \"" + line + " \" >C:\\output.txt 2>&1\r\n>C:\\code.txt echo %ERRORLEVEL%\r\nexit /b 0\r\n"
	if err := os.WriteFile(w.Path(`C:\run.cmd`), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	env = append([]string{`STUB_LOG=C:\calls.jsonl`, "WINEDLLOVERRIDES=" + overrides}, env...)
	said := w.exec(t, env, w.wine, "cmd", "/c", `C:\run.cmd`)
	r := Result{Output: w.read(t, `C:\output.txt`), Calls: w.calls(t)}
	code, err := strconv.ParseInt(strings.TrimSpace(w.read(t, `C:\code.txt`)), 10, 32)
	if err != nil {
		t.Fatalf("%s: no exit code: %v\n%s\n%s", line, err, said, r.Output)
	}
	r.Code = int32(code)
	return r
}

// calls reads what the programs recorded.
func (w *Windows) calls(t testing.TB) []Call {
	t.Helper()
	var all []Call
	for line := range strings.Lines(w.read(t, `C:\calls.jsonl`)) {
		var c Call
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("recorded call %q: %v", line, err)
		}
		all = append(all, c)
	}
	return all
}

// read returns a file of drive C:, or nothing where it is not there.
func (w *Windows) read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(w.Path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// Write writes a file of drive C:, with its folders.
func (w *Windows) Write(t testing.TB, name string, data []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(w.Path(name)), 0o755)
	if err == nil {
		err = os.WriteFile(w.Path(name), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// SetKey makes a key of the registry and, where data is given, sets a value of it: a
// text, or a number as "dword:512".
func (w *Windows) SetKey(t testing.TB, key, value, data string) {
	t.Helper()
	args := []string{"add", key, "/f"}
	if data != "" {
		kind := "REG_SZ"
		if digits, ok := strings.CutPrefix(data, "dword:"); ok {
			kind, data = "REG_DWORD", digits
		}
		args = append(args, "/v", value, "/t", kind, "/d", data)
	}
	w.Run(t, "reg", args...)
}

// DeleteKey removes a key with all below it.
func (w *Windows) DeleteKey(t testing.TB, key string) {
	t.Helper()
	w.Cmd(t, fmt.Sprintf(`reg delete "%s" /f`, key))
}

// Value returns a value of a key as reg query prints it; false where there is none.
func (w *Windows) Value(t testing.TB, key, value string) (string, bool) {
	t.Helper()
	r := w.Cmd(t, fmt.Sprintf(`reg query "%s" /v "%s"`, key, value))
	found := regexp.MustCompile(`(?m)^ +\S.*? +REG_\w+ *(.*?)\r?$`).FindStringSubmatch(r.Output)
	if r.Code != 0 || found == nil {
		return "", false
	}
	return found[1], true
}

// HasKey reports whether a key of the registry is there.
func (w *Windows) HasKey(t testing.TB, key string) bool {
	t.Helper()
	return w.Cmd(t, fmt.Sprintf(`reg query "%s"`, key)).Code == 0
}
