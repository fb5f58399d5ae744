package distribute_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/layout/store"
)

// TestHealth: what is wrong with the store is on the pages, in the probes and in the
// metrics, and nowhere where nothing is.
func TestHealth(t *testing.T) {
	seen := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	stats := &store.CacheStats{Hits: 7, Misses: 3, Filled: 4096, Evictions: 2, Wrong: 1, Objects: 5, Bytes: 300, Max: 1000}
	for _, tt := range []struct {
		name      string
		health    distribute.Health
		json      string
		text      string // of the page, /healthz and /readyz
		metrics   []string
		noMetrics string
	}{
		{"directory", distribute.Health{}, "", "", []string{"patchferry_store_seen_seconds 0", "patchferry_store_away_seconds 0"}, "patchferry_cache_"},
		{"bucket", distribute.Health{Seen: seen, Cache: stats}, "", "", []string{
			"patchferry_store_seen_seconds 1.7953", "patchferry_store_away_seconds 0", "patchferry_store_refused_seconds 0",
			"patchferry_cache_hits_total 7", "patchferry_cache_misses_total 3", "patchferry_cache_filled_bytes_total 4096", "patchferry_cache_evictions_total 2",
			"patchferry_cache_wrong_total 1", "patchferry_cache_failed_total 0", "patchferry_cache_objects 5", "patchferry_cache_bytes 300", "patchferry_cache_max_bytes 1000",
		}, "none"},
		{"away", distribute.Health{Seen: seen, Away: seen.Add(time.Minute), Cache: stats},
			`{"seen":"2026-11-22T12:00:00Z","away_since":"2026-11-22T12:01:00Z"}`, "has not answered since", nil, "patchferry_store_away_seconds 0\n"},
		{"refused", distribute.Health{Seen: seen, Refused: seen.Add(time.Hour), Why: "untrusted <b>", Cache: stats},
			`{"seen":"2026-11-22T12:00:00Z","refused_since":"2026-11-22T13:00:00Z","why":"untrusted \u003cb\u003e"}`, "is not served since", nil, "patchferry_store_refused_seconds 0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fx := newFixture()
			s := &distribute.Server{Source: fx.folder(t), Health: func() distribute.Health { return tt.health }}
			s.Swap(fx.view(t))
			body := ask(s.Handler(), "/?format=json", nil).Body.String()
			var page struct {
				Store json.RawMessage `json:"store"`
			}
			if err := json.Unmarshal([]byte(body), &page); err != nil {
				t.Fatal(err)
			}
			if got := strings.NewReplacer("\n", "", " ", "", "<", `\u003c`, ">", `\u003e`).Replace(string(page.Store)); got != strings.ReplaceAll(tt.json, " ", "") {
				t.Errorf("start page for programs: got %s, want %s", got, tt.json)
			}
			for _, path := range []string{"/", "/healthz", "/readyz"} {
				w := ask(s.Handler(), path, http.Header{"Accept": {"text/html"}})
				body := w.Body.String()
				if w.Code != http.StatusOK || strings.Contains(body, "since") != (tt.text != "") || !strings.Contains(body, tt.text) || strings.Contains(body, "<b>") && path == "/" {
					t.Errorf("%s: got %d %s, want %q", path, w.Code, body, tt.text)
				}
			}
			metrics := ask(s.Handler(), "/metrics", nil).Body.String()
			for _, want := range tt.metrics {
				if !strings.Contains(metrics, "\n"+want) {
					t.Errorf("metrics lack %q", want)
				}
			}
			if strings.Contains(metrics, "\n"+tt.noMetrics) {
				t.Errorf("metrics have %q", tt.noMetrics)
			}
		})
	}
}

// slow is a source that has no byte until its context ends.
type slow struct{ folder }

func (s slow) File(ctx context.Context, _ layout.Digest) (*os.File, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestFirstByteInTime: a file whose first byte does not come in time is 503, before
// anything of it was announced.
func TestFirstByteInTime(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: slow{fx.folder(t)}, BeginTimeout: 20 * time.Millisecond}
	s.Swap(fx.view(t))
	for _, header := range []http.Header{{}, {"Range": {"bytes=100-"}}} {
		w := ask(s.Handler(), w2kPath, header)
		if h := w.Header(); w.Code != http.StatusServiceUnavailable || h.Get("Retry-After") == "" || h.Get("Etag") != "" || h.Get("Content-Range") != "" {
			t.Errorf("%v: got %d %v %s, want 503 and when to come again", header, w.Code, h, w.Body)
		}
	}
}

// broken is a source that cannot hand out any file, and says why.
type broken struct {
	folder
	err error
}

func (b broken) File(context.Context, layout.Digest) (*os.File, error) { return nil, b.err }

// TestSourceErrors: why a file cannot be had decides what a host is told.
func TestSourceErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		status int
	}{
		{"away", &store.AwayError{Since: time.Now(), Cause: context.Canceled}, http.StatusServiceUnavailable},
		{"other bytes", &layout.MismatchError{What: "sha256"}, http.StatusInternalServerError},
		{"gone", os.ErrNotExist, http.StatusInternalServerError},
		{"fails", os.ErrPermission, http.StatusServiceUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fx := newFixture()
			s := &distribute.Server{Source: broken{fx.folder(t), tt.err}}
			s.Swap(fx.view(t))
			w := ask(s.Handler(), w2kPath, nil)
			if w.Code != tt.status || (w.Header().Get("Retry-After") != "") != (tt.status == http.StatusServiceUnavailable) {
				t.Errorf("got %d %v %s, want %d", w.Code, w.Header(), w.Body, tt.status)
			}
		})
	}
}
