package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// watch reads the events of a sync and passes on whatever else it says. In the
// end it says how long it was between two files.
func watch(from io.Reader, to io.Writer) error {
	var longest wait
	var started, last time.Time
	files := 0
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		now := time.Now()
		var e struct{ Event, Error string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Event == "" || e.Error != "" {
			fmt.Fprintln(to, lines.Text())
			continue
		}
		switch {
		case e.Event == "plan":
			started, last = now, now
		case e.Event == "file" && !started.IsZero():
			longest.note(started, last, now)
			last = now
			files++
		}
	}
	if files > 0 {
		fmt.Fprintf(to, "%d files in %.1f s, the longest wait between two %.1f s (from second %.0f)\n",
			files, last.Sub(started).Seconds(), longest.long.Seconds(), longest.at.Seconds())
	}
	return lines.Err()
}
