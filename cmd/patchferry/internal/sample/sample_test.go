package sample_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/layout"
)

// TestUpdatesNeverChange holds the whole sample to one digest: the demo's
// summary and the tests of others count on it on every machine.
func TestUpdatesNeverChange(t *testing.T) {
	const want = "392589f8fd69dde1f43237231fe7bb6d7528bfe955db4f5ee95226689d6d024d"
	all, err := json.Marshal(sample.Updates())
	if err != nil {
		t.Fatal(err)
	}
	if got := layout.DigestOf(all).String(); got != want {
		t.Errorf("got sample %s, want %s", got, want)
	}
}

func TestUpdatesAreTheCallersOwn(t *testing.T) {
	first := sample.Updates()
	first[0].Title, first[0].Files[0].Name = "other", "other"
	if got := sample.Updates()[0]; got.Title == "other" || got.Files[0].Name == "other" {
		t.Errorf("a change by one caller shows to the next: %+v", got.Update)
	}
}

func TestContentIsWhatUpdatesState(t *testing.T) {
	for _, u := range sample.Updates() {
		for i, f := range u.Files {
			body := u.Content(i)
			if int64(len(body)) != f.Size || sha256.Sum256(body) != f.SHA256 || sha1.Sum(body) != f.SHA1 {
				t.Errorf("%s: the content is not as stated", f.Name)
			}
		}
	}
}

// TestBreadth demands what the sample is for: all eras, languages, types and
// lists, sizes that a demo can bear.
func TestBreadth(t *testing.T) {
	languages, families, lists, kinds := map[layout.Language]bool{}, map[layout.OS]bool{}, map[string]bool{}, map[string]bool{}
	var bytes int64
	drivers := 0
	for _, u := range sample.Updates() {
		languages[u.Language], lists[u.List] = true, true
		for _, os := range u.OS {
			families[os.Family()] = true
		}
		if u.Type == layout.Drivers {
			drivers++
			if u.Driver.Maker == "" || u.Driver.Class == "" || len(u.Driver.HardwareIDs) == 0 {
				t.Errorf("driver %s lacks maker, class or hardware ids", u.ID)
			}
		}
		for _, f := range u.Files {
			bytes += f.Size
			if f.Size < 10<<10 || f.Size > 3<<20 {
				t.Errorf("%s has %d bytes, want 10 KiB to 3 MiB", f.Name, f.Size)
			}
		}
	}
	for _, l := range sample.Lists() {
		kinds[l.Kind+l.Trust] = true
		if !lists[l.Name] {
			t.Errorf("list %s offers nothing", l.Name)
		}
	}
	for _, l := range []layout.Language{"", "EN", "DE", "FR", "JA", "RU", "PTBR", "ZHCN"} {
		if !languages[l] {
			t.Errorf("no update has language %q", l)
		}
	}
	for _, os := range []layout.OS{"windowsnt4", "windows98", "windows2000", "windowsxp", "windowsserver2003", "windowsvista", "windows7", "windows10", "windows11"} {
		if !families[os] {
			t.Errorf("no update is for %s", os)
		}
	}
	want := map[string]bool{"updates": true, "metalink": true, "links": true, "linkscapture": true}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds of list (-want +got):\n%s", diff)
	}
	if drivers < 4 || bytes < 15<<20 || bytes > 30<<20 {
		t.Errorf("got %d drivers and %d bytes, want at least 4, and some 20 MB", drivers, bytes)
	}
}

// TestNamesSayWhatFieldsSay reads the file names as a sync does: they must not
// contradict the fields.
func TestNamesSayWhatFieldsSay(t *testing.T) {
	ids, urls := map[string]bool{}, map[string]bool{}
	for _, u := range sample.Updates() {
		if ids[u.List+u.ID] {
			t.Errorf("id %s is there twice", u.ID)
		}
		ids[u.List+u.ID] = true
		for _, f := range u.Files {
			if urls[f.URL] {
				t.Errorf("path %s is there twice", f.URL)
			}
			urls[f.URL] = true
			p := layout.ParseName(f.Name)
			if p.KB != "" && p.KB != u.KB && len(u.Files) == 1 {
				t.Errorf("%s says KB %s, the update %s", f.Name, p.KB, u.KB)
			}
			if p.Language != "" && p.Language != u.Language {
				t.Errorf("%s says language %s, the update %q", f.Name, p.Language, u.Language)
			}
			if !p.SHA1.IsZero() && p.SHA1 != f.SHA1 || strings.ContainsAny(f.Name, "{}") {
				t.Errorf("%s does not have its SHA-1 in its name, %s", f.Name, f.SHA1)
			}
			if len(p.Arch) > 0 && !slices.Equal(p.Arch, u.Arch) {
				t.Errorf("%s says architectures %v, the update %v", f.Name, p.Arch, u.Arch)
			}
		}
	}
}

// TestPracticeIsACabinet has an independent reader look at the package that can be
// installed.
func TestPracticeIsACabinet(t *testing.T) {
	program, err := exec.LookPath("cabextract")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "cabextract") {
			t.Fatalf("needs cabextract, which PATCHFERRY_REQUIRE names: %v", err)
		}
		t.Skip("SKIP: needs cabextract")
	}
	i := slices.IndexFunc(sample.Updates(), func(u *sample.Update) bool { return u.ID == sample.PracticeID })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "practice.msu"), sample.Updates()[i].Content(0), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"practice.msu", "Windows6.0-KB" + sample.PracticeKB + "-x64.cab"} {
		cmd := exec.CommandContext(t.Context(), program, name)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cabextract %s: %v: %s", name, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "practice", "practice.txt")); err != nil {
		t.Error(err)
	}
}
