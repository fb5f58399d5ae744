package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"patchferry/layout"
)

// listing is one source's list during one sync.
type listing struct {
	src     *Source
	sel     layout.Selection
	mem     memory
	file    string // the list's bytes on local disk
	changed bool   // it must be read
	err     error  // it could not be had, so what is known of the source stays
	entries *spool // its selected updates, sorted by id
	count   int    // updates it lists
	skipped int    // of these not selected
	issues  []error
	report  func(error)
}

// problem notes something wrong in the list that leaves the rest of it usable.
func (l *listing) problem(err error) {
	l.issues = append(l.issues, err)
	l.report(err)
}

// MaxList is the largest list in bytes.
const MaxList = 2 << 30

// refresh brings the list of a source here, if it changed. It asks the
// publisher once. A dry run leaves no trace in the memory.
func (m *Mirror) refresh(ctx context.Context, src *Source, opt SyncOptions) *listing {
	l := &listing{src: src, sel: m.Select, mem: m.recall(src), file: m.listFile(src)}
	l.report = func(err error) { m.note(src.Name, err.Error()) }
	if src.Select != nil {
		l.sel = *src.Select
	}
	l.err = m.refreshList(ctx, l, opt)
	text := "unchanged"
	switch {
	case l.err != nil:
		text = "failed"
	case l.changed:
		text = "new"
	}
	m.report(Event{Kind: EventRefresh, Source: src.Name, Text: text, Err: l.err})
	return l
}

func (m *Mirror) refreshList(ctx context.Context, l *listing, opt SyncOptions) error {
	if err := l.src.validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(m.memoryDir(l.src), 0o750); err != nil {
		return fmt.Errorf("remember source %s: %w", l.src.Name, err)
	}
	known := l.mem
	bring := m.readRemote
	if l.src.Path != "" {
		bring = m.readLocal
	}
	if err := bring(ctx, l, opt); err != nil {
		known.Problem = err.Error()
		if !opt.DryRun && ctx.Err() == nil {
			err = errors.Join(err, m.remember(l.src, known))
		}
		return err
	}
	l.mem.Problem = ""
	l.mem.Checked = layout.At(m.now())
	settings := l.src.settings(l.sel, opt.MetadataOnly)
	if l.mem.Settings != settings || l.mem.List != known.List {
		l.mem.Settings, l.mem.Folded = settings, layout.Digest{}
	}
	if opt.DryRun {
		return nil
	}
	return m.remember(l.src, l.mem)
}

// readLocal digests a list on local disk.
func (m *Mirror) readLocal(_ context.Context, l *listing, _ SyncOptions) error {
	f, err := os.Open(l.src.Path)
	if err != nil {
		return fmt.Errorf("read the list of source %s: %w", l.src.Name, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, MaxList)); err != nil {
		return fmt.Errorf("read the list of source %s: %w", l.src.Name, err)
	}
	l.file = l.src.Path
	if d := layout.Digest(h.Sum(nil)); d != l.mem.List {
		l.mem.List, l.mem.Fetched = d, layout.At(m.now())
	}
	return nil
}

// readRemote asks the publisher whether the list changed.
func (m *Mirror) readRemote(ctx context.Context, l *listing, opt SyncOptions) error {
	prev := l.mem.Validators
	if !isFile(l.file, l.mem.List) {
		prev = layout.Validators{}
	}
	dst := l.file
	if opt.DryRun {
		dst = filepath.Join(m.memoryDir(l.src), "list.dry-run")
	}
	doc, err := l.src.Upstream.Refresh(ctx, l.src.URL, prev, dst)
	if err != nil {
		return fmt.Errorf("refresh source %s: %w", l.src.Name, err)
	}
	if doc.NotModified {
		return nil
	}
	l.file = dst
	l.mem.Validators = doc.Validators
	if doc.SHA256 != l.mem.List {
		l.mem.List, l.mem.TLSKey, l.mem.Fetched = doc.SHA256, doc.TLSKey, doc.At
	}
	return nil
}

// isFile reports whether the file at path has that digest.
func isFile(path string, want layout.Digest) bool {
	f, err := os.Open(path)
	if err != nil || want.IsZero() {
		return false
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return err == nil && bytes.Equal(h.Sum(nil), want[:])
}

// read parses the list into the spool of its selected updates.
func (m *Mirror) read(ctx context.Context, l *listing) error {
	f, err := os.Open(l.file)
	if err != nil {
		return fmt.Errorf("read the list of source %s: %w", l.src.Name, err)
	}
	defer f.Close()
	if l.entries, err = newSpool(m.Work); err != nil {
		return err
	}
	for u, err := range l.src.Parse(io.LimitReader(f, MaxList)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			l.problem(err)
			continue
		}
		if err := l.take(u); err != nil {
			return err
		}
	}
	repeated, err := l.entries.finish(true)
	for _, id := range repeated {
		l.problem(fmt.Errorf("it lists %s more than once; the first entry counts", id))
	}
	return err
}

// take spools u if it is selected.
func (l *listing) take(u *layout.Update) error {
	l.count++
	if !strings.HasPrefix(u.ID, l.src.Name+":") {
		return fmt.Errorf("source %s: update %q has a foreign id", l.src.Name, u.ID)
	}
	layout.Complete(u)
	u.Folder, u.Delisted = "", ""
	if !l.sel.Match(u) {
		l.skipped++
		return nil
	}
	u.Files = l.sel.Files(u)
	for i := range u.Files {
		// A list cannot hold anything or vouch for itself.
		f := &u.Files[i]
		f.Held, f.Evidence, f.Modified, f.Tag, f.As = false, nil, layout.Time{}, "", ""
		f.In, f.From = "", layout.Digest{}
	}
	return l.entries.add(u)
}
