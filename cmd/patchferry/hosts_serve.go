package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
)

const (
	// reportsEvery is how often a server looks into the drop folder, and at what came.
	reportsEvery = 5 * time.Second
	// expireEvery is how often it removes old reports.
	expireEvery = time.Hour
)

// hostReports is what a server does about reports of hosts: it takes them, counts the
// hosts, and forgets what is old.
type hostReports struct {
	reports *distribute.Reports
	drop    *distribute.Drop // nil: none
	known   distribute.Hosts
	counts  atomic.Pointer[distribute.HostCounts]
	silent  time.Duration
	log     *slog.Logger
	trouble string // as it was logged last
}

// openHostReports opens the reports of this machine; nil where none are taken.
func openHostReports(c *config.Config, log *slog.Logger) (*hostReports, error) {
	if !c.Reports.Accept && c.Reports.Drop == "" {
		return nil, nil
	}
	reports, err := openReports(c)
	if err != nil {
		return nil, err
	}
	h := &hostReports{
		reports: reports, drop: dropOf(c, reports, log), log: log, silent: time.Duration(c.Reports.Silent),
		known: distribute.Hosts{Folders: c.ReportFolders(), Brief: true},
	}
	h.counts.Store(new(distribute.HostCounts))
	return h, nil
}

func openReports(c *config.Config) (*distribute.Reports, error) {
	reports, err := distribute.OpenReports(c.ReportsPath())
	if err != nil {
		return nil, err
	}
	reports.MaxSize, reports.Keep = int64(c.Reports.MaxSize), time.Duration(c.Reports.Keep)
	return reports, nil
}

// dropOf returns the drop folder of a configuration, nil where there is none.
func dropOf(c *config.Config, reports *distribute.Reports, log *slog.Logger) *distribute.Drop {
	if c.Reports.Drop == "" {
		return nil
	}
	return &distribute.Drop{Dir: c.Path(c.Reports.Drop), Reports: reports, Log: log}
}

// attach has a server take reports, where it may, and show how hosts stand.
func (h *hostReports) attach(c *config.Config, server *distribute.Server) {
	if h == nil {
		return
	}
	if c.Reports.Accept {
		server.Inbox = &distribute.Inbox{Reports: h.reports, From: c.Reports.Reporters()}
	}
	server.Hosts = func() distribute.HostCounts { return *h.counts.Load() }
}

// keep takes what is dropped, counts, and forgets, until ctx is done.
func (h *hostReports) keep(ctx context.Context) {
	if h == nil {
		return
	}
	ticker := time.NewTicker(reportsEvery)
	defer ticker.Stop()
	var expired time.Time
	for {
		now := time.Now()
		var old error
		if now.Sub(expired) >= expireEvery {
			expired, old = now, h.reports.Expire(now)
		}
		if err := errors.Join(old, h.look(ctx, now)); ctx.Err() == nil {
			h.note(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look takes what was dropped and reads what came.
func (h *hostReports) look(ctx context.Context, now time.Time) error {
	var failed error
	if h.drop != nil {
		_, failed = h.drop.Take(ctx, now)
	}
	if err := h.known.Read(); err != nil {
		return err
	}
	counts := h.known.Counts(now, h.silent)
	h.counts.Store(&counts)
	return failed
}

// note logs what goes wrong, once for as long as it is the same. It costs no host
// anything.
func (h *hostReports) note(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != h.trouble {
		h.log.Warn("reports of hosts", "err", err)
	}
	h.trouble = text
}

// readHosts reads all reports, with updates unless brief, after taking what was dropped.
// A drop folder that cannot be read is said, and the rest counts.
func (a *app) readHosts(ctx context.Context, c *config.Config, brief bool) (*distribute.Hosts, error) {
	if c.Reports.Drop != "" {
		reports, err := openReports(c)
		if err == nil {
			_, err = dropOf(c, reports, a.logger(&c.Log)).Take(ctx, time.Now())
		}
		if err != nil {
			a.note("the drop folder: %v", err)
		}
	}
	hosts := &distribute.Hosts{Folders: c.ReportFolders(), Brief: brief}
	if err := hosts.Read(); err != nil {
		return nil, err
	}
	return hosts, nil
}

// unreadReports says which reports could not be read; empty where there are none.
func unreadReports(h *distribute.Hosts) string {
	text := ""
	if h.Newer > 0 {
		text = plural(h.Newer, "report", "reports") + " in a version that is not known here; a newer patchferry reads them"
	}
	if h.Damaged > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s of the files of reports cannot be read", plural(h.Damaged, "line", "lines"))
	}
	return text
}

// countHosts counts the hosts by their reports; nil where there are none and none are
// taken.
func countHosts(c *config.Config, now time.Time) (*distribute.HostCounts, error) {
	known := distribute.Hosts{Folders: c.ReportFolders(), Brief: true}
	if err := known.Read(); err != nil {
		return nil, err
	}
	counts := known.Counts(now, time.Duration(c.Reports.Silent))
	if counts == (distribute.HostCounts{}) && !c.Reports.Accept && c.Reports.Drop == "" {
		return nil, nil
	}
	return &counts, nil
}

// printHostCounts adds a row about hosts.
func printHostCounts(w io.Writer, c *distribute.HostCounts) {
	if c == nil {
		return
	}
	text := plural(c.Reporting, "reports", "report")
	if c.Silent > 0 {
		text += fmt.Sprintf(", %d silent", c.Silent)
	}
	if c.Failing > 0 {
		text += fmt.Sprintf(", %d failing", c.Failing)
	}
	if n := c.Unreadable + c.Damaged; n > 0 {
		text += fmt.Sprintf("; %s cannot be read", plural(n, "report", "reports"))
	}
	fmt.Fprintf(w, "hosts\t%s: patchferry hosts list\n", text)
}
