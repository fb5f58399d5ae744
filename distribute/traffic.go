package distribute

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Outside is what was fetched from outside for one source.
type Outside struct {
	Source string `json:"source"`
	Bytes  int64  `json:"bytes"` // that came over the line
}

// Fills says how fetching on demand goes.
type Fills struct {
	Running      int   `json:"running"`       // files that are being fetched
	PartialFiles int   `json:"partial_files"` // that wait to be gone on with, or are being fetched
	PartialBytes int64 `json:"partial_bytes"` // of these on disk

	UnlistedFiles int   `json:"unlisted_files"` // whole ones that no catalog lists
	UnlistedBytes int64 `json:"unlisted_bytes"`
}

// Standing is the JSON form of the status page.
type Standing struct {
	Traffic
	Hosts *HostCounts `json:"hosts,omitempty"` // where reports are taken
}

// Traffic is the part of the status page about bytes: what hosts were sent, what came from
// outside for it, and how fetching goes. Bytes are counted since the first start, where
// the caller keeps what was counted before.
type Traffic struct {
	LANBytes     int64     `json:"lan_bytes"`     // of files, to hosts
	OutsideBytes int64     `json:"outside_bytes"` // of all sources
	SavedBytes   int64     `json:"saved_bytes"`   // that hosts did not fetch from outside themselves; less than 0 where more came in than went out
	Outside      []Outside `json:"outside"`
	Fills        Fills     `json:"fills"`
}

// LANBytes returns how many bytes of files hosts were sent, with those before this
// server started.
func (s *Server) LANBytes() int64 {
	s.once.Do(s.prepare)
	return s.LANBefore + s.metrics.lan.Load()
}

// traffic sums up what was sent and fetched.
func (s *Server) traffic() Traffic {
	t := Traffic{LANBytes: s.LANBytes(), Outside: []Outside{}}
	if s.Outside != nil {
		t.Outside = append(t.Outside, s.Outside()...)
	}
	for _, o := range t.Outside {
		t.OutsideBytes += o.Bytes
	}
	t.SavedBytes = t.LANBytes - t.OutsideBytes
	if s.Fills != nil {
		t.Fills = s.Fills()
	}
	return t
}

// Factor says how often each byte from outside was handed out, in tenths; 0 where
// nothing came from outside.
func (t Traffic) Factor() float64 {
	if t.OutsideBytes <= 0 {
		return 0
	}
	return float64(t.LANBytes*10/t.OutsideBytes) / 10
}

// Here reports whether this server fetches from outside at all.
func (t Traffic) Here() bool { return len(t.Outside) > 0 }

// serveStatus answers /status, also while there is no catalog: what is fetched goes on.
func (s *Server) serveStatus(a *answer) {
	if !strings.EqualFold(strings.Trim(a.r.URL.Path, "/"), "status") {
		a.fail(http.StatusNotFound, noSuchPath)
		return
	}
	now := Standing{Traffic: s.traffic()}
	if s.Hosts != nil {
		hosts := s.Hosts()
		now.Hosts = &hosts
	}
	if wantsJSON(a.r) {
		a.json(now)
		return
	}
	a.html(statusPage, now)
}

// trafficMetrics collects what was sent and fetched when it is asked.
type trafficMetrics struct{ server *Server }

var (
	lanBytes     = prometheus.NewDesc("patchferry_lan_bytes_total", "Bytes of files that hosts were sent.", nil, nil)
	outsideBytes = prometheus.NewDesc("patchferry_outside_bytes_total", "Bytes that came from outside.", []string{"source"}, nil)
	savedBytes   = prometheus.NewDesc("patchferry_saved_bytes", "Bytes that hosts were sent less those that came from outside.", nil, nil)
	fillsRunning = prometheus.NewDesc("patchferry_fills_running", "Files that are being fetched for hosts.", nil, nil)
	fillsPartial = prometheus.NewDesc("patchferry_fills_partial_bytes", "Bytes on disk of files that are not whole yet.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m trafficMetrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lanBytes, outsideBytes, savedBytes, fillsRunning, fillsPartial} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (m trafficMetrics) Collect(all chan<- prometheus.Metric) {
	t := m.server.traffic()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value int64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, kind, float64(value), labels...)
	}
	send(lanBytes, prometheus.CounterValue, t.LANBytes)
	for _, o := range t.Outside {
		send(outsideBytes, prometheus.CounterValue, o.Bytes, o.Source)
	}
	send(savedBytes, prometheus.GaugeValue, t.SavedBytes)
	send(fillsRunning, prometheus.GaugeValue, int64(t.Fills.Running))
	send(fillsPartial, prometheus.GaugeValue, t.Fills.PartialBytes)
}
