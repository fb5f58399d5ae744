package verify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/verify"
)

// signedDir returns the folder of real signed documents, which are not ours to
// copy.
func signedDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("PATCHFERRY_CORPORA"); dir != "" {
		return filepath.Join(dir, "signed")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		signed := filepath.Join(dir, "shared", "corpora", "signed")
		if _, err := os.Stat(signed); err == nil {
			return signed
		}
	}
	if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), "corpora") {
		t.Fatal("needs the corpora, as PATCHFERRY_REQUIRE says")
	}
	t.Skip("SKIP: needs the corpora")
	return ""
}

// expectation is one row of the table of real documents.
type expectation struct {
	document, signature, keys          string
	version, algorithm, digest, issuer string
	signedAt                           layout.Time
	verdict                            layout.Verdict
	qualifiers                         []string
}

func (e *expectation) name() string {
	if strings.HasPrefix(e.signature, "block") {
		return e.document + " " + e.signature
	}
	return e.document
}

func (e *expectation) profile() verify.Profile {
	if strings.HasPrefix(e.document, "freebsd/") || strings.HasPrefix(e.document, "nodejs/") {
		return verify.ProfileHistorical
	}
	return verify.ProfileCSAF
}

func expectations(t testing.TB, dir string) []expectation {
	t.Helper()
	var all []expectation
	for line := range strings.Lines(string(readFile(t, filepath.Join(dir, "expected.tsv")))) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		e := expectation{
			document: f[0], signature: f[1], keys: f[2], version: f[3], algorithm: f[4], digest: f[5], issuer: f[6],
			verdict: layout.Verdict(strings.TrimSuffix(f[8], "-signature")), qualifiers: []string{},
		}
		if at, err := time.Parse("Mon Jan _2 15:04:05 MST 2006", f[7]); err == nil {
			e.signedAt = layout.At(at)
		}
		if f[9] != "" {
			e.qualifiers = strings.Split(f[9], ",")
		}
		// Its key is as short as that of every other DSA row (gpg lists p with
		// 1024 bits), which the table leaves out here.
		if e.document == "nodejs/release-posts/v0.10.30.md" {
			e.qualifiers = append(e.qualifiers, "weak-key-dsa1024")
		}
		slices.Sort(e.qualifiers)
		all = append(all, e)
	}
	return all
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ring reads the keys of a row.
func ring(t testing.TB, dir, keys string) *verify.Keyring {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, keys))
	if err != nil {
		t.Fatal(err)
	}
	var rings []*verify.Keyring
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		k, err := verify.ReadKeyring(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rings = append(rings, k)
	}
	return verify.MergeKeyrings(rings...)
}

// document reads the document of a row and what stands beside it.
func (e *expectation) read(t testing.TB, dir string) verify.Document {
	t.Helper()
	doc := verify.Document{Name: filepath.Base(e.document), Original: readFile(t, filepath.Join(dir, e.document))}
	if e.signature != "" && !strings.HasPrefix(e.signature, "block") {
		doc.Signature = readFile(t, filepath.Join(dir, e.signature))
	}
	for _, kind := range []string{".sha256", ".sha512"} {
		text, err := os.ReadFile(filepath.Join(dir, e.document) + kind)
		if err == nil {
			doc.Sums = append(doc.Sums, layout.Sum{Name: doc.Name + kind, Text: text})
		} else if !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return doc
}

// part picks the judgement of the row's block. That of the whole document has
// in addition what is said of the document around its blocks.
func (e *expectation) part(t testing.TB, j *verify.Judgement) *verify.Judgement {
	t.Helper()
	block := 0
	if strings.HasPrefix(e.signature, "block") {
		if _, err := fmt.Sscanf(e.signature, "block %d", &block); err != nil {
			t.Fatal(err)
		}
	}
	if len(j.Parts) == 0 {
		one := *j
		one.Qualifiers = slices.DeleteFunc(slices.Clone(j.Qualifiers), func(q string) bool { return q == "extra-text" })
		return &one
	}
	for i := range j.Parts {
		if j.Parts[i].Where == fmt.Sprintf("block %d", block+1) {
			return &j.Parts[i]
		}
	}
	t.Fatalf("no part is block %d", block+1)
	return nil
}

// TestRealDocuments judges every document of the table.
func TestRealDocuments(t *testing.T) {
	dir := signedDir(t)
	rows := expectations(t, dir)
	if len(rows) != 71 {
		t.Errorf("got %d rows, want 71", len(rows))
	}
	for _, e := range rows {
		t.Run(e.name(), func(t *testing.T) {
			keys := ring(t, dir, e.keys)
			judge := &verify.Judge{
				Keys: keys, Pins: verify.PinAll(keys, e.profile() == verify.ProfileHistorical), Profile: e.profile(), Clock: clock(noon),
			}
			got := e.part(t, judge.Document(e.read(t, dir)))
			if got.Verdict != e.verdict {
				t.Fatalf("got %s %q, want %s", got.Verdict, got.Reasons, e.verdict)
			}
			if diff := cmp.Diff(e.qualifiers, got.Qualifiers); diff != "" {
				t.Errorf("qualifiers (-want +got):\n%s", diff)
			}
			e.compareFacts(t, got)
		})
	}
}

// compareFacts compares what the signature says of itself.
func (e *expectation) compareFacts(t *testing.T, got *verify.Judgement) {
	t.Helper()
	if e.verdict == layout.Unsigned || e.verdict == layout.Malformed {
		return
	}
	type facts struct {
		Algorithm, Digest string
		SignedAt          layout.Time
	}
	want := facts{e.algorithm, e.digest, e.signedAt}
	if diff := cmp.Diff(want, facts{got.KeyAlgorithm, got.Digest, got.SignedAt}, cmp.AllowUnexported(layout.Time{})); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(got.Issuer, e.issuer) {
		t.Errorf("got issuer %s, want %s", got.Issuer, e.issuer)
	}
}
