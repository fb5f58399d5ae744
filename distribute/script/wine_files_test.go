package script_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// keyed adds an update for any host, whose package leaves a key behind.
func (h *host) keyed(t *testing.T, kb string) *layout.Update {
	t.Helper()
	key := `HKLM\SOFTWARE\Sample\KB` + kb
	return h.add(t, layout.Update{KB: kb, Released: "2012-01-01", Install: &layout.Install{
		Switches: []string{"/q"}, Keys: []layout.InstalledKey{{Key: key}},
	}}, payload{name: "setup" + kb + ".exe", kind: layout.KindExe, data: winetest.Program(t, winetest.Plan{Keys: []winetest.Key{{Key: key}}})})
}

// damaged refuses packages of a wrong digest and of a wrong size, and those that are
// not there, by each way to look at them; nothing of them is run.
func damaged(t *testing.T, h *host) {
	h.Become(t, windows7)
	h.Tools(t, "fciv")
	for _, kb := range []string{"4000001", "4000002", "4000003", "4000004"} {
		h.keyed(t, kb)
	}
	s := h.set(t, script.Options{Name: "damaged"})
	name := func(i int) string { return filepath.Join(h.root, filepath.FromSlash(s.Items[i].Path)) }
	whole, err := os.ReadFile(name(0))
	if err == nil {
		other := slices.Clone(whole)
		other[len(other)/2] ^= 1
		err = os.WriteFile(name(0), other, 0o644)
	}
	if err == nil {
		err = os.WriteFile(name(1), whole[:len(whole)-1], 0o644)
	}
	if err == nil {
		err = os.Remove(name(2))
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := `C:\calls.jsonl.` + s.Items[3].Name // by this certutil knows that it was
	for _, tt := range []struct {
		name   string
		system winetest.System
		env    string
		check  string // of the right one
		state  string // of it
	}{
		{"Windows 10's certutil", windows11, "", "sha256", "ok"},
		{"Windows 7's certutil", windows7, "STUB_CERTUTIL=7", "sha256", "ok"},
		{"a certutil that is mute once", windows7, "STUB_CERTUTIL=mute once", "sha256", "ok"},
		{"a certutil that is mute", windows7, "STUB_CERTUTIL=mute", "size", "bad"},
		{"fciv", windows2000, "", "sha1", "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.DeleteKey(t, `HKLM\SOFTWARE\Sample\KB4000004`)
			h.Become(t, tt.system)
			o := h.install(t, s, "", tt.env)
			o.want(t, 1, "KB4000001=bad", "KB4000002=bad", "KB4000003=missing", "KB4000004="+tt.state)
			if tt.state == "ok" {
				o.wantCalls(t, "setup4000004 /q")
			} else {
				o.wantCalls(t)
			}
			if got := o.lines[len(o.lines)-1].words["check"]; got != tt.check {
				t.Errorf("the right one was checked by %q, want %s", got, tt.check)
			}
			if once := exists(h.Path(asked)); once != strings.HasSuffix(tt.env, "once") {
				t.Errorf("certutil was mute once: %v", once)
			}
			_ = os.Remove(h.Path(asked))
		})
	}
}

// dryAndOnly starts nothing where that was asked, and one package where one was.
func dryAndOnly(t *testing.T, h *host) {
	h.Become(t, windows7)
	h.keyed(t, "4100001")
	h.keyed(t, "4100002")
	s := h.set(t, script.Options{Name: "dry"})
	o := h.install(t, s, "/dry")
	o.want(t, 0, "KB4100001=dry", "KB4100002=dry")
	o.wantCalls(t)
	if h.HasKey(t, sets+"dry") || exists(h.Path(`C:\windows\Temp\patchferry\dry.log`)) {
		t.Error("a dry run left a key or a log")
	}
	o = h.install(t, s, "/only KB4100002")
	o.want(t, 0, "KB4100002=ok")
	o.wantCalls(t, "setup4100002 /q")
	if o = h.install(t, s, "/only KB1"); o.Code != 1 || len(o.Installers()) > 0 {
		t.Errorf("of a package that is not in the set: %d, called were %q", o.Code, o.called())
	}
	for _, tt := range []struct {
		args string
		code int32
	}{{"/help", 0}, {"/?", 0}, {"/frobnicate", 1}, {"/only", 1}} {
		if r := h.Cmd(t, `"`+tree+`\install\updates\a set\install.cmd" `+tt.args); r.Code != tt.code || len(r.Calls) > 0 || !strings.Contains(r.Output, "install.cmd") {
			t.Errorf("%s: %+v, want %d and what it can do", tt.args, r, tt.code)
		}
	}
	h.ownFolder(t, h.updates[0])
	// Without /log there is one all the same.
	r := h.Cmd(t, `"`+tree+`\install\updates\a set\install.cmd"`)
	if data, err := os.ReadFile(h.Path(`C:\windows\Temp\patchferry\dry.log`)); err != nil || !strings.Contains(string(data), "end set=dry rc=0") {
		t.Errorf("%+v; the log: %q, %v", r, data, err)
	}
}

// ownFolder installs one update by the script that stands in its own folder.
func (h *host) ownFolder(t *testing.T, u *layout.Update) {
	t.Helper()
	s := script.Build([]*layout.Update{u}, script.Options{Name: "folder", Place: u.Folder})
	files, err := s.FolderFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		h.write(t, u.Folder+"/"+f.Name, f.Data)
	}
	o := h.install(t, s, "/dry")
	o.want(t, 0, "KB"+u.KB+"=dry")
	o.wantCalls(t)
}

