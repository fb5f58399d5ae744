package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/layout/durable"
	"patchferry/mirror/upstream"
)

// The files in the work directory that count bytes; each has one writer: serve, and
// the jobs that ask publishers, which keep each other out.
const (
	servedFile  = "traffic-serve.json"
	fetchedFile = "traffic-sync.json"
)

// byteCounts is what was sent and fetched since counting began.
type byteCounts struct {
	Since   layout.Time      `json:"since"`
	LAN     int64            `json:"lan_bytes"`     // of files, to hosts
	Outside map[string]int64 `json:"outside_bytes"` // by source
	Fills   distribute.Fills `json:"fills"`         // when it was written
}

// traffic counts for one server, and goes on where the one before it stopped.
type traffic struct {
	path, fetched string // the files
	before        byteCounts
	written       byteCounts // last
	server        *distribute.Server
	origins       upstream.Origins
}

func openTraffic(c *config.Config) (*traffic, error) {
	t := &traffic{path: c.WorkFile(servedFile), fetched: c.WorkFile(fetchedFile)}
	before, err := readCounted(t.path)
	t.before = before
	return t, err
}

// readCounted reads a file of counts. A missing one, and one that was damaged, begins
// anew: nothing depends on it.
func readCounted(path string) (byteCounts, error) {
	fresh := byteCounts{Since: layout.At(time.Now()), Outside: map[string]int64{}}
	doc, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("read what was counted: %w", err)
	}
	var c byteCounts
	if json.Unmarshal(doc, &c) != nil {
		return fresh, nil
	}
	if c.Outside == nil {
		c.Outside = map[string]int64{}
	}
	return c, nil
}

func writeCounted(path string, c byteCounts) error {
	doc, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return durable.Rewrite(path, 0o640, append(doc, '\n'), false)
}

// addTraffic adds what came for sources to the counts before.
func addTraffic(before map[string]int64, origins upstream.Origins) map[string]int64 {
	sum := maps.Clone(before)
	for _, o := range origins {
		if n := o.Traffic().Total(); n > 0 {
			sum[o.Source()] += n
		}
	}
	return sum
}

// outside says what came from outside for each source, for hosts and for syncs.
func (t *traffic) outside() []distribute.Outside {
	sum := addTraffic(t.before.Outside, t.origins)
	if synced, err := readCounted(t.fetched); err == nil {
		for name, n := range synced.Outside {
			sum[name] += n
		}
	}
	for _, o := range t.origins {
		sum[o.Source()] += 0 // named also where nothing came yet
	}
	all := make([]distribute.Outside, 0, len(sum))
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		all = append(all, distribute.Outside{Source: name, Bytes: sum[name]})
	}
	return all
}

// save writes down the counts, where any of them changed.
func (t *traffic) save(fills distribute.Fills) error {
	now := byteCounts{Since: t.before.Since, LAN: t.server.LANBytes(), Outside: addTraffic(t.before.Outside, t.origins), Fills: fills}
	if now.LAN == t.written.LAN && now.Fills == t.written.Fills && maps.Equal(now.Outside, t.written.Outside) {
		return nil
	}
	if err := writeCounted(t.path, now); err != nil {
		return fmt.Errorf("write what was counted: %w", err)
	}
	t.written = now
	return nil
}

// countFetched adds what a job fetched.
func countFetched(c *config.Config, origins upstream.Origins) error {
	path := c.WorkFile(fetchedFile)
	before, err := readCounted(path)
	if err != nil {
		return err
	}
	sum := addTraffic(before.Outside, origins)
	if maps.Equal(sum, before.Outside) {
		return nil
	}
	before.Outside = sum
	if err := writeCounted(path, before); err != nil {
		return fmt.Errorf("write what was counted: %w", err)
	}
	return nil
}

// trafficReport is the part of status about bytes (docs/json.md).
type trafficReport struct {
	Since        layout.Time `json:"since"`
	LANBytes     int64       `json:"lan_bytes"`     // of files that serve sent to hosts
	OutsideBytes int64       `json:"outside_bytes"` // that came from publishers, for hosts and for syncs
	SavedBytes   int64       `json:"saved_bytes"`   // that hosts did not fetch from outside themselves
	PartialFiles int         `json:"partial_files"` // that are here in part
	PartialBytes int64       `json:"partial_bytes"`
}

// IsZero reports whether nothing was ever counted.
func (r trafficReport) IsZero() bool { return r.LANBytes+r.OutsideBytes+r.PartialBytes == 0 }

// readTraffic sums up the counts of this machine.
func readTraffic(c *config.Config) (r trafficReport, err error) {
	served, err := readCounted(c.WorkFile(servedFile))
	if err != nil {
		return r, err
	}
	fetched, err := readCounted(c.WorkFile(fetchedFile))
	if err != nil {
		return r, err
	}
	r = trafficReport{Since: served.Since, LANBytes: served.LAN, PartialFiles: served.Fills.PartialFiles, PartialBytes: served.Fills.PartialBytes}
	if fetched.Since.Time().Before(served.Since.Time()) {
		r.Since = fetched.Since
	}
	for _, all := range []map[string]int64{served.Outside, fetched.Outside} {
		for _, n := range all {
			r.OutsideBytes += n
		}
	}
	r.SavedBytes = r.LANBytes - r.OutsideBytes
	return r, nil
}
