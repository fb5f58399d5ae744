package trusted

import (
	"context"
	"iter"

	"patchferry/layout"
)

// Published opens and checks the generations that a state publishes: a near
// side's own, or one of every stream that a far side follows, the one that was
// made last first.
func (r *Reader) Published(ctx context.Context, state *State) ([]*layout.Generation, error) {
	all, _, err := r.generations(ctx, state)
	return newestFirst(all), err
}

// Union yields the updates of generations in the order of ids. Of an update
// that several have, the record of the first counts. An error comes last, and
// then what was read counts for nothing.
func (r *Reader) Union(ctx context.Context, generations []*layout.Generation) iter.Seq2[*layout.Update, error] {
	sources := make([]updates, 0, len(generations))
	for _, g := range generations {
		sources = append(sources, r.catalog(ctx, g))
	}
	return united(sources)
}
