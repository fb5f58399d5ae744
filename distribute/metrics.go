package distribute

import (
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are those of one server, in a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	inFlight prometheus.Gauge
	broken   prometheus.Counter
	handler  http.Handler

	reports *prometheus.CounterVec

	lan         atomic.Int64 // bytes of files that hosts were sent
	hits        prometheus.Counter
	refused     prometheus.Counter
	brokenFills prometheus.Counter
	filling     prometheus.Gauge
	waiting     prometheus.Gauge
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "patchferry_http_requests_total", Help: "Requests answered, by class of path and status.",
		}, []string{"class", "code"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "patchferry_http_sent_bytes_total", Help: "Bytes of bodies sent, by class of path.",
		}, []string{"class"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "patchferry_http_requests_in_flight", Help: "Requests being answered.",
		}),
		broken: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "patchferry_http_source_errors_total", Help: "Answers that the store could not begin or finish.",
		}),
	}
	m.addFills()
	m.addReports(s)
	m.registry.MustRegister(trafficMetrics{s}, m.requests, m.bytes, m.inFlight, m.broken, supplyMetrics{s}, healthMetrics{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, g := range viewGauges {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 {
				if v := s.view.Load(); v != nil {
					return g.value(v)
				}
				return 0
			}))
	}
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
	return m
}

// addFills adds what counts how hosts are served with files that are fetched.
func (m *metrics) addFills() {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m.hits = counter("patchferry_held_requests_total", "Requests for files that were here.")
	m.refused = counter("patchferry_fill_refused_total", "Requests for files that were not here and could not be fetched.")
	m.brokenFills = counter("patchferry_fill_broken_total", "Answers that ended early, as the file that was being fetched did.")
	m.filling = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "patchferry_fill_answers", Help: "Requests being answered with files that are fetched, or were since the catalog was made."})
	m.waiting = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "patchferry_fill_waiting", Help: "Of these, the ones that wait for bytes from outside."})
	m.registry.MustRegister(m.hits, m.refused, m.brokenFills, m.filling, m.waiting)
}

// viewGauges describe the view that is served; all are 0 while there is none.
var viewGauges = [...]struct {
	name, help string
	value      func(*View) float64
}{
	{"patchferry_view_state", "Number of the state that is served.",
		func(v *View) float64 { return float64(v.meta.State) }},
	{"patchferry_view_generation", "Number of the newest generation that is served.",
		func(v *View) float64 { return float64(v.meta.Generation) }},
	{"patchferry_view_created_seconds", "When that generation was made, in Unix time.",
		func(v *View) float64 { return float64(v.meta.Created.Time().Unix()) }},
	{"patchferry_view_updates", "Updates in the catalog.",
		func(v *View) float64 { return float64(v.counts.Updates) }},
	{"patchferry_view_files", "Held files in the catalog.",
		func(v *View) float64 { return float64(v.counts.Files) }},
	{"patchferry_view_missing_files", "Files that the catalog names and the store does not hold.",
		func(v *View) float64 { return float64(v.counts.Missing) }},
	{"patchferry_view_fill_files", "Of these, the ones that are fetched when a host asks for them.",
		func(v *View) float64 { return float64(v.counts.Fills) }},
	{"patchferry_view_bytes", "Bytes of the different objects in the catalog.",
		func(v *View) float64 { return float64(v.counts.Bytes) }},
}

func (m *metrics) count(kind class, a *answer) {
	m.requests.WithLabelValues(string(kind), strconv.Itoa(a.status)).Inc()
	m.bytes.WithLabelValues(string(kind)).Add(float64(a.sent))
	if a.file {
		m.lan.Add(a.sent)
	}
}

func (s *Server) serveMetrics(a *answer) {
	s.metrics.handler.ServeHTTP(a.w, a.r)
	a.status = http.StatusOK
}

// logAccess writes the record of one request. A 304 and a probe say nothing
// that is worth a line in the ordinary log.
func (s *Server) logAccess(a *answer, kind class, elapsed time.Duration) {
	if s.Access == nil {
		return
	}
	level := slog.LevelInfo
	if a.status == http.StatusNotModified || kind == classProbe {
		level = slog.LevelDebug
	}
	ctx := a.r.Context()
	if !s.Access.Enabled(ctx, level) {
		return
	}
	client, _, err := net.SplitHostPort(a.r.RemoteAddr)
	if err != nil {
		client = a.r.RemoteAddr
	}
	s.Access.LogAttrs(ctx, level, "request",
		slog.String("method", a.r.Method),
		slog.String("path", a.r.URL.Path),
		slog.Int("status", a.status),
		slog.Int64("size", a.sent),
		slog.String("range", a.r.Header.Get("Range")),
		slog.Duration("elapsed", elapsed),
		slog.String("client", client),
		slog.String("agent", a.r.UserAgent()))
}
