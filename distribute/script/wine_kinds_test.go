package script_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// oldPackages installs what was packed by Hotfix.exe and Update.exe: by their
// switches, in order, QChain last; a second run starts nothing.
func oldPackages(t *testing.T, h *host) {
	h.Become(t, windows2000)
	h.Tools(t, "qchain")
	for i, p := range []payload{
		{name: "Q311967_W2K_SP3_x86_en.exe", data: hotfix(t, "Q311967", 0)},
		{name: "Q318202_W2K_SP3_X86_EN.exe", data: hotfix(t, "Q318202", 0)},
		{name: "Windows2000-KB824146-x86-ENU.exe", data: hotfix(t, "KB824146", 3010)},
	} {
		h.add(t, layout.Update{
			KB: []string{"311967", "318202", "824146"}[i], Released: layout.Date(fmt.Sprintf("200%d-05-06", 1+i)),
			OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN",
		}, p)
	}
	s := h.set(t, script.Options{Name: "old"})
	o := h.install(t, s, "")
	o.want(t, 3010, "KB311967=reboot", "KB318202=reboot", "KB824146=reboot", "QChain=ok")
	o.wantCalls(t, "q311967_w2k_sp3_x86_en -m -q -z", "q318202_w2k_sp3_x86_en -m -q -z", "windows2000-kb824146-x86-enu -u -q -z",
		`qchain C:\old-QChain.log`)
	if got, _ := h.Value(t, sets+"old", "Result"); got != "3010" {
		t.Errorf("the set's key says %q, want 3010", got)
	}
	again := h.install(t, s, "")
	again.want(t, 0, "KB311967=installed", "KB318202=installed", "KB824146=installed")
	again.wantCalls(t)
	if got, _ := h.Value(t, sets+"old", "Result"); got != "0" {
		t.Errorf("the set's key says %q, want 0", got)
	}
}

