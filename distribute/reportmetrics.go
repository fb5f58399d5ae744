package distribute

import "github.com/prometheus/client_golang/prometheus"

// addReports adds what counts reports and the hosts that sent them. No label names a host.
func (m *metrics) addReports(s *Server) {
	m.reports = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "patchferry_reports_total", Help: "Reports that hosts sent over HTTP, by what became of them.",
	}, []string{"outcome"})
	m.registry.MustRegister(m.reports, hostMetrics{s})
}

// hostMetrics collects how hosts stand when it is asked.
type hostMetrics struct{ server *Server }

var (
	hostsNow    = prometheus.NewDesc("patchferry_hosts", "Hosts that report, and that have not for long.", []string{"state"}, nil)
	hostFailing = prometheus.NewDesc("patchferry_hosts_failing", "Of these, the ones whose newest report says that something failed.", nil, nil)
	reportsBad  = prometheus.NewDesc("patchferry_reports_unread", "Kept reports that cannot be read: damaged, or in a version that is not known.", []string{"why"}, nil)
)

// Describe implements prometheus.Collector.
func (m hostMetrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{hostsNow, hostFailing, reportsBad} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (m hostMetrics) Collect(all chan<- prometheus.Metric) {
	if m.server.Hosts == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	c := m.server.Hosts()
	gauge(hostsNow, c.Reporting, "reporting")
	gauge(hostsNow, c.Silent, "silent")
	gauge(hostFailing, c.Failing)
	gauge(reportsBad, c.Damaged, "damaged")
	gauge(reportsBad, c.Unreadable, "version")
}
