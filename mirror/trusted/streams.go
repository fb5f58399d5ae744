package trusted

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

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

// sparseStreams returns the headers of the bundles that a state accepted last of
// streams whose files may be absent, in the order of digests.
func sparseStreams(state *State) []layout.Digest {
	var headers []layout.Digest
	for _, s := range state.Streams {
		if s.Sparse {
			headers = append(headers, s.Header)
		}
	}
	slices.SortFunc(headers, func(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) })
	return headers
}

// Present yields updates as the store of a state has them: where a bundle of the
// catalog alone may have left files out, a file that the catalog calls held is
// only listed if its object is not here. The store is listed once, at the first
// update.
func (r *Reader) Present(ctx context.Context, state *State, all iter.Seq2[*layout.Update, error]) iter.Seq2[*layout.Update, error] {
	if len(sparseStreams(state)) == 0 {
		return all
	}
	return r.present(ctx, all)
}

func (r *Reader) present(ctx context.Context, all updates) updates {
	return func(yield func(*layout.Update, error) bool) {
		here := make(map[layout.Digest]int64)
		for o, err := range r.Store.List(ctx, layout.Digest{}) {
			if err != nil {
				yield(nil, fmt.Errorf("list objects: %w", err))
				return
			}
			here[o.Digest] = o.Size
		}
		for u, err := range all {
			if err == nil {
				u = asPresent(u, here)
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// asPresent returns an update with the files that are not here as listed ones.
// The one that it is given stays as it is.
func asPresent(u *layout.Update, here map[layout.Digest]int64) *layout.Update {
	out, copied := u, false
	for i := range u.Files {
		f := &u.Files[i]
		if size, ok := here[f.SHA256]; !f.Held || ok && size == f.Size {
			continue
		}
		if !copied {
			c := *u
			c.Files = slices.Clone(u.Files)
			out, copied = &c, true
		}
		out.Files[i].Held = false
	}
	return out
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
