package mirror

import (
	"context"
	"slices"
	"strings"

	"patchferry/layout"
)

// machines are those that an update is for.
type machines struct {
	os       []layout.OS
	arch     []layout.Arch
	language layout.Language
}

func machinesOf(u *layout.Update) machines { return machines{u.OS, u.Arch, u.Language} }

// meet reports whether one machine may be of both kinds. What says nothing is
// for all.
func (a machines) meet(b machines) bool {
	sameOS := func(x layout.OS) bool {
		return slices.ContainsFunc(b.os, func(y layout.OS) bool { return x.Matches(y) || y.Matches(x) })
	}
	switch {
	case len(a.os) > 0 && len(b.os) > 0 && !slices.ContainsFunc(a.os, sameOS):
	case len(a.arch) > 0 && len(b.arch) > 0 && !slices.ContainsFunc(a.arch, func(x layout.Arch) bool { return slices.Contains(b.arch, x) }):
	case a.language != "" && b.language != "" && a.language != b.language:
	default:
		return true
	}
	return false
}

// needer is an update that others may need, or that needs others.
type needer struct {
	id     string
	reach  machines
	groups [][]string // all of: any of; as nameKey has them
	wanted bool       // by the selection itself
}

// needs are the updates of a catalog by the names that others call them.
type needs struct {
	byName map[string][]*needer
	drawn  map[string]bool
}

// prerequisites returns the ids of the updates that selected ones need and that
// the selection itself leaves out: for its class, its day or its name, since an
// update that cannot be installed is of no use. Never drawn in is what is for
// other machines, or excluded.
//
// Of several that would do, one that is selected is enough; where none is, all
// that fit are drawn in: which of them a host has nobody here knows.
func (m *Mirror) prerequisites(ctx context.Context, gen *layout.Generation, sel layout.Selection) (map[string]bool, error) {
	reach := sel.Machines()
	called := make(map[string]bool) // names that some update needs
	for u, err := range m.updates(ctx, gen) {
		if err != nil {
			return nil, err
		}
		if len(u.Prerequisites) == 0 || !reach.Match(u) {
			continue
		}
		for _, group := range u.Prerequisites {
			for _, name := range group {
				called[nameKey(name)] = true
			}
		}
	}
	if len(called) == 0 {
		return nil, nil
	}
	n := &needs{byName: make(map[string][]*needer), drawn: make(map[string]bool)}
	var open []*needer
	for u, err := range m.updates(ctx, gen) {
		if err != nil {
			return nil, err
		}
		if !reach.Match(u) {
			continue
		}
		if at := n.note(u, called, sel.Match(u)); at.wanted && len(at.groups) > 0 {
			open = append(open, at)
		}
	}
	n.draw(open)
	return n.drawn, nil
}

// note takes an update in under the names that somebody calls it.
func (n *needs) note(u *layout.Update, called map[string]bool, wanted bool) *needer {
	at := &needer{id: u.ID, reach: machinesOf(u), wanted: wanted}
	for _, group := range u.Prerequisites {
		keys := make([]string, 0, len(group))
		for _, name := range group {
			keys = append(keys, nameKey(name))
		}
		at.groups = append(at.groups, keys)
	}
	for _, name := range append([]string{u.ID, u.KB}, u.Bulletins...) {
		key := nameKey(name)
		if key != "" && called[key] && !slices.Contains(n.byName[key], at) {
			n.byName[key] = append(n.byName[key], at)
		}
	}
	return at
}

// draw follows what is needed, and what that needs.
func (n *needs) draw(open []*needer) {
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for _, group := range at.groups {
			for _, p := range n.oneOf(at, group) {
				if !n.drawn[p.id] {
					n.drawn[p.id] = true
					open = append(open, p)
				}
			}
		}
	}
}

// oneOf returns what has to be drawn in so that a group is met.
func (n *needs) oneOf(at *needer, group []string) []*needer {
	var fit []*needer
	for _, name := range group {
		for _, p := range n.byName[name] {
			if p == at || !p.reach.meet(at.reach) {
				continue
			}
			if p.wanted {
				return nil
			}
			fit = append(fit, p)
		}
	}
	return fit
}

// nameKey returns what names of an update are compared by: its id, the digits
// of its article, the name of a bulletin.
func nameKey(name string) string {
	if strings.Contains(name, ":") {
		return name
	}
	name = strings.ToUpper(name)
	if digits := strings.TrimLeft(name, "KBQ"); digits != "" && strings.Trim(digits, "0123456789") == "" {
		return digits
	}
	return name
}
