package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/inspect"
)

// describe notes what the bytes of a file that is now held say of it: its Package,
// and its kind where they settle that and its source said nothing else than its
// name does. It refuses nothing: what cannot be read keeps the kind of its name, and
// the log says why.
func (m *Mirror) describe(update string, f *layout.File, r io.ReaderAt) {
	found, err := inspect.File(r, f.Size, f.Name)
	if err != nil {
		m.log().Warn("package cannot be read", "update", update, "file", f.Name, "digest", f.SHA256, "err", err)
	}
	if found.Package == nil {
		return
	}
	f.Package = found.Package
	if found.Kind != "" && !statesKind(f) && !(f.Kind == layout.KindDriverExe && isProgram(found.Kind)) {
		f.Kind = found.Kind
	}
}

// statesKind reports whether the kind of a file is its source's word, and not what
// its name says.
func statesKind(f *layout.File) bool {
	return f.Kind != "" && f.Kind != layout.KindOf(f.Name, nil) && f.Kind != layout.KindOf(f.Name, &layout.Update{Type: layout.Drivers})
}

// isProgram reports whether a kind is a way to pack a program: how the installer of
// a driver is packed does not say with what switches it is silent.
func isProgram(k layout.Kind) bool {
	switch k {
	case layout.KindMSI, layout.KindMSP, layout.KindMSU, layout.KindCAB, layout.KindDriverCAB, layout.KindDriverINF, layout.KindWIM:
		return false
	}
	return true
}

// tells reports whether files of that name can have a Package.
func tells(f *layout.File) bool {
	if !f.From.IsZero() {
		return false // nobody runs what was taken out of a package by itself
	}
	switch f.Kind {
	case layout.KindPSF, layout.KindISO, layout.KindZIP:
		return false
	}
	return true
}

// describeStaged looks at a file that was admitted, where it was staged. One at a
// time is looked at, since each may take 64 MiB.
func (f *fetching) describeStaged(w *want, file *layout.File, path string) {
	staged, err := os.Open(path)
	if err != nil {
		return // it is looked at in the store
	}
	defer staged.Close() // it was only read
	f.looking.Lock()
	defer f.looking.Unlock()
	f.m.describe(w.update, file, staged)
	w.described = true
}

// describeStored looks at a file that is in the store and was not looked at when it
// was admitted: another update had it, a host asked for it, or it was admitted before
// files were looked at.
func (m *Mirror) describeStored(ctx context.Context, update string, f *layout.File) {
	if err := m.withObject(ctx, f, func(r io.ReaderAt) { m.describe(update, f, r) }); err != nil && ctx.Err() == nil {
		m.log().Warn("package cannot be read", "update", update, "file", f.Name, "digest", f.SHA256, "err", err)
	}
}

// withObject opens the object of a file for reading anywhere: on a disk of this
// machine where it lies; else a copy in the stage, which is checked whole.
func (m *Mirror) withObject(ctx context.Context, f *layout.File, read func(io.ReaderAt)) (err error) {
	_, local := m.Store.(store.Stager)
	if files, ok := m.Store.(store.Filer); ok && local {
		o, err := files.File(ctx, f.SHA256)
		if err != nil {
			return err
		}
		defer o.Close() // it was only read
		read(o)
		return nil
	}
	stage, err := m.Stage()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(stage, store.TempPrefix+"look-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name())) }()
	r, err := m.Store.Open(ctx, f.SHA256, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	if _, err := io.Copy(tmp, layout.NewVerifyReader(r, f.Size, f.SHA256)); err != nil {
		return fmt.Errorf("copy object %s: %w", f.SHA256, err)
	}
	read(tmp)
	return nil
}

// look looks at the files of an update that are due, and reports whether that
// changed it.
func (p *plan) look(u *layout.Update) (changed bool) {
	for i := range u.Files {
		f := &u.Files[i]
		if !f.Held || f.Package != nil || !p.unseen[f.SHA256] || !tells(f) {
			continue
		}
		p.describe(u.ID, f)
		changed = changed || f.Package != nil
	}
	return changed
}
