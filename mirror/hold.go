package mirror

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// Withholding says which updates are kept from hosts, and why.
type Withholding struct {
	Updates []string // ids or KB numbers
	Ring    string   // empty: all of them; not for Revoke
	Reason  string   // Hold and Revoke need one
	DryRun  bool
}

// Hold keeps updates from the hosts of one ring, or of all: they get 404 until
// Release. On a site that makes generations, a hold from all rings is put into
// a new one, so that it travels with it. It is one new state.
func (m *Mirror) Hold(ctx context.Context, w Withholding) (*RingReport, error) {
	if err := m.checkWithholding(&w, true); err != nil {
		return nil, err
	}
	return m.change(ctx, "hold", w.DryRun, func(ctx context.Context, base *trusted.State) (*ringChange, error) {
		found, err := m.everywhere(ctx, base, w.Updates)
		if err != nil {
			return nil, err
		}
		if name := found.missing(w.Updates); name != "" {
			return nil, senseless("give an id (SOURCE:NATIVE) or a KB number", "no ring has an update %s", name)
		}
		holds := make([]layout.HeldBack, 0, len(found.updates))
		report := &RingReport{Ring: w.Ring, Reason: w.Reason}
		for _, id := range found.ids() {
			if holdOf(base.HeldBack, id, w.Ring) {
				continue
			}
			holds = append(holds, layout.HeldBack{Update: id, Ring: w.Ring, Reason: w.Reason, Actor: m.actor(), At: layout.At(m.now())})
			report.Updates = append(report.Updates, id)
		}
		report.Changed = len(holds) > 0
		return w.change(report, "hold", func(before []layout.HeldBack) []layout.HeldBack {
			return withHolds(before, holds)
		}), nil
	})
}

// Release ends holds: of one ring, or all of an update. It is one new state.
func (m *Mirror) Release(ctx context.Context, w Withholding) (*RingReport, error) {
	if err := m.checkWithholding(&w, false); err != nil {
		return nil, err
	}
	return m.change(ctx, "release", w.DryRun, func(ctx context.Context, base *trusted.State) (*ringChange, error) {
		found, err := m.everywhere(ctx, base, w.Updates)
		if err != nil {
			return nil, err
		}
		ids := make(map[string]bool)
		report := &RingReport{Ring: w.Ring, Reason: w.Reason, Changed: true}
		for _, name := range w.Updates {
			some := w.heldUnder(base.HeldBack, name, found)
			if len(some) == 0 {
				return nil, w.notHeld(base.HeldBack, name)
			}
			for _, id := range some {
				ids[id] = true
			}
		}
		report.Updates = slices.Sorted(maps.Keys(ids))
		return w.change(report, "release", func(before []layout.HeldBack) []layout.HeldBack {
			return slices.DeleteFunc(slices.Clone(before), func(h layout.HeldBack) bool {
				return ids[h.Update] && (w.Ring == "" || h.Ring == w.Ring)
			})
		}), nil
	})
}

// heldUnder returns the ids of the updates of that name whose hold is meant.
func (w *Withholding) heldUnder(held []layout.HeldBack, name string, found *foundUpdates) []string {
	var ids []string
	for _, h := range held {
		if w.Ring != "" && h.Ring != w.Ring {
			continue
		}
		if h.Update == name || found.under(name, h.Update) {
			ids = append(ids, h.Update)
		}
	}
	return ids
}

func (w *Withholding) notHeld(held []layout.HeldBack, name string) error {
	for _, h := range held {
		if h.Update == name && w.Ring != "" && h.Ring == "" {
			return senseless("patchferry release "+name, "%s is held back from all rings, not from %s alone", name, w.Ring)
		}
	}
	return senseless("patchferry show "+name, "%s is not held back here", name)
}

// change makes the change of a state's holds, and of the generation that
// carries those that hold everywhere.
func (w *Withholding) change(report *RingReport, verb string, edit func([]layout.HeldBack) []layout.HeldBack) *ringChange {
	what := verb + " " + strings.Join(report.Updates, " ")
	if w.Ring != "" {
		what += " in " + w.Ring
	}
	c := &ringChange{report: report, apply: func(s *layout.State) error {
		s.HeldBack = edit(s.HeldBack)
		s.Why = because(clipped(what), w.Reason)
		return nil
	}}
	if w.Ring == "" {
		c.regenerate = func(g *layout.Generation) { g.HeldBack = heldFromAll(edit(g.HeldBack)) }
	}
	return c
}

