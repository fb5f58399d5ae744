package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

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
	fs    store.FS // of the folder
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
	q.fs = store.Sub(stage, q.name)
	q.dir = q.fs.Path()
	err = makeFolders(stage, q.name)
	if err == nil {
		err = errors.Join(stage.SyncDir("."), stage.SyncDir(importFolder))
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

func (q *quarantine) close() { _ = q.stage.Close() }

// failed says what could not be done in the quarantine, and where that is.
func (q *quarantine) failed(name string, err error) error {
	if below, ok := errors.AsType[*fs.PathError](err); ok {
		err = below.Err // its path is relative, and may be that of another name
	}
	return &fs.PathError{Op: "quarantine", Path: filepath.Join(q.dir, filepath.FromSlash(name)), Err: err}
}

// clear removes the quarantine of a bundle that is published.
func (q *quarantine) clear() error { return dropFolder(q.stage, q.name) }

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

// part returns a name that nobody has.
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

// bring copies one volume, and gives it its name when all of it is durable.
func (q *quarantine) bring(ctx context.Context, index int) error {
	files, err := q.i.b.Files(index)
	if err != nil {
		return err
	}
	folder := newPrefix + q.volume(index)
	if err := q.copyAll(ctx, index, folder, files); err != nil {
		return err
	}
	unlisted, err := q.i.b.Unlisted(index)
	if err != nil {
		return err
	}
	for name, doc := range unlisted {
		err := q.write(path.Join(folder, name), func(w io.Writer) error { _, err := w.Write(doc); return err })
		if err != nil {
			return err
		}
	}
	_, err = settleFolder(q.fs, folder, func(name string) bool {
		_, listed := slices.BinarySearchFunc(files, name, func(l bundle.Line, name string) int { return strings.Compare(l.Path, name) })
		_, known := unlisted[name]
		return listed || known
	})
	if err == nil {
		err = q.fs.Rename(folder, q.volume(index))
	}
	if err == nil {
		err = q.fs.SyncDir(".")
	}
	if err != nil {
		return q.failed(folder, err)
	}
	return nil
}

// copyAll copies the declared files of a volume, several at a time.
func (q *quarantine) copyAll(ctx context.Context, index int, folder string, files []bundle.Line) error {
	var copied, kept counter
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(importCopies)
	for _, f := range files {
		jobs.Go(func() error {
			n, err := q.copy(running, index, folder, f)
			if n < 0 {
				kept.add(1, 0)
			} else if err == nil {
				copied.add(1, n)
			}
			return err
		})
	}
	err := jobs.Wait()
	q.i.report.Copied += copied.n
	q.i.report.Bytes += copied.bytes
	q.i.report.Kept += kept.n
	return err
}

// copy brings one file of a volume and returns its bytes, or -1 where it was
// here already.
func (q *quarantine) copy(ctx context.Context, index int, folder string, f bundle.Line) (int64, error) {
	name := path.Join(folder, f.Path)
	if there, err := q.fs.Stat(name); err == nil && there.Mode().IsRegular() && there.Size() == f.Size {
		q.kept.Store(true)
		return -1, nil
	}
	if linked, err := q.link(ctx, index, name, f); linked || err != nil {
		return -1, err
	}
	if err := q.write(name, func(w io.Writer) error { return q.i.b.CopyFile(ctx, index, f, w) }); err != nil {
		return 0, err
	}
	q.i.m.report(Event{Kind: EventBytes, Bytes: f.Size, File: f.Path})
	return f.Size, nil
}

// write makes a file whose name appears when its bytes are durable. The name
// itself is so once its folder was synced.
func (q *quarantine) write(name string, fill func(io.Writer) error) error {
	if err := makeFolders(q.fs, path.Dir(name)); err != nil {
		return q.failed(name, err)
	}
	temp := q.part()
	out, err := q.fs.Create(temp)
	if err != nil {
		return q.failed(name, err)
	}
	w := &localWriter{w: out}
	err = fill(w)
	if err == nil {
		w.err = out.Sync()
	}
	w.err = errors.Join(w.err, out.Close())
	if err == nil && w.err == nil {
		w.err = q.fs.Rename(temp, name)
	}
	if err == nil && w.err == nil {
		return nil
	}
	_ = q.fs.Remove(temp) // or the next run does
	if w.err != nil {
		return q.failed(name, w.err)
	}
	return err // of the medium
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

// link takes an object that the store has from there, which costs no room. The
// file on the medium is read all the same: a bundle with a wrong one is refused.
func (q *quarantine) link(ctx context.Context, index int, name string, f bundle.Line) (bool, error) {
	linker, ok := q.i.m.Store.(store.Linker)
	if !ok || f.Path != bundle.ObjectPath(f.SHA256) || !q.i.held(ctx, f.SHA256, f.Size) {
		return false, nil
	}
	if err := q.i.b.CopyFile(ctx, index, f, io.Discard); err != nil {
		return false, err
	}
	if err := makeFolders(q.fs, path.Dir(name)); err != nil {
		return false, q.failed(name, err)
	}
	// Where no link can be made the file is copied.
	return linker.Link(ctx, f.SHA256, filepath.Join(q.dir, filepath.FromSlash(name))) == nil, nil
}
