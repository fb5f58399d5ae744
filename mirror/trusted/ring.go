package trusted

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/verify"
)

// Shown is what a ring shows: the updates of one or several generations, with
// what keeps some of them from hosts. It is not changed once it was made, and
// may be used concurrently.
type Shown struct {
	Ring layout.Ring // the zero ring shows nothing
	// Generations are those of the ring's state, the newest first.
	Generations []*layout.Generation
	// Held are the updates that are kept from the ring, by id. The newest state
	// says so, whatever state the ring shows.
	Held map[string]layout.HeldBack
	// Revoked are the files that the newest generations, or this site, took
	// back: in every ring, at once.
	Revoked []layout.Revoked
	// Absent are the contents that bundles of the catalog alone left out and that
	// nothing has brought since. Updates have such files as listed.
	Absent map[layout.Digest]bool
	// Digest is the same for everything that shows the same.
	Digest layout.Digest

	reader  *Reader
	picked  map[uint64]*picked     // by state
	states  map[uint64]bool        // that were read for this
	objects map[layout.Digest]bool // that were, or will be
}

// picked are the updates that a ring takes from one state besides its own.
type picked struct {
	generations []*layout.Generation
	ids         map[string]bool
}

// Shown opens and checks what a ring shows in a state.
func (r *Reader) Shown(ctx context.Context, state *State, ring string) (*Shown, error) {
	return r.Show(ctx, state, ring, state.Shows(ring))
}

// Show opens and checks what the ring of that name would show in a state if
// its entry were show.
func (r *Reader) Show(ctx context.Context, state *State, name string, show layout.Ring) (*Shown, error) {
	s := &Shown{Ring: show, Held: make(map[string]layout.HeldBack), Absent: make(map[layout.Digest]bool), reader: r, picked: make(map[uint64]*picked), states: make(map[uint64]bool), objects: make(map[layout.Digest]bool)}
	newest, _, err := r.generations(ctx, state)
	if err != nil {
		return nil, err
	}
	s.needs(state, newest)
	for _, g := range newest {
		s.Revoked = append(s.Revoked, g.Revocations...)
	}
	s.Revoked = append(s.Revoked, state.Revoked...)
	s.holdBack(state, newest, name)
	sum := &content{Revoked: s.Revoked, Held: slices.Sorted(maps.Keys(s.Held))}
	for _, number := range show.States() {
		at, generations, digests, err := r.generationsOf(ctx, state, number)
		if err != nil {
			return nil, fmt.Errorf("ring %s: %w", name, err)
		}
		absent, err := r.Absent(ctx, at)
		if err != nil {
			return nil, fmt.Errorf("ring %s: %w", name, err)
		}
		maps.Copy(s.Absent, absent)
		s.needs(at, generations)
		if number == show.State {
			s.Generations, sum.Catalog = newestFirst(generations), digests
		}
		s.pick(number, generations, digests, sum)
	}
	sum.Absent = slices.SortedFunc(maps.Keys(s.Absent), func(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) })
	s.Digest, err = sum.digest()
	return s, err
}

// needs notes what was read of a state.
func (s *Shown) needs(state *State, generations []*layout.Generation) {
	s.states[state.Number] = true
	refs := []layout.ObjectRef{}
	for _, r := range state.Rotations {
		refs = append(refs, r.Document, r.Signature)
	}
	for _, p := range state.Positions() {
		refs = append(refs, p.Generation.Document, p.Generation.Signature, p.Absent)
	}
	for _, g := range generations {
		refs = append(refs, g.Catalog, g.Notices.List)
	}
	for _, ref := range refs {
		if !ref.IsZero() {
			s.objects[ref.SHA256] = true
		}
	}
}

// Needs returns the states and the objects that it takes to open this again: the
// catalogs with what vouches for them, and no content.
func (s *Shown) Needs() (states []uint64, objects []layout.Digest) {
	compare := func(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) }
	return slices.Sorted(maps.Keys(s.states)), slices.SortedFunc(maps.Keys(s.objects), compare)
}

// content is what the digest of a Shown is made of.
type content struct {
	Catalog []layout.Digest  `json:"catalog"`
	Picked  []pickedContent  `json:"picked"`
	Held    []string         `json:"held"`
	Revoked []layout.Revoked `json:"revoked"`
	Absent  []layout.Digest  `json:"absent,omitempty"`
}

type pickedContent struct {
	Update  string          `json:"update"`
	Catalog []layout.Digest `json:"catalog"`
}

func (c *content) digest() (layout.Digest, error) {
	slices.SortFunc(c.Revoked, func(x, y layout.Revoked) int { return bytes.Compare(x.SHA256[:], y.SHA256[:]) })
	doc, err := json.Marshal(c)
	if err != nil {
		return layout.Digest{}, fmt.Errorf("sum up a ring: %w", err)
	}
	return sha256.Sum256(doc), nil
}

// holdBack gathers the holds that are in force for a ring: those of the newest
// state, and those that came with the generations of streams. A site with a
// generation of its own wrote its holds into both, and its state is the newer.
func (s *Shown) holdBack(state *State, newest []*layout.Generation, ring string) {
	for i, g := range newest {
		if i == 0 && state.Generation != nil {
			continue
		}
		for _, h := range g.HeldBack {
			s.Held[h.Update] = h
		}
	}
	for _, h := range state.HeldBack {
		if h.Covers(ring) {
			s.Held[h.Update] = h
		}
	}
}

