package script_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
)

// need returns the path of a program, or skips the test where it is not
// installed, unless PATCHFERRY_REQUIRE names it.
func need(t *testing.T, program string) string {
	t.Helper()
	found, err := exec.LookPath(program)
	if err == nil {
		return found
	}
	if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), program) {
		t.Fatalf("needs %s, which PATCHFERRY_REQUIRE names: %v", program, err)
	}
	t.Skipf("SKIP: needs %s: %v", program, err)
	return ""
}

// plant writes the tree that a set stands in: its scripts, and its packages with
// their made-up content.
func plant(t *testing.T, s *script.Set) string {
	t.Helper()
	root := t.TempDir()
	files := written(t, s, script.Options{})
	for i := range s.Items {
		it := &s.Items[i]
		files[it.Path] = it.ID
		for _, m := range it.Members {
			files[m.Path] = "cp1"
		}
	}
	writeAll(t, root, files)
	return root
}

// TestSums has the programs that people use check the sums, in the set's folder;
// a file that changed is found.
func TestSums(t *testing.T) {
	s := handMade()
	root := plant(t, s)
	folder := filepath.Join(root, filepath.FromSlash(s.Place))
	for _, tt := range []struct{ program, list string }{{"sha256sum", "SHA256SUMS"}, {"sha1sum", "SHA1SUMS"}, {"md5sum", "MD5SUMS"}} {
		t.Run(tt.list, func(t *testing.T) {
			program := need(t, tt.program)
			check := func() (string, error) {
				cmd := exec.CommandContext(t.Context(), program, "--strict", "-c", tt.list)
				cmd.Dir = folder
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			// The SHA-1 and MD5 of one package are made up: it is said to be wrong.
			wrong := 1
			if tt.list == "SHA256SUMS" {
				wrong = 0
			}
			out, err := check()
			if (err != nil) != (wrong > 0) || strings.Count(out, ": FAILED") != wrong || !strings.Contains(out, "install.ps1: OK") {
				t.Errorf("%s -c: %v\n%s", tt.program, err, out)
			}
			changed := filepath.Join(folder, "updates.lst")
			before, err := os.ReadFile(changed)
			if err != nil {
				t.Fatal(err)
			}
			writeAll(t, folder, map[string]string{"updates.lst": "other"})
			if out, err := check(); err == nil || !strings.Contains(out, "updates.lst: FAILED") {
				t.Errorf("%s -c does not find what changed: %v\n%s", tt.program, err, out)
			}
			writeAll(t, folder, map[string]string{"updates.lst": string(before)})
		})
	}
}

// TestSumsName says what the sums are of, and what they cannot say.
func TestSumsName(t *testing.T) {
	files, err := handMade().Files()
	if err != nil {
		t.Fatal(err)
	}
	sums := find(t, files, "SHA256SUMS")
	for _, want := range []string{"# generation 12\n", "# state 34\n", "# root " + edition.Root.String() + "\n"} {
		if !strings.Contains(sums, want) {
			t.Errorf("SHA256SUMS does not say %q", want)
		}
	}
	if md5 := find(t, files, "MD5SUMS"); !strings.Contains(md5, "# MD5 not known: ../../../../../Drivers/") {
		t.Error("MD5SUMS does not say which package it leaves out")
	}
}

// TestMetalinkByAria has aria2 fetch all packages of a set by its bundle.meta4, from
// where that stands, and refuse what is not right.
func TestMetalinkByAria(t *testing.T) {
	aria2c := need(t, "aria2c")
	s := handMade()
	s.Bases = nil
	// Only one package, and one with a member: the others have made-up digests.
	s.Items = []script.Item{s.Items[2], s.Items[5]}
	root := plant(t, s)
	server := httptest.NewServer(http.FileServer(http.Dir(root)))
	defer server.Close()
	fetch := func() (string, string, error) {
		to := t.TempDir()
		out, err := exec.CommandContext(t.Context(), aria2c, "--no-conf", "--dir", to, "--max-tries=1", "--follow-metalink=mem",
			server.URL+"/"+s.Place+"/bundle.meta4").CombinedOutput()
		return to, string(out), err
	}
	to, out, err := fetch()
	if err != nil {
		t.Fatalf("aria2c: %v\n%s", err, out)
	}
	for i := range s.Items {
		got, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(s.Items[i].Path)))
		if err != nil || string(got) != s.Items[i].ID {
			t.Errorf("%s: %q, %v", s.Items[i].Path, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(to, filepath.FromSlash(s.Items[1].Members[0].Path))); err != nil {
		t.Error(err)
	}
	// A copy on a disc has no place to be relative to: the bases are left.
	s.Bases = []string{server.URL}
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	disc := t.TempDir()
	writeAll(t, disc, map[string]string{"bundle.meta4": find(t, files, "bundle.meta4")})
	if out, err := exec.CommandContext(t.Context(), aria2c, "--no-conf", "--dir", disc, "--max-tries=1", filepath.Join(disc, "bundle.meta4")).CombinedOutput(); err != nil {
		t.Errorf("aria2c with a copy of the list: %v\n%s", err, out)
	}
	writeAll(t, root, map[string]string{s.Items[0].Path: "viewer"})
	if _, out, err := fetch(); err == nil {
		t.Errorf("aria2c takes a package that is not right:\n%s", out)
	}
}

// TestMetalinkURLs: the relative one first, then each base that is a URL.
func TestMetalinkURLs(t *testing.T) {
	s := handMade()
	s.Bases = []string{`\\server\share`, "http://one:8530", "https://two/rings/pilot/"}
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	got := find(t, files, "bundle.meta4")
	escaped := path.Dir(s.Items[2].Path) + "/the%20viewer.msi"
	for i, u := range []string{"../../../../../" + escaped, "http://one:8530/" + escaped, "https://two/rings/pilot/" + escaped} {
		if want := fmt.Sprintf(`<url priority="%d">%s</url>`, i+1, u); !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, "share") {
		t.Error("a UNC path stands among the URLs")
	}
}

// TestFilesByName: what Files returns is sorted by name, and whole.
func TestFilesByName(t *testing.T) {
	files, err := handMade().Files()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Name)
	}
	want := strings.Fields("MD5SUMS README.txt SHA1SUMS SHA256SUMS bundle.meta4 install.cmd install.ps1 manifest.json rollback.cmd rollback.ps1 updates.lst validate.cmd validate.ps1")
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestReadmes: every README.txt is for old machines and names what is there.
func TestReadmes(t *testing.T) {
	for name, text := range written(t, handMade(), script.Options{Ring: "pilot"}) {
		if path.Base(name) != "README.txt" {
			continue
		}
		checkText(t, "README.txt", text)
		for _, want := range []string{"3010", "1618", "/dry"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", name, want)
			}
		}
	}
}

// TestQuiet: the policies, and how they are taken back.
func TestQuiet(t *testing.T) {
	files, err := script.AnyHost(script.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := find(t, files, "quiet.reg")
	checkText(t, "quiet.reg", got)
	for _, want := range []string{
		"Windows Registry Editor Version 5.00\r\n\r\n", `[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU]` + "\r\n" + `"NoAutoUpdate"=dword:00000001` + "\r\n",
		`"DoNotConnectToWindowsUpdateInternetLocations"=dword:00000001` + "\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("quiet.reg has no %q", want)
		}
	}
}
