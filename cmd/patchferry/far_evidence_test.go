package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFarSideEvidence checks by hand, on an auditor's machine, a file that came
// over a gap and was there in two bundles: by gpg, zstd and coreutils, as
// CHECK.txt says.
func TestFarSideEvidence(t *testing.T) {
	judge(t, "gpg")
	judge(t, "zstd")
	g := newGap(t)
	g.on(g.far, "import", g.export())
	g.list(firstFile, secondFile)
	g.on(g.near, "sync")
	g.on(g.far, "import", g.export())
	g.on(g.far, "key", "add", filepath.Join(g.near, "msrc.asc"))
	g.on(g.far, "key", "pin", g.msrc.Fingerprint().String(), "--purpose", "bulletin")
	g.on(g.far, "hold", "KB835732", "--reason", "breaks the scanner")
	dir := filepath.Join(t.TempDir(), "audit")
	var report evidenceReport
	if err := json.Unmarshal([]byte(g.on(g.far, "evidence", "KB835732", "--to", dir, "--json").stdout), &report); err != nil {
		t.Fatal(err)
	}
	if report.Stream == "" || report.Pruned || report.First.Bundle != "main-e001-s000001" || report.Newest.Bundle != "main-e001-s000002" ||
		report.First.State != 1 || report.Newest.State != 3 || len(report.Bulletins) != 1 || report.Bulletins[0].Verdict != "valid" || report.HeldBack == nil {
		t.Errorf("the report is %+v", report)
	}
	for _, e := range []evidenceEdition{report.First, report.Newest} {
		if want := "bundles/" + e.Bundle + "/HEADER.json"; e.Header != want {
			t.Errorf("the header of state %d is %q, want %s", e.State, e.Header, want)
		}
	}
	said, err := runChecks(dir)
	if err != nil {
		t.Fatalf("the lines of CHECK.txt fail: %v\n%s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(dir, checkName))
	if err != nil || !strings.Contains(string(text), "transfer bundle main-e001-s000002") {
		t.Errorf("CHECK.txt does not name the bundle (%v):\n%s", err, text)
	}
	for _, name := range []string{generationName, signatureName, catalogName, lineName} {
		old, err := os.ReadFile(filepath.Join(dir, firstEdition, name))
		if err != nil {
			t.Fatal(err)
		}
		g.write(filepath.Join(dir, name), old)
	}
	resum(t, dir)
	if said, err := runChecks(dir); err == nil || !strings.Contains(said, "./"+checkName+": OK") || strings.Contains(said, "FAILED") {
		t.Errorf("the first generation in place of the newest, the sums are right, and a later line should fail: %v\n%s", err, said)
	}
}

// resum makes the sums of a folder right again.
func resum(t *testing.T, dir string) {
	t.Helper()
	said, err := runShell(dir, "find . -type f ! -path ./SHA256SUMS -print0 | sort -z | xargs -0 sha256sum > sums && grep -v ' ./sums$' sums > SHA256SUMS && rm sums")
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// TestFarSideEvidenceAfterARotation checks a file by hand whose two bundles were
// signed by two keys of one origin: the far side pinned the first alone.
func TestFarSideEvidenceAfterARotation(t *testing.T) {
	judge(t, "gpg")
	judge(t, "zstd")
	g := newGap(t)
	g.on(g.far, "import", g.export())
	g.on(g.near, "key", "rotate")
	again := g.export()
	g.on(g.far, "import", again)
	dir := filepath.Join(t.TempDir(), "audit")
	var report evidenceReport
	if err := json.Unmarshal([]byte(g.on(g.far, "evidence", "KB835732", "--to", dir, "--json").stdout), &report); err != nil {
		t.Fatal(err)
	}
	if report.Newest.Bundle != "main-e001-s000002" || len(report.Rotations) != 1 {
		t.Errorf("the report is %+v", report)
	}
	if said, err := runChecks(dir); err != nil {
		t.Fatalf("the lines of CHECK.txt fail: %v\n%s", err, said)
	}
	written := g.on(g.far, "bundle", "again", "2", "--to", t.TempDir(), "--json")
	var copied struct{ Dir string }
	if err := json.Unmarshal([]byte(written.stdout), &copied); err != nil {
		t.Fatal(err)
	}
	got, want := treeOf(t, copied.Dir), treeOf(t, again)
	if got != want {
		t.Errorf("the bundle that was written again differs:\n%s\nwant\n%s", got, want)
	}
}

// treeOf returns the digests and names of all files below a folder.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	said, err := runShell(dir, "find . -type f -print0 | sort -z | xargs -0 sha256sum")
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return said
}
