package script_test

import (
	"os"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/distribute/script/winetest"
	"patchferry/layout"
)

func restarts(t *testing.T, h *host) { h.restarts(t, "6400001", "6400002") }

// restarts goes on behind a service pack of Windows 2000 after a restart, and not
// before it: also where a program asks for files to be renamed at every start. Both
// articles are such as the host has seen nothing of.
func (h *host) restarts(t *testing.T, sp, kb string) {
	t.Helper()
	bare := windows2000
	bare.SP = 0
	h.Become(t, bare)
	const control = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\`
	registry := func(key, value string) {
		t.Helper()
		h.Write(t, `C:\restart.reg`, []byte("REGEDIT4\r\n\r\n["+control+key+"]\r\n"+value+"\r\n"))
		h.Run(t, "regedit", "/S", `C:\restart.reg`)
	}
	shutdown := func(time string) { registry("Windows", `"ShutdownTime"=`+time) }
	shutdown("-")
	registry("Session Manager", `"PendingFileRenameOperations"=hex(7):5c,3f,3f,5c,43,3a,5c,61,00,00,00`)
	defer registry("Session Manager", `"PendingFileRenameOperations"=-`)

	w2k := layout.Update{OS: []layout.OS{"windows2000"}, Arch: []layout.Arch{"x86"}, Language: "EN"}
	pack, fix := w2k, w2k
	pack.KB, pack.Classification, pack.Released = sp, layout.ServicePack, "2003-06-26"
	fix.KB, fix.Released = kb, "2004-04-13"
	h.add(t, pack, payload{name: "W2KSP4_EN.EXE", kind: layout.KindServicePack, data: winetest.Program(t, winetest.Plan{
		Code: 3010, Keys: []winetest.Key{{Key: version, Value: "CSDVersion", Data: "Service Pack 4"}, {Key: hotfixes + "KB" + sp, Value: "Installed", Data: "dword:1"}},
	})})
	h.add(t, fix, payload{name: "Windows2000-KB" + kb + "-x86-ENU.exe", data: hotfix(t, "KB"+kb, 0)})
	s := h.set(t, script.Options{Name: "restarts-" + kb})

	h.install(t, s, "").want(t, 3010, "KB"+sp+"=reboot", "KB"+kb+"=waiting")
	for _, since := range []string{"-", "hex:01,02,03,04,05,06,c4,01", "hex:01,02,03,04,05,06,c4,01"} {
		shutdown(since)
		o := h.install(t, s, "")
		o.want(t, 3010, "KB"+sp+"=reboot", "KB"+kb+"=waiting")
		o.wantCalls(t)
	}
	h.Run(t, "regedit", "/E", `C:\asked.reg`, `HKEY_LOCAL_MACHINE\SOFTWARE\patchferry\Sets\`+s.Name)
	asked, err := os.ReadFile(h.Path(`C:\asked.reg`))
	const want = `"LastStop"="010203040506C401"` // what install.ps1 writes, too
	if text := strings.ReplaceAll(string(asked), "\x00", ""); err != nil || !strings.Contains(text, want) {
		t.Errorf("the key of the set, without %s: %v\n%s", want, err, text)
	}
	shutdown("hex:01,02,03,09,05,06,c4,01")
	h.install(t, s, "").want(t, 0, "KB"+sp+"=installed", "KB"+kb+"=ok")
}
