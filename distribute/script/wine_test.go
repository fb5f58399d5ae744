package script_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// tree is where the root of the tree stands for hosts, with blanks in its path.
const tree = `\\mirror\patches\update tree`

// Keys of the registry, as scripts name them.
const (
	hotfixes = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Hotfix\`
	version  = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	packages = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\`
	sets     = `HKLM\SOFTWARE\patchferry\Sets\`
)

// Systems that hosts of the tests are.
var (
	windows2000 = winetest.System{Version: "5.0", Build: 2195, SP: 2, Arch: "x86"}
	windows7    = winetest.System{Version: "6.1", Build: 7601, SP: 1}
	windows11   = winetest.System{Version: "10.0", Build: 26100}
)

// TestScriptsUnderWine runs the scripts of real sets on a host that is Wine, from the
// records of updates to what the log says, what was called and what is there after.
func TestScriptsUnderWine(t *testing.T) {
	w := winetest.New(t)
	w.Tools(t, "dism", "pnputil", "certutil", "wusa", "curl", "start")
	for _, tt := range []struct {
		name string
		test func(*testing.T, *host)
	}{
		{"packages of Windows 2000", oldPackages},
		{"packages of Windows 7", newPackages},
		{"packages of Windows 11", checkpoints},
		{"a driver cabinet", driverCabinet},
		{"exit codes", exitCodes},
		{"gates", gates},
		{"barriers", barriers},
		{"restarts", restarts},
		{"damaged", damaged},
		{"dry and only", dryAndOnly},
		{"fetched", fetched},
		{"reported", reported},
		{"this host", thisHost},
		{"hostile", hostileNames},
		{"validated", validated},
		{"removed", removed},
		{"removed by tools", removedByTools},
		{"without reg.exe", withoutReg},
		{"real packages", real},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, newHost(t, w)) })
	}
}

// host is a machine, and the tree that it is served from.
type host struct {
	*winetest.Windows
	root    string // of the tree, here
	updates []*layout.Update
}

func newHost(t *testing.T, w *winetest.Windows) *host {
	t.Helper()
	share := t.TempDir()
	h := &host{Windows: w, root: filepath.Join(share, "update tree")}
	w.Share(t, "mirror", "patches", share)
	return h
}

// payload is a file of an update, with its bytes.
type payload struct {
	name string
	kind layout.Kind // "" is what the name says
	data []byte
	pack *layout.Package
}

// add puts an update and its files into the tree.
func (h *host) add(t *testing.T, u layout.Update, files ...payload) *layout.Update {
	t.Helper()
	if u.ID == "" {
		u.ID = "test:" + u.KB
	}
	for _, p := range files {
		u.Files = append(u.Files, layout.File{
			Name: p.name, Kind: p.kind, Package: p.pack, Size: int64(len(p.data)), Held: true,
			SHA256: sha256.Sum256(p.data), SHA1: sha1.Sum(p.data), MD5: md5.Sum(p.data),
		})
	}
	u.Folder = layout.ProposeFolder(&u)
	for i, p := range files {
		h.write(t, u.Files[i].Path(&u), p.data)
	}
	h.updates = append(h.updates, &u)
	return &u
}

// write writes a file of the tree.
func (h *host) write(t *testing.T, name string, data []byte) {
	t.Helper()
	name = filepath.Join(h.root, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// set writes the set of all updates of the tree, and returns its plan.
func (h *host) set(t *testing.T, o script.Options) *script.Set {
	t.Helper()
	if o.Name == "" {
		o.Name = "selection"
	}
	if o.Place == "" {
		o.Place = "install/updates/a set"
	}
	o.Ring, o.Edition.Generation = "production", 12
	s := script.Build(h.updates, o)
	for _, l := range s.Left {
		t.Errorf("left out: %+v", l)
	}
	h.put(t, s)
	return s
}

func (h *host) put(t *testing.T, s *script.Set) {
	t.Helper()
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		h.write(t, s.Place+"/"+f.Name, f.Data)
	}
}

// outcome is what a script answered, with what its log says.
type outcome struct {
	winetest.Result
	lines []entry
}

// entry is a line of the log.
type entry struct {
	id, state string
	rc        string // "" where nothing was run
	words     map[string]string
}

// run runs a script of the set at a place of the tree, with a log of its own.
func (h *host) run(t *testing.T, place, name, args string, env ...string) outcome {
	t.Helper()
	line := `"` + tree + `\` + strings.ReplaceAll(place, "/", `\`) + `\` + name + `"`
	logged := !strings.Contains(args, "/log")
	if logged {
		args += ` /log C:\log.txt`
		_ = os.Remove(h.Path(`C:\log.txt`)) // of the run before, if there was one
	}
	o := outcome{Result: h.Cmd(t, line+" "+args, env...)}
	said := o.Output
	if logged && !strings.Contains(args, "/dry") {
		data, err := os.ReadFile(h.Path(`C:\log.txt`))
		if err != nil {
			t.Errorf("%s: no log: %v; it says\n%s", line, err, o.Output)
		}
		said = string(data)
	}
	o.lines = entries(said)
	t.Logf("%s %s: %d\n%s", name, args, o.Code, o.Output)
	for _, c := range o.Calls {
		t.Logf("called: %s = %d", c, c.Code)
	}
	return o
}

func (h *host) install(t *testing.T, s *script.Set, args string, env ...string) outcome {
	t.Helper()
	return h.run(t, s.Place, "install.cmd", args, env...)
}

var entryLine = regexp.MustCompile(`(?m)(?:^|\s)(id=\S+ state=.*?)\r?$`)

// entries reads the lines of a log, or of what a script printed.
func entries(text string) []entry {
	var all []entry
	for _, m := range entryLine.FindAllStringSubmatch(text, -1) {
		e := entry{words: make(map[string]string)}
		for word := range strings.FieldsSeq(m[1]) {
			name, value, _ := strings.Cut(word, "=")
			e.words[name] = value
		}
		e.id, e.state, e.rc = e.words["id"], e.words["state"], e.words["rc"]
		all = append(all, e)
	}
	return all
}

// states are the updates of the log with what became of them: "KB1=ok".
func (o outcome) states() []string {
	all := make([]string, len(o.lines))
	for i, e := range o.lines {
		all[i] = e.id + "=" + e.state
	}
	return all
}

// called are the calls of installers, as they would be typed.
func (o outcome) called() []string {
	var all []string
	for _, c := range o.Installers() {
		all = append(all, c.String())
	}
	return all
}

// want holds an outcome to its exit code and to what the log says.
func (o outcome) want(t *testing.T, code int32, states ...string) {
	t.Helper()
	if o.Code != code {
		t.Errorf("exit code %d, want %d", o.Code, code)
	}
	if got := o.states(); !slices.Equal(got, states) {
		t.Errorf("the log says %q, want %q", got, states)
	}
}

// wantCalls holds an outcome to the installers that were called.
func (o outcome) wantCalls(t *testing.T, calls ...string) {
	t.Helper()
	if got := o.called(); !slices.Equal(got, calls) {
		t.Errorf("called were %q, want %q", got, calls)
	}
}

// hotfix is a package of Hotfix.exe or Update.exe for Windows 2000 as it leaves its
// traces: folder of the backup with its uninstaller, and key.
func hotfix(t *testing.T, article string, code int32) []byte {
	t.Helper()
	folder, key := `%windir%\$NtUninstall`+article+`$`, hotfixes+article
	return winetest.Program(t, winetest.Plan{
		Code: code, Folders: []string{folder}, Keys: []winetest.Key{{Key: key, Value: "Installed", Data: "dword:1"}},
		Copies: []winetest.Planned{{Path: folder + `\spuninst\spuninst.exe`, Plan: &winetest.Plan{Code: 3010, Gone: []string{folder, key}}}},
	})
}
