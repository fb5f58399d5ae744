package distribute

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"patchferry/layout"
)

// The limits that hold where a field of Reports is zero.
const (
	DefaultReportsSize = 1 << 30
	DefaultReportsKeep = 90 * 24 * time.Hour
)

// Reports keeps what hosts report, in a folder of this machine alone: one file a day, to
// which a line is added for each report. Nothing that is served depends on it, and no
// store, bundle or receipt has anything of it. Several processes may add to one folder.
// Its methods may be called concurrently.
type Reports struct {
	MaxSize int64         // bytes of all files; what does not fit is refused; 0: DefaultReportsSize
	Keep    time.Duration // how long a day's file is kept; 0: DefaultReportsKeep

	dir string

	mu       sync.Mutex
	size     int64     // of all files, as last measured, with what was added since
	measured time.Time // zero: never
}

// received is one line of a file of reports: a report as it came, or one that the
// version of the program could not read.
type received struct {
	At     layout.Time     `json:"received"`
	From   string          `json:"from"` // address of the host, or FromDrop
	Report json.RawMessage `json:"report,omitempty"`
	Unread string          `json:"unread,omitempty"` // the line, where its version was not known when it came
}

// FromDrop stands in place of an address where a report came by the drop folder.
const FromDrop = "drop"

// ErrReportsFull is that no report is taken until there is room again.
var ErrReportsFull = errors.New("the reports have reached their size")

// ErrReport is a report that is damaged: nothing of it is kept.
var ErrReport = errors.New("not a report")

// The files of a folder of reports: "reports-2026-11-22.jsonl", by the day in UTC.
const (
	reportsPrefix = "reports-"
	reportsSuffix = ".jsonl"
)

// OpenReports makes the folder where it is missing.
func OpenReports(dir string) (*Reports, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of reports: %w", err)
	}
	return &Reports{dir: dir}, nil
}

// Take keeps a report that came at a time, durably: when it returns, the report outlives
// a loss of power. An error that matches ErrReport is the report's own, ErrReportsFull
// says that there is no room. What is in a version that is not known is kept, too, and
// its error is a *layout.ReportVersionError.
func (r *Reports) Take(line []byte, from string, at time.Time) error {
	kept := received{At: layout.At(at), From: from}
	report, err := layout.ParseReport(line)
	newer, isNewer := errors.AsType[*layout.ReportVersionError](err)
	switch {
	case isNewer:
		kept.Unread = string(bytes.TrimSpace(line))
	case err != nil:
		return fmt.Errorf("%w: %w", ErrReport, err)
	default:
		if kept.Report, err = report.Line(); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	doc, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := r.add(append(doc, '\n')); err != nil {
		return err
	}
	if isNewer {
		return newer
	}
	return nil
}

// add adds a line to the file of today.
func (r *Reports) add(line []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.measure(); err != nil {
		return err
	}
	if r.size+int64(len(line)) > orSize(r.MaxSize, DefaultReportsSize) {
		return fmt.Errorf("%w of %d bytes", ErrReportsFull, orSize(r.MaxSize, DefaultReportsSize))
	}
	name := filepath.Join(r.dir, reportsPrefix+time.Now().UTC().Format(time.DateOnly)+reportsSuffix)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("keep a report: %w", err)
	}
	err = appendLine(f, line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep a report: %w", err)
	}
	r.size += int64(len(line))
	return nil
}

// appendLine adds a line to a file in one write and makes it durable. Where a writer died
// in the middle of a line, that one is ended first, and stays as damaged.
func appendLine(f *os.File, line []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := f.Sync(); err != nil || info.Size() > 0 {
		return err
	}
	return syncFolder(filepath.Dir(f.Name())) // the file may be new
}

// syncFolder makes the names in a folder durable. Windows has no such call and needs none.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// measureEvery is how often the sizes of files are asked for, to which others may add.
const measureEvery = time.Minute

// measure finds out how large all files are. r.mu is held.
func (r *Reports) measure() error {
	if !r.measured.IsZero() && time.Since(r.measured) < measureEvery {
		return nil
	}
	files, err := reportFiles(r.dir)
	if err != nil {
		return err
	}
	r.size, r.measured = 0, time.Now()
	for _, f := range files {
		r.size += f.size
	}
	return nil
}

// Expire removes the files of days that are older than Keep.
func (r *Reports) Expire(now time.Time) error {
	first := now.Add(-r.keep()).UTC().Format(time.DateOnly)
	files, err := reportFiles(r.dir)
	for _, f := range files {
		if f.day < first {
			err = errors.Join(err, os.Remove(f.path))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measured = time.Time{}
	if err != nil {
		return fmt.Errorf("remove old reports: %w", err)
	}
	return nil
}

// reportFile is the file of one day.
type reportFile struct {
	path, day string
	size      int64
}

// reportFiles lists the files of a folder in the order of their days; a folder that is
// missing has none.
func reportFiles(dir string) ([]reportFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	var files []reportFile
	for _, e := range entries {
		day, ok := strings.CutPrefix(e.Name(), reportsPrefix)
		day, ends := strings.CutSuffix(day, reportsSuffix)
		if _, err := layout.ParseDate(day); !ok || !ends || err != nil || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list reports: %w", err)
		}
		files = append(files, reportFile{filepath.Join(dir, e.Name()), day, info.Size()})
	}
	slices.SortFunc(files, func(a, b reportFile) int { return strings.Compare(a.day, b.day) })
	return files, nil
}

func (r *Reports) keep() time.Duration { return orElse(r.Keep, DefaultReportsKeep) }

func orSize(size, otherwise int64) int64 {
	if size == 0 {
		return otherwise
	}
	return size
}