// pick notes the updates that are taken from one state.
func (s *Shown) pick(number uint64, generations []*layout.Generation, digests []layout.Digest, sum *content) {
	ids := make(map[string]bool)
	for _, p := range s.Ring.Updates {
		if p.State != number {
			continue
		}
		ids[p.Update] = true
		sum.Picked = append(sum.Picked, pickedContent{p.Update, digests})
	}
	if len(ids) > 0 {
		s.picked[number] = &picked{newestFirst(generations), ids}
	}
}

// generationsOf opens the generations of the state of that number, which is
// newest or an older one.
func (r *Reader) generationsOf(ctx context.Context, newest *State, number uint64) (*State, []*layout.Generation, []layout.Digest, error) {
	state := newest
	if number != newest.Number {
		var err error
		if state, err = r.State(ctx, number); err != nil {
			return nil, nil, nil, fmt.Errorf("read state %d: %w", number, err)
		}
	}
	generations, digests, err := r.generations(ctx, state)
	return state, generations, digests, err
}

// generations opens what a state publishes, in the order of Positions.
func (r *Reader) generations(ctx context.Context, state *State) ([]*layout.Generation, []layout.Digest, error) {
	var all []*layout.Generation
	var digests []layout.Digest
	for _, p := range state.Positions() {
		g, err := r.Generation(ctx, p.Generation)
		if err != nil {
			return nil, nil, fmt.Errorf("generation %d of state %d: %w", p.Number, state.Number, err)
		}
		all = append(all, g)
		digests = append(digests, p.Generation.Document.SHA256)
	}
	return all, digests, nil
}

// newestFirst returns the generations in the order in which they were made, so
// that of an update that two streams have the newer record counts.
func newestFirst(all []*layout.Generation) []*layout.Generation {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(x, y *layout.Generation) int { return y.Created.Time().Compare(x.Created.Time()) })
	return sorted
}

// Newest returns the generation of the ring's state that was made last, or nil
// where it shows none.
func (s *Shown) Newest() *layout.Generation {
	if len(s.Generations) == 0 {
		return nil
	}
	return s.Generations[0]
}

// Updates yields what hosts of the ring are given, in the order of ids: without
// what is held back. An error comes last, and then the rest counts for nothing.
func (s *Shown) Updates(ctx context.Context) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		for u, err := range s.All(ctx) {
			if err == nil && s.isHeld(u.ID) {
				continue
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

func (s *Shown) isHeld(id string) bool {
	_, held := s.Held[id]
	return held
}

// All is Updates with those that are held back.
func (s *Shown) All(ctx context.Context) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		taken, err := s.takePicked(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		sources := []updates{taken}
		for _, g := range s.Generations {
			sources = append(sources, s.reader.catalog(ctx, g))
		}
		for u, err := range WithoutAbsent(united(sources), s.Absent) {
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// takePicked reads the updates that were taken one by one.
func (s *Shown) takePicked(ctx context.Context) (updates, error) {
	var all []*layout.Update
	for _, number := range slices.Sorted(maps.Keys(s.picked)) {
		p := s.picked[number]
		found := make(map[string]bool)
		sources := make([]updates, 0, len(p.generations))
		for _, g := range p.generations {
			sources = append(sources, s.reader.catalog(ctx, g))
		}
		for u, err := range united(sources) {
			if err != nil {
				return nil, err
			}
			if p.ids[u.ID] {
				found[u.ID] = true
				all = append(all, u)
			}
		}
		if missing := len(p.ids) - len(found); missing > 0 {
			return nil, &verify.TrustError{
				Code: verify.CodeCount, Subject: fmt.Sprintf("catalog of state %d", number),
				Reason: fmt.Sprintf("a ring takes %d updates from it, and it lacks %d of them", len(p.ids), missing),
			}
		}
	}
	slices.SortFunc(all, func(x, y *layout.Update) int { return strings.Compare(x.ID, y.ID) })
	return func(yield func(*layout.Update, error) bool) {
		for _, u := range all {
			if !yield(u, nil) {
				return
			}
		}
	}, nil
}

// updates is a sequence of updates in the order of their ids; an error ends it.
type updates = iter.Seq2[*layout.Update, error]

// catalog yields the updates of a generation.
func (r *Reader) catalog(ctx context.Context, g *layout.Generation) updates {
	return func(yield func(*layout.Update, error) bool) {
		c, err := r.Catalog(ctx, g)
		if err != nil {
			yield(nil, err)
			return
		}
		for u, err := range c.Updates() {
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// united merges sequences into one. Of updates with one id that of the first
// sequence counts.
func united(sources []updates) updates {
	return func(yield func(*layout.Update, error) bool) {
		feeds := make([]*feed, 0, len(sources))
		for _, s := range sources {
			f := &feed{}
			var stop func()
			f.next, stop = iter.Pull2(s)
			defer stop()
			f.advance()
			feeds = append(feeds, f)
		}
		for {
			first := earliest(feeds)
			if first == nil {
				return
			}
			if !yield(first.at, first.err) || first.err != nil {
				return
			}
			id := first.at.ID
			for _, f := range feeds {
				for f.at != nil && f.at.ID == id && f.err == nil {
					f.advance()
				}
			}
		}
	}
}

// feed is one of several sequences that are merged.
type feed struct {
	next func() (*layout.Update, error, bool)
	at   *layout.Update // nil at the end, or with err
	err  error
}

func (f *feed) advance() { f.at, f.err, _ = f.next() }

// earliest returns the feed that comes next, or nil at the end of all. One that
// failed comes at once.
func earliest(feeds []*feed) *feed {
	var first *feed
	for _, f := range feeds {
		if f.err != nil {
			return f
		}
		if f.at != nil && (first == nil || f.at.ID < first.at.ID) {
			first = f
		}
	}
	return first
}
