package distribute_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/distribute/script"
	"patchferry/layout"
)

// scripted is a catalog of updates that scripts can install.
type scripted struct {
	fixture
}

func newScripted() *scripted {
	fx := &scripted{fixture{contents: map[string][]byte{}}}
	fx.install("824146", "Windows2000-KB824146-x86-ENU.exe", "EN", "MS03-039", "windows2000")
	fx.install("835732", "Windows2000-KB835732-x86-ENU.EXE", "EN", "MS04-011", "windows2000")
	fx.install("835732", "Windows2000-KB835732-x86-DEU.EXE", "DE", "MS04-011", "windows2000")
	fx.install("890830", "windows-kb890830.exe", "", "", "windows2000", "windowsxp")
	fx.install("958644", "WindowsXP-KB958644-x86-ENU.exe", "EN", "MS08-067", "windowsxp")
	slices.SortFunc(fx.updates, func(a, b *layout.Update) int { return strings.Compare(a.ID, b.ID) })
	fx.meta = distribute.ViewMeta{State: 7, Generation: 5, Digest: layout.DigestOf([]byte("generation")), Created: fixtureTime}
	return fx
}

// install adds an update with one package.
func (fx *scripted) install(kb, name string, lang layout.Language, bulletin string, systems ...layout.OS) *layout.Update {
	content := randomBytes(byte(len(fx.updates)), 3000+len(fx.updates))
	sum := layout.DigestOf(content)
	u := &layout.Update{
		ID: "test:" + name, Type: layout.Software, KB: kb, Title: "Update " + kb, Classification: layout.SecurityUpdate, OS: systems,
		Arch: []layout.Arch{"x86"}, Language: lang, Released: layout.Date(fmt.Sprintf("2004-0%d-13", len(fx.updates)+1)),
		Files: []layout.File{{
			Name: name, Size: int64(len(content)), SHA256: sum, SHA1: layout.SHA1(sum[:20]), Held: true, Modified: fixtureTime,
			Kind: layout.KindUpdate, URL: "https://dl.example.net/" + name, Evidence: []layout.Evidence{{Grade: layout.GradeChannel}},
		}},
	}
	if bulletin != "" {
		u.Bulletins = []string{bulletin}
	}
	u.Folder = layout.ProposeFolder(u)
	fx.contents["/"+u.Files[0].Path(u)] = content
	fx.updates = append(fx.updates, u)
	return u
}

var installOptions = script.Options{Ring: "production", Bases: []string{`\\server\updates`, "http://server:8530"}}

func (fx *scripted) serve(t testing.TB) *distribute.Server {
	t.Helper()
	s := &distribute.Server{Source: fx.memory(), Install: installOptions}
	s.Swap(fx.view(t))
	return s
}

// crawl returns every file below a folder, by path.
func crawl(t testing.TB, s *distribute.Server, folder string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for next := folder; next != ""; {
		var list distribute.Listing
		w := ask(s.Handler(), next, http.Header{"Accept": {"application/json"}})
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != http.StatusOK {
			t.Fatalf("GET %s: status %d, %v, %s", next, w.Code, err, w.Body)
		}
		for _, e := range list.Entries {
			if e.Dir() {
				maps.Copy(files, crawl(t, s, e.URL))
				continue
			}
			w := ask(s.Handler(), e.URL, nil)
			if w.Code != http.StatusOK || layout.DigestOf(w.Body.Bytes()) != *e.SHA256 || int64(w.Body.Len()) != *e.Size {
				t.Errorf("GET %s: status %d, %d bytes, and the listing says %d", e.URL, w.Code, w.Body.Len(), *e.Size)
			}
			files[strings.TrimPrefix(e.URL, "/")] = w.Body.Bytes()
		}
		next = list.Next
		if next != "" {
			next = folder + next
		}
	}
	return files
}

// setFiles are the files of each set (docs/install.md).
var setFiles = []string{
	"MD5SUMS", "README.txt", "SHA1SUMS", "SHA256SUMS", "bundle.meta4", "install.cmd", "install.ps1", "manifest.json",
	"rollback.cmd", "rollback.ps1", "updates.lst", "validate.cmd", "validate.ps1",
}

