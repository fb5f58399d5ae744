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
