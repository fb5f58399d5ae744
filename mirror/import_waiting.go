package mirror

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
)

// importFolder holds the quarantines of imports, below the stage.
const importFolder = "import"

// noteFile is the file of a quarantine that says what it is.
const noteFile = "about.json"

// StatusBegun is the status of an import that is under way, or was killed.
const StatusBegun = "begun"

// refusedLife is how long what was copied of a refused bundle is kept: it may
// come again on a better medium.
const refusedLife = 7 * 24 * time.Hour

// Quarantined is a bundle of which something is in quarantine, and which is not
// published. It is what this machine noted for itself; nothing is decided by
// it but what can be removed.
type Quarantined struct {
	Bundle     string        `json:"bundle"` // "main-e001-s000042"
	Stream     string        `json:"stream"` // UUID
	StreamName string        `json:"stream_name"`
	Epoch      uint32        `json:"epoch"`
	Seq        uint64        `json:"seq"`
	Header     layout.Digest `json:"header_sha256"`
	Volumes    int           `json:"volumes"`           // of the bundle
	Missing    []int         `json:"missing,omitempty"` // volumes that are not here
	Status     string        `json:"status"`            // begun, waiting, partial, refused, failed
	Code       bundle.Code   `json:"code,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	At         layout.Time   `json:"at"`             // when it was last tried
	Until      layout.Time   `json:"until,omitzero"` // when it may be removed; zero: not before a later bundle of its stream is imported
	Bytes      int64         `json:"bytes"`          // in quarantine
	Dir        string        `json:"dir"`
}

// note writes what becomes of the bundle, and who it is.
func (q *quarantine) note(n Quarantined) error {
	h := q.i.h
	n.Bundle, n.Stream, n.StreamName, n.Epoch, n.Seq = h.Name(), h.Stream, h.StreamName, h.Epoch, h.Seq
	n.Header, n.Volumes, n.At = q.i.header, len(h.Volumes), layout.At(q.i.m.now())
	doc, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return q.write(noteFile, func(w io.Writer) error { _, err := w.Write(append(doc, '\n')); return err })
}

// end notes how an import ended that published nothing, and after one that did
// removes what has lost its place in the stream. That this failed ends nothing:
// the quarantine is then one of an import that was killed.
func (q *quarantine) end(err error) {
	if err == nil || errors.Is(err, ErrAlready) {
		if failed := q.i.m.sweepQuarantine(q.i.state); failed != nil {
			q.i.m.log().Warn("tidy up the quarantine", "err", failed)
		}
		return
	}
	outcome := &ImportReport{}
	err = importRefusal(q.i.h.Name(), err)
	outcome.ended(err)
	n := Quarantined{Status: outcome.Status, Code: outcome.Code, Reason: clipped(err.Error())}
	if failed := q.note(n); failed != nil {
		q.i.m.log().Warn("note the state of a quarantine", "err", failed)
	}
}

// spoilt looks at why a bundle could not be published that was right on its
// medium. A refusal of what lies in quarantine means that this was changed
// since, or that the bundle is wrong in a way that only the whole of it shows:
// either way nobody can use it any more, and it goes. err says which it was.
func (i *importing) spoilt(q *quarantine, err error) error {
	bad, ok := errors.AsType[*bundle.Error](err)
	if !ok {
		return err
	}
	volume, _, _ := strings.Cut(bad.Where, "/")
	drop := func(index int) error { return dropFolder(q.fs, q.volume(index)) }
	var failed error
	for index := range len(i.h.Volumes) {
		if name := q.volume(index + 1); name == volume || !strings.HasPrefix(volume, "vol-") {
			failed = errors.Join(failed, drop(index+1))
		}
	}
	if failed != nil {
		return errors.Join(err, q.failed(".", failed))
	}
	if !q.kept.Load() {
		return err
	}
	// Not what err is: nobody refuses the bundle for what became of its copy.
	return &ImportError{Code: bundle.CodeMedium, Reason: fmt.Sprintf("its copy in quarantine: %s: %s", q.dir, inWords(bad)),
		Next: "what was changed there since it was checked was removed; look after the disk, or after the program that changed it, then the same command again copies it anew"}
}

// Quarantine returns the bundles of which something is in quarantine, oldest
// seq first.
func (m *Mirror) Quarantine() ([]Quarantined, error) {
	stage, err := m.stageFS()
	if err != nil {
		return nil, fmt.Errorf("look into the quarantine: %w", err)
	}
	defer stage.Close()
	var all []Quarantined
	for _, name := range quarantines(stage) {
		if n, ok := readNote(stage, name); ok {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b Quarantined) int { return strings.Compare(a.Bundle, b.Bundle) })
	return all, nil
}

// quarantines returns the folders below the stage, in order.
func quarantines(stage store.FS) []string {
	entries, err := stage.ReadDir(importFolder)
	if err != nil {
		return nil // there is none
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, path.Join(importFolder, e.Name()))
		}
	}
	return names
}

// readNote says what a quarantine holds; false where nothing says so.
func readNote(stage store.FS, name string) (n Quarantined, ok bool) {
	f, err := stage.Open(path.Join(name, noteFile))
	if err != nil {
		return n, false
	}
	defer f.Close() // it was only read
	doc, err := io.ReadAll(io.LimitReader(f, store.MaxDocument))
	if err != nil || json.Unmarshal(bytes.TrimSpace(doc), &n) != nil || quarantineName(n.Header) != name {
		return n, false
	}
	n.Missing = nil
	for index := range n.Volumes {
		if _, err := stage.Stat(path.Join(name, bundle.VolumeName(index+1, n.Volumes))); err != nil {
			n.Missing = append(n.Missing, index+1)
		}
	}
	switch n.Status {
	case StatusRefused:
		n.Until = layout.At(n.At.Time().Add(refusedLife))
	case StatusBegun, StatusFailed:
		n.Until = layout.At(n.At.Time().Add(partialLife))
	}
	n.Bytes = bytesBelow(stage, name)
	n.Dir = filepath.Join(stage.Path(), filepath.FromSlash(name))
	return n, true
}

// bytesBelow sums up the files in a folder and below, as far as it can.
func bytesBelow(fsys store.FS, name string) (sum int64) {
	entries, _ := fsys.ReadDir(name)
	for _, e := range entries {
		if e.IsDir() {
			sum += bytesBelow(fsys, path.Join(name, e.Name()))
		} else if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// sweepQuarantine removes what no import will go on with: bundles whose place
// in their stream is taken, refused ones after a week, and after a month those
// whose import was killed or failed. What waits for volumes, or for what it
// builds on, stays. The lock is held.
func (m *Mirror) sweepQuarantine(state *trusted.State) error {
	return m.dropQuarantines(func(n Quarantined, known bool) bool {
		if !known {
			return true // killed before it held anything
		}
		if state != nil {
			s, follows := state.Streams[n.Stream]
			if follows && (n.Epoch < s.Epoch || n.Epoch == s.Epoch && n.Seq <= s.Seq) {
				return true
			}
		}
		return !n.Until.IsZero() && m.now().After(n.Until.Time())
	})
}

// dropRefused removes what was refused, but for one, to make room.
func (m *Mirror) dropRefused(but string) error {
	return m.dropQuarantines(func(n Quarantined, known bool) bool {
		return known && n.Status == StatusRefused && quarantineName(n.Header) != but
	})
}

func (m *Mirror) dropQuarantines(drop func(n Quarantined, known bool) bool) error {
	stage, err := m.stageFS()
	if err != nil {
		return fmt.Errorf("tidy up the quarantine: %w", err)
	}
	defer stage.Close()
	for _, name := range quarantines(stage) {
		if n, known := readNote(stage, name); !drop(n, known) {
			continue
		}
		if err := dropFolder(stage, name); err != nil {
			return fmt.Errorf("tidy up the quarantine: %w", err)
		}
	}
	return nil
}

// leave removes what an import left that was killed right after it published.
// Where nothing was left this writes nothing.
func (i *importing) leave(err error) error {
	if !errors.Is(err, ErrAlready) || i.opt.DryRun {
		return err
	}
	return errors.Join(err, i.m.sweepQuarantine(i.state))
}