func TestInstallHasASetForEveryHostBulletinAndUpdate(t *testing.T) {
	fx := newScripted()
	files := crawl(t, fx.serve(t), "/install/")
	var want []string
	sets := []string{
		"bulletins/MS03-039", "bulletins/MS04-011", "bulletins/MS08-067",
		"hosts/windows2000/x86/ALL", "hosts/windows2000/x86/DE", "hosts/windows2000/x86/EN", "hosts/windowsxp/x86/ALL", "hosts/windowsxp/x86/EN",
	}
	for _, u := range fx.updates {
		sets = append(sets, "updates/"+path.Base(u.Folder))
	}
	for _, set := range sets {
		for _, name := range setFiles {
			want = append(want, "install/"+set+"/"+name)
		}
	}
	for _, name := range []string{"README.txt", "quiet.reg", "this-host.cmd", "this-host.ps1"} {
		want = append(want, "install/"+name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files below /install/ (-want +got):\n%s", diff)
	}
}

// TestInstallIsWhatTheUpdatesMake compares a set with what distribute/script makes of
// the updates themselves.
func TestInstallIsWhatTheUpdatesMake(t *testing.T) {
	fx := newScripted()
	s := fx.serve(t)
	o := installOptions
	o.Name, o.Title, o.Place, o.HeldOnly = "host-windows2000-x86-EN", "All updates for Windows 2000, x86, language EN", "install/hosts/windows2000/x86/EN", true
	o.Edition = script.Edition{Generation: 5, State: 7, Root: fx.meta.Digest, Created: fixtureTime}
	var trimmed []*layout.Update
	for _, u := range fx.updates {
		trimmed = append(trimmed, layout.Trimmed(u))
	}
	want, err := script.BuildFor(script.Host{OS: "windows2000", Arch: "x86", Language: "EN"}, trimmed, o).Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range want {
		w := ask(s.Handler(), "/"+o.Place+"/"+f.Name, nil)
		if diff := cmp.Diff(string(f.Data), w.Body.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, diff)
		}
	}
	got := ask(s.Handler(), "/"+o.Place+"/manifest.json", nil).Body.String()
	for text, in := range map[string]bool{
		"Windows2000-KB824146-x86-ENU.exe": true, "Windows2000-KB835732-x86-ENU.EXE": true, "windows-kb890830.exe": true,
		"Windows2000-KB835732-x86-DEU.EXE": false, "WindowsXP-KB958644-x86-ENU.exe": false,
	} {
		if strings.Contains(got, text) != in {
			t.Errorf("the set of an English Windows 2000 has %s: %v", text, !in)
		}
	}
}

func TestInstallFollowsTheRulesOfContent(t *testing.T) {
	fx := newScripted()
	s := fx.serve(t)
	const at = "/install/hosts/windows2000/x86/EN/install.cmd"
	w := ask(s.Handler(), at, nil)
	whole := w.Body.Bytes()
	digest := layout.DigestOf(whole)
	for name, want := range map[string]string{
		"Etag": `"` + digest.String() + `"`, "Content-Length": fmt.Sprint(len(whole)), "Accept-Ranges": "bytes",
		"Last-Modified": fixtureTime.Time().Format(http.TimeFormat), "Content-Type": "application/octet-stream",
		"Content-Disposition": `attachment; filename="install.cmd"`, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(w.Header().Get("Repr-Digest"), "sha-256=:") {
		t.Errorf("Repr-Digest: %q", w.Header().Get("Repr-Digest"))
	}
	if w := ask(s.Handler(), at, http.Header{"Range": {"bytes=10-19"}}); w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), whole[10:20]) {
		t.Errorf("a range: status %d, %q", w.Code, w.Body)
	}
	if w := ask(s.Handler(), at, http.Header{"If-None-Match": {`"` + digest.String() + `"`}}); w.Code != http.StatusNotModified {
		t.Errorf("what the host has: status %d", w.Code)
	}
	if w := ask(s.Handler(), strings.ToUpper(at), nil); !bytes.Equal(w.Body.Bytes(), whole) {
		t.Errorf("in capitals: status %d, %d bytes", w.Code, w.Body.Len())
	}
	for path, want := range map[string]string{
		"/install": "/install/", "/INSTALL/Hosts/Windows2000": "/install/hosts/windows2000/", "/install/hosts/windows2000/X86/en": "/install/hosts/windows2000/x86/EN/",
		"/install/bulletins/ms04-011": "/install/bulletins/MS04-011/",
	} {
		if w := ask(s.Handler(), path, nil); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != want {
			t.Errorf("GET %s: status %d, Location %q, want %q", path, w.Code, w.Header().Get("Location"), want)
		}
	}
	for _, path := range []string{
		"/install/nothing", "/install/hosts/windows95/", "/install/hosts/windows2000/x86/EN/no.cmd", "/install/hosts/windows2000/x86/EN/install.cmd/",
		"/install/bulletins/MS99-001/install.cmd", "/install/updates/none/", "/install/hosts/windows2000/x86/EN/more/", "/install/select/", "/install/hosts/../../x",
	} {
		if w := ask(s.Handler(), path, nil); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", path, w.Code)
		}
	}
	for name, want := range map[string]string{
		"manifest.json": "application/json", "bundle.meta4": "application/metalink4+xml", "SHA256SUMS": "text/plain; charset=us-ascii",
		"README.txt": "text/plain; charset=us-ascii", "install.ps1": "application/octet-stream",
	} {
		if got := ask(s.Handler(), path.Dir(at)+"/"+name, nil).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", name, got, want)
		}
	}
}

