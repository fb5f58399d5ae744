package winetest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script/winetest"
)

// TestWindows holds the harness itself to what its tests build on: a script of one's
// own sees packages, tools, registry and installers as those of scripts will.
func TestWindows(t *testing.T) {
	w := winetest.New(t)
	w.Tools(t, "dism", "pnputil", "certutil", "wusa", "curl", "fciv", "qchain")
	share := t.TempDir()
	w.Share(t, "mirror", "patches", share)
	for _, tt := range []struct {
		name string
		test func(*testing.T, *winetest.Windows, string)
	}{
		{"packages and tools", runsPackages},
		{"tools", runsTools},
		{"the Windows Installer", runsMSI},
		{"wusa", runsMSU},
		{"fetch", fetches},
		{"identities", identities},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, w, share) })
	}
}

// runsPackages runs a program that is a package, from a folder with a blank, sees what
// it did, and takes that off by what it left.
func runsPackages(t *testing.T, w *winetest.Windows, share string) {
	const key = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\Q111111`
	folder := `%windir%\$NtUninstallQ111111$`
	put(t, share, "a folder/Q111111_W2K_SP3_x86_en.exe", winetest.Program(t, winetest.Plan{
		Code: 3010, Folders: []string{folder}, Keys: []winetest.Key{{Key: key, Value: "Installed", Data: "dword:1"}},
		Copies: []winetest.Planned{{Path: folder + `\spuninst\spuninst.exe`, Plan: &winetest.Plan{Gone: []string{folder, key}}}},
	}))
	put(t, share, "a folder/go.cmd", []byte("@echo off\r\nstart \"\" /wait \"%~dp0Q111111_W2K_SP3_x86_en.exe\" -m -q -z\r\nexit /b %ERRORLEVEL%\r\n"))
	const line = `"\\mirror\patches\a folder\go.cmd" "an argument"`

	r := w.Cmd(t, line, "STUB_RC_Q111111_W2K_SP3_X86_EN=-2145124329")
	if r.Code != -2145124329 || w.HasKey(t, key) {
		t.Errorf("a failure is %d, with its key there %t; want -2145124329 and false", r.Code, w.HasKey(t, key))
	}
	r = w.Cmd(t, line)
	if want := "q111111_w2k_sp3_x86_en -m -q -z"; r.Code != 3010 || len(r.Calls) != 1 || r.Calls[0].String() != want {
		t.Errorf("got %+v, want 3010 and one call %q", r, want)
	}
	if got, ok := w.Value(t, key, "Installed"); got != "0x1" || !ok {
		t.Errorf("the key says %q, %t; want 0x1", got, ok)
	}
	if got := w.Cmd(t, `%windir%\$NtUninstallQ111111$\spuninst\spuninst.exe -q -z`); got.Code != 0 || w.HasKey(t, key) || exists(w.Path(`C:\windows\$NtUninstallQ111111$`)) {
		t.Errorf("after spuninst (%+v) the key is there %t, the folder %t", got, w.HasKey(t, key), exists(w.Path(`C:\windows\$NtUninstallQ111111$`)))
	}
}

// runsTools calls tools by name and by path, and gets the answers of the tools.
func runsTools(t *testing.T, w *winetest.Windows, share string) {
	const name = "Package_for_KB222222~31bf3856ad364e35~amd64~~10.0.1.1"
	const cbs = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\` + name
	put(t, share, "set/windows10.0-kb222222-x64.msu", winetest.Package(t, "MSCF", winetest.Plan{
		Code: 3010, Keys: []winetest.Key{{Key: cbs}}, Needs: []string{"windows10.0-kb222221-x64.msu"},
		Names: []string{"KB222222", name}, Undo: &winetest.Plan{Gone: []string{cbs}},
	}))
	put(t, share, "abc.txt", []byte("abc"))
	const msu = `\\mirror\patches\set\windows10.0-kb222222-x64.msu`
	const sha = "ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad"
	for _, tt := range []struct {
		line, env string
		before    func()
		code      int32
		stub      int32 // code, where it is another: Wine's cmd takes 259 for a program that still runs
		output    string
	}{
		{line: `certutil -hashfile \\mirror\patches\abc.txt SHA256`, output: strings.ReplaceAll(sha, " ", "")},
		{line: `certutil -hashfile \\mirror\patches\abc.txt SHA256`, env: "STUB_CERTUTIL=7", output: "ba 78 16 bf 8f"},
		{line: `fciv -sha1 \\mirror\patches\abc.txt`, output: "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{line: `fciv \\mirror\patches\abc.txt`, output: "900150983cd24fb0d6963f7d28e17f72"},
		{line: `dism /Online /Add-Package /PackagePath:` + msu + ` /Quiet /NoRestart`, code: 2},
		{line: `dism /Online /Add-Package /PackagePath:\\mirror\patches\set /Quiet /NoRestart`, code: -2147024344},
		{line: `%windir%\system32\dism.exe /Online /Add-Package /PackagePath:` + msu + ` /Quiet /NoRestart`, code: 3010,
			before: func() { put(t, share, "set/windows10.0-kb222221-x64.msu", []byte("MSCF")) }},
		{line: `dism /online /get-packages`, output: "Package Identity : " + name},
		{line: `wusa ` + msu + ` /quiet /norestart`, code: 161},
		{line: `wusa /uninstall /kb:222222 /quiet /norestart`},
		{line: `wusa /uninstall /kb:333333 /quiet /norestart`, code: 2359303},
		{line: `pnputil -i -a \\mirror\patches\abc.txt`, code: 0, stub: 259},
		{line: `qchain`, env: "STUB_RC_QCHAIN=5", code: 5},
	} {
		if tt.before != nil {
			tt.before()
		}
		r := w.Cmd(t, tt.line, tt.env)
		if r.Code != tt.code || !strings.Contains(r.Output, tt.output) || len(r.Calls) != 1 || tt.stub != 0 && r.Calls[0].Code != tt.stub {
			t.Errorf("%s: %d, %d calls, want %d and one; it says\n%s", tt.line, r.Code, len(r.Calls), tt.code, r.Output)
		}
	}
}

// runsMSI installs a real package from a share and from a server, and removes it.
func runsMSI(t *testing.T, w *winetest.Windows, share string) {
	m := winetest.MSI{Name: "Sample one", Product: "{7C9A0D7E-0A51-4C1E-8C53-0D3A55A1B001}", Payload: []byte("payload")}
	put(t, share, "a folder/sample.msi", m.Build(t))
	server := httptest.NewServer(http.FileServer(http.Dir(share)))
	defer server.Close()
	for _, from := range []string{`"\\mirror\patches\a folder\sample.msi"`, server.URL + "/a%%20folder/sample.msi"} {
		if r := w.Cmd(t, "msiexec /i "+from+" /qn /norestart"); r.Code != 0 {
			t.Fatalf("install %s: %+v", from, r)
		}
		if _, ok := m.Installed(t, w); !ok {
			t.Fatalf("%s is not installed", from)
		}
		if r := w.Cmd(t, "msiexec /x "+m.Product+" /qn /norestart"); r.Code != 0 {
			t.Fatalf("remove: %+v", r)
		}
		if _, ok := m.Installed(t, w); ok {
			t.Fatal("it is still installed")
		}
	}
}

// runsMSU lets Wine's own wusa install a package.
func runsMSU(t *testing.T, w *winetest.Windows, share string) {
	m := winetest.MSU{KB: "444444", Text: "a text\r\n"}
	put(t, share, "a folder/sample.msu", m.Build(t))
	r := w.Cmd(t, `wusa "\\mirror\patches\a folder\sample.msu" /quiet /norestart`, winetest.RealWUSA)
	if got, err := os.ReadFile(m.Installed(w)); r.Code != 0 || err != nil || string(got) != m.Text || len(r.Calls) != 0 {
		t.Errorf("got %+v, file %q, %v", r, got, err)
	}
	if got, ok := w.Value(t, `HKLM\SOFTWARE\Sample\KB444444`, "text"); got != "from the package" || !ok {
		t.Errorf("the registry says %q, %t", got, ok)
	}
}

// fetches gets a file by curl, whole, and the rest of it.
func fetches(t *testing.T, w *winetest.Windows, share string) {
	content := slices.Repeat([]byte("0123456789"), 5000)
	put(t, share, "data.bin", content)
	server := httptest.NewServer(http.FileServer(http.Dir(share)))
	defer server.Close()
	w.Write(t, `C:\got.bin`, content[:20_000])
	for _, tt := range []struct {
		line string
		code int32
	}{
		{`curl.exe -fsS -C - -o C:\got.bin ` + server.URL + `/data.bin`, 0},
		{`curl -f -s -S --retry 2 -o C:\got.bin ` + server.URL + `/data.bin`, 0},
		{`curl -fsS -o C:\other.bin ` + server.URL + `/none.bin`, 22},
		{`curl --frobnicate ` + server.URL, 2},
	} {
		if r := w.Cmd(t, tt.line); r.Code != tt.code {
			t.Errorf("%s: %+v, want %d", tt.line, r, tt.code)
		}
		if got, err := os.ReadFile(w.Path(`C:\got.bin`)); err != nil || !slices.Equal(got, content) {
			t.Errorf("%s: got %d bytes, %v", tt.line, len(got), err)
		}
	}
}

// identities makes a copy another Windows, and leaves the first what it was.
func identities(t *testing.T, w *winetest.Windows, share string) {
	w.Identity(t, "win10")
	c := w.Copy(t)
	for _, tt := range []struct{ name, want string }{{"winxp64", "5.2.3790"}, {"vista", "6.0.6002"}, {"win7", "6.1.7601"}, {"win81", "6.3.9600"}} {
		c.Identity(t, tt.name)
		if got := c.Cmd(t, "ver").Output; !strings.Contains(got, tt.want) {
			t.Errorf("%s says %q, want %s", tt.name, got, tt.want)
		}
	}
	put(t, share, "a folder/what.cmd", []byte("@echo off\r\nver\r\necho %PROCESSOR_ARCHITECTURE%\r\n"))
	for _, tt := range []struct {
		system  winetest.System
		ver, sp string
	}{
		{winetest.System{Version: "5.0", Build: 2195, Arch: "x86"}, "5.0.2195|x86", ""},
		{winetest.System{Version: "5.0", Build: 2195, SP: 4, Arch: "x86"}, "5.0.2195|x86", "Service Pack 4"},
		{winetest.System{Version: "10.0", Build: 26100}, "10.0.26100|AMD64", ""},
	} {
		c.Become(t, tt.system)
		said := strings.Fields(c.Cmd(t, `"\\mirror\patches\a folder\what.cmd"`).Output)
		if got := said[len(said)-2] + "|" + said[len(said)-1]; got != tt.ver {
			t.Errorf("%+v says %q, want %s", tt.system, got, tt.ver)
		}
		if got, _ := c.Value(t, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`, "CSDVersion"); got != tt.sp {
			t.Errorf("%+v has service pack %q, want %q", tt.system, got, tt.sp)
		}
	}
	if got := w.Cmd(t, "ver").Output; !strings.Contains(got, "10.0.18362") {
		t.Errorf("the first says %q after its copy changed, want 10.0.18362", got)
	}
}

// put writes a file of a share.
func put(t *testing.T, share, name string, content []byte) {
	t.Helper()
	name = filepath.Join(share, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
