package distribute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"patchferry/layout"
)

// Drop is a folder into which hosts that only have a share put their reports, a file
// each (docs/reports.md). All that is in it is hostile.
type Drop struct {
	Dir     string
	Reports *Reports
	Log     *slog.Logger // names what is damaged; nil: nothing is logged
	// Settle is how long a file must not have changed before it is taken; 0: 5 s.
	Settle time.Duration
}

// The limits of a drop folder.
const (
	defaultSettle = 5 * time.Second
	maxDropped    = 10_000  // files that are taken in one pass, and some more
	maxNames      = 200_000 // names that are looked at in one pass, likewise
	maxBad        = 1000    // damaged files that are kept, in the folder badFolder
	badFolder     = "bad"
	dropSuffix    = ".json"
	reasonSuffix  = ".why.txt"
)

// Dropped says what one pass over a drop folder found.
type Dropped struct {
	Taken   int // reports
	Bad     int // files that are none, moved to the folder bad or, where that is full, removed
	Waiting int // files that changed a moment ago
}

// Take takes the files of the folder that are named *.json into the reports and removes
// them. What is no report is moved to the folder bad, with the reason beside it. Links,
// folders, devices and other names stay where they are. The time of a report is that of
// its file: the hour at which somebody looks says nothing of the host. But it is the
// clock of a host that set it, and where that is ahead, or behind by longer than reports
// are kept, the report came now. A file that was taken and could not be removed is taken once more: that
// does not matter to anybody.
func (d *Drop) Take(ctx context.Context, now time.Time) (Dropped, error) {
	var sum Dropped
	root, err := os.OpenRoot(d.Dir)
	if err != nil {
		return sum, fmt.Errorf("open the drop folder: %w", err)
	}
	defer root.Close() // it holds nothing that could fail
	names, err := dropNames(root)
	if err != nil {
		return sum, fmt.Errorf("list the drop folder: %w", err)
	}
	var failed error // the first of many
	for _, name := range names {
		if ctx.Err() != nil {
			return sum, ctx.Err()
		}
		err := d.take(root, name, now, &sum)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if failed == nil {
			failed = fmt.Errorf("take %s out of the drop folder: %w", layout.SafeName(name), err)
		}
		if errors.Is(err, ErrReportsFull) {
			break
		}
	}
	return sum, failed
}

// dropNames returns some names of the folder that may be reports.
func dropNames(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close() // it was only read
	var names []string
	for seen := 0; seen < maxNames && len(names) < maxDropped; {
		entries, err := dir.ReadDir(1000)
		for _, e := range entries {
			if e.Type().IsRegular() && strings.EqualFold(path.Ext(e.Name()), dropSuffix) {
				names = append(names, e.Name())
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		seen += len(entries)
	}
	return names, nil
}

// take takes one file.
func (d *Drop) take(root *os.Root, name string, now time.Time, sum *Dropped) error {
	line, changed, err := d.read(root, name)
	if errors.Is(err, fs.ErrPermission) {
		sum.Bad++
		return d.setAside(root, name, err)
	}
	if err != nil {
		return err
	}
	settle := d.Settle
	if settle == 0 {
		settle = defaultSettle
	}
	if age := now.Sub(changed); age >= 0 && age < settle {
		sum.Waiting++
		return nil
	}
	if changed.After(now) || now.Sub(changed) > d.Reports.keep() {
		changed = now
	}
	err = d.Reports.Take(line, FromDrop, changed)
	newer, isNewer := errors.AsType[*layout.ReportVersionError](err)
	switch {
	case errors.Is(err, ErrReport):
		sum.Bad++
		return d.setAside(root, name, err)
	case isNewer:
		d.log().Warn("a report is kept for later", "path", layout.SafeName(name), "err", newer)
	case err != nil:
		return err
	}
	sum.Taken++
	return root.Remove(name)
}

// read returns the content of a regular file, one byte more than a report may have at
// most, and when it changed last. A file that became something else since it was listed
// is opened without waiting for anybody.
func (d *Drop) read(root *os.Root, name string) ([]byte, time.Time, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, time.Time{}, fs.ErrNotExist // as if it had not been listed
	}
	line, err := io.ReadAll(io.LimitReader(f, layout.MaxReport+1))
	return line, info.ModTime(), err
}

// setAside moves a damaged file away, and says why.
func (d *Drop) setAside(root *os.Root, name string, why error) error {
	d.log().Warn("a file of the drop folder is no report", "path", layout.SafeName(name), "err", why)
	if err := root.Mkdir(badFolder, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := root.Lstat(badFolder); err != nil || !info.IsDir() {
		return errors.Join(err, fmt.Errorf("%s is no folder: remove it", badFolder))
	}
	bad, err := root.OpenRoot(badFolder)
	if err != nil {
		return err
	}
	defer bad.Close() // it holds nothing that could fail
	dir, err := bad.Open(".")
	if err != nil {
		return err
	}
	kept, err := dir.ReadDir(2 * maxBad)
	if err = errors.Join(ignoreEOF(err), dir.Close()); err != nil {
		return err
	}
	if len(kept) >= 2*maxBad { // each has a reason beside it
		return root.Remove(name)
	}
	to := layout.SafeName(name)
	if err := bad.WriteFile(to+reasonSuffix, []byte(why.Error()+"\n"), 0o640); err != nil {
		return err
	}
	return root.Rename(name, badFolder+"/"+to)
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (d *Drop) log() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}
