package distribute

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"patchferry/layout"
)

// maxReceived bounds a line of a file of reports: one that cannot be read may have each
// of its bytes escaped.
const maxReceived = 6*layout.MaxReport + 1024

// Hosts is what is known of hosts by their reports: of each the newest report, and of
// each update the newest word. It is used by one goroutine.
type Hosts struct {
	Folders []string // of Reports, of this machine and copies of others'
	// Brief keeps no updates, and passes over what a host said on days before its newest
	// report: to count hosts takes little time then.
	Brief bool
	// Damaged counts lines that are no reports, Newer those of versions that are not
	// known.
	Damaged, Newer int

	hosts map[string]*Host // by folded name
	read  map[string]int64 // how many bytes of each file
	words map[string]string
}

// Host is one host.
type Host struct {
	Name    string
	At      layout.Time // when its newest report came
	From    string
	Report  layout.Report // the newest, without updates
	Failing bool          // by the newest report
	Reports int           // how many were read of it
	// Updates is what the reports say of each item, by its id. What the newest report
	// does not mention is as an older one has it, unless that is of another system or
	// architecture: then the host was set up anew.
	Updates map[string]HostUpdate
}

// HostUpdate is the newest word on one item.
type HostUpdate struct {
	layout.ReportedUpdate
	At   layout.Time
	kind string
}

// Read reads what came since it was called last. What is missing is no error: no host
// has reported yet. A line that is still being written is left for the next time.
func (h *Hosts) Read() error {
	var files []reportFile
	for _, dir := range h.Folders {
		some, err := reportFiles(dir)
		if err != nil {
			return err
		}
		files = append(files, some...)
	}
	slices.SortStableFunc(files, func(a, b reportFile) int { return strings.Compare(a.day, b.day) })
	if h.Brief {
		slices.Reverse(files)
	}
	if h.hosts == nil || h.changed(files) {
		h.hosts, h.read, h.words = map[string]*Host{}, map[string]int64{}, map[string]string{}
		h.Damaged, h.Newer = 0, 0
	}
	for _, f := range files {
		if err := h.file(f.path, f.day); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read reports: %w", err)
		}
	}
	return nil
}

// changed reports whether what was read is gone in part.
func (h *Hosts) changed(files []reportFile) bool {
	size := make(map[string]int64, len(files))
	for _, f := range files {
		size[f.path] = f.size
	}
	for path, n := range h.read {
		if size[path] < n {
			return true
		}
	}
	return false
}

// file reads the rest of a file.
func (h *Hosts) file(path, day string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	if _, err := f.Seek(h.read[path], io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(f, maxReceived)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			n, err := skipLine(in)
			if err != nil {
				return err
			}
			h.read[path] += int64(len(line)) + n
			h.Damaged++
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		h.read[path] += int64(len(line))
		if !h.Brief || !h.later(line, day) {
			h.line(line)
		}
	}
}

// later reports whether the host of a line, as Reports writes it, is known to have
// reported after the day.
func (h *Hosts) later(line []byte, day string) bool {
	_, rest, found := bytes.Cut(line, []byte(`,"report":{"v":1,"host":"`))
	name, _, whole := bytes.Cut(rest, []byte{'"'})
	if !found || !whole {
		return false
	}
	host := h.hosts[layout.Fold(string(name))]
	return host != nil && host.At.String() > day+"T24"
}

// skipLine goes to the end of a line and returns how many bytes that were.
func skipLine(in *bufio.Reader) (n int64, err error) {
	for {
		more, err := in.ReadSlice('\n')
		n += int64(len(more))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF): // the file ends with it
			return n, nil
		default:
			return n, err
		}
	}
}

