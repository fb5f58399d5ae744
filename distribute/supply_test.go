package distribute_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
)

// TestSupply shows, on the start page and to monitoring, which stream is overdue
// and that the clock is wrong; content is served all the same.
func TestSupply(t *testing.T) {
	fx := newFixture()
	made := layout.At(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	due := layout.At(time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC))
	var supply distribute.Supply
	s := &distribute.Server{Source: fx.memory(), Supply: func() distribute.Supply { return supply }}
	v := fx.view(t)
	s.Swap(v, distribute.Ring{Name: "test", View: v})
	page := func(path string) string {
		t.Helper()
		w := ask(s.Handler(), path, nil)
		if w.Code != http.StatusOK {
			t.Errorf("GET %s: status %d", path, w.Code)
		}
		return w.Body.String()
	}
	if got := page("/"); strings.Contains(got, "banner\"") || !strings.Contains(got, `href="/rings/"`) || !strings.Contains(got, `href="/rings/test/"`) {
		t.Errorf("a page without a banner, with links to the rings: got\n%s", got)
	}
	supply = distribute.Supply{ClockBehind: 90 * time.Second, Streams: []distribute.Stream{
		{Name: "main", ID: "1", Seq: 7, Created: made, Due: due, Stale: true},
		{Name: "main", ID: "2", Seq: 8, Created: made},
	}}
	got := page("/")
	for _, want := range []string{"transfer bundle of stream main was due on", "2026-11-08T00:00:00Z", "90 seconds behind"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if strings.Count(got, "was due on") != 1 {
		t.Error("the stream that is not overdue has a banner, too")
	}
	var start distribute.Start
	if err := json.Unmarshal([]byte(page("/?format=json")), &start); err != nil {
		t.Fatal(err)
	}
	if len(start.Streams) != 2 || !start.Streams[0].Stale || start.ClockBehind != 90 || len(start.Rings) != 1 {
		t.Errorf("got %+v", start)
	}
	got = page("/metrics")
	for _, want := range []string{
		`patchferry_stream_stale{id="1",stream="main"} 1`, `patchferry_stream_stale{id="2",stream="main"} 0`,
		`patchferry_stream_seq{id="1",stream="main"} 7`, `patchferry_stream_expected_next_seconds{id="2",stream="main"} 0`,
		`patchferry_clock_behind_seconds 90`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	page("/readyz")
}

// TestEmptyServerSaysWhatBringsACatalog asks before anything was loaded.
func TestEmptyServerSaysWhatBringsACatalog(t *testing.T) {
	s := &distribute.Server{Source: newFixture().memory(), Refill: "patchferry import DIR"}
	for _, path := range []string{"/", "/readyz", "/Software/", "/rings/", "/rings/test/"} {
		w := ask(s.Handler(), path, nil)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "patchferry import DIR") {
			t.Errorf("GET %s: status %d, %q", path, w.Code, w.Body)
		}
	}
	w := ask(s.Handler(), "/", http.Header{"Accept": {"text/html,*/*;q=0.8"}})
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		!strings.HasPrefix(w.Body.String(), "<!DOCTYPE html>") || !strings.Contains(w.Body.String(), "<code>patchferry import DIR</code>") {
		t.Errorf("a browser gets status %d, %v:\n%s", w.Code, w.Header(), w.Body)
	}
}