// fetched lets scripts that stand alone fetch their packages by HTTP, by curl and by
// what old hosts have, and from another share; and refuses what comes wrong.
func fetched(t *testing.T, h *host) {
	h.Become(t, windows7)
	for _, kb := range []string{"4200001", "4200002"} {
		h.keyed(t, kb)
	}
	h.write(t, "Software/none", nil)
	s := script.Build(h.updates, script.Options{Name: "fetched", Place: "install/updates/fetched"})
	alone := &host{Windows: h.Windows, root: filepath.Join(t.TempDir(), "alone")}
	alone.put(t, s)
	h.Share(t, "mirror", "scripts", filepath.Dir(alone.root))
	server := httptest.NewServer(http.FileServer(http.Dir(h.root)))
	defer server.Close()
	damaged := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(filepath.Join(h.root, filepath.FromSlash(r.URL.Path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		data[0] ^= 1
		_, _ = w.Write(data) // who hung up is told by the script
	}))
	defer damaged.Close()
	const line = `"\\mirror\scripts\alone\install\updates\fetched\install.cmd" /log C:\fetched.log `
	for _, tt := range []struct {
		name, args string
		code       int32
		state      string
	}{
		{"from nowhere", "", 1, "missing"},
		{"damaged", "/base " + damaged.URL, 1, "bad"},
		{"not there", "/base " + server.URL + "/none", 1, "missing"},
		{"by curl", "/base " + server.URL + "/", 0, "ok"},
		{"from a share", `/base "` + tree + `"`, 0, "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.DeleteKey(t, `HKLM\SOFTWARE\Sample`)
			r := h.Cmd(t, line+tt.args)
			o := outcome{Result: r, lines: entries(r.Output)}
			t.Log(r.Output)
			o.want(t, tt.code, "KB4200001="+tt.state, "KB4200002="+tt.state)
		})
	}
}

// reported leaves one line of JSON in a folder, and sends it to a server.
func reported(t *testing.T, h *host) {
	h.Become(t, windows7)
	h.keyed(t, "4300001")
	h.keyed(t, "4300002")
	s := h.set(t, script.Options{Name: "reported"})
	drop := t.TempDir()
	h.Share(t, "mirror", "drop", drop)
	var mu sync.Mutex
	var posted [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/report" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s, %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
		}
		mu.Lock()
		defer mu.Unlock()
		posted = append(posted, data)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()

	h.install(t, s, `/report \\mirror\drop`, "STUB_RC_SETUP4300002=5").want(t, 1, "KB4300001=ok", "KB4300002=failed")
	files, err := filepath.Glob(filepath.Join(drop, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the drop has %q, %v; want one report", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, data, 1, `[{"id":"KB4300001","state":"ok","code":0},{"id":"KB4300002","state":"failed","code":5}]`)

	h.install(t, s, "/report "+server.URL+"/report").want(t, 0, "KB4300001=installed", "KB4300002=ok")
	if len(posted) != 1 {
		t.Fatalf("%d reports were sent, want one", len(posted))
	}
	checkReport(t, posted[0], 0, `[{"id":"KB4300001","state":"installed","code":0},{"id":"KB4300002","state":"ok","code":0}]`)

	other := &host{Windows: h.Windows, root: h.root}
	for i := range 750 { // which are not for this host
		kb := fmt.Sprintf("%048d", 4_310_000+i)
		other.add(t, layout.Update{KB: kb, OS: []layout.OS{"windows2000"}}, payload{name: kb + ".exe", kind: layout.KindUpdate, data: []byte(kb)})
	}
	s = other.set(t, script.Options{Name: "many"})
	if o := other.install(t, s, "/report "+server.URL+"/report"); o.Code != 0 || len(o.lines) != 750 {
		t.Errorf("of 750 packages: exit code %d, %d lines", o.Code, len(o.lines))
	}
	if n := len(posted[len(posted)-1]); len(posted) != 2 || n < 60<<10 || n > 64<<10 || !json.Valid(posted[1]) {
		t.Errorf("report %d of 750 packages has %d bytes, want 60 to 64 KiB of JSON", len(posted), n)
	}
}

// checkReport holds a report to what the host is and did.
func checkReport(t *testing.T, data []byte, result int, updates string) {
	t.Helper()
	if strings.Count(strings.TrimRight(string(data), "\r\n"), "\n") > 0 {
		t.Errorf("the report has several lines:\n%s", data)
	}
	var got, want map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatalf("the report %q: %v", data, err)
	}
	host, _ := got["host"].(string)
	delete(got, "host")
	text := `{"v":1,"os":"windows7","release":"sp1","sp":1,"build":"6.1.7601","arch":"x64","lang":"EN","ring":"production","generation":12,"set":"reported"}`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	want["result"] = float64(result)
	var list any
	if err := json.Unmarshal([]byte(updates), &list); err != nil {
		t.Fatal(err)
	}
	want["updates"] = list
	gotText, err1 := json.Marshal(got)
	wantText, err2 := json.Marshal(want)
	if err1 != nil || err2 != nil || string(gotText) != string(wantText) || host == "" {
		t.Errorf("the report of %q says\n%s, want\n%s", host, gotText, wantText)
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
