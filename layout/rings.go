package layout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Ring says which updates a group of hosts is given: the catalog of one state,
// and besides it updates that were taken one by one from later ones. The zero
// Ring shows nothing.
//
// Invariants: State and every state of Updates is at most the number of the
// state that holds the ring; Updates are sorted by id, each once; an update in
// it stands in place of the one with its id in the catalog of State.
type Ring struct {
	State   uint64   `json:"state"` // whose catalog it shows; 0 is none
	Updates []Picked `json:"updates,omitempty"`
	// Moved is the state that last changed the ring: it says who, when and
	// why, and the one before it what the ring showed until then. 0: it shows
	// what was there before rings were used.
	Moved uint64 `json:"moved,omitempty"`
}

// Picked is an update that a ring shows besides its catalog.
type Picked struct {
	Update string `json:"update"` // its id
	State  uint64 `json:"state"`  // in whose catalog it stands
	Moved  uint64 `json:"moved"`  // the state that put it into the ring
}

// HeldBack keeps one update from hosts.
type HeldBack struct {
	Update string `json:"update"`
	Ring   string `json:"ring,omitempty"` // empty: from all of them
	Reason string `json:"reason"`
	Actor  string `json:"actor"`
	At     Time   `json:"at"`
}

// Covers reports whether the update is kept from a ring.
func (h HeldBack) Covers(ring string) bool { return h.Ring == "" || h.Ring == ring }

// IsZero reports whether the ring shows nothing.
func (r Ring) IsZero() bool { return r.State == 0 && len(r.Updates) == 0 }

// Same reports whether two rings show the same updates of the same states,
// whoever moved them there.
func (r Ring) Same(other Ring) bool {
	return r.State == other.State && slices.EqualFunc(r.Updates, other.Updates, func(x, y Picked) bool {
		return x.Update == y.Update && x.State == y.State
	})
}

// From returns the state whose catalog the ring takes the update from.
func (r Ring) From(update string) uint64 {
	if p, ok := r.Picked(update); ok {
		return p.State
	}
	return r.State
}

// Picked returns the entry of an update that was taken by itself.
func (r Ring) Picked(update string) (Picked, bool) {
	i, found := slices.BinarySearchFunc(r.Updates, update, func(p Picked, id string) int { return strings.Compare(p.Update, id) })
	if !found {
		return Picked{}, false
	}
	return r.Updates[i], true
}

// States returns the numbers of the states whose catalogs the ring takes
// updates from, ascending.
func (r Ring) States() []uint64 {
	var all []uint64
	if r.State > 0 {
		all = append(all, r.State)
	}
	for _, p := range r.Updates {
		all = append(all, p.State)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Shows returns what a ring shows in this state. A ring without an entry shows
// nothing where any ring has one; where none has, nobody has used rings yet,
// and each shows what the state publishes.
func (s *State) Shows(ring string) Ring {
	r, ok := s.Rings[ring]
	if ok || len(s.Rings) > 0 || len(s.Positions()) == 0 {
		return r
	}
	return Ring{State: s.Number}
}

// Positions returns the generations that the state publishes: its own, then
// those of the streams in the order of their names. Their union is the catalog
// of the state.
func (s *State) Positions() []Position {
	var all []Position
	if s.Generation != nil {
		all = append(all, *s.Generation)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Streams)) {
		all = append(all, s.Streams[name].Position)
	}
	return all
}

// checkRings refuses rings that name what cannot be.
func (s *State) checkRings() error {
	for name, r := range s.Rings {
		if r.State > s.Number || r.Moved > s.Number {
			return fmt.Errorf("state %d: ring %q names a later state", s.Number, clip(name))
		}
		for i, p := range r.Updates {
			if p.State == 0 || p.State > s.Number || p.Moved > s.Number {
				return fmt.Errorf("state %d: ring %q takes %q from state %d", s.Number, clip(name), clip(p.Update), p.State)
			}
			if i > 0 && r.Updates[i-1].Update >= p.Update {
				return fmt.Errorf("state %d: the updates of ring %q are not sorted", s.Number, clip(name))
			}
		}
	}
	return nil
}

// Is reports whether a person who says name means the update: by its id, or by
// its KB number with or without the letters (KB824146, Q311967, 824146).
func (u *Update) Is(name string) bool {
	if u.ID == name {
		return true
	}
	number := strings.TrimLeft(strings.ToUpper(name), "KBQ")
	return number != "" && u.KB == number
}
