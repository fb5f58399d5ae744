package distribute_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
)

// dropFolder is a drop folder with files in it that were written an hour ago.
func dropFolder(t *testing.T, files map[string]string) (*distribute.Drop, string) {
	t.Helper()
	reports, dir := openReports(t)
	d := &distribute.Drop{Dir: t.TempDir(), Reports: reports}
	for name, content := range files {
		drop(t, d, name, content, time.Now().Add(-time.Hour))
	}
	return d, dir
}

func drop(t *testing.T, d *distribute.Drop, name, content string, changed time.Time) {
	t.Helper()
	name = filepath.Join(d.Dir, name)
	if err := errors.Join(os.WriteFile(name, []byte(content), 0o600), os.Chtimes(name, changed, changed)); err != nil {
		t.Fatal(err)
	}
}

func takeDropped(t *testing.T, d *distribute.Drop, want distribute.Dropped) {
	t.Helper()
	got, err := d.Take(t.Context(), time.Now())
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// left lists the names in a folder.
func left(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestDrop takes what is a report, sets aside what is none, and leaves the rest.
func TestDrop(t *testing.T) {
	d, dir := dropFolder(t, map[string]string{
		"PC01-123.json": reportOf("PC01", "KB1=ok"), "PC02-9.JSON": "\ufeff" + reportOf("PC02", "KB1=bad") + "\r\n", "PC03.json": `{"v":9}`,
		"empty.json": "", "damaged.json": "{", "large.json": strings.Repeat(" ", layout.MaxReport) + "{}", "notes.txt": "x", "json": "x",
	})
	if err := os.Mkdir(filepath.Join(d.Dir, "folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	drop(t, d, "fresh.json", reportOf("PC04", ""), time.Now())
	drop(t, d, "ahead.json", reportOf("PC05", ""), time.Now().Add(48*time.Hour))
	drop(t, d, "of2000.json", reportOf("PC06", ""), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	log := new(records)
	d.Log = log.logger()
	takeDropped(t, d, distribute.Dropped{Taken: 5, Bad: 3, Waiting: 1})
	h := readHosts(t, dir)
	all := h.All()
	if len(all) != 4 || h.Newer != 1 || all[0].Name != "PC01" || all[0].From != distribute.FromDrop {
		t.Fatalf("%d hosts, %d newer", len(all), h.Newer)
	}
	if age := time.Since(all[0].At.Time()); age < 50*time.Minute || age > 70*time.Minute {
		t.Errorf("a report of an hour ago is %s old", age)
	}
	for _, h := range all[2:] { // whose clocks are wrong
		if age := time.Since(h.At.Time()); age < -time.Second || age > time.Minute {
			t.Errorf("the report of %s is %s old", h.Name, age)
		}
	}
	if got := strings.Join(left(t, d.Dir), " "); got != "bad folder.json fresh.json json notes.txt" {
		t.Errorf("left: %s", got)
	}
	if got := strings.Join(left(t, filepath.Join(d.Dir, "bad")), " "); got != "damaged.json damaged.json.why.txt empty.json empty.json.why.txt large.json large.json.why.txt" {
		t.Errorf("set aside: %s", got)
	}
	why, err := os.ReadFile(filepath.Join(d.Dir, "bad", "empty.json.why.txt"))
	if err != nil || !strings.Contains(string(why), "the report is empty") || !strings.Contains(log.String(), "empty.json") {
		t.Errorf("why: %q, %v; log:\n%s", why, err, log)
	}
	takeDropped(t, d, distribute.Dropped{Waiting: 1}) // and nothing twice
}

// TestDropHostile follows no link, waits for nobody, and is stopped by no name.
func TestDropHostile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs links and such names")
	}
	secret := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(secret, []byte(reportOf("SECRET", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	d, dir := dropFolder(t, map[string]string{
		"\x1b[2J\n.json": "x", "CON.json": "x", "a%PATH%.json": "x", "\xff.json": "x", strings.Repeat("l", 250) + ".json": "x",
		" -rf.json": reportOf("PC01", ""), "..json": reportOf("PC02", ""), ".json": reportOf("PC03", ""),
	})
	for name, to := range map[string]string{"link.json": secret, "inside.json": "CON.json", "dangling.json": "/nowhere"} {
		if err := os.Symlink(to, filepath.Join(d.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	pipe(t, filepath.Join(d.Dir, "pipe.json"))
	takeDropped(t, d, distribute.Dropped{Taken: 3, Bad: 5})
	for _, h := range readHosts(t, dir).All() {
		if h.Name == "SECRET" {
			t.Error("a link was followed")
		}
	}
	for _, name := range left(t, filepath.Join(d.Dir, "bad")) {
		if name = strings.TrimSuffix(name, ".why.txt"); name != layout.SafeName(name) {
			t.Errorf("set aside as %q", name)
		}
	}
	if got := strings.Join(left(t, d.Dir), " "); got != "bad dangling.json inside.json link.json pipe.json" {
		t.Errorf("left: %q", got)
	}
}

// TestDropBadIsBounded keeps so many damaged files and removes what comes after them; a
// link in the place of their folder is not followed.
func TestDropBadIsBounded(t *testing.T) {
	d, _ := dropFolder(t, map[string]string{"one.json": "x"})
	bad := filepath.Join(d.Dir, "bad")
	if err := os.Mkdir(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(bad, strings.Repeat("x", i%50+1)+time.Duration(i).String()), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	takeDropped(t, d, distribute.Dropped{Bad: 1})
	if n := len(left(t, bad)); n != 2000 {
		t.Errorf("%d files", n)
	}
	if runtime.GOOS == "windows" {
		return
	}
	elsewhere := t.TempDir()
	if err := errors.Join(os.RemoveAll(bad), os.Symlink(elsewhere, bad)); err != nil {
		t.Fatal(err)
	}
	drop(t, d, "one.json", "x", time.Now().Add(-time.Hour))
	drop(t, d, "two.json", reportOf("PC01", ""), time.Now().Add(-time.Hour))
	got, err := d.Take(t.Context(), time.Now())
	if err == nil || !strings.Contains(err.Error(), "bad is no folder") || got.Taken != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(left(t, elsewhere)) > 0 {
		t.Error("a link was followed")
	}
}

// TestDropHuge does not read a file that cannot be a report.
func TestDropHuge(t *testing.T) {
	d, _ := dropFolder(t, map[string]string{"huge.json": "{"})
	name, old := filepath.Join(d.Dir, "huge.json"), time.Now().Add(-time.Hour)
	if err := errors.Join(os.Truncate(name, 256<<20), os.Chtimes(name, old, old)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	takeDropped(t, d, distribute.Dropped{Bad: 1})
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("it took %d MiB", n>>20)
	}
}

// TestDropFull leaves reports where they are until there is room.
func TestDropFull(t *testing.T) {
	d, _ := dropFolder(t, map[string]string{"one.json": reportOf("PC01", "")})
	d.Reports.MaxSize = 10
	if _, err := d.Take(t.Context(), time.Now()); !errors.Is(err, distribute.ErrReportsFull) {
		t.Errorf("got %v", err)
	}
	d.Reports.MaxSize = 0
	takeDropped(t, d, distribute.Dropped{Taken: 1})
}
