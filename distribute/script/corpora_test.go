package script_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// record is a record of the corpora, as far as it is needed here.
type record struct {
	ID             string   `json:"id"`
	Type           string   `json:"record_type"`
	KB             string   `json:"kb"`
	Title          string   `json:"title"`
	Classification string   `json:"classification"`
	OS             []string `json:"os"`
	Arch           string   `json:"arch"`
	Language       string   `json:"language"`
	Released       string   `json:"released"`
	Bulletin       string   `json:"bulletin"`
	Supersedes     []string `json:"supersedes"`
	Reboot         string   `json:"reboot"`
	Files          []struct {
		Name string      `json:"name"`
		URL  string      `json:"url"`
		Size int64       `json:"size"`
		SHA1 layout.SHA1 `json:"sha1"`
	} `json:"files"`
}

// update makes of a record what a sync makes of it, with digests that stand for
// those that files have once they are held.
func (r *record) update() *layout.Update {
	u := &layout.Update{
		ID: r.ID, Type: layout.Software, KB: r.KB, Title: r.Title, Reboot: r.Reboot, Supersedes: r.Supersedes, Released: layout.Date(r.Released),
	}
	if r.Type == "driver" {
		u.Type, u.Driver = layout.Drivers, &layout.Driver{}
	}
	u.Classification, _ = layout.ParseClassification(r.Classification)
	u.Language, _ = layout.ParseLanguage(r.Language)
	for _, s := range r.OS {
		if os, _ := layout.ParseOS(s); os != "" {
			u.OS = append(u.OS, os)
		}
	}
	if a, _ := layout.ParseArch(r.Arch); a != "" {
		u.Arch = []layout.Arch{a}
	}
	if r.Bulletin != "" {
		u.Bulletins = []string{r.Bulletin}
	}
	for _, f := range r.Files {
		u.Files = append(u.Files, layout.File{
			Name: f.Name, URL: f.URL, Size: f.Size, SHA1: f.SHA1, Held: true, SHA256: sha256.Sum256([]byte(f.URL + f.Name)),
		})
	}
	layout.Complete(u)
	layout.NameEntries(u)
	u.Folder = layout.ProposeFolder(u)
	return u
}

// corpora reads all updates of the corpora, or skips the test.
func corpora(t testing.TB) []*layout.Update {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(corporaDir(t), "catalog", "*.jsonl.gz"))
	var all []*layout.Update
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var r record
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			all = append(all, r.update())
		}
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
	}
	if len(all) != 18284 {
		t.Fatalf("got %d records, want 18284", len(all))
	}
	return all
}

// corporaDir finds the corpora beside a parent directory of the tests, or skips
// the test.
func corporaDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("PATCHFERRY_CORPORA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if at := filepath.Join(dir, "shared", "corpora"); isDir(at) {
			return at
		}
	}
	if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "corpora") {
		t.Fatal("needs the corpora, as PATCHFERRY_REQUIRE says")
	}
	t.Skip("SKIP: needs the corpora")
	return ""
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// TestCorpora plans what real kinds of hosts need of all real records, and one set of
// everything: nothing of it is unsafe, and the order of the records makes no
// difference.
func TestCorpora(t *testing.T) {
	updates := corpora(t)
	hosts := []script.Host{
		{OS: "windows2000", Arch: "x86", Language: "EN"},
		{OS: "windowsxp", Arch: "x86", Language: "DE"},
		{OS: "windowsserver2003", Arch: "x64", Language: "EN"},
		{OS: "windows7", Arch: "x64", Language: "EN"},
		{OS: "windows10", Arch: "x64", Language: "EN"},
		{OS: "windows11", Arch: "x64", Language: "EN"},
		{OS: "windowsserver2019", Arch: "x64"},
	}
	for _, h := range hosts {
		t.Run(string(h.OS), func(t *testing.T) {
			set := script.BuildFor(h, updates, script.Options{Name: "all"})
			checkSet(t, set)
			if len(set.Items) == 0 {
				t.Error("nothing is planned")
			}
			shuffled := slices.Clone(updates)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if got := fmt.Sprintf("%#v", script.BuildFor(h, shuffled, script.Options{Name: "all"})); got != fmt.Sprintf("%#v", set) {
				t.Error("the order of the updates changes the set")
			}
			t.Log(counts(set))
		})
	}
	t.Run("everything", func(t *testing.T) {
		set := script.Build(updates, script.Options{Name: "all", Superseded: true})
		checkSet(t, set)
		t.Log(counts(set))
	})
}

// counts says what a set has, by kind and by the reason for what it has not.
func counts(set *script.Set) string {
	kinds, left := map[string]int{}, map[string]int{}
	for i := range set.Items {
		kinds[string(set.Items[i].Kind)]++
	}
	for _, l := range set.Left {
		why := l.Why
		if before, ok := strings.CutSuffix(why, ", which is in the set"); ok {
			why = before[:strings.LastIndexByte(before, ' ')] + " another"
		}
		left[why]++
	}
	return fmt.Sprintf("%d items %v; %d left %v; notes %d", len(set.Items), sorted(kinds), len(set.Left), sorted(left), len(set.Notes))
}

func sorted(m map[string]int) []string {
	var all []string
	for k, n := range m {
		all = append(all, fmt.Sprintf("%s: %d", k, n))
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(a, b) })
	return all
}
