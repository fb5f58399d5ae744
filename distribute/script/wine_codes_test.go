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

// coded are the kinds of package with a table of exit codes of their own, by files whose
// names say nothing of a system, and where they are tried: where it can be on Windows
// 2000, which computes no digests and so is quick.
var coded = []struct {
	kind      layout.Kind
	extension string
	os        layout.OS
}{
	{layout.KindHotfix, ".exe", "windows2000"},
	{layout.KindUpdate, ".exe", "windows2000"},
	{layout.KindIExpress, ".exe", "windows2000"},
	{layout.KindMSI, ".msi", "windows2000"},
	{layout.KindMSP, ".msp", "windows2000"},
	{layout.KindOffice, ".exe", "windows2000"},
	{layout.KindDotNet, ".exe", "windows2000"},
	{layout.KindDefender, ".exe", "windows7"},
	{layout.KindMSU, ".msu", "windows7"},
	{layout.KindCAB, ".cab", "windows7"},
	{layout.KindDriverINF, ".inf", "windows7"},
}

// stillRuns is STILL_ACTIVE, as which Wine's cmd.exe takes 259 from a program: it then
// sets 0. That PnPUtil's 259 is read right cannot be shown here.
const stillRuns = 259

// exitCodes lets every kind answer every code of its table, and two that are in none:
// the log says what the table says. What ends a run stands in a run of its own.
func exitCodes(t *testing.T, h *host) {
	h.Tools(t, "msiexec", "qchain")
	h.Without(t, "fciv")
	for _, on := range []struct {
		os     layout.OS
		system winetest.System
	}{{"windows7", windows7}, {"windows2000", windows2000}} {
		t.Run(string(on.os), func(t *testing.T) {
			h.Become(t, on.system)
			h.updates = nil
			h.exitCodesOn(t, on.os)
		})
	}
}

func (h *host) exitCodesOn(t *testing.T, os layout.OS) {
	t.Helper()
	var codes, ends []string // "KB3000001=failed"
	for _, c := range coded {
		if c.os != os {
			continue
		}
		for _, code := range codesOf(t, c.kind, c.extension, os) {
			if code.Code == stillRuns {
				continue
			}
			kb := fmt.Sprint(3_000_001 + len(h.updates))
			h.add(t, codedUpdate(kb, c.kind, os), payload{
				name: "sample" + kb + c.extension, kind: c.kind, data: answering(t, kb, c.kind, code.Code), pack: identified(c.kind),
			})
			state := "KB" + kb + "=" + code.Result
			if code.Result == "retry" || code.Code == 1641 {
				ends = append(ends, state)
				continue
			}
			codes = append(codes, state)
		}
	}
	s := script.Build(h.updates, script.Options{Name: "codes", Place: "install/updates/codes"})
	if len(s.Left) > 0 || len(s.Items) != len(h.updates) {
		t.Fatalf("%d items of %d updates; left out: %v", len(s.Items), len(h.updates), s.Left)
	}
	ended := func(i script.Item) bool {
		return slices.Contains(ends, i.ID+"=retry") || slices.Contains(ends, i.ID+"=reboot")
	}
	rest := *s
	rest.Items = slices.DeleteFunc(slices.Clone(s.Items), ended)
	h.put(t, &rest)
	o := h.install(t, &rest, "", winetest.NoMSI)
	got := slices.DeleteFunc(o.states(), func(s string) bool { return s == "QChain=ok" })
	slices.Sort(got)
	slices.Sort(codes)
	if o.Code != 1 || !slices.Equal(got, codes) {
		t.Errorf("exit code %d, want 1; missing are %q; the log says\n%s", o.Code, without(codes, got), o.explain(without(got, codes)))
	}
	s.Items = slices.DeleteFunc(s.Items, func(i script.Item) bool { return !ended(i) })
	h.endings(t, s, ends)
}

// endings runs one package that ends the run by its answer, and one after it.
func (h *host) endings(t *testing.T, s *script.Set, ends []string) {
	t.Helper()
	tried := make(map[string]bool) // one of each kind of end is enough: what a code means was told by the table
	items := s.Items
	for i, item := range items {
		state := "retry"
		if slices.Contains(ends, item.ID+"=reboot") {
			state = "reboot"
		}
		if tried[state] {
			continue
		}
		tried[state] = true
		s.Items = []script.Item{item, items[(i+1)%len(items)]}
		h.put(t, s)
		code := int32(1618)
		if state == "reboot" {
			code = 3010
		}
		h.install(t, s, "", winetest.NoMSI).want(t, code, item.ID+"="+state, s.Items[1].ID+"=waiting")
	}
	if len(tried) != 2 {
		t.Errorf("ends of a run: %v, want another installation and a restart that has begun", tried)
	}
}

func codedUpdate(kb string, kind layout.Kind, os layout.OS) layout.Update {
	u := layout.Update{KB: kb, Released: "2012-01-01", OS: []layout.OS{os}}
	if kind == layout.KindDriverINF {
		u.Type = layout.Drivers
	}
	return u
}

// identified says of a cabinet that DISM can add it.
func identified(kind layout.Kind) *layout.Package {
	if kind != layout.KindCAB {
		return nil
	}
	return &layout.Package{Identity: "Package_for_KB1~31bf3856ad364e35~amd64~~6.1.1.0"}
}

// answering is a package that answers a code and does nothing: it takes away what is
// not there, by which its bytes differ from those of others.
func answering(t *testing.T, kb string, kind layout.Kind, code int32) []byte {
	t.Helper()
	plan := winetest.Plan{Code: code, Gone: []string{`C:\none\` + kb}}
	switch kind {
	case layout.KindMSI, layout.KindMSP, layout.KindMSU, layout.KindCAB, layout.KindDriverINF:
		return winetest.Package(t, "no package", plan)
	}
	return winetest.Program(t, plan)
}

// codesOf returns the table of a kind as a set has it, and a code that is in none.
func codesOf(t *testing.T, kind layout.Kind, extension string, os layout.OS) []layout.ExitCode {
	t.Helper()
	u := codedUpdate("1", kind, os)
	u.ID = "test:1"
	u.Files = []layout.File{{Name: "sample" + extension, Kind: kind, Size: 1, Held: true, MD5: layout.MD5{1}, Package: identified(kind)}}
	u.Folder = layout.ProposeFolder(&u)
	s := script.Build([]*layout.Update{&u}, script.Options{Name: "codes"})
	if len(s.Items) != 1 {
		t.Fatalf("kind %s: %d items; left out: %v", kind, len(s.Items), s.Left)
	}
	return append(slices.Clone(s.Items[0].Run.Codes), layout.ExitCode{Code: 4711, Result: "failed"}, layout.ExitCode{Code: -4711, Result: "failed"})
}

// without is what is in one list and not in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// explain is what the log says of some states.
func (o outcome) explain(states []string) string {
	var b strings.Builder
	for i, state := range o.states() {
		if slices.Contains(states, state) {
			fmt.Fprintf(&b, "%v\n", o.lines[i].words)
		}
	}
	return b.String()
}
