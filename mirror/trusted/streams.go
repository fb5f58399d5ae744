package trusted

import (
	"context"
	"fmt"
	"iter"

	"patchferry/layout"
	"patchferry/verify"
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

// streamsRise makes sure that a state is not behind the one before it in any
// stream, and has no other bundle in the same place. before is nil for the first.
func streamsRise(before, state *State) error {
	if before == nil {
		return nil
	}
	for id, was := range before.Streams {
		is, follows := state.Streams[id]
		code, reason := verify.CodeRollback, "is older than in the state before"
		switch {
		case !follows:
			reason = "is gone"
		case is.Epoch == was.Epoch && is.Seq == was.Seq && is.Header != was.Header:
			code, reason = verify.CodeEquivocation, "is another bundle with the same number than in the state before"
		case is.Epoch > was.Epoch || is.Epoch == was.Epoch && is.Seq >= was.Seq:
			continue
		}
		return &verify.TrustError{
			Code: code, Subject: fmt.Sprintf("state %d", state.Number),
			Reason: fmt.Sprintf("the position in the stream %s (%s) %s", was.Name, id, reason),
		}
	}
	return nil
}