// Revoke takes updates back: the digests of their files, in every edition that
// a ring shows, join the revocations of a new generation, or of the state where
// this site makes none. Every view answers 410 for them from the same write on,
// and so does every site that gets the generation. It cannot be undone.
func (m *Mirror) Revoke(ctx context.Context, w Withholding) (*RingReport, error) {
	if w.Ring != "" {
		return nil, senseless("patchferry hold UPDATE --ring "+w.Ring+" --reason TEXT", "a file is revoked in all rings")
	}
	if err := m.checkWithholding(&w, true); err != nil {
		return nil, err
	}
	return m.change(ctx, "revoke", w.DryRun, func(ctx context.Context, base *trusted.State) (*ringChange, error) {
		all, err := m.editions(ctx, base)
		if err != nil {
			return nil, err
		}
		found, err := named(ctx, all, w.Updates)
		if err != nil {
			return nil, err
		}
		if name := found.missing(w.Updates); name != "" {
			return nil, senseless("give an id (SOURCE:NATIVE) or a KB number", "no ring has an update %s", name)
		}
		files := found.files()
		if len(files) == 0 {
			return nil, senseless("patchferry hold "+strings.Join(w.Updates, " ")+" --reason TEXT", "no file of it is held here, so that there is nothing to revoke")
		}
		for _, r := range all[0].Revoked {
			delete(files, r.SHA256)
		}
		digests := slices.SortedFunc(maps.Keys(files), compareDigests)
		report := &RingReport{Updates: found.ids(), Files: digests, Reason: w.Reason, Changed: len(digests) > 0}
		if report.Shared, err = sharing(ctx, all, files, found); err != nil {
			return nil, err
		}
		return m.revocation(report), nil
	})
}

// revocation makes the change that takes files back.
func (m *Mirror) revocation(report *RingReport) *ringChange {
	revoked := make([]layout.Revoked, 0, len(report.Files))
	for _, d := range report.Files {
		revoked = append(revoked, layout.Revoked{SHA256: d, Reason: report.Reason, At: layout.At(m.now())})
	}
	c := &ringChange{report: report}
	c.apply = func(s *layout.State) error {
		if s.Generation == nil || m.Origin == nil {
			s.Revoked = withRevoked(s.Revoked, revoked)
		}
		s.Why = because(clipped("revoke "+strings.Join(report.Updates, " ")), report.Reason)
		return nil
	}
	c.regenerate = func(g *layout.Generation) { g.Revocations = withRevoked(g.Revocations, revoked) }
	return c
}

func (m *Mirror) checkWithholding(w *Withholding, reason bool) error {
	if w.Ring != "" {
		if _, err := m.place(w.Ring); err != nil {
			return err
		}
	}
	if len(w.Updates) == 0 {
		return senseless("", "no update is named")
	}
	return checkReason(w.Reason, reason)
}

// actor is who a hold names; in a dry run nobody writes it down.
func (m *Mirror) actor() string {
	if m.Writer == nil {
		return ""
	}
	return m.Writer.Actor
}

// heldFromAll returns the holds that a generation carries on: those from all
// rings, for the rings of another site are its own.
func heldFromAll(held []layout.HeldBack) []layout.HeldBack {
	all := slices.DeleteFunc(slices.Clone(held), func(h layout.HeldBack) bool { return h.Ring != "" })
	if len(all) == 0 {
		return nil
	}
	return all
}

func holdOf(held []layout.HeldBack, update, ring string) bool {
	return slices.ContainsFunc(held, func(h layout.HeldBack) bool { return h.Update == update && h.Ring == ring })
}

// withHolds adds the holds that are not there yet.
func withHolds(before, more []layout.HeldBack) []layout.HeldBack {
	all := slices.Clone(before)
	for _, h := range more {
		if !holdOf(before, h.Update, h.Ring) {
			all = append(all, h)
		}
	}
	return all
}

// withRevoked adds revocations, each file once, in the order of digests.
func withRevoked(before, more []layout.Revoked) []layout.Revoked {
	all := slices.Clone(before)
	for _, r := range more {
		if !slices.ContainsFunc(before, func(old layout.Revoked) bool { return old.SHA256 == r.SHA256 }) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(x, y layout.Revoked) int { return compareDigests(x.SHA256, y.SHA256) })
	return all
}

func compareDigests(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) }

// sharing returns other updates that have one of the files.
func sharing(ctx context.Context, all []*trusted.Shown, files map[layout.Digest]bool, found *foundUpdates) ([]string, error) {
	others := make(map[string]bool)
	for _, shown := range all {
		for u, err := range shown.All(ctx) {
			if err != nil {
				return nil, fmt.Errorf("look for other updates with the files: %w", err)
			}
			shares := slices.ContainsFunc(u.Files, func(f layout.File) bool { return f.Held && files[f.SHA256] })
			if shares && found.updates[u.ID] == nil {
				others[u.ID] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(others)), nil
}
