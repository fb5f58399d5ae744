package winetest

import (
	"fmt"
	"strings"
	"testing"
)

// System is what Windows the machine says that it is. The zero values are those of a
// client for x64, in English, without a service pack.
type System struct {
	Version  string // of the kernel: "5.0"
	Build    int    // 2195
	SP       int
	Server   bool
	Arch     string // as in PROCESSOR_ARCHITECTURE: "x86"; "" is AMD64, which it is
	Language string // of the installation, as in the registry: "0407"; "" is 0409
}

const (
	currentVersion = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	control        = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control`
)

// Become makes the machine say that it is another one. Beyond Identity it can be a
// Windows that winecfg has no name for, or not in a system of 64 bits.
func (w *Windows) Become(t testing.TB, s System) {
	t.Helper()
	kind, language := "WinNT", "0409"
	if s.Server {
		kind = "ServerNT"
	}
	if s.Language != "" {
		language = s.Language
	}
	var b strings.Builder
	b.WriteString("REGEDIT4\r\n\r\n")
	put := func(key string, values ...string) {
		fmt.Fprintf(&b, "[%s]\r\n%s\r\n\r\n", key, strings.Join(values, "\r\n"))
	}
	put(`HKEY_CURRENT_USER\Software\Wine`, `"Version"=-`) // else that counts
	put(currentVersion, text("CurrentVersion", s.Version), text("CurrentBuild", fmt.Sprint(s.Build)),
		text("CurrentBuildNumber", fmt.Sprint(s.Build)), csd(s.SP), number("CurrentMajorVersionNumber", major(s.Version)))
	put(control+`\Windows`, number("CSDVersion", s.SP*0x100))
	put(control+`\ProductOptions`, text("ProductType", kind))
	put(control+`\Nls\Language`, text("InstallLanguage", language))
	w.Write(t, `C:\system.reg`, []byte(b.String()))
	w.Run(t, "regedit", "/S", `C:\system.reg`)
	w.arch = s.Arch
}

func text(name, data string) string { return fmt.Sprintf(`"%s"="%s"`, name, data) }

func number(name string, n int) string { return fmt.Sprintf(`"%s"=dword:%08x`, name, n) }

// csd is the name of a service pack; a Windows without one has no such value.
func csd(sp int) string {
	if sp == 0 {
		return `"CSDVersion"=-`
	}
	return text("CSDVersion", fmt.Sprintf("Service Pack %d", sp))
}

func major(version string) int {
	var n int
	_, _ = fmt.Sscan(version[:strings.IndexByte(version+".", '.')], &n) // of a test, which sees what ver says
	return n
}
