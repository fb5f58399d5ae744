package mirror

import (
	"context"
	"io"
	"iter"
	"path"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"patchferry/layout/store"
	"patchferry/mirror/bundle"
)

// bringing is one volume on its way from the medium into the quarantine.
type bringing struct {
	q        *quarantine
	index    int
	name     string // of its folder, "new-vol-001-of-003"
	files    iter.Seq[bundle.Line]
	unlisted map[string][]byte
	into     openFolders
	batch    *batch
	resumed  bool // an earlier run brought some of it
}

// bring copies one volume, and gives it its name when all of it is durable.
func (q *quarantine) bring(ctx context.Context, index int) error {
	v := &bringing{q: q, index: index, name: newPrefix + q.volume(index)}
	var err error
	if v.files, err = q.i.b.Files(index); err != nil {
		return err
	}
	if v.unlisted, err = q.i.b.Unlisted(index); err != nil {
		return err
	}
	if err := v.begin(); err != nil {
		return q.failed(v.name, err)
	}
	err = v.copyAll(ctx)
	// Also after a failure: what came need not come again.
	if failed := v.batch.finish(); err == nil {
		err = failed
	}
	v.into.close()
	if err != nil {
		return err
	}
	if err := v.settle(); err != nil {
		return q.failed(v.name, err)
	}
	return nil
}

// begin opens the folder, and removes from what an earlier run left there what
// is of no use.
func (v *bringing) begin() error {
	_, err := v.q.fs.Stat(v.name)
	if v.resumed = err == nil; v.resumed {
		if err := settleFolder(v.q.fs, v.name, v.belongs); err != nil {
			return err
		}
	}
	if err := makeFolders(v.q.fs, v.name); err != nil {
		return err
	}
	if v.into.fs, err = store.OpenSub(v.q.fs, v.name); err != nil {
		return err
	}
	v.batch, err = v.q.openBatch()
	return err
}

// belongs reports whether a file is one of the volume.
func (v *bringing) belongs(name string) bool {
	_, known := v.unlisted[name]
	return known || v.q.i.b.Declares(v.index, name)
}

// settle makes the volume durable, and then its name.
func (v *bringing) settle() error {
	if err := settleFolder(v.q.fs, v.name, v.belongs); err != nil {
		return err
	}
	if err := v.q.fs.Rename(v.name, v.q.volume(v.index)); err != nil {
		return err
	}
	return v.q.fs.SyncDir(".")
}

// copyAll copies the declared files, several at a time, and then those that are
// not.
func (v *bringing) copyAll(ctx context.Context) error {
	var copied, kept counter
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(importCopies)
	for f := range v.files {
		jobs.Go(func() error {
			n, err := v.copy(running, f)
			if n < 0 {
				kept.add(1, 0)
			} else if err == nil {
				copied.add(1, n)
			}
			return err
		})
	}
	err := jobs.Wait()
	report := v.q.i.report
	report.Copied += copied.n
	report.Bytes += copied.bytes
	report.Kept += kept.n
	if err != nil {
		return err
	}
	for name, doc := range v.unlisted {
		err := v.write(name, int64(len(doc)), func(w io.Writer) error { _, err := w.Write(doc); return err })
		if err != nil {
			return err
		}
	}
	return nil
}

// copy brings one file and returns its bytes, or -1 where it was here already.
func (v *bringing) copy(ctx context.Context, f bundle.Line) (int64, error) {
	if v.resumed {
		there, err := v.into.fs.Stat(f.Path)
		if err == nil && there.Mode().IsRegular() && there.Size() == f.Size {
			v.q.kept.Store(true)
			return -1, nil
		}
	}
	if linked, err := v.link(ctx, f); linked || err != nil {
		return -1, err
	}
	if err := v.write(f.Path, f.Size, func(w io.Writer) error { return v.q.i.b.CopyFile(ctx, v.index, f, w) }); err != nil {
		return 0, err
	}
	v.q.i.m.report(Event{Kind: EventBytes, Bytes: f.Size, File: f.Path})
	return f.Size, nil
}

// write makes a file of the volume, of size bytes.
func (v *bringing) write(name string, size int64, fill func(io.Writer) error) error {
	as := path.Join(v.name, name)
	folder, err := v.into.in(path.Dir(name))
	if err != nil {
		return v.q.failed(as, err)
	}
	return v.batch.write(folder, path.Base(name), as, size, fill)
}

// link takes an object that the store has from there, which costs no room. The
// file on the medium is read all the same: a bundle with a wrong one is refused.
func (v *bringing) link(ctx context.Context, f bundle.Line) (bool, error) {
	linker, ok := v.q.i.m.Store.(store.Linker)
	if !ok || f.Path != bundle.ObjectPath(f.SHA256) || !v.q.i.held(ctx, f.SHA256, f.Size) {
		return false, nil
	}
	if err := v.q.i.b.CopyFile(ctx, v.index, f, io.Discard); err != nil {
		return false, err
	}
	folder, err := v.into.in(path.Dir(f.Path))
	if err != nil {
		return false, v.q.failed(path.Join(v.name, f.Path), err)
	}
	// Where no link can be made the file is copied.
	return linker.Link(ctx, f.SHA256, filepath.Join(folder.Path(), path.Base(f.Path))) == nil, nil
}
