package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchferry/distribute/script/winetest"
	"patchferry/mirror/upstream/hostile"
)

// windowsFiles are a package that installs a file of random bytes, and a text. Of each
// edition they are others.
func windowsFiles(t *testing.T, edition byte) (files map[string][]byte, sample winetest.MSI) {
	t.Helper()
	sample = winetest.MSI{
		Name: "Sample update", Product: fmt.Sprintf("{7C9A0D7E-0A51-4C1E-8C53-0D3A55A1B1%02X}", edition), Payload: make([]byte, 3_000_000),
	}
	_, _ = rand.NewChaCha8([32]byte{edition}).Read(sample.Payload) // it cannot fail
	var text bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&text, "line %d.%d\r\n", i, edition)
	}
	return map[string][]byte{"/WindowsXP-KB835790-x86-ENU.msi": sample.Build(t), "/WindowsXP-KB835791-x86-ENU.EXE": text.Bytes()}, sample
}

// TestHostsUnderWine lets what Windows brings fetch files that were synced, and files
// that nobody asked for before: the Windows Installer, which installs a package from
// its address, WinHTTP, and BITS by its COM interface.
func TestHostsUnderWine(t *testing.T) {
	w := winetest.New(t)
	for i, how := range []struct {
		name  string
		setUp func(*testing.T, map[string][]byte) (string, *hostile.Publisher)
	}{
		{name: "here", setUp: newMirror},
		{name: "not here", setUp: onDemandMirror},
	} {
		t.Run(how.name, func(t *testing.T) {
			files, sample := windowsFiles(t, byte(i))
			dir, _ := how.setUp(t, files)
			syncAll(t, dir)
			windowsFetches(t, w, serveMirror(t, dir), files, sample)
		})
	}
}

// windowsFetches asks for both by the publisher's path.
func windowsFetches(t *testing.T, w *winetest.Windows, url string, files map[string][]byte, sample winetest.MSI) {
	t.Run("msiexec", func(t *testing.T) {
		w.Run(t, "msiexec", "/i", url+"WindowsXP-KB835790-x86-ENU.msi", "/qn")
		name, ok := sample.Installed(t, w)
		if !ok {
			t.Fatal("there is no file, want the one that the package installs")
		}
		sameFile(t, name, sample.Payload)
		if err := os.Remove(name); err != nil { // the next package is to install its own
			t.Fatal(err)
		}
	})
	const name = "/WindowsXP-KB835791-x86-ENU.EXE"
	t.Run("BITS", func(t *testing.T) {
		w.Write(t, `C:\bits.exe`, winetest.Bits(t))
		w.Run(t, `C:\bits.exe`, url+name[1:], `C:\by-bits.txt`)
		sameFile(t, w.Path(`C:\by-bits.txt`), files[name])
	})
	t.Run("WinHTTP, a range", func(t *testing.T) {
		script, err := filepath.Abs(filepath.Join("testdata", "wine", "range.vbs"))
		if err != nil {
			t.Fatal(err)
		}
		w.Run(t, "cscript", "//nologo", `Z:`+strings.ReplaceAll(script, "/", `\`), url+name[1:], `C:\got.txt`, "bytes=500000-500999")
		got, err := os.ReadFile(w.Path(`C:\got.txt`))
		if err != nil {
			t.Fatal(err)
		}
		content := files[name]
		if want := fmt.Sprintf("206|bytes 500000-500999/%d|%s", len(content), content[500_000:501_000]); string(got) != want {
			t.Errorf("WinHTTP got %.80q…, want %.80q…", got, want)
		}
	})
}