func TestInstallSelects(t *testing.T) {
	fx := newScripted()
	s := fx.serve(t)
	for expression, want := range map[string][]string{
		"os=windows2000,lang=EN":                      {"test:Windows2000-KB824146-x86-ENU.exe", "test:Windows2000-KB835732-x86-ENU.EXE", "test:windows-kb890830.exe"},
		"LANG=en,os=Windows2000":                      {"test:Windows2000-KB824146-x86-ENU.exe", "test:Windows2000-KB835732-x86-ENU.EXE", "test:windows-kb890830.exe"},
		"lang=DE+EN,bulletin=ms04-011":                {"test:Windows2000-KB835732-x86-DEU.EXE", "test:Windows2000-KB835732-x86-ENU.EXE"},
		"since=2004-03-14,until=2004-04-30":           {"test:windows-kb890830.exe"},
		"os=windowsxp,arch=x86,class=security_update": {"test:WindowsXP-KB958644-x86-ENU.exe", "test:windows-kb890830.exe"},
	} {
		w := ask(s.Handler(), "/install/select/"+expression+"/manifest.json", nil)
		var manifest struct {
			Items []struct{ Update string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &manifest); err != nil {
			t.Fatalf("%s: status %d, %v: %s", expression, w.Code, err, w.Body)
		}
		var got []string
		for _, item := range manifest.Items {
			got = append(got, item.Update)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
	one := ask(s.Handler(), "/install/select/os=windows2000,lang=EN/SHA256SUMS", nil)
	other := ask(s.Handler(), "/install/select/lang=english,os=windows2000/SHA256SUMS", nil)
	if one.Code != http.StatusOK || !bytes.Equal(one.Body.Bytes(), other.Body.Bytes()) {
		t.Errorf("the order of a selection makes a difference: status %d and %d", one.Code, other.Code)
	}
}

func TestInstallRefusesWrongSelections(t *testing.T) {
	s := newScripted().serve(t)
	for expression, want := range map[string]string{
		"windows2000": "is not KEY=VALUE", "os=": "is not KEY=VALUE", "os=plan9x": "is no system", "os=windows2000,os=windowsxp": "stands twice",
		"colour=blue": "is no key of a selection", "since=yesterday": "is no day", "since=2004-01-01+2005-01-01": "is one day",
		"lang=klingon": "is no language", "arch=z80": "is no architecture", "bulletin=..": "is no bulletin", "severity=bad": "is no severity",
		"bulletin=" + strings.Repeat("x", 300): "longer than 256 bytes",
	} {
		w := ask(s.Handler(), "/install/select/"+expression+"/install.cmd", nil)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "A selection is os=") {
			t.Errorf("%s: status %d, %q, want 400 with %q", expression, w.Code, w.Body, want)
		}
	}
}

func TestInstallOfARing(t *testing.T) {
	fx := newScripted()
	s := fx.serve(t)
	v := fx.view(t)
	s.Swap(v, distribute.Ring{Name: "test", View: v}, distribute.Ring{Name: "production", View: v})
	const at = "/install/hosts/windows2000/x86/EN/install.cmd"
	root := ask(s.Handler(), at, nil).Body.String()
	if got := ask(s.Handler(), "/rings/production"+at, nil).Body.String(); got != root {
		t.Error("what hosts get who ask for no ring is not what its ring has")
	}
	test := ask(s.Handler(), "/rings/test"+at, nil).Body.String()
	if strings.Contains(root, "/rings/") || !strings.Contains(root, "http://server:8530") || !strings.Contains(test, "http://server:8530/rings/test") || !strings.Contains(test, `\\server\updates`) {
		t.Error("the scripts of a ring do not lead to it")
	}
	if len(crawl(t, s, "/rings/test/install/hosts/")) != 5*len(setFiles) {
		t.Error("a ring lists other sets")
	}
}

// TestScriptsInAnUpdatesFolder hands out scripts beside packages, but for one whose
// name a package has.
func TestScriptsInAnUpdatesFolder(t *testing.T) {
	fx := newScripted()
	u := fx.updates[0]
	readme := []byte("the publisher's own")
	fx.contents["/"+u.Folder+"/readme.TXT"] = readme
	u.Files = append(u.Files, layout.File{Name: "readme.TXT", Size: int64(len(readme)), SHA256: layout.DigestOf(readme), Held: true, Modified: fixtureTime})
	plain := &layout.Update{ID: "test:zip", Type: layout.Software, Files: []layout.File{{Name: "a.zip", Kind: layout.KindZIP, Held: true, Size: 7, SHA256: layout.DigestOf([]byte("1234567"))}}}
	plain.Folder = layout.ProposeFolder(plain)
	fx.updates = append(fx.updates, plain)
	s := fx.serve(t)
	if w := ask(s.Handler(), "/"+u.Folder+"/README.txt", nil); w.Body.String() != string(readme) {
		t.Errorf("the publisher's file is hidden: status %d, %s", w.Code, w.Body)
	}
	for path, want := range map[string]int{
		"/" + u.Folder + "/install.cmd": 200, "/" + u.Folder + "/INSTALL.CMD": 200, "/" + u.Folder + "/validate.cmd": 404, "/" + path.Dir(u.Folder) + "/install.cmd": 404,
		"/" + plain.Folder + "/install.cmd": 404, "/" + fx.updates[1].Folder + "/README.txt": 200,
	} {
		if w := ask(s.Handler(), path, nil); w.Code != want {
			t.Errorf("GET %s: status %d, want %d", path, w.Code, want)
		}
	}
	var list distribute.Listing
	if err := json.Unmarshal(ask(s.Handler(), "/"+u.Folder+"/?format=json", nil).Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(u.Folder, "/", `\`) + `\install.cmd`; list.Run != want || list.Files != 3 {
		t.Errorf("the listing says run %q, want %q; %d files", list.Run, want, list.Files)
	}
	page := ask(s.Handler(), "/"+u.Folder+"/", http.Header{"Accept": {"text/html"}}).Body.String()
	if !strings.Contains(page, list.Run) || !strings.Contains(page, "install.cmd</a>") {
		t.Errorf("the page of the folder does not say how it is installed:\n%s", page)
	}
	// The same under another system: it stands beside the package there too.
	for _, u := range fx.updates {
		for _, alias := range layout.AliasFolders(u) {
			own, other := ask(s.Handler(), "/"+u.Folder+"/install.cmd", nil), ask(s.Handler(), "/"+alias+"/install.cmd", nil)
			if own.Code != 200 || other.Body.String() != own.Body.String() {
				t.Errorf("%s: status %d, another script than in %s", alias, other.Code, u.Folder)
			}
		}
	}
}

func TestInstallHasNothingThatIsNotHere(t *testing.T) {
	fx := newScripted()
	revoked := fx.updates[0].Files[0]
	fx.meta.Revoked = []layout.Revoked{{SHA256: revoked.SHA256, Reason: "broken", At: fixtureTime}}
	listed := &fx.updates[1].Files[0]
	listed.Held = false
	s := fx.serve(t)
	manifests := func(s *distribute.Server) (all string) {
		for name, data := range crawl(t, s, "/install/") {
			if strings.HasSuffix(name, "updates.lst") {
				all += string(data)
			}
		}
		return all
	}
	if got := manifests(s); strings.Contains(got, revoked.Name) || strings.Contains(got, listed.Name) {
		t.Errorf("a set has what was taken back, or is not here:\n%s", got)
	}
	if w := ask(s.Handler(), "/"+fx.updates[0].Folder+"/install.cmd", nil); w.Code != http.StatusNotFound {
		t.Errorf("a script for what was taken back: status %d", w.Code)
	}
	s = &distribute.Server{Source: fx.memory(), Filler: &filler{}}
	s.Swap(fx.view(t))
	if got := manifests(s); strings.Contains(got, revoked.Name) || !strings.Contains(got, listed.Name) {
		t.Errorf("where files are fetched a set lacks one, or has what was taken back:\n%s", got)
	}
}

// TestInstallForManyAtOnce asks for the same sets from many hosts.
func TestInstallForManyAtOnce(t *testing.T) {
	fx := newScripted()
	s := fx.serve(t)
	var group sync.WaitGroup
	answers := make([]map[string][]byte, 8)
	for i := range answers {
		group.Go(func() { answers[i] = crawl(t, s, "/install/hosts/") })
	}
	group.Wait()
	for i := range answers {
		if diff := cmp.Diff(answers[0], answers[i]); diff != "" {
			t.Errorf("host %d got something else (-first +this):\n%s", i, diff)
		}
	}
}

// TestInstallFromTheIndex serves the same from an index file.
func TestInstallFromTheIndex(t *testing.T) {
	fx := newScripted()
	read, err := distribute.ReadView(bytes.NewReader(writeIndex(t, fx.view(t))), fx.meta.Key())
	if err != nil {
		t.Fatal(err)
	}
	s := &distribute.Server{Source: fx.memory(), Install: installOptions}
	s.Swap(read)
	if diff := cmp.Diff(crawl(t, fx.serve(t), "/"), crawl(t, s, "/")); diff != "" {
		t.Errorf("files (-built +read):\n%s", diff)
	}
}

// TestFilesTakenOutOfOthers stand in folders of their own, and no script runs them.
func TestFilesTakenOutOfOthers(t *testing.T) {
	fx := newScripted()
	u := fx.updates[0]
	for _, in := range []string{"sp/i386", "sp/i386/update"} {
		content := []byte(in)
		f := layout.File{Name: "update.exe", In: in, From: u.Files[0].SHA256, Size: int64(len(content)), SHA256: layout.DigestOf(content), Held: true, Modified: fixtureTime}
		u.Files = append(u.Files, f)
		fx.contents["/"+f.Path(u)] = content
	}
	s := fx.serve(t)
	for _, in := range []string{"sp/i386", "sp/i386/update"} {
		if w := ask(s.Handler(), "/"+u.Folder+"/"+in+"/update.exe", nil); w.Body.String() != in {
			t.Errorf("%s: status %d, %q", in, w.Code, w.Body)
		}
		if w := ask(s.Handler(), "/"+u.Folder+"/"+in+"/install.cmd", nil); w.Code != http.StatusNotFound {
			t.Errorf("a script in %s: status %d", in, w.Code)
		}
	}
	files := crawl(t, s, "/"+u.Folder+"/")
	if len(files) != 5 {
		t.Errorf("files below the folder: %v", slices.Sorted(maps.Keys(files)))
	}
	if list := ask(s.Handler(), "/install/updates/"+path.Base(u.Folder)+"/updates.lst", nil).Body.String(); strings.Contains(list, "i386") {
		t.Errorf("a script runs what was taken out of another file:\n%s", list)
	}
}

// FuzzSelection holds a selection to one spelling, which is safe in a path, and the
// answer to it to three.
func FuzzSelection(f *testing.F) {
	for _, seed := range []string{"os=windows2000,lang=EN,since=2004-01-01", "bulletin=MS04-011+ms03-039", "arch=x86+x64", "os=,", "a=b=c", "lang=EN,lang=DE", "class=%25"} {
		f.Add(seed)
	}
	s := newScripted().serve(f)
	f.Fuzz(func(t *testing.T, text string) {
		selected, err := distribute.ParseSelected(text)
		if err != nil {
			return
		}
		spelled := selected.String()
		again, err := distribute.ParseSelected(spelled)
		if err != nil || again.String() != spelled {
			t.Fatalf("%q is spelled %q, and that %v, %v", text, spelled, again, err)
		}
		if strings.ContainsAny(spelled, "/\\\r\n\"<>|:*?") || layout.CheckPath("install/select/"+spelled) != nil {
			t.Fatalf("%q is spelled %q", text, spelled)
		}
		path := (&url.URL{Path: "/install/select/" + spelled + "/updates.lst"}).EscapedPath()
		if w := ask(s.Handler(), path, nil); w.Code != http.StatusOK {
			t.Fatalf("GET %s: status %d, %s", path, w.Code, w.Body)
		}
	})
}
