package layout_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"patchferry/layout"
)

// record is a record of the corpora, as far as it is needed here.
type record struct {
	ID                string   `json:"id"`
	Type              string   `json:"record_type"`
	KB                string   `json:"kb"`
	Title             string   `json:"title"`
	Description       string   `json:"description"`
	Classification    string   `json:"classification"`
	ClassificationRaw string   `json:"classification_raw"`
	Severity          string   `json:"severity"`
	SeverityRaw       string   `json:"severity_raw"`
	Products          []string `json:"products"`
	OS                []string `json:"os"`
	Arch              string   `json:"arch"`
	Language          string   `json:"language"`
	LanguageRaw       string   `json:"language_raw"`
	Released          string   `json:"released"`
	Bulletin          string   `json:"bulletin"`
	CVEs              []string `json:"cves"`
	Supersedes        []string `json:"supersedes"`
	Manufacturer      string   `json:"manufacturer"`
	Hardware          *struct {
		Class   string   `json:"class"`
		Version string   `json:"version"`
		IDs     []string `json:"ids"`
		Models  []string `json:"models"`
	} `json:"hardware"`
	Files []struct {
		Name     string `json:"name"`
		URL      string `json:"url"`
		Size     int64  `json:"size"`
		SHA1     string `json:"sha1"`
		SHA256   string `json:"sha256"`
		MD5      string `json:"md5"`
		Language string `json:"language"`
	} `json:"files"`
}

// corporaDir finds the corpora beside a parent directory of the tests, or
// skips the test.
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
		corpora := filepath.Join(dir, "shared", "corpora")
		if _, err := os.Stat(corpora); err == nil {
			return corpora
		}
	}
	if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "corpora") {
		t.Fatal("needs the corpora, as PATCHFERRY_REQUIRE says")
	}
	t.Skip("SKIP: needs the corpora")
	return ""
}

