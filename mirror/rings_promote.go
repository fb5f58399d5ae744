package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// The limits of what is promoted one by one. A ring that has so much more than
// its catalog is better promoted whole; and every other state costs the reading
// of one more catalog.
const (
	maxPicked       = 1000
	maxPickedStates = 32
)

// Promotion says what a ring is to show.
type Promotion struct {
	Ring    string
	From    string   // the ring that it is taken from; empty: the one before
	Updates []string // ids or KB numbers; none: all that From shows
	Reason  string   // may be empty
	DryRun  bool
}

// Promote lets a ring show what the ring before it shows, or of that only some
// updates besides what it has. Those stay as they were promoted, whatever
// becomes of them in the ring that they came from.
//
// It is one new state. Where one of the two rings was moved by another writer
// meanwhile, nothing is changed: who promotes has looked at something else.
// What makes no sense is a *RingError.
func (m *Mirror) Promote(ctx context.Context, p Promotion) (*RingReport, error) {
	if err := checkReason(p.Reason, false); err != nil {
		return nil, err
	}
	if err := m.sourceOf(&p); err != nil {
		return nil, err
	}
	return m.change(ctx, "promote", p.DryRun, func(ctx context.Context, base *trusted.State) (*ringChange, error) {
		source, target := base.Shows(p.From), base.Shows(p.Ring)
		if source.IsZero() {
			return nil, senseless(m.toFill(p.From), "ring %s shows nothing yet", p.From)
		}
		report := &RingReport{Ring: p.Ring, From: p.From, Reason: p.Reason}
		want := layout.Ring{State: source.State, Updates: source.Updates}
		what := fmt.Sprintf("promote %s to %s", p.From, p.Ring)
		if len(p.Updates) > 0 {
			var err error
			if want, report.Updates, err = m.pick(ctx, base, &p); err != nil {
				return nil, err
			}
			what = fmt.Sprintf("promote %s from %s to %s", strings.Join(report.Updates, " "), p.From, p.Ring)
		}
		report.Shows, report.Was, report.Changed = want.State, target.State, !want.Same(target)
		return &ringChange{report: report, apply: func(s *layout.State) error {
			if err := errors.Join(unmoved(&base.State, s, p.From), unmoved(&base.State, s, p.Ring)); err != nil {
				return err
			}
			m.moveRing(s, p.Ring, want, target)
			s.Why = because(clipped(what), p.Reason)
			return nil
		}}, nil
	})
}

// sourceOf checks the rings of a promotion and fills in the one before.
func (m *Mirror) sourceOf(p *Promotion) error {
	at, err := m.place(p.Ring)
	if err != nil {
		return err
	}
	if p.From == "" && at == 0 {
		return senseless("patchferry promote "+p.Ring+" --from RING", "%s is the first ring: none is before it", p.Ring)
	}
	if p.From == "" {
		p.From = m.rings()[at-1]
	}
	if _, err := m.place(p.From); err != nil {
		return err
	}
	if p.From == p.Ring {
		return senseless("patchferry promote "+p.Ring, "ring %s cannot be promoted from itself", p.Ring)
	}
	return nil
}

// toFill says how a ring that shows nothing comes to show something.
func (m *Mirror) toFill(ring string) string {
	if ring == m.landing() {
		return "patchferry sync; on a far side patchferry import DIR"
	}
	if at, err := m.place(ring); err == nil && at > 0 {
		return "patchferry promote " + ring
	}
	return "patchferry promote " + ring + " --from " + m.landing()
}

// moveRing lets a ring show what is wanted. Updates that it did not show so far
// note that this state brought them.
func (m *Mirror) moveRing(s *layout.State, ring string, want, was layout.Ring) {
	m.settleRings(s)
	want.Updates = slices.Clone(want.Updates)
	for i := range want.Updates {
		p := &want.Updates[i]
		old, ok := was.Picked(p.Update)
		if ok && old.State == p.State {
			p.Moved = old.Moved
			continue
		}
		p.Moved = s.Number
	}
	want.Moved = s.Number
	s.Rings[ring] = want
}

