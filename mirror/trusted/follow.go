package trusted

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/verify"
)

// Follow is Newest for whoever asks again and again, as a server does. It asks the
// store for one thing, the state after the last one that was accepted, and goes on
// from there; nothing is listed, but for the first time on a machine without a mark.
// A state that is refused is asked for again by the next call, so that what was
// repaired is found.
//
// While the store is away (store.ErrAway) it returns the newest state that was
// accepted together with the error, where it is no older than the mark. That a log
// lost its end is for Recheck to find.
func (r *Reader) Follow(ctx context.Context) (*State, error) {
	floor, err := r.floor()
	if err != nil {
		return nil, err
	}
	last, err := r.begin(ctx, floor)
	if err != nil || last == nil {
		return nil, err
	}
	newest, err := r.ahead(ctx, last)
	if err == nil && newest != last {
		err = r.accept(ctx, newest)
	}
	switch {
	case err != nil && !errors.Is(err, store.ErrAway):
		return nil, err
	case newest.Number >= floor.number:
		return newest, err
	case err != nil:
		return nil, err
	}
	return nil, rolledBack(newest.Number, floor)
}

// begin returns the state to go on from, nil for an empty log.
func (r *Reader) begin(ctx context.Context, floor position) (*State, error) {
	if last := r.last.Load(); last != nil {
		return last, nil
	}
	if floor.number == 0 {
		return r.Newest(ctx)
	}
	state, err := r.State(ctx, floor.number)
	if errors.Is(err, fs.ErrNotExist) {
		err = missing(floor.number, err)
	}
	if err != nil {
		return nil, err
	}
	if here := (position{state.Number, state.Digest}); here != floor {
		return nil, equivocates(here, floor)
	}
	return state, r.accept(ctx, state)
}

// ahead reads the log on to its end and checks each link. Nothing of it is accepted
// yet: a log that is wrong at its end may be wrong before. While the store is away
// it returns last with the error.
func (r *Reader) ahead(ctx context.Context, last *State) (*State, error) {
	at := last
	for {
		next, err := r.State(ctx, at.Number+1)
		if errors.Is(err, fs.ErrNotExist) {
			return at, nil
		}
		if err != nil {
			return last, err
		}
		if next.Previous != at.Digest {
			return last, forked(next.Number, next.Previous, at.Digest)
		}
		at = next
	}
}

// Recheck reads the newest state that was accepted again, and refuses a store that
// lost or changed it: Follow, which only looks ahead, does not see that.
func (r *Reader) Recheck(ctx context.Context) error {
	last := r.last.Load()
	if last == nil {
		return nil
	}
	again, err := r.Store.Read(ctx, last.Number)
	if errors.Is(err, fs.ErrNotExist) {
		refused := missing(last.Number, err)
		if trust, ok := errors.AsType[*verify.TrustError](refused); ok {
			trust.Next = "bring it back, and find out who removed it"
		}
		return refused
	}
	if err != nil {
		return fmt.Errorf("read state %d again: %w", last.Number, err)
	}
	if here := (position{last.Number, layout.DigestOf(again)}); here.digest != last.Digest {
		return equivocates(here, position{last.Number, last.Digest})
	}
	return nil
}
