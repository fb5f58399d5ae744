package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/bundle"
	"patchferry/verify"
)

// importCopies is how many files are copied from a medium at a time.
const importCopies = 4

// quarantine is where a bundle waits, byte for byte as it was on its volumes,
// until all of it is here and was found right: a folder of the stage, from
// which the store takes its objects by a link.
//
// Invariants: the folder is named by the digest of the signed header, so that
// what lies in it is of this bundle alone. A file has its name only when its
// bytes are on disk and were hashed on the way; a volume has its name, without
// "new-" before it, only when all its files are there. So names are the
// journal of a killed import: what has one is not copied again.
type quarantine struct {
	i    *importing
	dir  string
	root *os.Root
}

func (i *importing) quarantineDir() (string, error) {
	stage, err := i.m.stage()
	return filepath.Join(stage, "import", i.header.String()[:32]), err
}

// openQuarantine makes the folder, or takes up the one of an earlier run.
func (i *importing) openQuarantine() (*quarantine, error) {
	dir, err := i.quarantineDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the quarantine: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the quarantine: %w", err)
	}
	return &quarantine{i: i, dir: dir, root: root}, nil
}

func (q *quarantine) close() { _ = q.root.Close() }

// clear removes the quarantine of a bundle that is published.
func (q *quarantine) clear() error {
	q.close()
	return os.RemoveAll(q.dir)
}

// spoilt removes a quarantine that does not hold what was copied into it, as a
// bad disk or somebody leaves it: then the same command brings the bundle anew.
func (q *quarantine) spoilt(err error) error {
	bad, ok := errors.AsType[*bundle.Error](err)
	if !ok || bad.Code == bundle.CodeMedium {
		return err
	}
	return &ImportError{Code: bad.Code, Reason: "in quarantine: " + inWords(bad), Err: errors.Join(err, q.clear()),
		Next: "what was copied here is damaged and was removed; look after the disk, then the same command again"}
}

func (q *quarantine) volume(index int) string { return bundle.VolumeName(index, len(q.i.h.Volumes)) }

// has reports whether a whole volume is here.
func (q *quarantine) has(index int) bool {
	_, err := q.root.Lstat(q.volume(index))
	return err == nil
}

// fill brings the volumes of the medium that are not here yet.
func (q *quarantine) fill(ctx context.Context) error {
	for _, index := range q.i.b.Present() {
		if q.has(index) {
			q.i.report.Kept += q.i.h.Volumes[index-1].Files
			continue
		}
		if err := q.bring(ctx, index); err != nil {
			return err
		}
	}
	return nil
}

// bring copies one volume.
func (q *quarantine) bring(ctx context.Context, index int) error {
	files, err := q.i.b.Files(index)
	if err != nil {
		return err
	}
	folder := "new-" + q.volume(index)
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
	err = jobs.Wait()
	q.i.report.Copied += copied.n
	q.i.report.Bytes += copied.bytes
	q.i.report.Kept += kept.n
	if err != nil {
		return err
	}
	unlisted, err := q.i.b.Unlisted(index)
	if err != nil {
		return err
	}
	for name, doc := range unlisted {
		if err := verify.Replace(filepath.Join(q.dir, folder, filepath.FromSlash(name)), 0o640, doc); err != nil {
			return err
		}
	}
	if err := q.root.Rename(folder, q.volume(index)); err != nil {
		return fmt.Errorf("keep a volume in quarantine: %w", err)
	}
	return verify.SyncDir(q.dir)
}

// copy brings one file of a volume and returns its bytes, or -1 where it was
// here already.
func (q *quarantine) copy(ctx context.Context, index int, folder string, f bundle.Line) (int64, error) {
	name := folder + "/" + f.Path
	if there, err := q.root.Lstat(name); err == nil && there.Mode().IsRegular() && there.Size() == f.Size {
		return -1, nil
	}
	if err := q.root.MkdirAll(path.Dir(name), 0o750); err != nil {
		return 0, fmt.Errorf("quarantine %s: %w", f.Path, err)
	}
	if linked, err := q.link(ctx, index, name, f); linked || err != nil {
		return -1, err
	}
	temp := "part-" + q.volume(index) + "-" + strings.ReplaceAll(f.Path, "/", "-")
	if err := q.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("quarantine %s: %w", f.Path, err)
	}
	out, err := q.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return 0, fmt.Errorf("quarantine %s: %w", f.Path, err)
	}
	err = q.i.b.CopyFile(ctx, index, f, out)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		_ = q.root.Remove(temp) // or the next run does
		return 0, err
	}
	if err := q.root.Rename(temp, name); err != nil {
		return 0, fmt.Errorf("quarantine %s: %w", f.Path, err)
	}
	q.i.m.report(Event{Kind: EventBytes, Bytes: f.Size, File: f.Path})
	return f.Size, nil
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
	// Where no link can be made the file is copied.
	return linker.Link(ctx, f.SHA256, filepath.Join(q.dir, filepath.FromSlash(name))) == nil, nil
}

// held reports whether the store has an object.
func (i *importing) held(ctx context.Context, d layout.Digest, size int64) bool {
	got, err := i.m.Store.Stat(ctx, d)
	return err == nil && got == size
}

// space makes sure that there is room for what has yet to come.
func (i *importing) space(ctx context.Context, q *quarantine) error {
	free := i.opt.Free
	if free == nil {
		free = freeSpace
	}
	room, known := free(q.dir)
	if !known {
		return nil
	}
	var need int64
	for _, index := range i.b.Present() {
		files, err := i.b.Files(index)
		if err != nil {
			return err
		}
		for _, f := range files {
			if _, err := q.root.Lstat("new-" + q.volume(index) + "/" + f.Path); err != nil && !q.has(index) && !i.held(ctx, f.SHA256, f.Size) {
				need += f.Size
			}
		}
	}
	if need > room {
		return fmt.Errorf("import %s: %w", i.report.Bundle, &SpaceError{Dir: q.dir, Need: need, Free: room})
	}
	return nil
}

// SpaceError says that a disk has no room for what is to be imported; nothing
// was copied.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes
}

// Error implements error.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("%d bytes are needed, and the disk of %s has %d", e.Need, e.Dir, e.Free)
}
