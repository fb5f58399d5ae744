package distribute_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
)

// taking is a server over the fixture that takes reports.
type taking struct {
	*running
	server *distribute.Server
	dir    string // of the reports
	log    *records
}

func takeReports(t *testing.T, change func(*distribute.Server)) *taking {
	t.Helper()
	reports, dir := openReports(t)
	fx, log := newFixture(), new(records)
	s := &distribute.Server{Source: fx.memory(), Inbox: &distribute.Inbox{Reports: reports}, Log: log.logger(), Access: log.logger()}
	if change != nil {
		change(s)
	}
	s.Swap(fx.view(t))
	return &taking{start(t, s), s, dir, log}
}

// post sends a report with headers given as name, value, …; an empty value removes one.
func (r *taking) post(t *testing.T, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	return r.postTo(t, "/report", body, headers...)
}

func (r *taking) postTo(t *testing.T, path string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url(path), body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

// TestReport takes a report, shows it nowhere, and serves what it served before.
func TestReport(t *testing.T) {
	r := takeReports(t, nil)
	_, before := r.do(t, "GET", "/?format=json")
	for _, kind := range []string{"application/json", "text/plain; charset=utf-8"} {
		res := r.post(t, strings.NewReader(reportOf("PC01", "KB1=ok")+"\r\n"), "Content-Type", kind)
		if res.StatusCode != http.StatusNoContent || res.Header.Get("Content-Length") != "" {
			t.Errorf("%s: %s, %v", kind, res.Status, res.Header)
		}
	}
	hosts := readHosts(t, r.dir).All()
	if len(hosts) != 1 || hosts[0].Reports != 2 || hosts[0].From != "127.0.0.1" || time.Since(hosts[0].At.Time()) > time.Minute {
		t.Errorf("kept: %+v", hosts)
	}
	for _, path := range []string{"/?format=json", "/status?format=json", "/metrics", "/reports/", "/report/x", "/reports/today.jsonl"} {
		res, body := r.do(t, "GET", path)
		if bytes.Contains(body, []byte("PC01")) || path[1] == 'r' && res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s\n%s", path, res.Status, body)
		}
	}
	if _, after := r.do(t, "GET", "/?format=json"); !bytes.Equal(before, after) {
		t.Errorf("a report changed what is served: %s", after)
	}
	if log := r.log.String(); strings.Contains(log, "PC01") || !strings.Contains(log, "/report") {
		t.Errorf("the log has the report, or not the request:\n%s", log)
	}
}

// TestReportMethods serves POST at one path of the server alone, and there nothing else.
func TestReportMethods(t *testing.T) {
	r := takeReports(t, nil)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		for _, path := range []string{"/report", "/REPORT"} {
			if res, _ := r.do(t, method, path); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
				t.Errorf("%s %s: %s, Allow %q", method, path, res.Status, res.Header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/", "/report/", "/reports", "/rings/test/reports", w2kPath} {
		if res, _ := r.do(t, "POST", path); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %s, Allow %q", path, res.Status, res.Header.Get("Allow"))
		}
	}
}

// TestReportsOff has no such path.
func TestReportsOff(t *testing.T) {
	_, srv := serveFixture(t)
	if res, _ := srv.do(t, "POST", "/report"); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s, Allow %q", res.Status, res.Header.Get("Allow"))
	}
	if res, _ := srv.do(t, "GET", "/report"); res.StatusCode != http.StatusNotFound {
		t.Errorf("GET: %s", res.Status)
	}
}

// TestReportRefused names why, and keeps nothing.
func TestReportRefused(t *testing.T) {
	r := takeReports(t, nil)
	good := reportOf("PC01", "KB1=ok")
	for _, tt := range []struct {
		name    string
		body    io.Reader
		headers []string
		want    int
	}{
		{"no JSON", strings.NewReader("hello"), nil, 400},
		{"two lines", strings.NewReader(good + "\n" + good), nil, 400},
		{"empty", http.NoBody, nil, 400},
		{"no length", io.MultiReader(strings.NewReader(good)), nil, 411},
		{"too large", strings.NewReader(good + strings.Repeat(" ", layout.MaxReport)), nil, 413},
		{"a form", strings.NewReader(good), []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"no type", strings.NewReader(good), []string{"Content-Type", ""}, 415},
		{"compressed", strings.NewReader(good), []string{"Content-Encoding", "gzip"}, 415},
		{"of a page", strings.NewReader(good), []string{"Origin", "http://elsewhere"}, 403},
		{"of a newer page", strings.NewReader(good), []string{"Sec-Fetch-Mode", "no-cors"}, 403},
	} {
		if res := r.post(t, tt.body, tt.headers...); res.StatusCode != tt.want {
			t.Errorf("%s: %s, want %d", tt.name, res.Status, tt.want)
		}
	}
	if left, err := os.ReadDir(r.dir); err != nil || len(left) > 0 {
		t.Errorf("kept: %v, %v", left, err)
	}
	if res := r.post(t, strings.NewReader(`{"v":2}`)); res.StatusCode != http.StatusAccepted {
		t.Errorf("a newer version: %s", res.Status)
	}
	if h := readHosts(t, r.dir); h.Newer != 1 {
		t.Errorf("%d newer", h.Newer)
	}
}

