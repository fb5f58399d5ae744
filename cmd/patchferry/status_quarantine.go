package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/mirror"
)

// printQuarantine adds a row for every bundle that is in quarantine and not
// published.
func printQuarantine(w io.Writer, all []mirror.Quarantined, now time.Time) {
	for i := range all {
		q := &all[i]
		fmt.Fprintf(w, "bundle\t%s: %s; %s of it here, tried %s\n", oneLine(q.Bundle, 80), quarantineWords(q),
			humanize.Bytes(uint64(q.Bytes)), humanize.RelTime(q.At.Time(), now, "ago", "from now"))
	}
}

// quarantineWords says what has become of a bundle, and what to do.
func quarantineWords(q *mirror.Quarantined) string {
	switch q.Status {
	case mirror.StatusBegun:
		return "an import of it is under way, or was interrupted; then the same command goes on"
	case mirror.StatusWaiting:
		var missing []string
		for _, index := range q.Missing {
			missing = append(missing, strconv.Itoa(index))
		}
		return fmt.Sprintf("waits for volume %s of %d: patchferry import DIR with what holds it", strings.Join(missing, ", "), q.Volumes)
	case mirror.StatusPartial:
		return "not published (" + string(q.Code) + "): bring the bundle before it, then the same command again"
	case mirror.StatusRefused:
		return fmt.Sprintf("refused (%s), kept until %s", q.Code, q.Until)
	}
	return "not published: " + oneLine(q.Reason, 200) + "; the same command goes on"
}

// printTraffic adds what was sent and fetched on this machine.
func printTraffic(w io.Writer, r *statusReport) {
	t := &r.Traffic
	if !t.IsZero() {
		fmt.Fprintf(w, "traffic\t%s sent to hosts, %s from outside, %s since %s\n",
			humanize.Bytes(uint64(t.LANBytes)), humanize.Bytes(uint64(t.OutsideBytes)), savedWords(t.SavedBytes), t.Since)
	}
	if t.PartialFiles > 0 {
		fmt.Fprintf(w, "fills\t%s here in part, %s\n", plural(t.PartialFiles, "file", "files"), humanize.Bytes(uint64(t.PartialBytes)))
	}
	if r.Refused > 0 {
		fmt.Fprintf(w, "refused\t%s of publishers in quarantine: other bytes than promised\n", plural(r.Refused, "file", "files"))
	}
}

// savedWords says what hosts did not have to fetch from outside themselves.
func savedWords(n int64) string {
	if n < 0 {
		return humanize.Bytes(uint64(-n)) + " more than hosts asked for"
	}
	return humanize.Bytes(uint64(n)) + " saved"
}
