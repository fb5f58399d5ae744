package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute/script"
	"patchferry/layout"
)

// TestOverrides reads what the operator says of installing, from the file and from
// the environment, in the words of scripts.
func TestOverrides(t *testing.T) {
	name := filepath.Join(t.TempDir(), "patchferry.toml")
	content := `
[install]
bases = ['\\server\updates', "http://server:8530"]

[[override]]
match = "KB824146"
switches = ["/quiet", "/norestart"]
codes = { "3010" = "reboot", "-5" = "ok" }

[[override]]
match = "setup*.exe"
kind = "iexpress"
`
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATCHFERRY_OVERRIDE_2_CODES=1=failed, 2=present", "PATCHFERRY_OVERRIDE_2_SKIP=true"}
	l, err := config.Load(config.Request{File: name, Dir: t.TempDir(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	want := []script.Override{
		{Match: "KB824146", Switches: []string{"/quiet", "/norestart"}, Codes: []layout.ExitCode{{Code: -5, Result: "ok"}, {Code: 3010, Result: "reboot"}}},
		{Match: "setup*.exe", Kind: layout.KindIExpress, Codes: []layout.ExitCode{{Code: 1, Result: "failed"}, {Code: 2, Result: "present"}}, Skip: true},
	}
	if diff := cmp.Diff(want, l.ScriptOverrides()); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`\\server\updates`, "http://server:8530"}, l.Install.Bases); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
	for _, s := range l.Settings() {
		if s.Key == "override.1.codes" && s.Value != `{ "-5" = "ok", "3010" = "reboot" }` {
			t.Errorf("the codes are shown as %s", s.Value)
		}
	}
}
