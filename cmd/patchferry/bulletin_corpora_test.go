package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/verify"
)

// signedDocuments returns the folder of real signed documents, which are not
// ours to copy.
func signedDocuments(t *testing.T) string {
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

// expectedRow is one row of the table of real documents.
type expectedRow struct {
	document, signature, keys string
	verdict                   layout.Verdict
	qualifiers                []string
}

func expectedRows(t *testing.T, dir string) []expectedRow {
	t.Helper()
	table, err := os.ReadFile(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []expectedRow
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		// The table's malformed-signature is malformed here.
		row := expectedRow{document: f[0], signature: f[1], keys: f[2], verdict: layout.Verdict(strings.TrimSuffix(f[8], "-signature"))}
		row.qualifiers = strings.FieldsFunc(f[9], func(r rune) bool { return r == ',' })
		if row.document == "nodejs/release-posts/v0.10.30.md" {
			// Its DSA key has 1024 bits, as those of other rows, which the table
			// leaves out here.
			row.qualifiers = append(row.qualifiers, "weak-key-dsa1024")
		}
		slices.Sort(row.qualifiers)
		rows = append(rows, row)
	}
	return rows
}

// arguments returns the command line of a row, as somebody would type it.
func (e *expectedRow) arguments(dir string) []string {
	args := []string{"bulletin", "verify", "--json", "--key", filepath.Join(dir, e.keys)}
	switch {
	case strings.HasSuffix(e.keys, "*.asc"):
		args[4] = filepath.Dir(args[4])
	case strings.HasPrefix(e.keys, "("): // no key was published: another's will not do
		args[4] = filepath.Join(dir, "keys", "cisa-csaf-signing.asc")
	}
	if strings.HasPrefix(e.document, "freebsd/") || strings.HasPrefix(e.document, "nodejs/") {
		args = append(args, "--profile", "historical")
	}
	return append(args, filepath.Join(dir, e.document))
}

// TestBulletinVerifyRealDocuments reproduces the table by the command alone,
// document by document, with the exit status of each.
func TestBulletinVerifyRealDocuments(t *testing.T) {
	dir := signedDocuments(t)
	rows := expectedRows(t, dir)
	if len(rows) != 71 {
		t.Errorf("got %d rows, want 71", len(rows))
	}
	for _, e := range rows {
		t.Run(e.document+" "+e.signature, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), e.arguments(dir), strings.NewReader(""), &stdout, &stderr, nil)
			want := exitUntrusted
			if e.verdict == layout.Valid {
				want = exitDone
			}
			if code != want {
				t.Errorf("exits %d, want %d: %s", code, want, stderr.String())
			}
			e.compare(t, stdout.Bytes())
		})
	}
}

func (e *expectedRow) compare(t *testing.T, line []byte) {
	t.Helper()
	var got verify.Judgement
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%v\n%s", err, line)
	}
	if block, ok := strings.CutPrefix(e.signature, "block "); ok && len(got.Parts) > 0 {
		var n int
		if _, err := fmt.Sscan(block, &n); err != nil || n >= len(got.Parts) {
			t.Fatalf("block %s of %d parts: %v", block, len(got.Parts), err)
		}
		got = got.Parts[n]
	}
	// What stands around the signed part is said of the whole document.
	qualifiers := slices.DeleteFunc(got.Qualifiers, func(q string) bool { return q == "extra-text" })
	if got.Verdict != e.verdict {
		t.Fatalf("got %s %q, want %s", got.Verdict, got.Reasons, e.verdict)
	}
	if diff := cmp.Diff(append([]string{}, e.qualifiers...), qualifiers); diff != "" {
		t.Errorf("qualifiers (-want +got):\n%s", diff)
	}
	if got.Verdict == layout.Valid && (got.Primary == "" || got.SignedAt.IsZero() || got.SignedSHA256.IsZero()) {
		t.Errorf("a valid document without its signer, time or digest: %s", line)
	}
}

// TestBulletinVerifyManyAtOnce judges all documents in one run, in parallel and
// one by one: the lines are the same, and in the order of the names.
func TestBulletinVerifyManyAtOnce(t *testing.T) {
	dir := signedDocuments(t)
	var lines []string
	for _, jobs := range []string{"1", "8"} {
		var stdout, stderr bytes.Buffer
		args := []string{"bulletin", "verify", "--json", "--jobs", jobs, "--key", filepath.Join(dir, "keys"), "--key", filepath.Join(dir, "keys", "nodejs"),
			"--profile", "historical", filepath.Join(dir, "freebsd"), filepath.Join(dir, "nodejs"), filepath.Join(dir, "cisa-csaf")}
		if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr, nil); code != exitUntrusted {
			t.Fatalf("exits %d: %s", code, stderr.String())
		}
		lines = append(lines, stdout.String())
	}
	if n := strings.Count(lines[0], "\n"); n < 60 {
		t.Errorf("got %d lines, want one a document", n)
	}
	if diff := cmp.Diff(lines[0], lines[1]); diff != "" {
		t.Errorf("one by one and in parallel (-1 +8):\n%s", diff)
	}
}
