package distribute_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
)

// TestTraffic shows what hosts were sent, what came from outside for it and what that
// saves, in JSON, on the pages and in the metrics.
func TestTraffic(t *testing.T) {
	content := randomBytes(61, 1<<20)
	g := newGrowing(t, content)
	g.whole(t)
	fx := coldFixture(t, content)
	var outside []distribute.Outside
	s := &distribute.Server{Source: fx.memory(), Filler: new(filler).hands(g), LANBefore: 1 << 20,
		Fills: func() distribute.Fills {
			return distribute.Fills{Running: 1, PartialFiles: 2, PartialBytes: 3 << 20}
		}}
	s.Swap(fx.view(t))
	h := s.Handler()
	get := func(path string) string {
		t.Helper()
		w := ask(h, path, http.Header{"Accept": {"text/html"}})
		if w.Code != http.StatusOK {
			t.Errorf("GET %s: status %d", path, w.Code)
		}
		return w.Body.String()
	}
	if page := get("/status"); !strings.Contains(page, "no source outside") || strings.Contains(get("/"), "saved") {
		t.Errorf("a server that fetches nothing says\n%s", page)
	}
	s.Outside = func() []distribute.Outside { return outside }
	outside = []distribute.Outside{{Source: "updates", Bytes: 1 << 20}, {Source: "xp <old>", Bytes: 100}}
	for range 3 {
		ask(h, coldPath, nil)
	}
	ask(h, driverPath, nil)
	ask(h, "/Software/none.exe", nil)
	ask(h, "/Software/", nil)
	sent := s.LANBytes()
	if want := int64(4<<20 + 4096); sent != want {
		t.Errorf("sent %d bytes, want %d", sent, want)
	}
	var got distribute.Traffic
	if err := json.Unmarshal([]byte(get("/status?format=json")), &got); err != nil {
		t.Fatal(err)
	}
	want := distribute.Traffic{LANBytes: sent, OutsideBytes: 1<<20 + 100, SavedBytes: sent - 1<<20 - 100, Outside: outside,
		Fills: distribute.Fills{Running: 1, PartialFiles: 2, PartialBytes: 3 << 20}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("/status (-want +got):\n%s", diff)
	}
	for path, words := range map[string][]string{
		"/status": {"saved 3.0 MiB", "handed out 4 times", "xp &lt;old&gt;", "1 file; 3.0 MiB of 2 on disk"},
		"/":       {"3.0 MiB saved", `<a href="/status">`, "1 of them fetched when asked for"},
		"/metrics": {"patchferry_lan_bytes_total 4.19", `patchferry_outside_bytes_total{source="updates"} 1.048576e+06`, "patchferry_saved_bytes 3.1",
			"patchferry_fills_running 1\n", "patchferry_fills_partial_bytes 3.1", "patchferry_held_requests_total 1\n", "patchferry_fill_refused_total 0\n",
			"patchferry_fill_answers 0\n", "patchferry_fill_waiting 0\n", "patchferry_view_fill_files 1\n"},
	} {
		body := get(path)
		for _, word := range words {
			if !strings.Contains(body, word) {
				t.Errorf("%s lacks %q:\n%s", path, word, body)
			}
		}
	}
	outside = []distribute.Outside{{Source: "updates", Bytes: 1 << 40}}
	if page := get("/status"); !strings.Contains(page, "more came in than hosts asked for") || strings.Contains(get("/"), "saved") {
		t.Errorf("nothing is saved, and the page says\n%s", page)
	}
	if w := ask(h, "/status/x", nil); w.Code != http.StatusNotFound {
		t.Errorf("/status/x: status %d", w.Code)
	}
}

// TestWaitingIsCounted while an answer waits for bytes from outside.
func TestWaitingIsCounted(t *testing.T) {
	content := randomBytes(62, 1000)
	g := newGrowing(t, content)
	srv := serveCold(t, &distribute.Server{}, content, g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.do(t, http.MethodGet, coldPath)
	}()
	<-g.waiting
	_, metrics := srv.do(t, http.MethodGet, "/metrics")
	for _, word := range []string{"patchferry_fill_answers 1\n", "patchferry_fill_waiting 1\n"} {
		if !strings.Contains(string(metrics), word) {
			t.Errorf("the metrics lack %q", word)
		}
	}
	g.whole(t)
	<-done
}
