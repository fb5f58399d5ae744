package mirror

import (
	"context"
	"fmt"
	"os"

	"patchferry/layout"
	"patchferry/layout/store"
)

// news is what the sources of bulletins had for one sync. The notices of the
// base are read only where they are needed: a sync in which nothing is new
// does without.
type news struct {
	gazettes []*gazette
	lines    layout.Digest // of the base's list of notices
	known    *notices      // nil: not read
}

// announcements asks the sources of bulletins.
func (m *Mirror) announcements(ctx context.Context, base *base, sources []*BulletinSource, opt SyncOptions) (*news, error) {
	n := &news{}
	if base.gen != nil {
		n.lines = base.gen.Notices.Lines
	}
	if len(sources) == 0 {
		return n, nil
	}
	if err := n.load(ctx, base); err != nil {
		return n, err
	}
	var err error
	n.gazettes, err = m.gather(ctx, sources, n.known, opt)
	return n, err
}

// load reads the notices of the base.
func (n *news) load(ctx context.Context, base *base) (err error) {
	if n.known == nil {
		n.known, err = base.notices(ctx)
	}
	return err
}

// changed reports whether the next generation has other notices.
func (n *news) changed() bool { return n.known != nil && n.known.changed }

// sorted returns the notices of the next generation; they must be loaded.
func (n *news) sorted() []*layout.Notice { return n.known.sorted() }

// statements returns what the notices state of files; they must be loaded.
func (n *news) statements() *statements { return signedStatements(n.sorted()) }

// putNotices writes the list of notices, unless it is that of the base, and
// makes it an object.
func (m *Mirror) putNotices(ctx context.Context, base *base, news *news) (layout.Notices, error) {
	if !news.changed() {
		if base.gen == nil {
			return layout.Notices{}, nil
		}
		return base.gen.Notices, nil
	}
	stage, err := m.Stage()
	if err != nil {
		return layout.Notices{}, err
	}
	f, err := os.CreateTemp(stage, store.TempPrefix+"notices-*")
	if err != nil {
		return layout.Notices{}, fmt.Errorf("write the notices: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	list, err := writeNotices(f, news.sorted())
	if err != nil {
		return layout.Notices{}, fmt.Errorf("write the notices: %w", err)
	}
	if list.List, err = m.putFile(ctx, f); err != nil {
		return layout.Notices{}, fmt.Errorf("put the notices: %w", err)
	}
	return list, nil
}

func writeNotices(f *os.File, all []*layout.Notice) (layout.Notices, error) {
	out, err := layout.NewCatalogWriter(f)
	if err != nil {
		return layout.Notices{}, err
	}
	var line []byte
	for _, n := range all {
		if line, err = layout.AppendNotice(line[:0], n); err != nil {
			return layout.Notices{}, err
		}
		if err := out.WriteLine(line); err != nil {
			return layout.Notices{}, err
		}
	}
	sum, err := out.Close()
	return layout.Notices{Lines: sum.Lines, Count: sum.Count}, err
}

// announced enters in the report what the sources of bulletins had.
func (r *SyncReport) announced(n *news) {
	r.Sources, r.Notices, r.gazettes = []SourceReport{}, []NoticeReport{}, n.gazettes
	for _, g := range n.gazettes {
		r.Notices = append(r.Notices, g.reports...)
		r.Refused += g.refused
	}
}

// sum is a source's part of a report.
func (g *gazette) sum() SourceReport {
	s := SourceReport{Name: g.src.Name, Result: "unchanged", Listed: g.listed, Problems: []string{}}
	for _, issue := range g.issues {
		s.Problems = append(s.Problems, issue.Error())
	}
	switch {
	case g.err != nil:
		s.Result, s.Error = "failed", g.err.Error()
	case len(g.reports) > 0:
		s.Result = "new"
	}
	return s
}

// Proposed is a generation that is about to be published.
type Proposed struct {
	Number  uint64
	Counts  layout.Counts
	Files   []ProposedFile // that were not held before
	Notices []NoticeReport
}

// ProposedFile is a file of a proposed generation. Its object is in the store.
type ProposedFile struct {
	Update string      `json:"update"`
	File   layout.File `json:"file"`
}

// propose asks whoever may refuse a generation before it is published.
func (m *Mirror) propose(ctx context.Context, gen *layout.Generation, p *plan, news *news) error {
	if m.Before == nil {
		return nil
	}
	proposed := &Proposed{Number: gen.Number, Counts: gen.Counts}
	for _, w := range p.wants {
		if w.got != nil {
			proposed.Files = append(proposed.Files, ProposedFile{w.update, *w.got})
		}
	}
	for _, g := range news.gazettes {
		proposed.Notices = append(proposed.Notices, g.reports...)
	}
	if err := m.Before(ctx, proposed); err != nil {
		return fmt.Errorf("generation %d is not published: %w", gen.Number, err)
	}
	return nil
}
