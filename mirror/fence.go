package mirror

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// Several machines may change one store, and no lock keeps them apart. What
// they publish cannot get in each other's way: of two states with one number
// one is told. What prune deletes could: an object that nothing needs may be
// found, or put, by a job that is about to publish a generation that needs it.
//
// Two rules guard against that. A job publishes only if no removal was announced
// since the state that it began with (unpruned); so whatever it found or put
// before is still there. And while an announced removal is under way no job
// begins, but one that ends it (settlePrune); so nothing is put that is still
// to be deleted. Who deletes says until when he does so, and stops well before
// (extendPrune): one who died is found by the clock, one who sleeps finds by it
// that he was taken for dead.
//
// Fills go on meanwhile. What a fill brought is bound before anybody relies on it;
// who deletes looks at the bindings once more after his announcement, and who binds
// looks for announcements after he has bound (settleFill): one of the two sees the
// other.

const (
	// pruneLasts is for how long an announced removal is its holder's alone.
	pruneLasts = time.Hour
	// pruneMargin is how long before its end the holder deletes nothing more: by
	// so much may the clocks of two machines differ, with the time that a request
	// to delete takes.
	pruneMargin = 30 * time.Minute
)

// errPruned says that what a job found in the store may be gone.
var errPruned = errors.New("a prune began meanwhile; the same command again")

// unpruned refuses to publish s where a removal was announced since base, with
// which the job began; nil is an empty log.
func unpruned(base *trusted.State, s *layout.State) error {
	var began uint64
	if base != nil {
		began = base.Pruned
	}
	if s.Prune != nil || s.Pruned != began {
		return errPruned
	}
	return nil
}

// planned returns the objects that a removal names.
func (m *Mirror) planned(ctx context.Context, p *layout.PrunePlan) (map[layout.Digest]bool, error) {
	all, err := m.readDigests(ctx, p.Objects)
	if err != nil {
		return nil, fmt.Errorf("read prune plan %s: %w", p.ID, err)
	}
	named := make(map[layout.Digest]bool, len(all))
	for _, d := range all {
		named[d] = true
	}
	return named, nil
}

func (m *Mirror) claimPath(id string) string { return filepath.Join(m.Work, "prune", id+".holder") }

// claim draws the name under which this work directory holds a removal, and
// remembers it, so that the next job here knows the removal of one that died.
func (m *Mirror) claim(id string) (string, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	holder := hex.EncodeToString(random[:])
	path := m.claimPath(id)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("hold prune %s: %w", id, err)
	}
	if err := os.WriteFile(path, []byte(holder), 0o640); err != nil {
		return "", fmt.Errorf("hold prune %s: %w", id, err)
	}
	return holder, nil
}

// forgetClaim removes what claim remembered.
func (m *Mirror) forgetClaim(id string) error {
	err := os.Remove(m.claimPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// holds reports whether a removal is that of a job of this work directory,
// which is dead, since we have the lock. States from before there were holders
// are of one machine alone.
func (m *Mirror) holds(p *layout.PrunePlan) bool {
	if p.Holder == "" {
		return true
	}
	holder, err := os.ReadFile(m.claimPath(layout.SafeName(p.ID)))
	return err == nil && string(holder) == p.Holder
}

// sameClaim reports whether the removal is still the one that was begun, and
// with the same holder.
func sameClaim(p, begun *layout.PrunePlan) bool {
	return p != nil && p.ID == begun.ID && p.Holder == begun.Holder
}

// settlePrune ends a removal that whoever announced it did not end. One that
// another machine may still be at is ErrLocked.
func (m *Mirror) settlePrune(ctx context.Context, state *trusted.State) (*trusted.State, error) {
	p := state.Prune
	if !m.holds(p) {
		if m.now().Before(p.Until.Time()) {
			return nil, fmt.Errorf("%w by prune %s of another machine, announced by %s; unless it ends before, it counts as dead from %s on",
				ErrLocked, p.ID, state.Actor, p.Until)
		}
		var err error
		if state, err = m.takePrune(ctx, state); err != nil {
			return nil, err
		}
	}
	next, err := m.finishPrune(ctx, state)
	if err != nil {
		return nil, err
	}
	return next, m.forgetClaim(layout.SafeName(p.ID))
}

// takePrune takes over a removal whose holder is dead: from the next state on
// it is ours.
func (m *Mirror) takePrune(ctx context.Context, state *trusted.State) (*trusted.State, error) {
	dead := *state.Prune
	holder, err := m.claim(layout.SafeName(dead.ID))
	if err != nil {
		return nil, err
	}
	next, err := m.Writer.Publish(ctx, state, func(s *layout.State) error {
		if !sameClaim(s.Prune, &dead) || s.Prune.Until != dead.Until {
			return fmt.Errorf("%w by prune %s, which another machine took over", ErrLocked, dead.ID)
		}
		s.Prune.Holder, s.Prune.Until = holder, layout.At(m.now().Add(pruneLasts))
		s.Why = "take over prune " + dead.ID
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take over prune %s: %w", dead.ID, err)
	}
	return next, nil
}

// extendPrune makes sure that the removal is ours for as long as a request may
// take, and returns the state that says so.
func (m *Mirror) extendPrune(ctx context.Context, state *trusted.State) (*trusted.State, error) {
	held := *state.Prune
	if held.Until.IsZero() || m.now().Add(pruneMargin).Before(held.Until.Time()) {
		return state, nil
	}
	next, err := m.Writer.Publish(ctx, state, func(s *layout.State) error {
		if !sameClaim(s.Prune, &held) {
			return fmt.Errorf("prune %s was ended by another job", held.ID)
		}
		s.Prune.Until = layout.At(m.now().Add(pruneLasts))
		s.Why = "prune " + held.ID + " goes on"
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("go on with prune %s: %w", held.ID, err)
	}
	return next, nil
}
