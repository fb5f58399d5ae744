// Package winetest runs scripts and installers on a Windows of its own, which is
// Wine: on shares by their UNC paths, with packages and tools that record how they
// are called (testdata/stubs), and with real folders and a real registry. It is for
// tests alone.
//
// What runs here is Wine's cmd.exe, msiexec and wusa, with their faults, and no
// Windows: a test under it shows that a script does what it is meant to do, and
// nothing of what Windows makes of it.
package winetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deadline is how long one run may take, on a machine that is busy with other tests.
const deadline = 10 * time.Minute

// Windows is one system. Its methods must not be called at the same time.
type Windows struct {
	dir          string // what it is made of, and what lies beside it
	wine, server string
	env          []string
	arch         string // what scripts are told, where it is not that of the machine
}

// New makes a system that is gone when the test ends. Where there is no Wine the
// test is skipped, or fails if PATCHFERRY_REQUIRE names wine or wineserver.
func New(t testing.TB) *Windows {
	t.Helper()
	w := &Windows{dir: t.TempDir(), wine: Judge(t, "wine"), server: Judge(t, "wineserver")}
	// Made before it is started, and otherwise empty: what lies in it breaks it.
	if err := os.Mkdir(w.prefix(), 0o755); err != nil {
		t.Fatal(err)
	}
	w.environ()
	w.start(t)
	w.Run(t, "wineboot", "-i")
	// Services that the first start leaves half begun are waited for until the system
	// starts again: WMI and BITS, for minutes.
	w.stop(t)
	w.serve(t)
	return w
}

// Copy makes another system that is as w is, and goes on by itself. It costs a
// second, and 700 MB until the test ends.
func (w *Windows) Copy(t testing.TB) *Windows {
	t.Helper()
	w.stop(t) // what it knows is on disk only then
	c := &Windows{dir: t.TempDir(), wine: w.wine, server: w.server, arch: w.arch}
	cmd := exec.CommandContext(t.Context(), "cp", "-a", w.prefix(), c.prefix())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v: %s", w.prefix(), err, out)
	}
	w.serve(t)
	c.environ()
	c.start(t)
	return c
}

// environ is that of this process without what would put a window on a screen, or
// a proxy between a program and its server.
func (w *Windows) environ() {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch strings.ToUpper(name) {
		case "DISPLAY", "WAYLAND_DISPLAY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY":
		default:
			w.env = append(w.env, v)
		}
	}
	// Without mscoree and mshtml nothing asks for programs that Wine would fetch.
	w.env = append(w.env, "WINEPREFIX="+w.prefix(), "WINEDEBUG=-all", "HOME="+w.dir, "no_proxy=*")
}

// start starts the server of the system, and ends it with the test. One that stays
// spares each program the start of a system.
func (w *Windows) start(t testing.TB) {
	t.Helper()
	w.serve(t)
	t.Cleanup(func() { w.stop(t) })
}

func (w *Windows) serve(t testing.TB) {
	t.Helper()
	w.exec(t, nil, w.server, "-p")
}

// stop ends the system, by the name of its prefix alone, and waits for its end.
func (w *Windows) stop(t testing.TB) {
	t.Helper()
	for _, how := range []string{"-k", "-w"} {
		cmd := exec.Command(w.server, how) // also after the test's context
		cmd.Env = w.env
		if out, err := cmd.CombinedOutput(); err != nil && how == "-w" {
			t.Errorf("end Wine: %v: %s", err, out)
		}
	}
}

func (w *Windows) prefix() string { return filepath.Join(w.dir, "prefix") }

// Path returns where a path of drive C: is here: `C:\Windows`, or below C:. Of what is
// there already the case does not count.
func (w *Windows) Path(name string) string {
	here := filepath.Join(w.prefix(), "drive_c")
	for part := range strings.SplitSeq(strings.ReplaceAll(strings.TrimPrefix(name, `C:\`), `\`, "/"), "/") {
		here = filepath.Join(here, entry(here, part))
	}
	return here
}

// entry returns a name as it stands in a folder, in whatever case, else as it is.
func entry(folder, name string) string {
	if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
		return name
	}
	entries, _ := os.ReadDir(folder) // of one that is not there nothing is
	for _, e := range entries {
		if strings.EqualFold(e.Name(), name) {
			return e.Name()
		}
	}
	return name
}

// Share makes a folder of this machine known as \\server\name.
func (w *Windows) Share(t testing.TB, server, name, folder string) {
	t.Helper()
	dir := filepath.Join(w.prefix(), "dosdevices", "unc", server)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		folder, err = filepath.Abs(folder)
	}
	link := filepath.Join(dir, name)
	if err == nil {
		if err = os.Remove(link); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Symlink(folder, link)
	}
	if err != nil {
		t.Fatalf(`share \\%s\%s: %v`, server, name, err)
	}
}

// Identity says what Windows the system is from now on, in the words of winecfg. Wine
// 8 has, in a system of 64 bits: winxp64, win2003, vista, win7, win8, win81, win10.
func (w *Windows) Identity(t testing.TB, version string) {
	t.Helper()
	w.Run(t, "winecfg", "/v", version)
	w.arch = "" // whatever it became before
}

// Run runs a program of Windows to its end, which must be a good one, and returns
// what it printed.
func (w *Windows) Run(t testing.TB, program string, args ...string) string {
	t.Helper()
	return w.exec(t, nil, w.wine, append([]string{program}, args...)...)
}

// exec runs a program to its end. It writes to a file, and not to a pipe: services
// that it starts would keep that open.
func (w *Windows) exec(t testing.TB, env []string, program string, args ...string) string {
	t.Helper()
	out, err := os.Create(filepath.Join(w.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(w.env[:len(w.env):len(w.env)], env...), w.dir, out, out
	err = cmd.Run()
	said, readErr := os.ReadFile(out.Name())
	if err := errors.Join(err, readErr); err != nil {
		so, _ := os.ReadFile(w.Path(`C:\output.txt`)) // of a script that was cut off, if it was one
		t.Fatalf("%s: %v\n%s%s", strings.Join(append([]string{program}, args...), " "), err, said, so)
	}
	return string(said)
}

// Judge finds a program that a test needs. Where it is missing the test is skipped,
// or fails if PATCHFERRY_REQUIRE names it.
func Judge(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		lacking(t, program, err)
	}
	return path
}

// lacking ends a test that needs what is not here.
func lacking(t testing.TB, what string, err error) {
	t.Helper()
	for name := range strings.SplitSeq(os.Getenv("PATCHFERRY_REQUIRE"), ",") {
		if name == what {
			t.Fatalf("needs %s, which PATCHFERRY_REQUIRE names: %v", what, err)
		}
	}
	t.Skipf("SKIP: needs %s", what)
}