// newPackages installs the kinds of Windows 7, each by its program and its switches; a
// second run starts none of those that leave a trace.
func newPackages(t *testing.T, h *host) {
	h.Become(t, windows7)
	code := "{12345678-9ABC-4DEF-8123-456789ABCDEF}"
	keyed := func(name string) winetest.Plan {
		return winetest.Plan{Keys: []winetest.Key{{Key: `HKLM\SOFTWARE\Sample\` + name, Value: "it is there", Data: "yes it is"}}}
	}
	said := func(name string) *layout.Install {
		return &layout.Install{Keys: []layout.InstalledKey{{Key: `HKLM\SOFTWARE\Sample\` + name, Value: "it is there", Data: "yes it is"}}}
	}
	serviced := func(kb string) winetest.Plan {
		return winetest.Plan{Code: 3010, Keys: []winetest.Key{{Key: packages + "Package_for_KB" + kb + "~31bf3856ad364e35~amd64~~6.1.1.0", Value: "CurrentState", Data: "dword:112"}}}
	}
	run := said("exe")
	run.Switches = []string{"/silent", "/norestart"}
	patched := winetest.Plan{Code: 17022, Keys: []winetest.Key{{Key: `HKLM\SOFTWARE\Classes\Installer\Patches\87654321CBA9FED41832547698BADCFE`}}}
	defended := winetest.Plan{Keys: []winetest.Key{{Key: `HKLM\SOFTWARE\Microsoft\Windows Defender\Signature Updates`, Value: "AVSignatureVersion", Data: "1.2.3.4"}}}
	seven := layout.Update{OS: []layout.OS{"windows7"}, Arch: []layout.Arch{"x64"}}
	for i, one := range []struct {
		kb      string
		install *layout.Install
		file    payload
	}{
		{"2000001", nil, payload{name: "Windows6.1-KB2000001-x64.msu", data: winetest.Package(t, "MSCF one", serviced("2000001"))}},
		{"2000002", nil, payload{name: "Windows6.1-KB2000002-x64.cab", data: winetest.Package(t, "MSCF two", serviced("2000002"))}},
		{"2000003", nil, payload{name: "word2010-kb2000003-fullfile-x64-glb.exe", data: winetest.Program(t, patched), pack: &layout.Package{Patch: code}}},
		{"2000004", said("net"), payload{name: "NDP40-KB2000004-x64.exe", data: winetest.Program(t, keyed("net"))}},
		{"2000005", said("iexpress"), payload{name: "sample.exe", kind: layout.KindIExpress, data: winetest.Program(t, keyed("iexpress"))}},
		{"2000006", nil, payload{name: "mpam-fe.exe", data: winetest.Program(t, defended), pack: &layout.Package{Version: "1.2.3.4"}}},
		{"2000007", run, payload{name: "setup.exe", data: winetest.Program(t, keyed("exe"))}},
		{"2000008", nil, payload{name: "net.inf", data: winetest.Package(t, "[Version]", winetest.Plan{Code: 3010})}},
	} {
		u := seven
		u.KB, u.Install, u.Released = one.kb, one.install, layout.Date(fmt.Sprintf("2011-01-0%d", 1+i))
		h.add(t, u, one.file)
	}
	s := h.set(t, script.Options{Name: "new"})
	root := tree + `\Software\ALL\com_microsoft.windows7\`
	for i, o := range []outcome{h.install(t, s, ""), h.install(t, s, "")} {
		code, states := int32(3010), []string{"reboot", "reboot", "reboot", "ok", "ok", "ok", "ok", "reboot"}
		calls := []string{"wusa", "dism /Online /Add-Package", "word2010-kb2000003-fullfile-x64-glb /quiet /norestart /log:C:", "ndp40-kb2000004-x64 /q /norestart",
			"sample /Q:A /R:N", "mpam-fe -q", "setup /silent /norestart", "pnputil -i -a " + root}
		if i == 1 {
			// The driver leaves no traces: that it went in was written down.
			code, states, calls = 0, slices.Repeat([]string{"installed"}, 8), nil
		}
		for j := range states {
			states[j] = fmt.Sprintf("KB200000%d=%s", j+1, states[j])
		}
		o.want(t, code, states...)
		wantPrefixes(t, o.called(), calls)
	}
}

// wantPrefixes holds calls to how each begins.
func wantPrefixes(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("called were\n%s\nwant what begins with\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkpoints stages a set of Windows 11 24H2 in a folder of its own, and gives DISM
// its target alone; a driver goes to PnPUtil in its newer words.
func checkpoints(t *testing.T, h *host) {
	h.Become(t, windows11)
	const target, base = "windows11.0-kb5043080-x64.msu", "windows11.0-kb5041571-x64.msu"
	h.add(t, layout.Update{KB: "5043080", OS: []layout.OS{"windows11-24h2"}, Arch: []layout.Arch{"x64"}},
		payload{name: base, data: winetest.Package(t, "MSWIM base", winetest.Plan{Code: -2147024344})},
		payload{name: target, data: winetest.Package(t, "MSWIM target", winetest.Plan{
			Code: 3010, Needs: []string{base}, Keys: []winetest.Key{{Key: packages + "Package_for_KB5043080~31bf3856ad364e35~amd64~~26100.1.1.0", Value: "CurrentState", Data: "dword:112"}},
		})})
	h.add(t, layout.Update{KB: "5000009", OS: []layout.OS{"windows11-24h2"}, Arch: []layout.Arch{"x64"}, Released: "2024-12-01"},
		payload{name: "net.inf", data: winetest.Package(t, "[Version]", winetest.Plan{})})
	s := h.set(t, script.Options{Name: "checkpoints"})
	o := h.install(t, s, `/stage "C:\a stage"`)
	o.want(t, 3010, "KB5043080=reboot", "KB5000009=ok")
	calls := o.Installers()
	if len(calls) != 2 {
		t.Fatalf("called were %q, want DISM and PnPUtil", o.called())
	}
	if got, want := calls[0].String(), `dism /Online /Add-Package /PackagePath:C:\a stage\KB5043080\`+target; !strings.HasPrefix(got, want) {
		t.Errorf("DISM was called by %q, want %q", got, want)
	}
	beside := slices.Clone(calls[0].Beside)
	slices.Sort(beside)
	if want := []string{base, target}; !slices.Equal(beside, want) {
		t.Errorf("beside the target lay %q, want %q", beside, want)
	}
	if got := calls[1].String(); !strings.HasPrefix(got, "pnputil /add-driver ") || !strings.HasSuffix(got, `\net.inf /install`) {
		t.Errorf("PnPUtil was called by %q", got)
	}
	if o := h.install(t, s, "/only KB5043080"); o.Code != 0 || len(o.Installers()) != 0 {
		t.Errorf("the second run: %d, called were %q", o.Code, o.called())
	}
}
