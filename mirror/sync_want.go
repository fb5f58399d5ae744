package mirror

import (
	"context"
	"maps"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// WantedReport says what a sync did about one file that a want file asks for.
type WantedReport struct {
	bundle.WantedFile
	Outcome string `json:"outcome"`         // new, held (before), failed, listed, unlisted
	Error   string `json:"error,omitempty"` // of failed
}

// The outcomes of a wanted file.
const (
	WantedNew      = "new"      // admitted; in a dry run: would be fetched
	WantedHeld     = "held"     // was held before
	WantedFailed   = "failed"   // could not be had, or nothing vouches for it
	WantedListed   = "listed"   // its source was not asked, or no longer lists it
	WantedUnlisted = "unlisted" // no source is known to list it
)

// wanting narrows a sync to the listed files that a far side asks for.
type wanting struct {
	index   *wantIndex
	reports []WantedReport
}

// openWanting checks the want file of a sync, and finds what it asks for in the
// catalog as it is. Without a want file it returns nil.
func (m *Mirror) openWanting(ctx context.Context, base *base, opt SyncOptions) (*wanting, error) {
	if opt.Want == nil {
		return nil, nil
	}
	r, err := m.believe(opt.Want, bundle.FormatWant)
	if err != nil {
		return nil, err
	}
	stream, err := opt.Want.streamOf(base.state, r, opt.Streams)
	if err != nil {
		return nil, err
	}
	out := base.state.Outbound[stream]
	if _, err := opt.Want.lookUp(&out, bundle.Before{Epoch: r.Epoch, Seq: r.Seq, Header: r.Header}); err != nil {
		return nil, err
	}
	w := &wanting{index: newWantIndex(r.Files)}
	for _, f := range r.Files {
		w.reports = append(w.reports, WantedReport{WantedFile: f, Outcome: WantedUnlisted})
	}
	if base.gen == nil {
		return w, nil
	}
	for u, err := range m.updates(ctx, base.gen) {
		if err != nil {
			return nil, err
		}
		for i := range u.Files {
			w.note(u, &u.Files[i])
		}
	}
	return w, nil
}

// note says of a file of the catalog whether it is held.
func (w *wanting) note(u *layout.Update, f *layout.File) {
	for _, n := range w.index.find(u, f) {
		switch {
		case f.Held:
			w.reports[n].Outcome = WantedHeld
		case w.reports[n].Outcome == WantedUnlisted:
			w.reports[n].Outcome = WantedListed
		}
	}
}

// of returns which of the wanted files a want of the plan is.
func (w *wanting) of(one *want) []int {
	return w.index.find(&layout.Update{ID: one.update}, &one.f)
}

// narrow leaves in the plan what is asked for: the rest stays listed.
func (w *wanting) narrow(p *plan) {
	if w == nil {
		return
	}
	p.wants = slices.DeleteFunc(p.wants, func(one *want) bool { return one.capture && one.f.Held || len(w.of(one)) == 0 })
}

// unlisted counts the wanted files that no source was asked for.
func unlisted(reports []WantedReport) int {
	n := 0
	for _, r := range reports {
		if r.Outcome == WantedListed || r.Outcome == WantedUnlisted {
			n++
		}
	}
	return n
}

// report says what became of the wanted files; p is nil where no list had to be
// read.
func (w *wanting) report(p *plan, dryRun bool) []WantedReport {
	if w == nil || p == nil {
		return w.outcomes()
	}
	for _, one := range p.wants {
		for _, n := range w.of(one) {
			r := &w.reports[n]
			switch {
			case one.err != nil && r.Outcome != WantedHeld && r.Outcome != WantedNew:
				r.Outcome, r.Error = WantedFailed, one.err.Error()
			case one.err == nil && (one.got != nil || dryRun):
				r.Outcome, r.Error = WantedNew, ""
			}
		}
	}
	return w.reports
}

func (w *wanting) outcomes() []WantedReport {
	if w == nil {
		return nil
	}
	return w.reports
}

// settleWanted notes for the sources of a sync that fetched only what was
// wanted that the rest is still to be had, and forgets nothing else.
func (m *Mirror) settleWanted(lists []*listing, content *fetching) error {
	for _, l := range lists {
		if l.err != nil {
			continue
		}
		content.captures.fold(l)
		refused := maps.Clone(l.mem.Refused)
		if refused == nil {
			refused = make(map[string]refusal)
		}
		maps.Copy(refused, content.refusals.new[l])
		l.mem.Refused, l.mem.Folded = refused, layout.Digest{}
		if err := m.remember(l.src, l.mem); err != nil {
			return err
		}
	}
	return nil
}
