package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"patchferry/layout"
)

// updateSeq is a stream of updates that ends with the first error.
type updateSeq = iter.Seq2[*layout.Update, error]

// lineSeq is a stream of catalog lines; a line is good until the next.
type lineSeq = iter.Seq2[[]byte, error]

// assembled is what a finished catalog file adds up to.
type assembled struct {
	lines   layout.Digest
	counts  layout.Counts
	objects map[layout.Digest]int64 // held contents
}

// assemble writes the catalog of the plan to w: the planned lines, with what
// was fetched since, and with what is taken out of service packs.
func (m *Mirror) assemble(ctx context.Context, w io.Writer, p *plan) (*assembled, error) {
	out, err := layout.NewCatalogWriter(w)
	if err != nil {
		return nil, fmt.Errorf("write the catalog: %w", err)
	}
	made := &assembled{objects: map[layout.Digest]int64{}}
	var again []byte
	wants := p.wants
	for i := range p.lines.lines {
		u, err := p.lines.update(i)
		if err != nil {
			return nil, err
		}
		n := 0
		for n < len(wants) && wants[n].line == i {
			n++
		}
		for _, w := range wants[:n] {
			if w.got != nil && !w.described {
				p.unseen[w.got.SHA256] = true
			}
		}
		changed := apply(u, wants[:n])
		changed = p.adopt(u) || changed || u.Folder == ""
		changed = p.look(u) || changed
		wants = wants[n:]
		p.place(u)
		taken, err := p.taking.add(ctx, u)
		if err != nil {
			return nil, err
		}
		changed = changed || taken
		made.add(u)
		line := p.lines.buf // as it was planned
		if changed {
			if again, err = layout.AppendLine(again[:0], u); err != nil {
				return nil, fmt.Errorf("write update %s: %w", u.ID, err)
			}
			line = again
		}
		if err := out.WriteLine(line); err != nil {
			return nil, fmt.Errorf("write the catalog: %w", err)
		}
	}
	sum, err := out.Close()
	if err != nil {
		return nil, fmt.Errorf("write the catalog: %w", err)
	}
	made.lines = sum.Lines
	made.counts = made.total()
	return made, nil
}

// apply gives u the files that were fetched for it, and reports whether there
// are any. Captures grow the list of files, so the wants are applied from the
// last to the first.
func apply(u *layout.Update, wants []*want) (changed bool) {
	for _, w := range slices.Backward(wants) {
		if w.got == nil {
			continue
		}
		changed = true
		now := *w.got
		if w.capture {
			addCapture(u, w.file, now)
			continue
		}
		now.As = u.Files[w.file].As
		u.Files[w.file] = now
	}
	return changed
}

func (a *assembled) add(u *layout.Update) {
	a.counts.Updates++
	a.counts.Files += len(u.Files)
	for i := range u.Files {
		if f := &u.Files[i]; f.Held {
			a.counts.Held++
			a.objects[f.SHA256] = f.Size
		}
	}
}

// total returns the counts of what was added.
func (a *assembled) total() layout.Counts {
	counts := a.counts
	counts.Objects = len(a.objects)
	for _, size := range a.objects {
		counts.Bytes += size
	}
	return counts
}

// root returns the state root: over the held contents and everything else that
// the generation refers to.
func (a *assembled) root(gen *layout.Generation, notices []*layout.Notice) (layout.Digest, error) {
	objects := a.objects
	add := func(ref layout.ObjectRef) {
		if !ref.IsZero() {
			objects[ref.SHA256] = ref.Size
		}
	}
	add(gen.Catalog)
	add(gen.Notices.List)
	for _, n := range notices {
		add(n.Original)
		add(n.Signature)
	}
	digests := slices.SortedFunc(maps.Keys(objects), func(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) })
	root, err := layout.StateRoot(func(yield func(layout.ObjectRef) bool) {
		for _, d := range digests {
			if !yield(layout.ObjectRef{SHA256: d, Size: objects[d]}) {
				return
			}
		}
	})
	if err != nil {
		return root, fmt.Errorf("sum up the generation: %w", err)
	}
	return root, nil
}

// putFile makes what was written to f an object.
func (m *Mirror) putFile(ctx context.Context, f *os.File) (layout.ObjectRef, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return layout.ObjectRef{}, err
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return layout.ObjectRef{}, err
	}
	ref := layout.ObjectRef{SHA256: layout.Digest(h.Sum(nil)), Size: size}
	return ref, m.Store.Put(ctx, ref.SHA256, size, f)
}
