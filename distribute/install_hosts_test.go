package distribute_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"patchferry/layout"
)

// TestInstallHasWhatRunsOnAHost holds the sets of hosts to what is for them and is
// listed for others, and to systems with a dot in their names.
func TestInstallHasWhatRunsOnAHost(t *testing.T) {
	fx := &scripted{fixture{contents: map[string][]byte{}}}
	own := fx.install("3000850", "windows8.1-kb3000850-x64.msu", "", "", "windows8.1")
	office := fx.install("3017810", "excel2010-kb3017810-fullfile-x86-glb.exe", "", "", "")
	net := fx.install("4033342", "NDP471-KB4033342-x86-x64-AllOS-ENU.exe", "EN", "", "windows8.1")
	german := fx.install("2919355", "windows8.1-kb2919355-x64-deu.msu", "DE", "", "windows8.1")
	for _, u := range []*layout.Update{own, office, net, german} {
		u.OS = slices.DeleteFunc(u.OS, func(os layout.OS) bool { return os == "" })
		u.Files[0].Kind = layout.KindOf(u.Files[0].Name, u)
	}
	own.Arch, german.Arch, net.Arch = []layout.Arch{"x64"}, []layout.Arch{"x64"}, []layout.Arch{"x86", "x64"}
	office.Products = []string{"Excel 2010"}
	slices.SortFunc(fx.updates, func(a, b *layout.Update) int { return strings.Compare(a.ID, b.ID) })
	w := ask(fx.serve(t).Handler(), "/install/hosts/windows8.1/x64/DE/updates.lst", nil)
	for _, u := range fx.updates {
		if !strings.Contains(w.Body.String(), u.Files[0].Name) {
			t.Errorf("the list of a German Windows 8.1 lacks %s:\n%s", u.Files[0].Name, w.Body)
		}
	}
	if w := ask(fx.serve(t).Handler(), "/install/hosts/windows8.1/x64/FR/updates.lst", nil); strings.Contains(w.Body.String(), german.Files[0].Name) {
		t.Errorf("the list of a French Windows 8.1 has a German package:\n%s", w.Body)
	}
}

// TestStartPageLeadsToTheScripts looks for them where somebody with a browser begins.
func TestStartPageLeadsToTheScripts(t *testing.T) {
	w := ask(newScripted().serve(t).Handler(), "/", http.Header{"Accept": {"text/html"}})
	if !strings.Contains(w.Body.String(), `<a href="/install/">`) {
		t.Errorf("the start page does not lead to /install/:\n%s", w.Body)
	}
}
