package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// foundUpdates are the updates that somebody named.
type foundUpdates struct {
	updates map[string][]*layout.Update // by id: the records of it, that of the first edition first
}

// named looks for updates in several editions. A name is an id or a KB number,
// of which there may be several updates.
func named(ctx context.Context, all []*trusted.Shown, names []string) (*foundUpdates, error) {
	found := &foundUpdates{updates: make(map[string][]*layout.Update)}
	for _, shown := range all {
		for u, err := range shown.All(ctx) {
			if err != nil {
				return nil, fmt.Errorf("look for %v: %w", names, err)
			}
			if slices.ContainsFunc(names, u.Is) {
				found.updates[u.ID] = append(found.updates[u.ID], u)
			}
		}
	}
	return found, nil
}

// ids returns the ids of what was found, sorted.
func (f *foundUpdates) ids() []string { return slices.Sorted(maps.Keys(f.updates)) }

// missing returns the first name under which nothing was found.
func (f *foundUpdates) missing(names []string) string {
	for _, name := range names {
		if !slices.ContainsFunc(f.ids(), func(id string) bool { return f.under(name, id) }) {
			return name
		}
	}
	return ""
}

// under reports whether the update of that id was found under a name.
func (f *foundUpdates) under(name, id string) bool {
	return slices.ContainsFunc(f.updates[id], func(u *layout.Update) bool { return u.Is(name) })
}

// files returns the held files of what was found.
func (f *foundUpdates) files() map[layout.Digest]bool {
	files := make(map[layout.Digest]bool)
	for _, records := range f.updates {
		for _, u := range records {
			for i := range u.Files {
				if u.Files[i].Held {
					files[u.Files[i].SHA256] = true
				}
			}
		}
	}
	return files
}

// mayMove refuses to promote what hosts of the ring would not get: what is held
// back, or was revoked.
func (f *foundUpdates) mayMove(base *trusted.State, source *trusted.Shown, ring string) error {
	for _, h := range base.HeldBack {
		if f.updates[h.Update] != nil && h.Covers(ring) {
			return senseless("patchferry release "+h.Update, "%s is held back: %s", h.Update, h.Reason)
		}
	}
	files := f.files()
	for _, r := range source.Revoked {
		if files[r.SHA256] {
			return senseless("", "a file of it was revoked: %s", r.Reason)
		}
	}
	return nil
}

// editions opens every different edition that hosts may be given: what is
// newest, then what the rings show.
func (m *Mirror) editions(ctx context.Context, base *trusted.State) ([]*trusted.Shown, error) {
	seen := make(map[layout.Digest]bool)
	var all []*trusted.Shown
	add := func(name string, ring layout.Ring) error {
		shown, err := m.Trusted.Show(ctx, base, name, ring)
		if err == nil && !seen[shown.Digest] {
			seen[shown.Digest] = true
			all = append(all, shown)
		}
		return err
	}
	if err := add("", layout.Ring{State: base.Number}); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(base.Rings)) {
		if err := add(name, base.Rings[name]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// everywhere looks for updates in every edition.
func (m *Mirror) everywhere(ctx context.Context, base *trusted.State, names []string) (*foundUpdates, error) {
	all, err := m.editions(ctx, base)
	if err != nil {
		return nil, err
	}
	return named(ctx, all, names)
}
