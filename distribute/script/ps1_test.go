package script_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// TestPowerShellKeepsToTwo holds every .ps1 to what PowerShell 2.0 has.
func TestPowerShellKeepsToTwo(t *testing.T) {
	for _, set := range []*script.Set{handMade(), {Name: "empty", Place: "install/select/none"}} {
		for name, text := range written(t, set, script.Options{}) {
			if filepath.Ext(name) != ".ps1" {
				continue
			}
			for _, problem := range lintPS(text) {
				t.Errorf("%s of %s: %s", name, set.Name, problem)
			}
		}
	}
}

// TestPowerShellLint breaks every rule once.
func TestPowerShellLint(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"clean", "$a = @('it''s', \"`r\"); Write-Host $a", ""},
		{"cmdlet of later", "Write-Host (Get-FileHash 'x')", "Get-FileHash is neither"},
		{"function that is not there", "Write-Host (Get-Nothing)", "Get-Nothing is neither"},
		{"function that nothing calls", "function Get-It { return 1 }", "nothing calls Get-It"},
		{"type", "$a = [System.IO.Compression.ZipFile]::Open('x')", "is no type"},
		{"made type", "$a = New-Object System.Net.Http.HttpClient", "is no type"},
		{"operator", "$a = 1 -in @(1)", "an operator"},
		{"chain", "$a = 1 && $a", "an operator"},
		{"new", "$a = [string]::new('x')", "a type of PowerShell 3"},
		{"ordered", "$a = [ordered]@{}", "a type of PowerShell 3"},
		{"class", "class A {}", "a keyword"},
		{"script root", "$a = $PSScriptRoot", "a variable of PowerShell 3"},
		{"white space", "$a = [string]::IsNullOrWhiteSpace('')", "a method of .NET 4"},
		{"where", "$a = @(1).Where({ 1 })", "a method of PowerShell 4"},
		{"run text", "Invoke-Expression 'x'", "code from a string"},
		{"variable", "Write-Host $nowhere", "$nowhere is never set"},
		{"quote", "$a = 'x", "a quote too few"},
		{"bracket", "$a = @('x'}", "a bracket that does not fit"},
		{"open bracket", "$a = @('x'", "brackets that nothing closes"},
		{"not ASCII", "# \u2019", "is not printable ASCII"},
		{"restart", "Restart-Computer", "a restart"},
		{"line end", "$a = 1\n", "a line does not end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(lintPS(tt.line+"\r\n"), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("lint of %q says %q, want %q", tt.line, got, tt.want)
			}
		})
	}
}

// TestScriptsParse has the grammars of tree-sitter read all scripts of a few sets
// and of any host.
func TestScriptsParse(t *testing.T) {
	parse := treeSitter(t)
	dir := t.TempDir()
	for _, set := range []*script.Set{handMade(), {Name: "empty", Place: "install/select/none"}} {
		writeAll(t, filepath.Join(dir, set.Name), written(t, set, script.Options{}))
	}
	files, err := hostile("O'Brien \"%windir%\" & $(x) `n\u2019\r\n#>", 7).QuotingFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		writeAll(t, filepath.Join(dir, "hostile"), map[string]string{f.Name: string(f.Data)})
	}
	if out, err := parse(dir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestScriptsParseFindsErrors has the judge look at scripts that are broken.
func TestScriptsParseFindsErrors(t *testing.T) {
	parse := treeSitter(t)
	scripts := map[string]string{
		"brace.ps1": "$a = 1\r\nif ($a) {\r\n", "operand.ps1": "$a = 1 +\r\n", "string.ps1": "\r\n$a = 'x\r\n", "array.ps1": "$a = @{'x', 'y')\r\n",
		"block.cmd": "@echo off\r\nif exist x (\r\necho x\r\n",
	}
	dir := t.TempDir()
	writeAll(t, dir, scripts)
	out, err := parse(dir)
	if err == nil {
		t.Errorf("no broken script was found:\n%s", out)
	}
	for name := range scripts {
		if !strings.Contains(out, name+":") {
			t.Errorf("nothing said of %s:\n%s", name, out)
		}
	}
}

// treeSitter returns the judge of scripts, or skips the test where it is not
// installed, unless PATCHFERRY_REQUIRE names it.
func treeSitter(t *testing.T) func(dir string) (string, error) {
	t.Helper()
	tool, err := filepath.Abs(filepath.Join("..", "..", "testdata", "e2e", "parse"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(tool, "node_modules", "web-tree-sitter"))
	}
	if err != nil && slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "treesitter") {
		t.Fatalf("needs tree-sitter, which PATCHFERRY_REQUIRE names: %v", err)
	}
	if err != nil {
		t.Skipf("SKIP: needs tree-sitter (npm ci --ignore-scripts in testdata/e2e/parse): %v", err)
	}
	return func(dir string) (string, error) {
		out, err := exec.CommandContext(t.Context(), node, filepath.Join(tool, "parse.js"), dir).CombinedOutput()
		return string(out), err
	}
}

func writeAll(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManifestCodes: of two words on a code the first counts, in the manifest and
// in PowerShell, where a second one would be an error.
func TestManifestCodes(t *testing.T) {
	s := handMade()
	s.Items[0].Run.Codes = []layout.ExitCode{{Code: 3010, Result: "ok"}, {Code: -2145124329, Result: "present"}, {Code: 3010, Result: "reboot"}}
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Items []struct {
			Codes map[string]string `json:"codes"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(find(t, files, "manifest.json")), &m); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"3010": "ok", "-2145124329": "present", "default": "failed"}
	for code, result := range want {
		if got := m.Items[0].Codes[code]; got != result {
			t.Errorf("code %s: got %q, want %q", code, got, result)
		}
	}
	if want := "$codes1 = @{ '3010' = 'ok'; '-2145124329' = 'present' }\r\n"; !strings.Contains(find(t, files, "install.ps1"), want) {
		t.Errorf("install.ps1 has no %q", want)
	}
}
