package mirror

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"os"
	"slices"

	"patchferry/layout"
	"patchferry/layout/store"
)

// ExportSelection says what the selection of a stream made of a generation.
type ExportSelection struct {
	Updates        int `json:"updates"`               // that are carried
	Prerequisites  int `json:"prerequisites"`         // of these, only because others need them
	LeftOut        int `json:"left_out"`              // updates of the near side's catalog that are not carried
	Notices        int `json:"notices"`               // documents of publishers that are carried
	NoticesLeftOut int `json:"notices_left_out"`      // that speak of nothing but what is left out
	OtherFiles     int `json:"other_files,omitempty"` // of updates that are carried: in languages that are not selected
}

// carried is the generation that a bundle carries, with all that it refers to.
type carried struct {
	position layout.Position // zero in a dry run that would make it
	doc, sig []byte
	gen      *layout.Generation
	all      referredObjects
	selected *ExportSelection // nil: it is the near side's own, whole
}

// chooser makes of a generation the one of a stream with a selection.
//
// It has the number and the time of the one that it was made of, and no
// previous: so its bytes follow from that one and the selection alone, and an
// export that is run again makes the same. Holds and revocations go with it
// whole, also those of updates that are not selected. A far side may have these
// from an earlier selection, or from another stream, and nothing that was taken
// back may stay there because a selection was changed.
type chooser struct {
	m      *Mirror
	from   *layout.Generation
	sel    layout.Selection
	drawn  map[string]bool // ids of updates that are carried because others need them
	topics *topics
	dry    bool
	made   carried
}

// choose makes the generation of a stream out of the one at a position. known
// are generations that were made so before: the same one is not signed again. A
// dry run puts nothing into the store.
func (m *Mirror) choose(ctx context.Context, from layout.Position, sel layout.Selection, known []layout.Position, dry bool) (*carried, error) {
	gen, err := m.Trusted.Generation(ctx, from.Generation)
	if err != nil {
		return nil, err
	}
	c := &chooser{m: m, from: gen, sel: sel, dry: dry}
	c.made.selected, c.made.all = new(ExportSelection), make(referredObjects)
	if c.drawn, err = m.prerequisites(ctx, gen, sel); err != nil {
		return nil, err
	}
	if c.topics, err = m.readTopics(ctx, gen); err != nil {
		return nil, err
	}
	next := &layout.Generation{
		Format: layout.FormatGeneration, Version: layout.Version, Number: gen.Number, Created: gen.Created,
		Revocations: gen.Revocations, HeldBack: gen.HeldBack,
	}
	if err := c.catalog(ctx, next); err != nil {
		return nil, fmt.Errorf("write the catalog: %w", err)
	}
	if err := c.notices(ctx, next); err != nil {
		return nil, fmt.Errorf("write the notices: %w", err)
	}
	if next.StateRoot, err = c.made.all.root(); err != nil {
		return nil, fmt.Errorf("sum up the generation: %w", err)
	}
	c.made.gen = next
	return &c.made, c.seal(ctx, known)
}

// catalog writes the selected updates.
func (c *chooser) catalog(ctx context.Context, next *layout.Generation) error {
	out, err := c.openList("catalog-*")
	if err != nil {
		return err
	}
	defer out.close()
	w, err := layout.NewCatalogWriter(out)
	if err != nil {
		return err
	}
	sum := &assembled{objects: map[layout.Digest]int64{}}
	for line, err := range c.m.catalogLines(ctx, c.from) {
		if err != nil {
			return err
		}
		u, err := layout.ParseLine(line)
		if err != nil {
			return err
		}
		carries := c.takes(u)
		c.topics.meets(u, carries)
		if !carries {
			continue
		}
		if line, err = c.trim(u, line); err != nil {
			return err
		}
		sum.add(u)
		for ref := range heldFiles(u) {
			if err := c.made.all.add(ref, false); err != nil {
				return err
			}
		}
		if err := w.WriteLine(line); err != nil {
			return err
		}
	}
	end, err := w.Close()
	if err != nil {
		return err
	}
	next.Lines, next.Counts = end.Lines, sum.total()
	if next.Catalog, err = out.put(ctx); err != nil {
		return err
	}
	return c.made.all.add(next.Catalog, false)
}

