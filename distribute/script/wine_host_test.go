package script_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// thisHost takes a host from Windows 2000 without a service pack to the last update in
// three runs of the one file that is the same for every host, with a restart after
// each of the first two; what the service pack brings is not asked for; another kind of host is told that there is nothing for it.
func thisHost(t *testing.T, h *host) {
	bare := windows2000
	bare.SP = 0
	h.Become(t, bare)
	h.Tools(t, "qchain")
	w2k := layout.Update{OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN"}
	update := func(kb, included, released string, p payload) {
		u := w2k
		u.KB, u.IncludedIn, u.Released = kb, included, layout.Date(released)
		if p.kind == layout.KindServicePack {
			u.Classification = layout.ServicePack
		}
		h.add(t, u, p)
	}
	update("327194", "", "2003-06-26", payload{name: "W2KSP4_EN.EXE", kind: layout.KindServicePack, data: winetest.Program(t, winetest.Plan{
		Code: 3010, Keys: []winetest.Key{
			{Key: version, Value: "CSDVersion", Data: "Service Pack 4"}, {Key: `HKLM\SYSTEM\CurrentControlSet\Control\Windows`, Value: "CSDVersion", Data: "dword:1024"},
		},
	})})
	update("500001", "SP3", "2001-12-01", payload{name: "Q500001_W2K_SP3_x86_en.exe", data: hotfix(t, "Q500001", 0)})
	update("500002", "", "2003-09-10", payload{name: "Windows2000-KB500002-x86-ENU.exe", data: hotfix(t, "KB500002", 3010)})
	update("500003", "", "2004-04-13", payload{name: "Windows2000-KB500003-x86-ENU.exe", data: hotfix(t, "KB500003", 0)})
	h.add(t, layout.Update{KB: "500004", OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "DE"},
		payload{name: "Windows2000-KB500004-x86-DEU.exe", data: hotfix(t, "KB500004", 0)})

	kind := script.Host{OS: "windows2000", Arch: "x86", Language: "EN"}
	o := script.Options{Name: "host-windows2000-x86-EN", Place: script.HostPlace(kind), Ring: "production", Edition: script.Edition{Generation: 12}}
	h.put(t, script.BuildFor(kind, h.updates, o))
	files, err := script.AnyHost(script.Options{Ring: "production"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		h.write(t, "install/"+f.Name, f.Data)
	}

	first := h.run(t, "install", "this-host.cmd", "")
	first.want(t, 3010, "KB327194=reboot", "KB500002=waiting", "KB500003=waiting")
	first.wantCalls(t, "w2ksp4_en -u -q -z")
	second := h.run(t, "install", "this-host.cmd", "")
	second.want(t, 3010, "KB327194=installed", "KB500002=reboot", "KB500003=ok")
	second.wantCalls(t, "windows2000-kb500002-x86-enu -u -q -z", "windows2000-kb500003-x86-enu -u -q -z")
	third := h.run(t, "install", "this-host.cmd", "")
	third.want(t, 0, "KB327194=installed", "KB500002=installed", "KB500003=installed")
	third.wantCalls(t)

	h.fromFarAway(t, files)
	h.Become(t, windows11)
	r := h.Cmd(t, `"`+tree+`\install\this-host.cmd" /dry`)
	if r.Code != 1 || !strings.Contains(r.Output, "nothing for windows11 24h2, x64") {
		t.Errorf("on a host for which there is nothing: %+v", r)
	}
}

// fromFarAway runs this-host.cmd where nothing lies beside it: the script for its kind
// of host comes by HTTP, and is run only if all of it came.
func (h *host) fromFarAway(t *testing.T, files []script.File) {
	t.Helper()
	alone := &host{Windows: h.Windows, root: filepath.Join(t.TempDir(), "alone")}
	for _, f := range files {
		alone.write(t, f.Name, f.Data)
	}
	h.Share(t, "mirror", "scripts", filepath.Dir(alone.root))
	var half atomic.Bool
	tree := http.FileServer(http.Dir(h.root))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if half.Load() && strings.HasSuffix(r.URL.Path, "install.cmd") {
			data, err := os.ReadFile(filepath.Join(h.root, filepath.FromSlash(r.URL.Path)))
			if err != nil {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write(data[:len(data)/2]) // who hung up is told by the script
			return
		}
		tree.ServeHTTP(w, r)
	}))
	defer server.Close()
	line := `"\\mirror\scripts\alone\this-host.cmd" /log C:\far.log /base ` + server.URL
	if r := h.Cmd(t, line); r.Code != 0 || !strings.Contains(r.Output, "id=KB500002 state=installed") {
		t.Errorf("from a server: %+v", r)
	}
	half.Store(true)
	if r := h.Cmd(t, line); r.Code != 1 || strings.Contains(r.Output, "state=") {
		t.Errorf("half a script: %+v", r)
	}
}

// hostileNames builds sets of updates whose every word would do something if a script
// carried it as it is: they are left out, or their words are, and nothing happens.
func hostileNames(t *testing.T, h *host) {
	h.Become(t, windows7)
	const evil = `x & md C:\evil & rem %PATH% ^& | > C:\evil.txt " !`
	h.keyed(t, "5100001")
	u := h.updates[0]
	u.Title, u.Description, u.Products = evil, evil, []string{evil}
	u.Bulletins = []string{evil}
	for i, name := range []string{
		`a&md C_evil&.exe`, `%PATH%.exe`, `!x!.exe`, `a^&.exe`, `a' & md x.exe`, "ä.exe", "a;b,c=d.exe", "a\r\nmd evil.exe", `"quoted".exe`,
	} {
		bad := layout.Update{ID: "test:evil" + string(rune('0'+i)) + evil, KB: evil, Title: evil, Install: &layout.Install{Switches: []string{"/q"}}}
		bad.Files = []layout.File{{Name: name, Kind: layout.KindExe, Size: 1, Held: true, MD5: layout.MD5{1}}}
		if i%2 == 0 { // a harmless name, and a switch that is none
			bad.Files[0].Name, bad.Install.Switches = "setup.exe", []string{evil}
		}
		bad.Folder = layout.ProposeFolder(&bad)
		h.updates = append(h.updates, &bad)
	}
	s := script.Build(h.updates, script.Options{Name: "hostile" + evil, Title: evil, Ring: evil, Place: "install/updates/hostile", Bases: []string{evil}})
	h.put(t, s)
	for _, name := range []string{"install.cmd", "validate.cmd", "rollback.cmd"} {
		args := ""
		if name == "rollback.cmd" {
			args = "/all /dry"
		}
		o := h.run(t, s.Place, name, args)
		for _, c := range o.Calls {
			if c.Name != "certutil" && c.String() != "setup5100001 /q" {
				t.Errorf("%s called %s", name, c)
			}
		}
	}
	if !h.HasKey(t, `HKLM\SOFTWARE\Sample\KB5100001`) {
		t.Error("the update among them that is none of theirs was not installed")
	}
	for _, name := range []string{`C:\evil`, `C:\evil.txt`} {
		if exists(h.Path(name)) {
			t.Errorf("%s was made", name)
		}
	}
}
