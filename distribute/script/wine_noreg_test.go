package script_test

import (
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

// withoutReg installs, finds and validates on a Windows 2000 as it was sold, which has
// no reg.exe: the registry is read by cscript and regedit, and written by cscript.
func withoutReg(t *testing.T, h *host) {
	c := &host{Windows: h.Copy(t)}
	share := newHost(t, c.Windows)
	c.root = share.root
	c.Become(t, windows2000)
	c.Without(t, "reg")
	u := layout.Update{OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Released: "2003-09-10"}
	u.KB, u.IncludedIn = "829146", "SP5"
	folder, key := `%windir%\$NtUninstallKB829146$`, hotfixes+"KB829146"
	// One package leaves a folder, the other a key alone.
	c.add(t, u, payload{name: "Windows2000-KB829146-x86-ENU.exe", kind: layout.KindUpdate, data: winetest.Program(t, winetest.Plan{Folders: []string{folder}})})
	u.KB, key = "829141", hotfixes+"KB829141"
	c.add(t, u, payload{name: "Windows2000-KB829141-x86-ENU.exe", kind: layout.KindUpdate, data: winetest.Program(t, winetest.Plan{Code: 3010, Keys: []winetest.Key{{Key: key, Value: "Installed", Data: "dword:1"}}})})
	s := c.set(t, script.Options{Name: "noreg"})
	o := c.install(t, s, "")
	o.want(t, 3010, "KB829141=reboot", "KB829146=ok")
	o = c.install(t, s, "")
	o.want(t, 0, "KB829141=installed", "KB829146=installed")
	o.wantCalls(t)
	o = c.run(t, s.Place, "validate.cmd", "")
	o.want(t, 0, "KB829141=installed", "KB829146=installed")
	newHost(t, c.Windows).restarts(t, "6400003", "6400004")
}