// TestReportFrom looks at the address of the connection alone.
func TestReportFrom(t *testing.T) {
	r := takeReports(t, func(s *distribute.Server) { s.Inbox.From = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded"} {
		if res := r.post(t, strings.NewReader(reportOf("PC01", "")), header, "192.0.2.7"); res.StatusCode != http.StatusForbidden {
			t.Errorf("with %s: %s", header, res.Status)
		}
	}
	private := []string{"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "::1", "fd12::1", "fe80::1"}
	public := []string{"172.32.0.1", "8.8.8.8", "100.64.0.1", "2001:db8::1", "11.0.0.1"}
	allowed := func(a string) bool {
		for _, p := range distribute.DefaultReporters() {
			if p.Contains(netip.MustParseAddr(a)) {
				return true
			}
		}
		return false
	}
	for _, a := range private {
		if !allowed(a) {
			t.Errorf("%s may not report", a)
		}
	}
	for _, a := range public {
		if allowed(a) {
			t.Errorf("%s may report", a)
		}
	}
}

// TestReportRate stops an address that reports too much, and what it sends is not read.
func TestReportRate(t *testing.T) {
	r := takeReports(t, nil)
	limited, kept := 0, 0
	for range 150 {
		switch res := r.post(t, strings.NewReader(reportOf("PC01", ""))); res.StatusCode {
		case http.StatusNoContent:
			kept++
		case http.StatusTooManyRequests:
			limited++
			if res.Header.Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
		default:
			t.Fatal(res.Status)
		}
	}
	if limited == 0 || kept < 60 {
		t.Errorf("%d kept, %d limited", kept, limited)
	}
	if _, body := r.do(t, "GET", "/metrics"); !bytes.Contains(body, []byte(`patchferry_reports_total{outcome="limited"}`)) {
		t.Errorf("metrics:\n%s", body)
	}
}

// TestReportSlow lets go of hosts that send their report too slowly, and takes no more
// than a few at once.
func TestReportSlow(t *testing.T) {
	r := takeReports(t, func(s *distribute.Server) { s.HeaderTimeout = time.Second })
	const head = "POST /report HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n{"
	busy, ended := 0, 0
	answers := make(chan int, 20)
	for range 20 {
		conn := dial(t, r.addr)
		send(t, conn, head)
		go func() {
			var status [12]byte
			if _, err := io.ReadFull(conn, status[:]); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			answers <- map[string]int{"503": 503, "400": 400}[string(status[9:])]
		}()
	}
	for range 20 {
		switch <-answers {
		case 503:
			busy++
		case 400:
			ended++
		}
	}
	if busy != 12 || ended != 8 {
		t.Errorf("%d told to come again, %d ended", busy, ended)
	}
	if res := r.post(t, strings.NewReader(reportOf("PC01", ""))); res.StatusCode != http.StatusNoContent {
		t.Errorf("afterwards: %s", res.Status)
	}
}

// TestReportBelowARing is taken as any other, where there is such a ring.
func TestReportBelowARing(t *testing.T) {
	r := takeReports(t, nil)
	v := newFixture().view(t)
	r.server.Swap(v, distribute.Ring{Name: "test", View: v})
	for path, want := range map[string]int{
		"/rings/test/report": 204, "/Rings/TEST/Report": 204, "/rings/other/report": 404, "/rings/test/report/x": 405, "/rings/report": 405,
	} {
		if res := r.postTo(t, path, strings.NewReader(reportOf("PC01", ""))); res.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, res.Status, want)
		}
	}
	if res, _ := r.do(t, "GET", "/rings/test/report"); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %s, Allow %q", res.Status, res.Header.Get("Allow"))
	}
	if all := readHosts(t, r.dir).All(); len(all) != 1 || all[0].Reports != 2 {
		t.Errorf("kept: %+v", all)
	}
}

// TestReportFull says so, and serves all else.
func TestReportFull(t *testing.T) {
	r := takeReports(t, func(s *distribute.Server) { s.Inbox.Reports.MaxSize = 10 })
	if res := r.post(t, strings.NewReader(reportOf("PC01", ""))); res.StatusCode != http.StatusInsufficientStorage {
		t.Errorf("%s", res.Status)
	}
	if log := r.log.String(); !strings.Contains(log, "a report is not kept") || strings.Contains(log, "PC01") {
		t.Errorf("log:\n%s", log)
	}
	if res, _ := r.do(t, "GET", driverPath); res.StatusCode != http.StatusOK {
		t.Errorf("%s", res.Status)
	}
}

// TestHostCounts are shown without a name.
func TestHostCounts(t *testing.T) {
	r := takeReports(t, func(s *distribute.Server) {
		s.Hosts = func() distribute.HostCounts {
			return distribute.HostCounts{Reporting: 7, Silent: 2, Failing: 1, Damaged: 4, Unreadable: 1}
		}
	})
	for path, all := range map[string][]string{
		"/status?format=json": {`"reporting": 7`, `"silent": 2`, `"failing": 1`, `"damaged": 4`, `"unreadable": 1`, `"lan_bytes"`},
		"/status":             {"<dt>Reporting</dt><dd>7</dd>", "<dt>Silent for long</dt><dd>2</dd>", "1 report<", "4 reports<"},
		"/metrics": {`patchferry_hosts{state="reporting"} 7`, `patchferry_hosts{state="silent"} 2`, "patchferry_hosts_failing 1",
			`patchferry_reports_unread{why="damaged"} 4`, `patchferry_reports_unread{why="version"} 1`},
	} {
		_, body := r.do(t, "GET", path)
		for _, want := range all {
			if !bytes.Contains(body, []byte(want)) {
				t.Errorf("%s lacks %s:\n%s", path, want, body)
			}
		}
	}
}
