package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"patchferry/mirror"
	"patchferry/verify"
)

// goldenBundles is where the golden bundles stand, and the keys that sign them.
const goldenBundles = "../../testdata/bundles"

// goldenFar sets up a far side as expected.tsv describes it: it is called plant,
// and pins the golden origin and the key of the golden bulletins.
func goldenFar(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "far")
	origin, press := filepath.Join(goldenBundles, "keys", "origin.asc"), filepath.Join(goldenBundles, "keys", "second.asc")
	for _, args := range [][]string{
		{"init", "far", "--dir", dir, "--name", "plant", "--origin-key", origin, "--fingerprint", fingerprintOf(t, origin), "--no-passphrase"},
		{"key", "add", press},
		{"key", "pin", fingerprintOf(t, press), "--purpose", "bulletin"},
	} {
		mustRun(t, dir, exitDone, args...)
	}
	return dir
}

func fingerprintOf(t *testing.T, file string) string {
	t.Helper()
	ring, err := verify.ReadKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return ring.Fingerprints()[0].String()
}

// mustRun runs a command that must end with a status.
func mustRun(t *testing.T, dir string, code int, args ...string) result {
	t.Helper()
	r := runIn(t.Context(), dir, args...)
	if r.code != code {
		t.Fatalf("%v exits %d, want %d:\n%s%s", args, r.code, code, r.stdout, r.stderr)
	}
	return r
}

// refusal runs an import with --json that must end with a status, and returns
// its report and its error.
func refusal(t *testing.T, dir string, code int, args ...string) (mirror.ImportReport, errorReport) {
	t.Helper()
	r := mustRun(t, dir, code, append([]string{"--json", "--progress", "none", "import"}, args...)...)
	var report mirror.ImportReport
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("report %s: %v", r.stdout, err)
	}
	var e errorReport
	for line := range strings.Lines(r.stderr) {
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("error %q: %v", line, err)
		}
	}
	if code != exitDone && code != exitAlready && (e.Exit != code || e.Error == "" || e.Hint == "") {
		t.Errorf("the error is %+v, want exit %d and what to do", e, code)
	}
	return report, e
}

// snapshot lists every file of a site with its size, its time and its inode,
// to see whether anything was written.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&all, name, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// statesOf returns how many states a site published.
func statesOf(t *testing.T, dir string) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "store", "states", "*.asc"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// goldenRow runs the golden bundles of one row of the table of refusals through
// patchferry import, and demands what expected.tsv says.
func goldenRow(t *testing.T, row string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldenBundles, "bad", "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 5 || !strings.HasPrefix(fields[0], row+"-") {
			continue
		}
		rows++
		name, after, code, words := fields[0], fields[1], fields[2], fields[4]
		exit, err := strconv.Atoi(fields[3])
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			far := goldenFar(t) // another one each: what one bundle left in quarantine must not help the next
			if after != "-" {
				mustRun(t, far, exitDone, "import", filepath.Join(goldenBundles, after))
			}
			states := statesOf(t, far)
			report, e := refusal(t, far, exit, filepath.Join(goldenBundles, "bad", name))
			if code == "-" {
				if report.Status != mirror.StatusImported || len(report.Ignored) == 0 {
					t.Errorf("got %+v, want it imported with an ignored key", report)
				}
				return
			}
			if string(report.Code) != code {
				t.Errorf("got code %q, want %q: %+v", report.Code, code, e)
			}
			if words != "-" && !strings.Contains(e.Error, words) {
				t.Errorf("it says %q, want %q", e.Error, words)
			}
			if now := statesOf(t, far); now != states {
				t.Errorf("it published state %d", now)
			}
		})
	}
	if rows == 0 {
		t.Fatalf("expected.tsv has no bundle of %s", row)
	}
}

func TestT01PayloadFlipped(t *testing.T)        { goldenRow(t, "T01") }
func TestT02WrongSize(t *testing.T)             { goldenRow(t, "T02") }
func TestT03FileMissing(t *testing.T)           { goldenRow(t, "T03") }
func TestT04Undeclared(t *testing.T)            { goldenRow(t, "T04") }
func TestT05Signature(t *testing.T)             { goldenRow(t, "T05") }
func TestT06WrongKey(t *testing.T)              { goldenRow(t, "T06") }
func TestT08Version(t *testing.T)               { goldenRow(t, "T08") }
func TestT09Audience(t *testing.T)              { goldenRow(t, "T09") }
func TestT10Position(t *testing.T)              { goldenRow(t, "T10") }
func TestT11MissingBase(t *testing.T)           { goldenRow(t, "T11") }
func TestT12VolumeOfAnotherBundle(t *testing.T) { goldenRow(t, "T12") }
func TestT13Paths(t *testing.T)                 { goldenRow(t, "T13") }
func TestT14Bombs(t *testing.T)                 { goldenRow(t, "T14") }
func TestT15Format(t *testing.T)                { goldenRow(t, "T15") }
func TestT16Counts(t *testing.T)                { goldenRow(t, "T16") }
func TestT17AlteredBulletin(t *testing.T)       { goldenRow(t, "T17") }
func TestT18KeysInside(t *testing.T)            { goldenRow(t, "T18") }
func TestT19RotationWithoutOldKey(t *testing.T) { goldenRow(t, "T19") }
func TestT23MadeInTheFuture(t *testing.T)       { goldenRow(t, "T23") }

// TestT11WantFile demands the want file of a missing base.
func TestT11WantFile(t *testing.T) {
	far := goldenFar(t)
	back := filepath.Join(t.TempDir(), "back")
	report, _ := refusal(t, far, exitPart, filepath.Join(goldenBundles, "bad", "T11-missing-base"), "--receipt", back)
	if len(report.Wanted) != 1 || report.Wanted[0].Size != 77 {
		t.Errorf("wanted %v, want one object of 77 bytes", report.Wanted)
	}
	for _, name := range []string{"WANT-plant-000003.json", "WANT-plant-000003.json.asc", "RECEIPT-plant-000003.json"} {
		if _, err := os.Stat(filepath.Join(back, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestT27PublishedBundleAgain imports a bundle twice; the second time nothing
// is written, not even a lock's holder stays.
func TestT27PublishedBundleAgain(t *testing.T) {
	far := goldenFar(t)
	medium := filepath.Join(goldenBundles, "good-full")
	mustRun(t, far, exitDone, "import", medium)
	before := snapshot(t, far)
	report, e := refusal(t, far, exitAlready, medium)
	if report.Status != mirror.StatusAlready || e.Exit != exitAlready {
		t.Errorf("got %+v, %+v", report, e)
	}
	if after := snapshot(t, far); after != before {
		t.Errorf("something was written; before:\n%s\nafter:\n%s", before, after)
	}
}
