package script_test

import (
	"os"
	"slices"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// gates asks hosts of several systems, architectures, languages and service packs for
// which packages of one set they are. /dry starts nothing.
func gates(t *testing.T, h *host) {
	run := &layout.Install{Switches: []string{"/q"}}
	for _, u := range []layout.Update{
		{KB: "1", OS: []layout.OS{"windowsxp"}},
		{KB: "2", OS: []layout.OS{"windowsvista"}},
		{KB: "3", OS: []layout.OS{"windows7", "windowsserver2008r2"}},
		{KB: "4", OS: []layout.OS{"windows8.1"}},
		{KB: "5", OS: []layout.OS{"windows10"}},
		{KB: "6", OS: []layout.OS{"windows10-1903"}},
		{KB: "7", OS: []layout.OS{"windows10-22h2"}},
		{KB: "8", Arch: []layout.Arch{"x86"}},
		{KB: "9", Language: "DE"},
		{KB: "10", OS: []layout.OS{"windows11-24h2"}},
		{KB: "11", OS: []layout.OS{"windowsserver2025"}},
		{KB: "12", OS: []layout.OS{"windows7-sp1"}},
		{KB: "13", Install: &layout.Install{Switches: run.Switches, MinBuild: 9600, MaxBuild: 18362}},
		{KB: "14"},
	} {
		if u.Install == nil {
			u.Install = run
		}
		h.add(t, u, payload{name: "setup" + u.KB + ".exe", kind: layout.KindExe, data: answering(t, u.KB, layout.KindExe, 0)})
	}
	s := h.set(t, script.Options{Name: "gates"})
	if err := os.RemoveAll(h.Path(`C:\windows\patchferry`)); err != nil { // of runs before
		t.Fatal(err)
	}
	system := func(s winetest.System) func() { return func() { h.Become(t, s) } }
	named := func(name string) func() { return func() { h.Identity(t, name) } }
	for _, tt := range []struct {
		name   string
		become func()
		want   []string
	}{
		{"winxp64", named("winxp64"), []string{"KB1", "KB14"}},
		{"vista", named("vista"), []string{"KB2", "KB14"}},
		{"win7", named("win7"), []string{"KB3", "KB12", "KB14"}},
		{"win81", named("win81"), []string{"KB4", "KB13", "KB14"}},
		{"win10", named("win10"), []string{"KB5", "KB6", "KB13", "KB14"}},
		{"Windows 7 without a service pack, for x86, in German", system(winetest.System{Version: "6.1", Build: 7600, Arch: "x86", Language: "0407"}), []string{"KB3", "KB8", "KB9", "KB14"}},
		{"Windows 11 24H2", system(windows11), []string{"KB10", "KB14"}},
		{"Windows Server 2025", system(winetest.System{Version: "10.0", Build: 26100, Server: true}), []string{"KB11", "KB14"}},
		{"Windows 10 22H2", system(winetest.System{Version: "10.0", Build: 19045}), []string{"KB5", "KB7", "KB14"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.become()
			o := h.install(t, s, "/dry")
			var got []string
			for _, e := range o.lines {
				switch e.state {
				case "dry":
					got = append(got, e.id)
				case "not-applicable":
				default:
					t.Errorf("%s is %s", e.id, e.state)
				}
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if o.Code != 0 || !slices.Equal(got, tt.want) || len(o.Installers()) > 0 {
				t.Errorf("exit code %d; for this host are %q, want %q; called were %q", o.Code, got, tt.want, o.called())
			}
			if exists(h.Path(`C:\windows\patchferry`)) {
				t.Error("a dry run left something behind")
			}
		})
	}
}

// barriers stops behind what must be active before the rest, and goes on at the next
// run; another installation that runs ends the run.
func barriers(t *testing.T, h *host) {
	h.Become(t, windows7)
	serviced := func(kb string, code int32) payload {
		key := winetest.Key{Key: packages + "Package_for_KB" + kb + "~31bf3856ad364e35~amd64~~6.1.1.0", Value: "CurrentState", Data: "dword:112"}
		plan := winetest.Plan{Code: code, Keys: []winetest.Key{key}}
		return payload{name: "Windows6.1-KB" + kb + "-x64.msu", data: winetest.Package(t, "MSCF "+kb, plan)}
	}
	seven := layout.Update{OS: []layout.OS{"windows7"}, Arch: []layout.Arch{"x64"}}
	for _, one := range []struct {
		kb   string
		code int32
	}{{"4536952", 0}, {"4490628", 0}, {"4474419", 3010}} {
		u := seven
		u.KB, u.Released = one.kb, "2019-12-01"
		h.add(t, u, serviced(one.kb, one.code))
	}
	s := h.set(t, script.Options{Name: "barriers"})
	first := h.install(t, s, "", "STUB_RC_WUSA=1618")
	first.want(t, 1618, "KB4490628=retry", "KB4474419=waiting", "KB4536952=waiting")
	h.install(t, s, "").want(t, 3010, "KB4490628=ok", "KB4474419=reboot", "KB4536952=waiting")

	// As long as Windows says that it waits for a restart, so does the rest.
	const pending = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending`
	h.SetKey(t, pending, "", "")
	waits := h.install(t, s, "")
	waits.want(t, 3010, "KB4490628=installed", "KB4474419=reboot", "KB4536952=waiting")
	waits.wantCalls(t)
	h.DeleteKey(t, pending)
	h.install(t, s, "").want(t, 0, "KB4490628=installed", "KB4474419=installed", "KB4536952=ok")
}