// pick returns what the ring shows with the named updates of the source added,
// and their ids.
func (m *Mirror) pick(ctx context.Context, base *trusted.State, p *Promotion) (layout.Ring, []string, error) {
	target := base.Shows(p.Ring)
	source, err := m.Trusted.Shown(ctx, base, p.From)
	if err != nil {
		return target, nil, err
	}
	found, err := named(ctx, []*trusted.Shown{source}, p.Updates)
	if err != nil {
		return target, nil, err
	}
	if name := found.missing(p.Updates); name != "" {
		return target, nil, senseless("patchferry show "+name, "ring %s does not have %s", p.From, name)
	}
	if err := found.mayMove(base, source, p.Ring); err != nil {
		return target, nil, err
	}
	there, err := m.shownBy(ctx, base, p.Ring, found.ids())
	if err != nil {
		return target, nil, err
	}
	picked := make(map[string]layout.Picked)
	for _, old := range target.Updates {
		picked[old.Update] = old
	}
	for _, id := range found.ids() {
		if sameRecord(there[id], found.updates[id][0]) {
			continue
		}
		picked[id] = layout.Picked{Update: id, State: source.Ring.From(id)}
	}
	target.Updates = slices.SortedFunc(maps.Values(picked), func(x, y layout.Picked) int { return strings.Compare(x.Update, y.Update) })
	if len(target.Updates) > maxPicked || len(target.States()) > maxPickedStates+1 {
		return target, nil, senseless("patchferry promote "+p.Ring, "ring %s would have %d updates promoted one by one, from %d states; at most %d, from %d: promote it whole",
			p.Ring, len(target.Updates), len(target.States()), maxPicked, maxPickedStates)
	}
	return target, found.ids(), nil
}

// shownBy returns the records of some updates as a ring shows them, or would if
// they were not held back.
func (m *Mirror) shownBy(ctx context.Context, base *trusted.State, ring string, ids []string) (map[string]*layout.Update, error) {
	shown, err := m.Trusted.Shown(ctx, base, ring)
	if err != nil {
		return nil, err
	}
	there := make(map[string]*layout.Update)
	for u, err := range shown.All(ctx) {
		if err != nil {
			return nil, err
		}
		if _, wanted := slices.BinarySearch(ids, u.ID); wanted {
			there[u.ID] = u
		}
	}
	return there, nil
}

// sameRecord reports whether two records of an update are one.
func sameRecord(x, y *layout.Update) bool {
	if x == nil || y == nil {
		return false
	}
	lineX, errX := layout.AppendLine(nil, x)
	lineY, errY := layout.AppendLine(nil, y)
	return errX == nil && errY == nil && bytes.Equal(lineX, lineY)
}

// Reversion says to which state a ring goes back.
type Reversion struct {
	Ring   string
	To     uint64 // the number of a state: the ring shows what it showed then
	Reason string
	DryRun bool
}

// Revert lets a ring show again what it showed in an earlier state. It is one
// new state, so the log and its high-water mark go on; what was held back or
// revoked since stays so. A state in which the ring showed nothing, or whose
// content was pruned, is a *RingError.
func (m *Mirror) Revert(ctx context.Context, r Reversion) (*RingReport, error) {
	if err := checkReason(r.Reason, true); err != nil {
		return nil, err
	}
	if _, err := m.place(r.Ring); err != nil {
		return nil, err
	}
	return m.change(ctx, "revert", r.DryRun, func(ctx context.Context, base *trusted.State) (*ringChange, error) {
		if r.To == 0 || r.To > base.Number {
			return nil, senseless("patchferry status", "there is no state %d; the newest is %d", r.To, base.Number)
		}
		old, err := m.Trusted.State(ctx, r.To)
		if err != nil {
			return nil, err
		}
		want, was := old.Shows(r.Ring), base.Shows(r.Ring)
		if want.IsZero() {
			return nil, senseless("patchferry status", "ring %s showed nothing in state %d", r.Ring, r.To)
		}
		report := &RingReport{Ring: r.Ring, Shows: want.State, Was: was.State, Reason: r.Reason, Changed: !want.Same(was)}
		if report.Changed {
			if err := m.stillWhole(ctx, want, r.To); err != nil {
				return nil, err
			}
		}
		return &ringChange{report: report, apply: func(s *layout.State) error {
			if err := unmoved(&base.State, s, r.Ring); err != nil {
				return err
			}
			m.moveRing(s, r.Ring, want, want)
			s.Why = because(fmt.Sprintf("revert %s to state %d", r.Ring, r.To), r.Reason)
			return nil
		}}, nil
	})
}

// stillWhole makes sure that everything that a ring would show is in the store:
// what a prune took away cannot be shown again.
func (m *Mirror) stillWhole(ctx context.Context, ring layout.Ring, state uint64) error {
	pruned := func(what string, err error) error {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return senseless("patchferry status names the states that rings show; prune.keep says how long others can be shown again",
			"state %d cannot be shown again: %s was pruned", state, what)
	}
	refs := references{}
	for _, n := range ring.States() {
		old, err := m.Trusted.State(ctx, n)
		if err != nil {
			return err
		}
		for _, p := range old.Positions() {
			if err := m.refer(ctx, refs, p); err != nil {
				return pruned(fmt.Sprintf("generation %d", p.Number), err)
			}
		}
	}
	for d, ref := range refs {
		if _, err := m.Store.Stat(ctx, d); err != nil {
			return pruned(strings.TrimSpace(ref.update+" "+ref.file), err)
		}
	}
	return nil
}

// clipped keeps what a state says of itself short where many updates are named.
func clipped(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "…"
}
