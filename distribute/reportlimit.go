package distribute

import (
	"net/netip"
	"sync"
	"time"
)

// What one address may report: so many reports at once and then one a second, and so
// many bytes a day. Hosts behind one translated address share it.
const (
	reportBurst    = 60
	reportRate     = 1.0 // a second
	reportBytes    = 16 << 20
	reportByteRate = float64(reportBytes) / (24 * 60 * 60)
	maxReporters   = 4096 // addresses that are remembered at once
)

// reporters remembers how much each address reported. It may be used concurrently.
type reporters struct {
	mu  sync.Mutex
	all map[netip.Prefix]*reporter
}

// reporter is what one address may still report.
type reporter struct {
	reports, bytes float64
	at             time.Time
}

// refill adds what became allowed since the last time.
func (r *reporter) refill(now time.Time) {
	elapsed := max(now.Sub(r.at).Seconds(), 0)
	r.reports = min(r.reports+elapsed*reportRate, reportBurst)
	r.bytes = min(r.bytes+elapsed*reportByteRate, reportBytes)
	r.at = now
}

// fresh reports whether there is nothing to remember.
func (r *reporter) fresh() bool { return r.reports >= reportBurst && r.bytes >= reportBytes }

// take takes a report of n bytes off what an address may report. If that is not enough
// it returns after how long it is worth trying again.
func (rs *reporters) take(from netip.Addr, n int64, now time.Time) (wait time.Duration, ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.all == nil {
		rs.all = make(map[netip.Prefix]*reporter)
	}
	at := network(from)
	one := rs.all[at]
	if one == nil {
		if len(rs.all) >= maxReporters && !rs.forget(now) {
			return time.Minute, false
		}
		one = &reporter{reports: reportBurst, bytes: reportBytes, at: now}
		rs.all[at] = one
	}
	one.refill(now)
	switch {
	case one.reports < 1:
		return time.Second, false
	case one.bytes < float64(n):
		return time.Hour, false
	}
	one.reports--
	one.bytes -= float64(n)
	return 0, true
}

// forget drops the addresses of which there is nothing to remember, and reports whether
// there were any.
func (rs *reporters) forget(now time.Time) bool {
	before := len(rs.all)
	for at, one := range rs.all {
		if one.refill(now); one.fresh() {
			delete(rs.all, at)
		}
	}
	return len(rs.all) < before
}

// network returns what counts as one address: of IPv6, of which a host has many, the
// first 64 bits.
func network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // of an address without a zone there is one
	return p
}
