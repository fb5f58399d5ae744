package distribute

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"patchferry/layout"
)

// Supply says how the streams stand that bring the catalog over a gap. It never
// changes what is served: what is stale is better than nothing.
type Supply struct {
	Streams []Stream
	// ClockBehind is how far this machine's clock lies before the newest state or bundle
	// that was accepted; 0 where it does not.
	ClockBehind time.Duration
}

// Stream is one stream that is followed.
type Stream struct {
	Name    string      `json:"name"` // as its origin calls it
	ID      string      `json:"stream"`
	Seq     uint64      `json:"seq"`                    // of the newest bundle
	Created layout.Time `json:"created"`                // when that was made
	Due     layout.Time `json:"expected_next,omitzero"` // when the next one is due; zero: nobody said
	Stale   bool        `json:"stale"`                  // it is overdue
}

// supply asks how the streams stand.
func (s *Server) supply() Supply {
	if s.Supply == nil {
		return Supply{}
	}
	return s.Supply()
}

// Stale returns the streams that are overdue.
func (s Supply) Stale() []Stream {
	var stale []Stream
	for _, stream := range s.Streams {
		if stream.Stale {
			stale = append(stale, stream)
		}
	}
	return stale
}

// supplyMetrics collects how the streams stand when it is asked.
type supplyMetrics struct{ server *Server }

var (
	streamLabels  = []string{"stream", "id"}
	streamSeq     = prometheus.NewDesc("patchferry_stream_seq", "Number of the newest transfer bundle that was accepted.", streamLabels, nil)
	streamCreated = prometheus.NewDesc("patchferry_stream_created_seconds", "When that bundle was made, in Unix time.", streamLabels, nil)
	streamDue     = prometheus.NewDesc("patchferry_stream_expected_next_seconds", "When the next one is due, in Unix time; 0: nobody said.", streamLabels, nil)
	streamStale   = prometheus.NewDesc("patchferry_stream_stale", "1 where the next bundle is overdue.", streamLabels, nil)
	clockBehind   = prometheus.NewDesc("patchferry_clock_behind_seconds", "How far the clock lies before the newest state or bundle that was accepted.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m supplyMetrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{streamSeq, streamCreated, streamDue, streamStale, clockBehind} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (m supplyMetrics) Collect(all chan<- prometheus.Metric) {
	supply := m.server.supply()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(clockBehind, supply.ClockBehind.Seconds())
	for _, s := range supply.Streams {
		due, stale := 0.0, 0.0
		if !s.Due.IsZero() {
			due = float64(s.Due.Time().Unix())
		}
		if s.Stale {
			stale = 1
		}
		gauge(streamSeq, float64(s.Seq), s.Name, s.ID)
		gauge(streamCreated, float64(s.Created.Time().Unix()), s.Name, s.ID)
		gauge(streamDue, due, s.Name, s.ID)
		gauge(streamStale, stale, s.Name, s.ID)
	}
}