// takes decides on an update, and counts it.
func (c *chooser) takes(u *layout.Update) bool {
	s := c.made.selected
	switch {
	case c.sel.Match(u):
	case c.drawn[u.ID]:
		s.Prerequisites++
	default:
		s.LeftOut++
		return false
	}
	s.Updates++
	return true
}

// trim leaves the files of other languages out, as a sync does, and returns the
// line of what stays.
func (c *chooser) trim(u *layout.Update, line []byte) ([]byte, error) {
	wanted := c.sel.Files(u)
	if len(wanted) == len(u.Files) {
		return line, nil
	}
	c.made.selected.OtherFiles += len(u.Files) - len(wanted)
	u.Files = wanted
	return layout.AppendLine(nil, u)
}

// notices writes the documents that concern what is carried.
func (c *chooser) notices(ctx context.Context, next *layout.Generation) error {
	if c.from.Notices.IsZero() {
		return nil
	}
	out, err := c.openList("notices-*")
	if err != nil {
		return err
	}
	defer out.close()
	w, err := layout.NewCatalogWriter(out)
	if err != nil {
		return err
	}
	var line []byte
	for n, err := range c.m.Trusted.Notices(ctx, c.from) {
		if err != nil {
			return err
		}
		if !c.topics.concern(n) {
			c.made.selected.NoticesLeftOut++
			continue
		}
		c.made.selected.Notices++
		for _, ref := range [...]layout.ObjectRef{n.Original, n.Signature} {
			if err := c.made.all.add(ref, true); err != nil {
				return err
			}
		}
		if line, err = layout.AppendNotice(line[:0], n); err != nil {
			return err
		}
		if err := w.WriteLine(line); err != nil {
			return err
		}
	}
	end, err := w.Close()
	if err != nil || end.Count == 0 {
		return err
	}
	next.Notices.Lines, next.Notices.Count = end.Lines, end.Count
	if next.Notices.List, err = out.put(ctx); err != nil {
		return err
	}
	return c.made.all.add(next.Notices.List, false)
}

// seal signs the generation and puts it, unless it is one that is known.
func (c *chooser) seal(ctx context.Context, known []layout.Position) error {
	var err error
	if c.made.doc, err = c.made.gen.Encode(); err != nil {
		return err
	}
	digest := layout.DigestOf(c.made.doc)
	for _, p := range known {
		if p.Generation.Document.SHA256 != digest {
			continue
		}
		// A signature that no longer counts is not handed on.
		if _, err := c.m.Trusted.Generation(ctx, p.Generation); err == nil {
			c.made.position = p
			c.made.sig, err = c.m.Trusted.Document(ctx, p.Generation.Signature)
			return err
		}
	}
	if c.dry {
		return nil
	}
	if c.made.position, err = c.m.putGeneration(ctx, c.made.gen); err != nil {
		return err
	}
	c.made.sig, err = c.m.Trusted.Document(ctx, c.made.position.Generation.Signature)
	return err
}

// list is a catalog or a list of notices while it is written: to a file that
// becomes an object, or in a dry run to nowhere.
type list struct {
	m    *Mirror
	f    *os.File // nil in a dry run
	hash hash.Hash
	size int64
}

func (c *chooser) openList(pattern string) (*list, error) {
	l := &list{m: c.m, hash: sha256.New()}
	if c.dry {
		return l, nil
	}
	stage, err := c.m.Stage()
	if err != nil {
		return nil, err
	}
	l.f, err = os.CreateTemp(stage, store.TempPrefix+pattern)
	return l, err
}

// Write implements io.Writer.
func (l *list) Write(p []byte) (int, error) {
	l.hash.Write(p)
	l.size += int64(len(p))
	if l.f == nil {
		return len(p), nil
	}
	return l.f.Write(p)
}

// put makes what was written an object.
func (l *list) put(ctx context.Context) (layout.ObjectRef, error) {
	if l.f != nil {
		return l.m.putFile(ctx, l.f)
	}
	return layout.ObjectRef{SHA256: layout.Digest(l.hash.Sum(nil)), Size: l.size}, nil
}

// close removes the file; the object is a link or a copy.
func (l *list) close() {
	if l.f != nil {
		_ = l.f.Close()
		_ = os.Remove(l.f.Name())
	}
}

// knownGenerations returns those that a stream has carried.
func knownGenerations(out *layout.Outbound) []layout.Position {
	var all []layout.Position
	for _, e := range out.Exports {
		if !slices.Contains(all, e.Generation) {
			all = append(all, e.Generation)
		}
	}
	return all
}
