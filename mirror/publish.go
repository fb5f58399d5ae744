package mirror

import (
	"context"
	"fmt"
	"os"
	"slices"

	"patchferry/layout"
	"patchferry/layout/store"
)

// published is the outcome of making a catalog.
type published struct {
	published bool
	number    uint64
	lines     layout.Digest
	counts    layout.Counts
	notices   layout.Notices
}

// publish writes the plan's catalog with what was fetched and, if it differs
// from the base's, puts it and makes it the newest generation in one write.
func (m *Mirror) publish(ctx context.Context, base *base, p *plan, lists []*listing, news *news) (*published, error) {
	stage, err := m.Stage()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(stage, store.TempPrefix+"catalog-*")
	if err != nil {
		return nil, fmt.Errorf("write the catalog: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if p.taking, err = m.newExtraction(base, p.recheck); err != nil {
		return nil, err
	}
	made, err := m.assemble(ctx, f, p)
	if err != nil {
		return nil, err
	}
	same := base.gen != nil && made.lines == base.gen.Lines
	if same && !news.changed() {
		return &published{number: base.gen.Number, lines: made.lines, counts: base.gen.Counts, notices: base.gen.Notices}, nil
	}
	if base.gen == nil && made.counts.Updates == 0 && !news.changed() {
		return &published{lines: made.lines}, nil
	}
	catalog, err := m.putFile(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("put the catalog: %w", err)
	}
	gen := layout.Generation{
		Format: layout.FormatGeneration, Version: layout.Version,
		Number: 1, Created: layout.At(m.now()), Catalog: catalog,
		Lines: made.lines, Counts: made.counts,
	}
	if gen.Notices, err = m.putNotices(ctx, base, news); err != nil {
		return nil, err
	}
	if gen.StateRoot, err = made.root(&gen, news.sorted()); err != nil {
		return nil, err
	}
	if base.gen != nil {
		gen.Number = base.gen.Number + 1
		gen.Previous = base.state.Generation.Generation.Document.SHA256
		gen.Revocations = base.gen.Revocations
		gen.HeldBack = heldFromAll(base.state.HeldBack)
	}
	if err := m.propose(ctx, &gen, p, news); err != nil {
		return nil, err
	}
	position, err := m.putGeneration(ctx, &gen)
	if err != nil {
		return nil, err
	}
	if err := m.publishState(ctx, base, position, why(lists, news, p.folded)); err != nil {
		return nil, err
	}
	m.report(Event{Kind: EventPublish, Count: int(gen.Number), Bytes: catalog.Size})
	return &published{published: true, number: gen.Number, lines: made.lines, counts: made.counts, notices: gen.Notices}, nil
}

// publishState makes position the newest generation, unless another writer
// published one meanwhile: then the catalog was made from an older one, and
// the sync has to be run again.
func (m *Mirror) publishState(ctx context.Context, base *base, position layout.Position, why string) error {
	_, err := m.Writer.Publish(ctx, base.state, func(s *layout.State) error {
		if err := unpruned(base.state, s); err != nil {
			return err
		}
		if was := base.position(); s.Generation != nil && *s.Generation != was {
			return fmt.Errorf("generation %d was published meanwhile by another writer; run patchferry sync again", s.Generation.Number)
		}
		m.land(s)
		follow(s, position)
		s.Why = why
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish generation %d: %w", position.Number, err)
	}
	return nil
}

// follow makes position the newest generation of a state, and keeps the one
// before.
func follow(s *layout.State, position layout.Position) {
	if s.Generation != nil {
		s.Kept = slices.Insert(slices.Clone(s.Kept), 0, *s.Generation)
	}
	s.Generation = &position
}

func (b *base) position() layout.Position {
	if b.state == nil || b.state.Generation == nil {
		return layout.Position{}
	}
	return *b.state.Generation
}

// putGeneration signs a generation and puts it with its signature.
func (m *Mirror) putGeneration(ctx context.Context, gen *layout.Generation) (layout.Position, error) {
	doc, err := gen.Encode()
	if err != nil {
		return layout.Position{}, err
	}
	signer, err := m.proven(ctx)
	if err != nil {
		return layout.Position{}, err
	}
	sig, err := signer.Sign(doc, m.now())
	if err != nil {
		return layout.Position{}, fmt.Errorf("sign generation %d: %w", gen.Number, err)
	}
	position := layout.Position{Number: gen.Number, Created: gen.Created}
	if position.Generation.Document, err = m.Writer.PutDocument(ctx, doc); err != nil {
		return position, fmt.Errorf("put generation %d: %w", gen.Number, err)
	}
	if position.Generation.Signature, err = m.Writer.PutDocument(ctx, sig); err != nil {
		return position, fmt.Errorf("put the signature of generation %d: %w", gen.Number, err)
	}
	return position, nil
}

// why words the reason of a sync's state.
func why(lists []*listing, news *news, folded int) string {
	text := "sync"
	for _, l := range lists {
		if l.changed {
			text += " " + l.src.Name
		}
	}
	for _, g := range news.gazettes {
		if len(g.reports) > 0 {
			text += " " + g.src.Name
		}
	}
	if folded > 0 {
		text += fmt.Sprintf(" (%s that hosts asked for)", number(folded, "file"))
	}
	return text
}
