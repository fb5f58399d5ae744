package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"patchferry/layout"
)

// keptGenerations is how many generations are kept whatever their age.
const keptGenerations = 4

// reference is why an object is needed.
type reference struct {
	size   int64 // -1: unknown
	update string
	file   string // of the update, or what else it is
	absent bool   // it never came here, and nothing says that it did
}

// references are all objects that the given generations need.
type references map[layout.Digest]reference

func (m *Mirror) keepFor() time.Duration {
	switch {
	case m.Keep < 0:
		return 0
	case m.Keep == 0:
		return 90 * 24 * time.Hour
	}
	return m.Keep
}

// kept returns the generations that must stay: the newest four, those younger
// than Keep, those a lease needs, what streams stand on, and what rings show
// and showed before their last change.
func (m *Mirror) kept(ctx context.Context, s *layout.State) (own, others []layout.Position, err error) {
	if s.Generation != nil {
		own = append(own, *s.Generation)
	}
	limit := m.now().Add(-m.keepFor())
	from := oldestLease(s, m.now())
	for _, p := range s.Kept {
		if len(own) < keptGenerations || p.Created.Time().After(limit) || p.Number >= from {
			own = append(own, p)
		}
	}
	for _, stream := range s.Streams {
		others = append(append(others, stream.Position), stream.Kept...)
	}
	shown, err := m.keptForRings(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	return own, append(others, shown...), nil
}

// keptOnce returns the generations that must stay, each once, the newest first.
func (m *Mirror) keptOnce(ctx context.Context, s *layout.State) ([]layout.Position, error) {
	own, others, err := m.kept(ctx, s)
	if err != nil {
		return nil, err
	}
	known := make(map[layout.Digest]bool)
	all := slices.DeleteFunc(slices.Concat(own, others), func(p layout.Position) bool {
		twice := known[p.Generation.Document.SHA256]
		known[p.Generation.Document.SHA256] = true
		return twice
	})
	slices.SortStableFunc(all, func(x, y layout.Position) int { return y.Created.Time().Compare(x.Created.Time()) })
	return all, nil
}

// oldestLease returns the oldest generation number that a lease still needs.
func oldestLease(s *layout.State, now time.Time) uint64 {
	from := ^uint64(0)
	for _, l := range s.Leases {
		if l.Expires.Time().After(now) {
			from = min(from, l.From)
		}
	}
	return from
}

// needed gathers every object that the state, its kept generations, its exports,
// its bindings and a sync that was killed before it published need.
func (m *Mirror) needed(ctx context.Context, s *layout.State) (references, []layout.Position, error) {
	refs := references{}
	own, others, err := m.kept(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	sent, err := m.keptForExports(ctx, s, refs)
	if err != nil {
		return nil, nil, err
	}
	if err := m.keptForImports(ctx, s, refs); err != nil {
		return nil, nil, err
	}
	for _, p := range slices.Concat(own, others, sent) {
		if err := m.refer(ctx, refs, p); err != nil {
			return nil, nil, err
		}
	}
	for _, r := range s.Rotations {
		refs.add(r.Document, "", "key rotation")
		refs.add(r.Signature, "", "signature of a key rotation")
	}
	if s.Prune != nil {
		refs.add(s.Prune.Objects, "", "prune plan")
	}
	if err := m.referBindings(ctx, refs); err != nil {
		return nil, nil, err
	}
	unpublished, _, err := m.readAdmitted()
	if err != nil {
		return nil, nil, err
	}
	for key, got := range unpublished {
		refs.add(layout.ObjectRef{SHA256: got.SHA256, Size: got.Size}, "", key)
	}
	return refs, own, nil
}

// refer adds everything that one generation refers to, checking its
// signature, its catalog's digest and the digest of the lines on the way.
func (m *Mirror) refer(ctx context.Context, refs references, p layout.Position) error {
	gen, err := m.Trusted.Generation(ctx, p.Generation)
	if err != nil {
		return fmt.Errorf("generation %d: %w", p.Number, err)
	}
	refs.add(p.Generation.Document, "", fmt.Sprintf("generation %d", p.Number))
	refs.add(p.Generation.Signature, "", fmt.Sprintf("signature of generation %d", p.Number))
	refs.add(gen.Catalog, "", fmt.Sprintf("catalog of generation %d", p.Number))
	refs.add(gen.Notices.List, "", fmt.Sprintf("notices of generation %d", p.Number))
	for n, err := range m.Trusted.Notices(ctx, gen) {
		if err != nil {
			return fmt.Errorf("generation %d: %w", p.Number, err)
		}
		refs.add(n.Original, n.ID, n.File)
		refs.add(n.Signature, n.ID, n.SigFile)
	}
	refs.add(p.Absent, "", fmt.Sprintf("what was absent of generation %d", p.Number))
	absent, err := m.Trusted.AbsentOf(ctx, p)
	if err != nil {
		return fmt.Errorf("generation %d: %w", p.Number, err)
	}
	for u, err := range m.updates(ctx, gen) {
		if err != nil {
			return fmt.Errorf("catalog of generation %d: %w", p.Number, err)
		}
		for i := range u.Files {
			f := &u.Files[i]
			switch ref := (layout.ObjectRef{SHA256: f.SHA256, Size: f.Size}); {
			case f.Held && absent[f.SHA256]:
				refs.addAbsent(ref, u.ID, f.Name)
			case f.Held:
				refs.add(ref, u.ID, f.Name)
			}
		}
	}
	return nil
}

// referBindings adds the objects that fills brought and no generation names
// yet.
func (m *Mirror) referBindings(ctx context.Context, refs references) error {
	for b, err := range m.Store.Bindings(ctx) {
		if err != nil {
			return fmt.Errorf("list bindings: %w", err)
		}
		var doc struct {
			SHA256 layout.Digest `json:"sha256"`
		}
		if err := json.Unmarshal(b.Doc, &doc); err != nil {
			return fmt.Errorf("binding %s: %w", b.Key, err)
		}
		refs.add(layout.ObjectRef{SHA256: doc.SHA256, Size: -1}, "", "binding "+b.Key.String())
	}
	return nil
}

func (r references) add(o layout.ObjectRef, update, file string) {
	if o.IsZero() {
		return
	}
	if known, ok := r[o.SHA256]; ok && known.size >= 0 && !known.absent {
		return
	}
	r[o.SHA256] = reference{size: o.Size, update: update, file: file}
}

// addAbsent adds an object that may not be here. Who else needs it makes it one
// that must.
func (r references) addAbsent(o layout.ObjectRef, update, file string) {
	if _, ok := r[o.SHA256]; !ok {
		r[o.SHA256] = reference{size: o.Size, update: update, file: file, absent: true}
	}
}

// updates streams the updates of a generation's catalog.
func (m *Mirror) updates(ctx context.Context, gen *layout.Generation) updateSeq {
	return func(yield func(*layout.Update, error) bool) {
		for line, err := range m.catalogLines(ctx, gen) {
			var u *layout.Update
			if err == nil {
				u, err = layout.ParseLine(line)
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// catalogLines streams the lines of a generation's catalog.
func (m *Mirror) catalogLines(ctx context.Context, gen *layout.Generation) lineSeq {
	return func(yield func([]byte, error) bool) {
		catalog, err := m.Trusted.Catalog(ctx, gen)
		if err != nil {
			yield(nil, err)
			return
		}
		for line, err := range catalog.Lines() {
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}
