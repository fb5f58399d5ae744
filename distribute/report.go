package distribute

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"patchferry/layout"
)

// Inbox takes the reports of hosts at POST /report. Its fields are set before its first
// use and not changed after; it may be used concurrently.
type Inbox struct {
	Reports *Reports
	// From says which addresses may report; nil: DefaultReporters.
	From []netip.Prefix

	reporters reporters
	writing   chan struct{} // reports that are being taken
}

// DefaultReporters returns the addresses that no router of the Internet knows: loopback,
// link-local, private (RFC 1918) and unique local ones (RFC 4193).
func DefaultReporters() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// maxWriting is how many reports are taken at once.
const maxWriting = 8

// What became of reports, for the metrics.
const (
	reportKept    = "kept"
	reportNewer   = "unreadable" // kept, in a version that is not known
	reportRefused = "refused"
	reportLimited = "limited"
	reportFailed  = "failed"
)

// reportRefusal is why a report is not taken.
type reportRefusal struct {
	status  int
	outcome string
	text    string
	after   time.Duration // for Retry-After; 0: none
}

// serveReport answers /report, the one path that takes a body, and the same below a ring.
func (s *Server) serveReport(a *answer) {
	if no := s.takeReport(a); no != nil {
		s.metrics.reports.WithLabelValues(no.outcome).Inc()
		if no.after > 0 {
			a.header().Set("Retry-After", strconv.Itoa(int(no.after.Seconds())))
		}
		a.fail(no.status, no.text)
		return
	}
	s.metrics.reports.WithLabelValues(reportKept).Inc()
	a.begin(http.StatusNoContent)
}

// takeReport keeps a report, or says why not.
func (s *Server) takeReport(a *answer) *reportRefusal {
	in := s.Inbox
	refuse := func(status int, text string) *reportRefusal {
		return &reportRefusal{status: status, outcome: reportRefused, text: text}
	}
	if a.r.Method != http.MethodPost {
		a.header().Set("Allow", http.MethodPost)
		return refuse(http.StatusMethodNotAllowed, "Hosts send their reports here with POST.")
	}
	from, allowed := in.sender(a.r)
	if !allowed {
		return refuse(http.StatusForbidden, "No reports are taken from this address.")
	}
	if no := checkReportHeader(a.r); no != nil {
		return no
	}
	if wait, ok := in.reporters.take(from, a.r.ContentLength, time.Now()); !ok {
		return &reportRefusal{http.StatusTooManyRequests, reportLimited, "This address reports too much.", wait}
	}
	select {
	case in.writing <- struct{}{}:
		defer func() { <-in.writing }()
	default:
		return &reportRefusal{http.StatusServiceUnavailable, reportLimited, "Too many hosts report at once.", retryBusy}
	}
	line := make([]byte, a.r.ContentLength)
	if _, err := io.ReadFull(a.r.Body, line); err != nil {
		return refuse(http.StatusBadRequest, "The report ends before its Content-Length.")
	}
	return s.keepReport(line, from.String())
}

// keepReport keeps a report that has come.
func (s *Server) keepReport(line []byte, from string) *reportRefusal {
	err := s.Inbox.Reports.Take(line, from, time.Now())
	newer, isNewer := errors.AsType[*layout.ReportVersionError](err)
	switch {
	case err == nil:
		return nil
	case isNewer:
		return &reportRefusal{status: http.StatusAccepted, outcome: reportNewer, text: "It is kept for later: " + newer.Error() + "."}
	case errors.Is(err, ErrReport):
		return &reportRefusal{status: http.StatusBadRequest, outcome: reportRefused, text: err.Error()}
	}
	s.log().Error("a report is not kept", "err", err)
	if errors.Is(err, ErrReportsFull) {
		return &reportRefusal{status: http.StatusInsufficientStorage, outcome: reportFailed, text: "There is no room for more reports."}
	}
	return &reportRefusal{http.StatusServiceUnavailable, reportFailed, "The report could not be kept.", retryStore}
}

// checkReportHeader says why a request cannot be a host's report, before its body is
// read. A page in a browser of the LAN could send one without being asked: what says that
// it comes from a page is refused.
func checkReportHeader(r *http.Request) *reportRefusal {
	refuse := func(status int, text string) *reportRefusal {
		return &reportRefusal{status: status, outcome: reportRefused, text: text}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Mode") != "":
		return refuse(http.StatusForbidden, "Reports are not taken from browsers.")
	case r.ContentLength < 0:
		return refuse(http.StatusLengthRequired, "A report needs a Content-Length.")
	case r.ContentLength == 0:
		return refuse(http.StatusBadRequest, "The report is empty.")
	case r.ContentLength > layout.MaxReport:
		return refuse(http.StatusRequestEntityTooLarge, "A report has at most "+strconv.Itoa(layout.MaxReport)+" bytes.")
	case err != nil || kind != "application/json" && kind != "text/plain":
		return refuse(http.StatusUnsupportedMediaType, "A report is application/json or text/plain.")
	case r.Header.Get("Content-Encoding") != "":
		return refuse(http.StatusUnsupportedMediaType, "A report is not compressed.")
	}
	return nil
}

// sender returns the address that a request came from, and whether it may report.
// Headers that name another are not read.
func (in *Inbox) sender(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	from := at.Addr().Unmap().WithZone("")
	allowed := in.From
	if allowed == nil {
		allowed = DefaultReporters()
	}
	return from, slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(from) })
}

// isReport reports whether a path is that of reports, in any case: then it is not one of
// the catalog.
func isReport(path string) bool { return strings.EqualFold(path, reportPath) }

const reportPath = "/report"
