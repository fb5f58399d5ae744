package script_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// validated tells what is there, what was replaced since, what is missing and what is
// not for this host, by folders, keys, and the versions and digests of files.
func validated(t *testing.T, h *host) {
	h.Become(t, windows7)
	const file = `C:\windows\sample.dll`
	content := "as the update brings it"
	set := func(u layout.Update, key string, p payload) {
		u.Released = "2012-01-01"
		u.Install.Switches = []string{"/q"}
		u.Install.Keys = []layout.InstalledKey{{Key: key}}
		p.kind = layout.KindExe
		h.add(t, u, p)
	}
	key := func(kb string) string { return `HKLM\SOFTWARE\Sample\KB` + kb }
	brings := winetest.Program(t, winetest.Plan{Keys: []winetest.Key{{Key: key("6000001")}}, Files: []winetest.File{{Path: file, Text: content}}})
	set(layout.Update{KB: "6000001", Install: &layout.Install{Files: []layout.InstalledFile{
		{Path: `%windir%\sample.dll`, Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content)), SHA1: sha1.Sum([]byte(content))},
	}}}, key("6000001"), payload{name: "one.exe", data: brings})
	plain := func(kb string) []byte {
		return winetest.Program(t, winetest.Plan{Keys: []winetest.Key{{Key: key(kb)}}})
	}
	// Wine's own kernel32.dll has the version of some Windows.
	set(layout.Update{KB: "6000002", Install: &layout.Install{Files: []layout.InstalledFile{{Path: `%windir%\system32\kernel32.dll`, Version: "4.0.0.0"}}}},
		key("6000002"), payload{name: "two.exe", data: plain("6000002")})
	set(layout.Update{KB: "6000003", Install: &layout.Install{Files: []layout.InstalledFile{{Path: `%windir%\system32\kernel32.dll`, Version: "99.0.0.0"}}}},
		key("6000003"), payload{name: "three.exe", data: plain("6000003")})
	set(layout.Update{KB: "6000004", Install: &layout.Install{}}, key("6000004"), payload{name: "four.exe", data: plain("6000004")})
	set(layout.Update{KB: "6000005", OS: []layout.OS{"windowsxp"}, Install: &layout.Install{}}, key("6000005"), payload{name: "five.exe", data: plain("6000005")})
	h.add(t, layout.Update{KB: "6000006", Install: &layout.Install{Switches: []string{"/q"}}}, payload{name: "six.exe", kind: layout.KindExe, data: plain("6000006")})
	s := h.set(t, script.Options{Name: "validated"})

	const missing, no, unknown = "=missing", "=not-applicable", "=unknown"
	before := h.run(t, s.Place, "validate.cmd", "")
	before.want(t, 1, "KB6000006"+unknown, "KB6000001"+missing, "KB6000002=installed", "KB6000003"+missing, "KB6000004"+missing, "KB6000005"+no)
	before.wantCalls(t)
	for _, kb := range []string{"6000001", "6000003"} {
		h.install(t, s, "/only KB"+kb)
	}
	h.run(t, s.Place, "validate.cmd", "").want(t, 1,
		"KB6000006"+unknown, "KB6000001=installed", "KB6000002=installed", "KB6000003=replaced", "KB6000004"+missing, "KB6000005"+no)
	if err := os.WriteFile(h.Path(file), []byte("as another program brings it"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.run(t, s.Place, "validate.cmd", "/only KB6000001").want(t, 1, "KB6000001=replaced")
	h.run(t, s.Place, "validate.cmd", "/only KB6000002").want(t, 0, "KB6000002=installed")
}

// removed takes packages off again by what they left, the last first, and says where
// that cannot be done.
func removed(t *testing.T, h *host) {
	h.Become(t, windows2000)
	h.Tools(t, "qchain")
	w2k := layout.Update{OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN"}
	for i, p := range []payload{
		{name: "Q610001_W2K_SP3_x86_en.exe", data: hotfix(t, "Q610001", 0)},
		{name: "Windows2000-KB610002-x86-ENU.exe", data: hotfix(t, "KB610002", 3010)},
	} {
		u := w2k
		u.KB, u.Released = []string{"610001", "610002"}[i], layout.Date([]string{"2001-01-01", "2002-01-01"}[i])
		h.add(t, u, p)
	}
	key := winetest.Key{Key: `HKLM\SOFTWARE\Sample\KB610003`}
	h.add(t, layout.Update{KB: "610003", Released: "2003-01-01", Install: &layout.Install{Switches: []string{"/q"}, Keys: []layout.InstalledKey{{Key: key.Key}}}},
		payload{name: "setup.exe", kind: layout.KindExe, data: winetest.Program(t, winetest.Plan{Keys: []winetest.Key{key}})})
	s := h.set(t, script.Options{Name: "removed"})
	h.install(t, s, "")

	if r := h.Cmd(t, `"`+tree+`\install\updates\a set\rollback.cmd"`); r.Code != 1 || len(r.Calls) > 0 || !strings.Contains(r.Output, "KB610002") {
		t.Errorf("without a word of what: %+v", r)
	}
	dry := h.run(t, s.Place, "rollback.cmd", "/only KB610002 /dry")
	dry.want(t, 0, "KB610002=dry")
	dry.wantCalls(t)
	one := h.run(t, s.Place, "rollback.cmd", "/only KB610002")
	one.want(t, 3010, "KB610002=reboot")
	one.wantCalls(t, "spuninst -u -q -z")
	if h.HasKey(t, hotfixes+"KB610002") || exists(h.Path(`C:\windows\$NtUninstallKB610002$`)) {
		t.Error("KB610002 left its key or its folder")
	}
	all := h.run(t, s.Place, "rollback.cmd", "/all")
	all.want(t, 1, "KB610003=failed", "KB610002=not-applicable", "KB610001=reboot")
	all.wantCalls(t, "spuninst -u -q -z")
	if h.HasKey(t, hotfixes+"Q610001") {
		t.Error("Q610001 left its key")
	}

	// The package itself does it where its folder is gone.
	h.install(t, s, "/only KB610001")
	if err := os.RemoveAll(h.Path(`C:\windows\$NtUninstallQ610001$`)); err != nil {
		t.Fatal(err)
	}
	itself := h.run(t, s.Place, "rollback.cmd", "/only KB610001")
	itself.want(t, 3010, "KB610001=reboot")
	itself.wantCalls(t, "q610001_w2k_sp3_x86_en -y -m -q -z")
}

// removedByTools takes off what wusa and DISM put on.
func removedByTools(t *testing.T, h *host) {
	h.Become(t, windows7)
	seven := layout.Update{OS: []layout.OS{"windows7"}, Arch: []layout.Arch{"x64"}, Released: "2012-01-01"}
	for _, one := range []struct{ kb, identity string }{{"6200001", ""}, {"6200002", "Package_for_KB6200002~31bf3856ad364e35~amd64~~6.1.1.0"}} {
		key := packages + "Package_for_KB" + one.kb + "~31bf3856ad364e35~amd64~~6.1.1.0"
		u := seven
		u.KB = one.kb
		p := payload{name: "Windows6.1-KB" + one.kb + "-x64.msu", data: winetest.Package(t, "MSCF "+one.kb, winetest.Plan{
			Keys: []winetest.Key{{Key: key, Value: "CurrentState", Data: "dword:112"}}, Names: []string{"KB" + one.kb, one.identity},
			Undo: &winetest.Plan{Code: 3010, Gone: []string{key}},
		})}
		if one.identity != "" {
			p.pack = &layout.Package{Identity: one.identity}
		}
		h.add(t, u, p)
	}
	s := h.set(t, script.Options{Name: "tools"})
	h.install(t, s, "").want(t, 0, "KB6200001=ok", "KB6200002=ok")
	o := h.run(t, s.Place, "rollback.cmd", "/all")
	o.want(t, 3010, "KB6200002=reboot", "KB6200001=reboot")
	o.wantCalls(t, "dism /Online /Remove-Package /PackageName:Package_for_KB6200002~31bf3856ad364e35~amd64~~6.1.1.0 /Quiet /NoRestart",
		"wusa /uninstall /kb:6200001 /quiet /norestart")
	h.run(t, s.Place, "validate.cmd", "").want(t, 1, "KB6200001=missing", "KB6200002=missing")
}

// real installs, validates and removes a package of the Windows Installer by the
// scripts and Wine's own msiexec, from the share and by HTTP, and lets Wine's own
// wusa install another.
func real(t *testing.T, h *host) {
	h.Become(t, windows7)
	m := winetest.MSI{Name: "Sample two", Product: "{0F1E2D3C-4B5A-4697-8877-665544332211}", Payload: []byte("of the package")}
	h.add(t, layout.Update{KB: "6300001", Released: "2012-01-01"}, payload{name: "sample two.msi", data: m.Build(t), pack: &layout.Package{Product: m.Product}})
	s := h.set(t, script.Options{Name: "real"})
	validate := func(code int32, state string) {
		h.run(t, s.Place, "validate.cmd", "").want(t, code, "KB6300001="+state)
	}
	validate(1, "missing")
	h.install(t, s, "").want(t, 0, "KB6300001=ok")
	name, ok := m.Installed(t, h.Windows)
	if !ok {
		t.Fatal("it is not installed")
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != string(m.Payload) {
		t.Errorf("installed is %q, %v", got, err)
	}
	validate(0, "installed")
	h.install(t, s, "").want(t, 0, "KB6300001=installed")
	h.run(t, s.Place, "rollback.cmd", "/only KB6300001").want(t, 0, "KB6300001=ok")
	if _, ok := m.Installed(t, h.Windows); ok {
		t.Error("it is still installed")
	}
	validate(1, "missing")
	realByHTTP(t, h)

	u := winetest.MSU{KB: "6300002", Text: "of the update\r\n"}
	h.updates = nil
	h.add(t, layout.Update{KB: u.KB, OS: []layout.OS{"windows7"}, Arch: []layout.Arch{"x64"}}, payload{name: "Windows6.1-KB6300002-x64.msu", data: u.Build(t)})
	s = h.set(t, script.Options{Name: "real-msu"})
	o := h.install(t, s, "", winetest.RealWUSA)
	o.want(t, 0, "KB6300002=ok")
	o.wantCalls(t)
	if got, err := os.ReadFile(u.Installed(h.Windows)); err != nil || string(got) != u.Text {
		t.Errorf("installed is %q, %v", got, err)
	}
}

// realByHTTP installs a real MSI whose script alone is on a share: the package comes
// from a server.
func realByHTTP(t *testing.T, h *host) {
	m := winetest.MSI{Name: "Sample three", Product: "{0F1E2D3C-4B5A-4697-8877-665544332212}", Payload: []byte("of the package from the server")}
	far := &host{Windows: h.Windows, root: t.TempDir()}
	far.add(t, layout.Update{KB: "6300003", Released: "2012-01-01"}, payload{name: "sample.msi", data: m.Build(t), pack: &layout.Package{Product: m.Product}})
	server := httptest.NewServer(http.FileServer(http.Dir(far.root)))
	defer server.Close()
	s := script.Build(far.updates, script.Options{Name: "by-http", Place: "install/updates/by-http", Bases: []string{server.URL}})
	h.put(t, s)
	h.install(t, s, "").want(t, 0, "KB6300003=ok")
	if name, ok := m.Installed(t, h.Windows); !ok {
		t.Error("it is not installed")
	} else if got, err := os.ReadFile(name); err != nil || string(got) != string(m.Payload) {
		t.Errorf("installed is %q, %v", got, err)
	}
}
