package distribute

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"patchferry/layout"
	"patchferry/layout/store"
)

// Health says how the store stands behind a server. It never stops what is served:
// what a cache holds was found right when it came.
type Health struct {
	// Seen is when the store last answered, and Away since when it has not; both are
	// zero for a store that cannot be away.
	Seen, Away time.Time
	// Refused is since when the newest state, or what it publishes, cannot be served,
	// and Why says why to people of the site; zero where it is served.
	Refused time.Time
	Why     string
	// Cache counts what the cache before the store did; nil where there is none.
	Cache *store.CacheStats
}

// Behind is the JSON form of a Health that is not what it should be.
type Behind struct {
	Seen    layout.Time `json:"seen,omitzero"`          // when the store last answered
	Away    layout.Time `json:"away_since,omitzero"`    // since when it has not
	Refused layout.Time `json:"refused_since,omitzero"` // since when what is newest cannot be served
	Why     string      `json:"why,omitempty"`          // of that
}

// health asks how the store stands.
func (s *Server) health() Health {
	if s.Health == nil {
		return Health{}
	}
	return s.Health()
}

// behind returns what a page says of the store, nil where all is well.
func (h Health) behind() *Behind {
	if h.Away.IsZero() && h.Refused.IsZero() {
		return nil
	}
	return &Behind{Seen: moment(h.Seen), Away: moment(h.Away), Refused: moment(h.Refused), Why: h.Why}
}

// moment is t, or the zero Time.
func moment(t time.Time) layout.Time {
	if t.IsZero() {
		return layout.Time{}
	}
	return layout.At(t)
}

// text says in lines of plain text what is wrong with the store.
func (h Health) text() string {
	text := ""
	if !h.Away.IsZero() {
		text += fmt.Sprintf("the store has not answered since %s; what is kept here is served\n", moment(h.Away))
	}
	if !h.Refused.IsZero() {
		text += fmt.Sprintf("what is newest in the store is not served since %s: %s\n", moment(h.Refused), h.Why)
	}
	return text
}

func (s *Server) serveAlive(a *answer) {
	a.whole(http.StatusOK, "text/plain; charset=utf-8", []byte("alive\n"+s.health().text()))
}

// serveReady says whether hosts can be served: a view is loaded and the store
// answers for one of its objects. With a store that can be away, a view is enough:
// to send hosts elsewhere would take from them what is kept here.
func (s *Server) serveReady(a *answer) {
	v, h := s.view.Load(), s.health()
	if v == nil {
		a.busy(retryBusy, s.empty())
		return
	}
	if d, ok := v.anyHeld(); ok && h.Seen.IsZero() && h.Away.IsZero() {
		ctx, cancel := context.WithTimeout(a.r.Context(), retryBusy)
		defer cancel()
		if _, err := s.Source.Stat(ctx, d); err != nil {
			s.log().Error("store does not answer", "digest", d.String(), "err", err)
			a.busy(retryStore, "The store does not answer.")
			return
		}
	}
	a.whole(http.StatusOK, "text/plain; charset=utf-8", []byte("ready\n"+h.text()))
}

// anyHeld returns an object that the store should have, if there is one.
func (v *View) anyHeld() (layout.Digest, bool) {
	for i := range v.files {
		if v.files[i].held() {
			return v.files[i].sha256, true
		}
	}
	return layout.Digest{}, false
}

// healthMetrics collects how the store stands when it is asked.
type healthMetrics struct{ server *Server }

var (
	storeSeen    = prometheus.NewDesc("patchferry_store_seen_seconds", "When the store last answered, in Unix time; 0: it is a directory, or never did.", nil, nil)
	storeAway    = prometheus.NewDesc("patchferry_store_away_seconds", "For how long the store has not answered; 0: it does.", nil, nil)
	storeRefused = prometheus.NewDesc("patchferry_store_refused_seconds", "For how long what is newest in the store could not be served; 0: it is.", nil, nil)
)

// cacheMetrics are those of a cache, which a server without one does not have.
var cacheMetrics = [...]struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*store.CacheStats) float64
}{
	{prometheus.NewDesc("patchferry_cache_hits_total", "Reads of copies that the cache had.", nil, nil),
		prometheus.CounterValue, func(s *store.CacheStats) float64 { return float64(s.Hits) }},
	{prometheus.NewDesc("patchferry_cache_misses_total", "Objects that the cache did not have, each read from the store once.", nil, nil),
		prometheus.CounterValue, func(s *store.CacheStats) float64 { return float64(s.Misses) }},
	{prometheus.NewDesc("patchferry_cache_filled_bytes_total", "Bytes that the cache read from the store.", nil, nil),
		prometheus.CounterValue, func(s *store.CacheStats) float64 { return float64(s.Filled) }},
	{prometheus.NewDesc("patchferry_cache_evictions_total", "Copies that made room for others.", nil, nil),
		prometheus.CounterValue, func(s *store.CacheStats) float64 { return float64(s.Evictions) }},
	{prometheus.NewDesc("patchferry_cache_wrong_total", "Objects that were not what their digest says.", nil, nil),
		prometheus.CounterValue, func(s *store.CacheStats) float64 { return float64(s.Wrong) }},
	{prometheus.NewDesc("patchferry_cache_failed_total", "Objects that could not be read for another reason.", nil, nil),
		prometheus.CounterValue, func(s *store.CacheStats) float64 { return float64(s.Failed) }},
	{prometheus.NewDesc("patchferry_cache_objects", "Copies that the cache has.", nil, nil),
		prometheus.GaugeValue, func(s *store.CacheStats) float64 { return float64(s.Objects) }},
	{prometheus.NewDesc("patchferry_cache_bytes", "Bytes of the copies that the cache has, and is making.", nil, nil),
		prometheus.GaugeValue, func(s *store.CacheStats) float64 { return float64(s.Bytes) }},
	{prometheus.NewDesc("patchferry_cache_max_bytes", "Bytes that it may have; lower than configured where its disk was full.", nil, nil),
		prometheus.GaugeValue, func(s *store.CacheStats) float64 { return float64(s.Max) }},
}

// Describe implements prometheus.Collector.
func (m healthMetrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeSeen, storeAway, storeRefused} {
		all <- d
	}
	for _, c := range cacheMetrics {
		all <- c.desc
	}
}

// Collect implements prometheus.Collector.
func (m healthMetrics) Collect(all chan<- prometheus.Metric) {
	h := m.server.health()
	seen := 0.0
	if !h.Seen.IsZero() {
		seen = float64(h.Seen.Unix())
	}
	all <- prometheus.MustNewConstMetric(storeSeen, prometheus.GaugeValue, seen)
	all <- prometheus.MustNewConstMetric(storeAway, prometheus.GaugeValue, elapsed(h.Away))
	all <- prometheus.MustNewConstMetric(storeRefused, prometheus.GaugeValue, elapsed(h.Refused))
	if h.Cache == nil {
		return
	}
	for _, c := range cacheMetrics {
		all <- prometheus.MustNewConstMetric(c.desc, c.kind, c.value(h.Cache))
	}
}

// elapsed returns the seconds since t, at least a tick of the clock, or 0 for the
// zero time.
func elapsed(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(time.Since(t).Seconds(), 0.001)
}
