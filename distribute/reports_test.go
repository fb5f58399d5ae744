package distribute_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
)

// reportOf is a report of a host in which updates have these outcomes: "KB1=ok KB2=failed".
func reportOf(host, outcomes string) string {
	var updates []string
	for _, word := range strings.Fields(outcomes) {
		id, state, _ := strings.Cut(word, "=")
		updates = append(updates, fmt.Sprintf(`{"id":%q,"state":%q,"code":0}`, id, state))
	}
	return fmt.Sprintf(`{"v":1,"host":%q,"os":"windowsxp","release":"sp3","sp":3,"build":"5.1.2600","arch":"x86","lang":"EN","ring":"test","generation":3,"set":"s","result":0,"updates":[%s]}`,
		host, strings.Join(updates, ","))
}

func openReports(t testing.TB) (*distribute.Reports, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "reports")
	r, err := distribute.OpenReports(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func take(t testing.TB, r *distribute.Reports, line string, at time.Time) {
	t.Helper()
	if err := r.Take([]byte(line), "10.0.0.1", at); err != nil {
		t.Fatal(err)
	}
}

// words says what is known of each update of a host: "KB1=ok KB2=failed".
func words(h *distribute.Host) map[string]layout.Outcome {
	all := make(map[string]layout.Outcome)
	for id, u := range h.Updates {
		all[id] = u.State
	}
	return all
}

func readHosts(t testing.TB, folders ...string) *distribute.Hosts {
	t.Helper()
	h := &distribute.Hosts{Folders: folders}
	if err := h.Read(); err != nil {
		t.Fatal(err)
	}
	return h
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// dayFile returns the one file of a folder of reports.
func dayFile(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files of reports: %v, %v", files, err)
	}
	return files[0]
}

// TestHostsFold has the newest word on each update win, whatever order reports come in.
func TestHostsFold(t *testing.T) {
	reports := []struct {
		line  string
		after time.Duration
	}{
		{reportOf("PC01", "KB1=failed KB2=ok"), 0},
		{reportOf("pc01", "KB1=ok KB3=waiting"), time.Hour},
		{reportOf("PC02", "KB1=bad"), 0},
		{strings.Replace(reportOf("PC03", "KB1=ok"), "windowsxp", "windows2000", 1), 0},
		{reportOf("PC03", "KB9=ok"), time.Hour}, // was set up anew
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {1, 4, 0, 3, 2}} {
		r, dir := openReports(t)
		for _, i := range order {
			take(t, r, reports[i].line, noon.Add(reports[i].after))
		}
		h := readHosts(t, dir)
		all := h.All()
		if len(all) != 3 {
			t.Fatalf("%v: %d hosts", order, len(all))
		}
		for i, want := range []map[string]layout.Outcome{
			{"KB1": "ok", "KB2": "ok", "KB3": "waiting"}, {"KB1": "bad"}, {"KB9": "ok"},
		} {
			if diff := cmp.Diff(want, words(all[i])); diff != "" {
				t.Errorf("%v: %s (-want +got):\n%s", order, all[i].Name, diff)
			}
		}
		if all[0].Name != "pc01" || all[0].Reports != 2 || all[0].Failing || !all[1].Failing || !all[0].At.Time().Equal(noon.Add(time.Hour)) {
			t.Errorf("%v: %+v, %+v", order, all[0], all[1])
		}
		got := h.Counts(noon.Add(31*24*time.Hour), 31*24*time.Hour-time.Minute)
		if want := (distribute.HostCounts{Reporting: 2, Silent: 1, Failing: 1}); got != want {
			t.Errorf("%v: counts %+v, want %+v", order, got, want)
		}
	}
}

// TestHostsBrief counts as a full reading does, also where a drop folder was emptied late.
func TestHostsBrief(t *testing.T) {
	dir := t.TempDir()
	failed := strings.Replace(reportOf("PC01", ""), `"result":0`, `"result":1`, 1)
	for day, lines := range map[string][]string{
		"20": {"2026-11-20T08:00:00Z " + reportOf("PC01", ""), "2026-11-20T08:00:00Z " + reportOf("PC02", "KB1=failed"), "2026-11-20T23:59:59Z " + failed},
		"21": {"2026-11-19T08:00:00Z " + reportOf("pc01", ""), "2026-11-21T00:00:00Z " + reportOf("PC02", "")},
		"22": {"2026-11-22T09:00:00Z " + reportOf("PC03", ""), "2026-11-21T00:00:01Z " + reportOf("PC02", "KB1=bad")},
	} {
		var file strings.Builder
		for _, line := range lines {
			at, report, _ := strings.Cut(line, " ")
			fmt.Fprintf(&file, `{"received":%q,"from":"10.0.0.1","report":%s}`+"\n", at, report)
		}
		if err := os.WriteFile(filepath.Join(dir, "reports-2026-11-"+day+".jsonl"), []byte(file.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	brief, full := &distribute.Hosts{Folders: []string{dir}, Brief: true}, readHosts(t, dir)
	if err := brief.Read(); err != nil {
		t.Fatal(err)
	}
	for i, h := range brief.All() {
		want := full.All()[i]
		if h.Name != want.Name || h.At != want.At || h.Failing != want.Failing || len(h.Updates) > 0 {
			t.Errorf("got %s at %s, failing %v, want %s at %s, failing %v", h.Name, h.At, h.Failing, want.Name, want.At, want.Failing)
		}
	}
	got, want := brief.Counts(noon, 36*time.Hour), full.Counts(noon, 36*time.Hour)
	if got != want || want != (distribute.HostCounts{Reporting: 2, Silent: 1, Failing: 2}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if all := brief.All(); all[1].Reports != 2 {
		t.Errorf("%d reports of PC02 were read", all[1].Reports)
	}
}

// TestReportsDamaged reads on behind a line that a loss of power cut off, one that is too
// long, and one that is none; and keeps what it cannot read yet.
func TestReportsDamaged(t *testing.T) {
	r, dir := openReports(t)
	take(t, r, reportOf("PC01", "KB1=ok"), noon)
	f, err := os.OpenFile(dayFile(t, dir), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	damage := "{}\n" + strings.Repeat("x", 1<<20) + "\n" + `{"received":"2026-11-22T12:00:00Z","from":"x","report":{"v":1,"host":"../x"}}` + "\n\n" +
		`{"received":"2026-11-22T12:00:00Z","from":"10.0.`
	if _, err := f.WriteString(damage); err != nil {
		t.Fatal(err)
	}
	h := readHosts(t, dir)
	if h.Damaged != 3 || len(h.All()) != 1 {
		t.Errorf("with a line that is still being written: %d damaged, %d hosts", h.Damaged, len(h.All()))
	}
	err = r.Take([]byte("\ufeff{\"v\":7,\"x\":\"\\u001b<>\"}\r\n"), "10.0.0.1", noon)
	if newer, ok := errors.AsType[*layout.ReportVersionError](err); !ok || newer.Version != 7 {
		t.Errorf("a newer report: %v", err)
	}
	take(t, r, reportOf("PC02", "KB1=ok"), noon)
	if err := h.Read(); err != nil || h.Damaged != 4 || h.Newer != 1 || len(h.All()) != 2 {
		t.Errorf("%v, %d damaged, %d newer, %d hosts", err, h.Damaged, h.Newer, len(h.All()))
	}
	if fresh := readHosts(t, dir); fresh.Damaged != 4 || fresh.Newer != 1 || len(fresh.All()) != 2 {
		t.Errorf("from the beginning: %d damaged, %d newer, %d hosts", fresh.Damaged, fresh.Newer, len(fresh.All()))
	}
	before, err := os.ReadFile(dayFile(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Take([]byte("no report"), "10.0.0.1", noon); !errors.Is(err, distribute.ErrReport) {
		t.Errorf("what is no report: %v", err)
	}
	if after, err := os.ReadFile(dayFile(t, dir)); err != nil || len(after) != len(before) {
		t.Errorf("it left something: %v", err)
	}
}

// TestReportsOfAnotherVersion are read once the program knows them.
func TestReportsOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	line := fmt.Sprintf(`{"received":"2026-11-22T12:00:00Z","from":"drop","unread":%q}`, reportOf("PC01", "KB1=ok")) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "reports-2026-11-22.jsonl"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := readHosts(t, dir); len(h.All()) != 1 || h.Newer+h.Damaged > 0 {
		t.Errorf("%d hosts, %d newer, %d damaged", len(h.All()), h.Newer, h.Damaged)
	}
}

// TestReportsFull refuses what does not fit, what others added counted in.
func TestReportsFull(t *testing.T) {
	_, dir := openReports(t)
	if err := os.WriteFile(filepath.Join(dir, "reports-2026-11-01.jsonl"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := distribute.OpenReports(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.MaxSize, r.Keep = 1400, 10*24*time.Hour
	take(t, r, reportOf("PC01", ""), noon)
	if err := r.Take([]byte(reportOf("PC02", "")), "10.0.0.1", noon); !errors.Is(err, distribute.ErrReportsFull) {
		t.Fatalf("got %v", err)
	}
	if err := r.Expire(noon); err != nil { // the first of November is older than ten days
		t.Fatal(err)
	}
	take(t, r, reportOf("PC02", ""), noon)
	if all := readHosts(t, dir).All(); len(all) != 2 {
		t.Errorf("%d hosts", len(all))
	}
}

// TestReportsExpire leaves other files alone, and has readers begin anew.
func TestReportsExpire(t *testing.T) {
	r, dir := openReports(t)
	for _, name := range []string{"reports-2026-08-23.jsonl", "reports-2026-08-24.jsonl", "reports-x.jsonl", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := readHosts(t, dir)
	if err := r.Expire(noon); err != nil { // 90 days before it is the 24th of August
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Fatalf("%v, %v", left, err)
	}
	if err := h.Read(); err != nil || h.Damaged != 1 {
		t.Errorf("%v, %d damaged", err, h.Damaged)
	}
}

// TestReportsOfSeveral reads the folders of several servers, of which one never had any,
// while many report to one of them.
func TestReportsOfSeveral(t *testing.T) {
	one, dir := openReports(t)
	other, dir2 := openReports(t)
	second, err := distribute.OpenReports(dir) // another process
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 40 {
		for _, r := range []*distribute.Reports{one, second, other} {
			all.Go(func() {
				if err := r.Take([]byte(reportOf(fmt.Sprintf("PC%02d", i), "KB1=ok")), "10.0.0.1", noon); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	h := readHosts(t, dir, filepath.Join(t.TempDir(), "none"), dir2)
	if hosts := h.All(); len(hosts) != 40 || hosts[0].Reports != 3 || h.Damaged != 0 {
		t.Errorf("%d hosts, %d damaged", len(hosts), h.Damaged)
	}
}

// FuzzHostsRead reads any file of reports, as a copy from another machine may be.
func FuzzHostsRead(f *testing.F) {
	f.Add([]byte(`{"received":"2026-11-22T12:00:00Z","from":"drop","report":` + reportOf("PC01", "KB1=ok") + "}\n"))
	f.Add([]byte("{}\n\n\xff\n" + `{"received":"2026-11-22T12:00:00Z","unread":"{\"v\":2}"}` + "\n{"))
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "reports-2026-11-22.jsonl"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		h := readHosts(t, dir)
		lines, reports := strings.Count(string(file), "\n"), 0
		for _, host := range h.All() {
			reports += host.Reports
			if strings.ContainsAny(host.Name, "\"'<>&|^%!=+\\/\r\n\x1b ") || host.Name == "" {
				t.Errorf("host %q", host.Name)
			}
		}
		if sum := reports + h.Damaged + h.Newer; sum > lines {
			t.Errorf("%d lines make %d", lines, sum)
		}
	})
}