// records reads all records of the corpora.
func records(t testing.TB) []record {
	t.Helper()
	var all []record
	paths, err := filepath.Glob(filepath.Join(corporaDir(t), "catalog", "*.jsonl.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, path := range paths {
		all = append(all, recordsIn(t, path)...)
	}
	if len(all) != 18284 {
		t.Fatalf("got %d records, want 18284", len(all))
	}
	return all
}

func recordsIn(t testing.TB, path string) []record {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return all
}

// update converts a record with the parsers of the package.
func (r *record) update(t testing.TB) *layout.Update {
	t.Helper()
	u := &layout.Update{
		ID: r.ID, Type: layout.Software, KB: r.KB, Title: r.Title, Description: r.Description, Products: r.Products,
		Released: layout.Date(r.Released), CVEs: r.CVEs, Supersedes: r.Supersedes,
	}
	u.Classification, _ = layout.ParseClassification(cmp.Or(r.Classification, r.ClassificationRaw))
	u.Severity, _ = layout.ParseSeverity(cmp.Or(r.Severity, r.SeverityRaw))
	if r.Bulletin != "" {
		u.Bulletins = []string{r.Bulletin}
	}
	for _, s := range r.OS {
		o, _ := layout.ParseOS(s)
		u.OS = append(u.OS, o)
	}
	if a, _ := layout.ParseArch(r.Arch); a != "" {
		u.Arch = []layout.Arch{a}
	}
	u.Language, _ = layout.ParseLanguage(r.Language)
	if r.Type == "driver" {
		u.Type = layout.Drivers
		u.Driver = &layout.Driver{Maker: r.Manufacturer}
		if h := r.Hardware; h != nil {
			u.Driver.Class, u.Driver.Version, u.Driver.HardwareIDs, u.Driver.Models = h.Class, h.Version, h.IDs, h.Models
		}
	}
	for _, f := range r.Files {
		file := layout.File{Name: f.Name, URL: f.URL, Size: f.Size}
		file.Language, _ = layout.ParseLanguage(f.Language)
		file.SHA1, _ = layout.ParseSHA1(f.SHA1)
		file.SHA256, _ = layout.ParseDigest(f.SHA256)
		file.MD5, _ = layout.ParseMD5(f.MD5)
		u.Files = append(u.Files, file)
	}
	return u
}

// TestCorporaPaths gives every real record that has a file its paths, as a
// catalog would, and holds them to what file systems can keep.
func TestCorporaPaths(t *testing.T) {
	folders := make(map[string]string) // folded folder -> id
	paths := make(map[string]string)   // folded path -> id
	var files, renamed, clashes, longest int
	var unusable []string
	for _, r := range records(t) {
		u := r.update(t)
		layout.Complete(u)
		u.Folder = layout.ProposeFolder(u)
		for n := 1; folders[layout.Fold(u.Folder)] != ""; n++ {
			u.Folder = layout.NextFolder(layout.ProposeFolder(u), n)
			clashes++
		}
		folders[layout.Fold(u.Folder)] = u.ID
		layout.NameEntries(u)
		for i := range u.Files {
			f := &u.Files[i]
			if strings.Trim(f.Name, ". ") == "" && f.URL == "" {
				unusable = append(unusable, u.ID)
				continue
			}
			p := f.Path(u)
			checkTreePath(t, p)
			if other, taken := paths[layout.Fold(p)]; taken {
				t.Errorf("%s of %s is also the path of a file of %s", p, u.ID, other)
			}
			paths[layout.Fold(p)] = u.ID
			files++
			longest = max(longest, len(p))
			if f.As != "" {
				renamed++
			}
		}
		for _, alias := range layout.AliasFolders(u) {
			for i := range u.Files {
				checkTreePath(t, alias+"/"+u.Files[i].Entry())
			}
		}
		again := *u
		again.Files = slices.Clone(u.Files)
		slices.Reverse(again.Files)
		layout.NameEntries(&again)
		slices.Reverse(again.Files)
		for i := range u.Files {
			if u.Files[i].Entry() != again.Files[i].Entry() {
				t.Errorf("%s: the order of the files changed %s to %s", u.ID, u.Files[i].Entry(), again.Files[i].Entry())
			}
		}
	}
	t.Logf("%d files have paths, %d under another name, the longest path has %d bytes; %d folders were taken; unusable: %d %v",
		files, renamed, longest, clashes, len(unusable), unusable)
	if files+len(unusable) != 22207 || len(unusable) > 0 {
		t.Errorf("got %d paths and %d unusable names, want 22207 and 0", files, len(unusable))
	}
}

// checkTreePath holds a path to the rules of NTFS, FAT32, ext4, S3 and
// MAX_PATH, written down once more so as not to believe CheckPath.
func checkTreePath(t *testing.T, p string) {
	t.Helper()
	if err := layout.CheckPath(p); err != nil {
		t.Error(err)
	}
	if n := len(utf16.Encode([]rune(p))); n > layout.MaxPath || len(p) > layout.MaxPath {
		t.Errorf("%s has %d UTF-16 units and %d bytes, more than %d", p, n, len(p), layout.MaxPath)
	}
	parts := strings.Split(p, "/")
	if len(parts) != 6 {
		t.Errorf("%s has %d parts, want 6", p, len(parts))
	}
	for _, part := range parts {
		if part == "" || strings.TrimRight(part, ". ") != part || strings.ContainsAny(part, "<>:\"\\|?*\x7f") ||
			strings.IndexFunc(part, func(r rune) bool { return r < ' ' }) >= 0 || len(part) > 255 {
			t.Errorf("%s has the unsafe part %q", p, part)
		}
		switch stem, _, _ := strings.Cut(strings.ToUpper(part), "."); stem {
		case "CON", "PRN", "AUX", "NUL", "COM1", "LPT1":
			t.Errorf("%s has the device %q", p, part)
		}
	}
}

// agreement counts how often a name says what the record says.
type agreement struct {
	same, differ, silent int
	examples             []string
}

func (a *agreement) add(got, want, example string) {
	switch got {
	case want:
		a.same++
	case "":
		a.silent++
	default:
		a.differ++
		if len(a.examples) < 12 {
			a.examples = append(a.examples, example+": got "+got+", want "+want)
		}
	}
}

// require logs the agreement and demands that of the names that say anything
// at least the share right agrees, and that at least the share said says
// something.
func (a *agreement) require(t *testing.T, what string, right, said float64) {
	t.Helper()
	all := float64(a.same + a.differ + a.silent)
	gotRight := float64(a.same) / float64(a.same+a.differ)
	gotSaid := float64(a.same+a.differ) / all
	t.Logf("%s: %d agree, %d differ, %d say nothing: %.3f%% right of %.1f%%\n  %s",
		what, a.same, a.differ, a.silent, 100*gotRight, 100*gotSaid, strings.Join(a.examples, "\n  "))
	if gotRight < right || gotSaid < said {
		t.Errorf("%s: want at least %.3f%% right of %.1f%%", what, 100*right, 100*said)
	}
}

// TestCorporaNames compares what names say with the labels of the records.
func TestCorporaNames(t *testing.T) {
	var lang, arch, kb, system agreement
	english := 0
	for _, r := range records(t) {
		source, _, _ := strings.Cut(r.ID, ":")
		for _, f := range r.Files {
			p := layout.ParseName(f.Name)
			// Some lists give the English file where there is none in their
			// language.
			if want, _ := layout.ParseLanguage(r.LanguageRaw); source == "unattended" && want != "" {
				if want != "EN" && strings.HasSuffix(layout.Fold(f.Name), "enu.exe") {
					english++
				} else {
					lang.add(string(p.Language), string(want), f.Name)
				}
			}
			if want, _ := layout.ParseArch(r.Arch); source == "wsus" && want != "" && len(p.Arch) < 2 {
				arch.add(string(slices.Concat(p.Arch, []layout.Arch{""})[0]), string(want), f.Name)
			}
			if (source == "unattended" || source == "msuc" || source == "slipstream_windows_updates") && r.KB != "" {
				kb.add(p.KB, r.KB, f.Name)
			}
			if source == "unattended" && len(r.OS) > 0 {
				system.add(joined(p.OS), joined(r.OS), f.Name)
			}
		}
	}
	t.Logf("%d names end in ENU though the list is another language's", english)
	lang.require(t, "language of unattended", 1, 0.96)
	arch.require(t, "architecture of wsus", 1, 0.56)
	kb.require(t, "kb", 0.997, 0.98)
	system.require(t, "system of unattended", 0.98, 0.92)
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(layout.OS(w).Family())
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

// TestCorporaLines writes all records as lines and reads them back, in the
// fast way and in the general one, which a blank at the end of a line brings
// about.
func TestCorporaLines(t *testing.T) {
	var b []byte
	total := 0
	for _, r := range records(t) {
		u := r.update(t)
		layout.Complete(u)
		var err error
		if b, err = layout.AppendLine(b[:0], u); err != nil {
			t.Fatal(err)
		}
		total += len(b)
		for _, in := range [][]byte{b, slices.Concat(bytes.TrimRight(b, "\n"), []byte(" "))} {
			got, err := layout.ParseLine(in)
			if err != nil {
				t.Fatal(err)
			}
			again, err := layout.AppendLine(nil, got)
			if err != nil || !bytes.Equal(bytes.TrimSpace(again), bytes.TrimSpace(b)) {
				t.Fatalf("%s became %s, %v", b, again, err)
			}
		}
	}
	t.Logf("%d bytes of lines", total)
}

// TestCorporaVocabularies wants every word that the records use to be known.
func TestCorporaVocabularies(t *testing.T) {
	unknown := make(map[string]int)
	for _, r := range records(t) {
		for _, s := range r.OS {
			if got, ok := layout.ParseOS(s); !ok || string(got) != s {
				unknown["os "+s]++
			}
		}
		if got, ok := layout.ParseArch(r.Arch); !ok || got != "" && string(got) != r.Arch {
			unknown["arch "+r.Arch]++
		}
		if _, ok := layout.ParseClassification(r.Classification); !ok {
			unknown["classification "+r.Classification]++
		}
		if got, ok := layout.ParseSeverity(r.SeverityRaw); ok && got != "" && string(got) != r.Severity {
			unknown["severity "+r.SeverityRaw+" as "+string(got)+" not "+r.Severity]++
		}
		raw, rawOK := layout.ParseLanguage(r.LanguageRaw)
		tag, tagOK := layout.ParseLanguage(r.Language)
		if !rawOK || !tagOK || r.Language != "" && r.LanguageRaw != "" && raw != tag {
			unknown["language "+r.LanguageRaw+" "+r.Language]++
		}
		for _, f := range r.Files {
			if _, ok := layout.ParseLanguage(f.Language); !ok {
				unknown["language "+f.Language]++
			}
		}
	}
	if len(unknown) > 0 {
		t.Errorf("unknown words: %v", unknown)
	}
}
