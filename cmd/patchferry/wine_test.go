package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/mirror/upstream/hostile"
)

// windowsDeadline is how long one program may take under Wine, on a machine that
// is busy with other tests.
const windowsDeadline = 2 * time.Minute

// windows is a system of its own with nothing in it but what Wine brings.
type windows struct {
	wine, server string
	dir          string // what lies beside it
	env          []string
}

// newWindows makes one; it is gone when the test ends.
func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{wine: judge(t, "wine"), server: judge(t, "wineserver"), dir: t.TempDir()}
	prefix := w.drive("")
	if err := os.MkdirAll(filepath.Dir(prefix), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DISPLAY=") && !strings.HasPrefix(v, "WAYLAND_DISPLAY=") {
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "WINEPREFIX="+filepath.Dir(prefix), "WINEDEBUG=-all", "HOME="+w.dir, "no_proxy=*")
	// A server that stays spares each program the start of a system, and is ended by
	// name of its system alone.
	w.run(t, w.server, "-p")
	t.Cleanup(func() {
		cmd := exec.Command(w.server, "-k")
		cmd.Env = w.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("end Wine: %v: %s", err, out)
		}
	})
	w.run(t, w.wine, "wineboot", "-i")
	return w
}

// drive returns where a path below C: is here.
func (w *windows) drive(path string) string {
	return filepath.Join(w.dir, "prefix", "drive_c", filepath.FromSlash(path))
}

// run runs a program to its end. It writes to a file, and not to a pipe: services
// that it starts would keep that open.
func (w *windows) run(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := os.Create(filepath.Join(w.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), windowsDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.env, w.dir, out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, said)
	}
}

// windowsFiles are a package that installs a file of random bytes, and a text. Of each
// edition they are others.
func windowsFiles(t *testing.T, edition byte) (files map[string][]byte, payload []byte) {
	t.Helper()
	wixl := judge(t, "wixl")
	dir := t.TempDir()
	payload = make([]byte, 3_000_000)
	_, _ = rand.NewChaCha8([32]byte{edition}).Read(payload) // it cannot fail
	source, err := os.ReadFile(filepath.Join("testdata", "wine", "sample.wxs"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"payload.bin": payload, "sample.wxs": source} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), wixl, "-o", "sample.msi", "sample.wxs")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("wixl: %v: %s", err, out)
	}
	msi, err := os.ReadFile(filepath.Join(dir, "sample.msi"))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&text, "line %d.%d\r\n", i, edition)
	}
	return map[string][]byte{"/WindowsXP-KB835790-x86-ENU.msi": msi, "/WindowsXP-KB835791-x86-ENU.EXE": text.Bytes()}, payload
}

// TestHostsUnderWine lets what Windows brings fetch files that were synced, and files
// that nobody asked for before: the Windows Installer, which installs a package from
// its address, and WinHTTP.
func TestHostsUnderWine(t *testing.T) {
	w := newWindows(t)
	for i, how := range []struct {
		name  string
		setUp func(*testing.T, map[string][]byte) (string, *hostile.Publisher)
	}{
		{name: "here", setUp: newMirror},
		{name: "not here", setUp: onDemandMirror},
	} {
		t.Run(how.name, func(t *testing.T) {
			files, payload := windowsFiles(t, byte(i))
			dir, _ := how.setUp(t, files)
			syncAll(t, dir)
			w.fetch(t, serveMirror(t, dir), files, payload)
		})
	}
}

// fetch asks for both by the publisher's path.
func (w *windows) fetch(t *testing.T, url string, files map[string][]byte, payload []byte) {
	t.Run("msiexec", func(t *testing.T) {
		w.run(t, w.wine, "msiexec", "/i", url+"WindowsXP-KB835790-x86-ENU.msi", "/qn")
		found, err := filepath.Glob(w.drive("Program Files*/Sample update/payload.bin"))
		if err != nil || len(found) != 1 {
			t.Fatalf("found %v (%v), want the file that the package installs", found, err)
		}
		sameFile(t, found[0], payload)
		if err := os.Remove(found[0]); err != nil { // the next package is to install its own
			t.Fatal(err)
		}
	})
	t.Run("WinHTTP, a range", func(t *testing.T) {
		script, err := filepath.Abs(filepath.Join("testdata", "wine", "range.vbs"))
		if err != nil {
			t.Fatal(err)
		}
		const name = "/WindowsXP-KB835791-x86-ENU.EXE"
		w.run(t, w.wine, "cscript", "//nologo", `Z:`+strings.ReplaceAll(script, "/", `\`), url+name[1:], `C:\got.txt`, "bytes=500000-500999")
		got, err := os.ReadFile(w.drive("got.txt"))
		if err != nil {
			t.Fatal(err)
		}
		content := files[name]
		if want := fmt.Sprintf("206|bytes 500000-500999/%d|%s", len(content), content[500_000:501_000]); string(got) != want {
			t.Errorf("WinHTTP got %.80q…, want %.80q…", got, want)
		}
	})
}
