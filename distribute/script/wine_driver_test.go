package script_test

import (
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// driverCabinet unpacks a cabinet of two drivers on the host and gives PnPUtil one INF
// a call; of two answers the worse counts.
func driverCabinet(t *testing.T, h *host) {
	h.Become(t, windows11)
	h.Tools(t, "expand")
	inf := func(code string) string { return "[Version]\n#plan {\"code\":" + code + "}" }
	h.add(t, layout.Update{
		KB: "5300001", Type: layout.Drivers, OS: []layout.OS{"windows11"}, Arch: []layout.Arch{"x64"}, Driver: &layout.Driver{Maker: "Maker", Class: "Net"},
	}, payload{name: "net_w11x64.cab", kind: layout.KindDriverCAB, data: winetest.Package(t, "MSCF drivers", winetest.Plan{
		Files: []winetest.File{{Path: `one\a.inf`, Text: inf("3010")}, {Path: "b.inf", Text: inf("0")}},
	})})
	s := h.set(t, script.Options{Name: "driver"})
	o := h.install(t, s, "")
	o.want(t, 3010, "KB5300001=reboot")
	var infs []string
	for _, c := range o.Calls {
		if c.Name == "pnputil" {
			infs = append(infs, c.String()[strings.LastIndex(c.String(), `\unpacked\`)+1:])
		}
	}
	if len(infs) != 2 {
		t.Fatalf("PnPUtil was called for %q, want both drivers", infs)
	}
	again := h.install(t, s, "")
	again.want(t, 0, "KB5300001=installed") // by what was written down
	again.wantCalls(t)
}