// line takes in one line. The files are this machine's own, yet a report in them is held
// to its alphabets again: they may come from another machine, or be edited.
func (h *Hosts) line(line []byte) {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return
	}
	var kept struct {
		At     layout.Time    `json:"received"`
		From   string         `json:"from"`
		Report *layout.Report `json:"report"`
		Unread string         `json:"unread"`
	}
	if json.Unmarshal(line, &kept) != nil || kept.At.IsZero() {
		h.Damaged++
		return
	}
	report, err := kept.Report, error(nil)
	switch {
	case kept.Unread != "": // by an older program than this, perhaps
		report, err = layout.ParseReport([]byte(kept.Unread))
	case report == nil || report.Version != layout.ReportVersion:
		err = errors.New("no report")
	default:
		err = report.Check()
	}
	if _, newer := errors.AsType[*layout.ReportVersionError](err); newer {
		h.Newer++
		return
	}
	if err != nil {
		h.Damaged++
		return
	}
	h.fold(report, kept.At, kept.From)
}

// fold adds a report to what is known of its host. The order does not matter, but among
// those of one second.
func (h *Hosts) fold(r *layout.Report, at layout.Time, from string) {
	name := layout.Fold(r.Host)
	host := h.hosts[name]
	if host == nil {
		host = &Host{Updates: make(map[string]HostUpdate)}
		h.hosts[name] = host
	}
	host.Reports++
	kind := h.word(kindOf(r))
	if !h.Brief {
		for _, u := range r.Updates {
			if old, ok := host.Updates[u.ID]; ok && old.At.Time().After(at.Time()) {
				continue
			}
			u.ID, u.State = h.word(u.ID), layout.Outcome(h.word(string(u.State)))
			host.Updates[u.ID] = HostUpdate{u, at, kind}
		}
	}
	if !at.Time().Before(host.At.Time()) {
		host.Name, host.At, host.From, host.Failing = r.Host, at, from, r.Failing()
		host.Report = *r
		host.Report.Updates = nil
	}
}

// kindOf names the system and architecture of a host, in words that a report may have.
func kindOf(r *layout.Report) string { return string(r.OS) + " " + string(r.Arch) }

// word returns one copy of a word that many reports have.
func (h *Hosts) word(s string) string {
	if one, ok := h.words[s]; ok {
		return one
	}
	s = strings.Clone(s)
	h.words[s] = s
	return s
}

// All returns the hosts in the order of their names.
func (h *Hosts) All() []*Host {
	all := make([]*Host, 0, len(h.hosts))
	for _, host := range h.hosts {
		kind := kindOf(&host.Report)
		for id, u := range host.Updates {
			if u.kind != kind {
				delete(host.Updates, id)
			}
		}
		all = append(all, host)
	}
	slices.SortFunc(all, func(a, b *Host) int { return strings.Compare(layout.Fold(a.Name), layout.Fold(b.Name)) })
	return all
}

// Count returns how many updates of the host have each outcome.
func (h *Host) Count() map[layout.Outcome]int {
	count := make(map[layout.Outcome]int)
	for _, u := range h.Updates {
		count[u.State]++
	}
	return count
}

// Silent reports whether the host has not reported for longer than a time.
func (h *Host) Silent(now time.Time, after time.Duration) bool {
	return after > 0 && now.Sub(h.At.Time()) > after
}

// HostCounts is how hosts stand by their reports, without a name.
type HostCounts struct {
	Reporting  int `json:"reporting"`  // hosts that are not silent
	Silent     int `json:"silent"`     // hosts that have not reported for long
	Failing    int `json:"failing"`    // of all these, by their newest report
	Damaged    int `json:"damaged"`    // lines of kept reports that cannot be read
	Unreadable int `json:"unreadable"` // reports in a version that is not known here
}

// Counts counts the hosts, of which those are silent that have not reported for longer
// than a time.
func (h *Hosts) Counts(now time.Time, silent time.Duration) HostCounts {
	c := HostCounts{Damaged: h.Damaged, Unreadable: h.Newer}
	for _, host := range h.hosts {
		if host.Silent(now, silent) {
			c.Silent++
		} else {
			c.Reporting++
		}
		if host.Failing {
			c.Failing++
		}
	}
	return c
}
