package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/bundle"
)

// importCopies is how many files are copied from a medium at a time.
const importCopies = 4

// The names in a quarantine besides those of volumes, which begin with "vol-".
const (
	newPrefix  = "new-"  // a volume that is being brought, "new-vol-001-of-003"
	partPrefix = "part-" // what is of no use to anybody once its writer is gone
)

// quarantine is where a bundle waits, byte for byte as it was on its volumes,
// until all of it is here and was found right: a folder of the stage, from
// which the store takes its objects by a link.
//
// Invariants: the folder is named by the digest of the signed header, so that
// what lies in it is of this bundle alone. A file has its name only when its
// bytes are durable and were hashed on the way; a volume has its name, without
// "new-" before it, only when all its files are there, and their names durable.
// So names are the journal of an import that was killed, or lost its power:
// what has one is not copied again. It is hashed again before it enters the
// store, as whatever has lain about (see putWhole).
type quarantine struct {
	i     *importing
	stage store.FS
	name  string   // below the stage
	fs    store.FS // of the folder, open
	dir   string   // its absolute path
	parts atomic.Int64
	kept  atomic.Bool // something in it was brought by an earlier run, or a hook had it
}

// quarantineName returns the folder of a bundle below the stage.
func quarantineName(header layout.Digest) string {
	return path.Join(importFolder, header.String()[:32])
}

// openQuarantine makes the folder, or takes up the one of an earlier run.
func (i *importing) openQuarantine() (*quarantine, error) {
	stage, err := i.m.stageFS()
	if err != nil {
		return nil, fmt.Errorf("open the stage: %w", err)
	}
	q := &quarantine{i: i, stage: stage, name: quarantineName(i.header)}
	q.dir = filepath.Join(stage.Path(), filepath.FromSlash(q.name))
	err = makeFolders(stage, q.name)
	if err == nil {
		err = errors.Join(stage.SyncDir("."), stage.SyncDir(importFolder))
	}
	if err == nil {
		q.fs, err = store.OpenSub(stage, q.name)
	}
	if err == nil {
		err = q.sweepParts()
	}
	if err == nil {
		err = q.note(Quarantined{Status: StatusBegun})
	}
	if err != nil {
		q.close()
		return nil, q.failed(".", err)
	}
	return q, nil
}

// close lets the folders go; it may be called twice.
func (q *quarantine) close() {
	if q.fs != nil {
		_ = q.fs.Close() // what is durable was synced
		q.fs = nil
	}
	_ = q.stage.Close()
}

// failed says what could not be done in the quarantine, and where that is.
func (q *quarantine) failed(name string, err error) error {
	if below, ok := errors.AsType[*fs.PathError](err); ok {
		err = below.Err // its path is relative, and may be that of another name
	}
	return &fs.PathError{Op: "quarantine", Path: filepath.Join(q.dir, filepath.FromSlash(name)), Err: err}
}

// clear removes the quarantine of a bundle that is published. A folder that is
// open cannot be renamed everywhere.
func (q *quarantine) clear() error {
	err := q.fs.Close()
	q.fs = nil
	return errors.Join(err, dropFolder(q.stage, q.name))
}

// sweepParts removes what killed runs left.
func (q *quarantine) sweepParts() error {
	entries, err := q.fs.ReadDir(".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partPrefix) {
			err = errors.Join(err, removeAll(q.fs, e.Name()))
		}
	}
	return err
}

// write makes a file in the quarantine itself, durable when it has its name.
func (q *quarantine) write(name string, fill func(io.Writer) error) error {
	u, err := q.begin(q.fs, name, name)
	if err != nil {
		return err
	}
	w := &localWriter{w: u.out}
	if err := fill(w); err != nil || w.err != nil {
		return u.dropped(q, err, w.err)
	}
	return u.finish(q)
}

// part returns a name that no other file in the quarantine has.
func (q *quarantine) part() string { return fmt.Sprint(partPrefix, q.parts.Add(1)) }

func (q *quarantine) volume(index int) string { return bundle.VolumeName(index, len(q.i.h.Volumes)) }

// has reports whether a whole volume is here.
func (q *quarantine) has(index int) bool {
	_, err := q.fs.Stat(q.volume(index))
	return err == nil
}

// fill brings the volumes of the medium that are not here yet.
func (q *quarantine) fill(ctx context.Context) error {
	for _, index := range q.i.b.Present() {
		if q.has(index) {
			q.i.report.Kept += q.i.h.Volumes[index-1].Files
			q.kept.Store(true)
			continue
		}
		if err := q.bring(ctx, index); err != nil {
			return err
		}
	}
	if len(q.i.b.Present()) < len(q.i.h.Volumes) {
		q.kept.Store(true)
	}
	return nil
}

// localWriter remembers that it was the writing that failed, not the medium
// that was read.
type localWriter struct {
	w   io.Writer
	err error
}

func (l *localWriter) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	l.err = err
	return n, err
}
