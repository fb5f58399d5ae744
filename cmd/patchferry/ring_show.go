package main

import (
	"context"
	"fmt"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// updateInRing says how an update stands in one ring (docs/json.md).
type updateInRing struct {
	Ring    string       `json:"ring"`
	Has     bool         `json:"has"`               // hosts of the ring are given it
	Other   bool         `json:"other,omitempty"`   // another edition of it than the newest
	State   uint64       `json:"state,omitempty"`   // in whose catalog it stands
	Moved   uint64       `json:"moved,omitempty"`   // the state that brought it here
	Actor   string       `json:"actor,omitempty"`   // who wrote that one,
	At      layout.Time  `json:"at,omitzero"`       // when,
	Why     string       `json:"why,omitempty"`     // and why
	Held    *heldReport  `json:"held,omitempty"`    // kept from the ring
	Revoked *layout.Time `json:"revoked,omitempty"` // when a file of it was taken back
	Reason  string       `json:"reason,omitempty"`  // for that
}

// heldReport says who keeps an update from a ring, and why.
type heldReport struct {
	Actor  string      `json:"actor"`
	At     layout.Time `json:"at"`
	Reason string      `json:"reason"`
}

// ringStands finds how updates stand in the rings. It reads the catalog of every
// ring that shows something of its own.
type ringStands struct {
	names   []string
	shown   map[string]*trusted.Shown
	updates map[layout.Digest]map[string]*layout.Update // by what is shown, then id
	state   *trusted.State
	site    *site
}

// stands opens what the rings show of the updates of that name.
func (s *site) stands(ctx context.Context, c *config.Config, state *trusted.State, name string) (*ringStands, error) {
	r := &ringStands{
		names: c.Rings.Names, site: s, state: state,
		shown: make(map[string]*trusted.Shown), updates: make(map[layout.Digest]map[string]*layout.Update),
	}
	for _, ring := range r.names {
		shown, err := s.reader.Shown(ctx, state, ring)
		if err != nil {
			return nil, fmt.Errorf("read what ring %s shows: %w", ring, err)
		}
		r.shown[ring] = shown
	}
	if !ringsUsed(state, r.shown) {
		r.names = nil
	}
	for _, ring := range r.names {
		shown := r.shown[ring]
		if r.updates[shown.Digest] != nil {
			continue
		}
		has := make(map[string]*layout.Update)
		r.updates[shown.Digest] = has
		for u, err := range shown.All(ctx) {
			if err != nil {
				return nil, fmt.Errorf("read the catalog of ring %s: %w", ring, err)
			}
			if u.Is(name) {
				has[u.ID] = u
			}
		}
	}
	return r, nil
}

// ringsUsed reports whether there is anything to say of rings: one was moved, or
// something is held back or revoked.
func ringsUsed(state *trusted.State, shown map[string]*trusted.Shown) bool {
	used := len(state.Rings) > 0
	for _, s := range shown {
		used = used || len(s.Held)+len(s.Revoked) > 0
	}
	return used
}

// of says how one update stands in every ring.
func (r *ringStands) of(ctx context.Context, u *layout.Update) ([]updateInRing, error) {
	all := make([]updateInRing, 0, len(r.names))
	for _, ring := range r.names {
		shown := r.shown[ring]
		there := r.updates[shown.Digest][u.ID]
		in := updateInRing{Ring: ring, Has: there != nil}
		if h, held := shown.Held[u.ID]; held {
			in.Has, in.Held = false, &heldReport{h.Actor, h.At, h.Reason}
		}
		if there != nil {
			in.Other = !sameFiles(there, u)
			in.revocation(there, shown)
			if err := r.moved(ctx, &in, shown.Ring, u.ID); err != nil {
				return nil, err
			}
		}
		all = append(all, in)
	}
	return all, nil
}

// moved fills in which state brought an update into the ring.
func (r *ringStands) moved(ctx context.Context, in *updateInRing, ring layout.Ring, id string) error {
	in.State, in.Moved = ring.State, ring.Moved
	if p, ok := ring.Picked(id); ok {
		in.State, in.Moved = p.State, p.Moved
	}
	if in.Moved == 0 { // what is newest, or what was there before rings were used
		in.Moved = in.State
	}
	by := r.state
	if in.Moved != by.Number {
		var err error
		if by, err = r.site.reader.State(ctx, in.Moved); err != nil {
			return fmt.Errorf("read who moved ring %s: %w", in.Ring, err)
		}
	}
	in.Actor, in.At, in.Why = by.Actor, by.At, by.Why
	return nil
}

func (in *updateInRing) revocation(u *layout.Update, shown *trusted.Shown) {
	for _, gone := range shown.Revoked {
		for i := range u.Files {
			if u.Files[i].Held && u.Files[i].SHA256 == gone.SHA256 {
				in.Revoked, in.Reason = &gone.At, gone.Reason
			}
		}
	}
}

// sameFiles reports whether two records of an update have the same content.
func sameFiles(x, y *layout.Update) bool {
	if len(x.Files) != len(y.Files) || x.Revision != y.Revision {
		return false
	}
	for i := range x.Files {
		if x.Files[i].SHA256 != y.Files[i].SHA256 || x.Files[i].Held != y.Files[i].Held {
			return false
		}
	}
	return true
}

// printRings adds a row for every ring.
func printRings(row func(name, value string), rings []updateInRing) {
	for _, in := range rings {
		row("ring "+in.Ring, in.sentence())
		if in.Revoked != nil {
			row("  revoked", fmt.Sprintf("%s: %s", in.Revoked, in.Reason))
		}
	}
}

func (in *updateInRing) sentence() string {
	if in.Held != nil {
		text := fmt.Sprintf("held back since %s", in.Held.At)
		if in.Held.Actor != "" {
			text += " by " + in.Held.Actor
		}
		return text + ": " + in.Held.Reason
	}
	if !in.Has {
		return "no"
	}
	text := fmt.Sprintf("yes, since state %d, %s by %s: %s", in.Moved, in.At, in.Actor, in.Why)
	if in.Other {
		text += " (another edition than the newest)"
	}
	return text
}
