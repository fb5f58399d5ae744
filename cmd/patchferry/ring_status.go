package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// ringReport is one ring of a statusReport.
type ringReport struct {
	Name       string      `json:"name"`
	State      uint64      `json:"state"`                // whose catalog it shows; 0: nothing
	Generation uint64      `json:"generation,omitempty"` // the newest in it
	Created    layout.Time `json:"created,omitzero"`     // of that generation
	Picked     int         `json:"picked,omitempty"`     // updates promoted one by one
	Held       int         `json:"held,omitempty"`       // updates that are held back from it
	Moved      uint64      `json:"moved,omitempty"`      // the state that changed it last; the one before is what revert goes back to
	Waiting    bool        `json:"waiting,omitempty"`    // the ring before it shows something else
	Updates    int         `json:"updates"`              // of its catalog
	Before     int         `json:"before,omitempty"`     // updates more (less: negative) in the catalog of the ring before
}

// ringReports says how each ring stands, where rings are used. It reads
// generations and no catalogs.
func (s *site) ringReports(ctx context.Context, c *config.Config, state *trusted.State) ([]ringReport, error) {
	var all []ringReport
	var before *trusted.Shown
	every := make(map[string]*trusted.Shown)
	for i, name := range c.Rings.Names {
		shown, err := s.reader.Shown(ctx, state, name)
		if err != nil {
			return nil, fmt.Errorf("read what ring %s shows: %w", name, err)
		}
		every[name] = shown
		meta := viewMeta(shown)
		r := ringReport{
			Name: name, State: shown.Ring.State, Generation: meta.Generation, Created: meta.Created,
			Picked: len(shown.Ring.Updates), Held: len(shown.Held), Moved: shown.Ring.Moved, Updates: catalogSize(shown),
		}
		if i > 0 && !before.Ring.IsZero() && !before.Ring.Same(shown.Ring) {
			r.Waiting, r.Before = true, catalogSize(before)-r.Updates
		}
		all, before = append(all, r), shown
	}
	if !ringsUsed(state, every) {
		return nil, nil
	}
	return all, nil
}

func catalogSize(shown *trusted.Shown) int {
	n := 0
	for _, g := range shown.Generations {
		n += g.Counts.Updates
	}
	return n
}

// printRingReports adds a row for every ring.
func printRingReports(w io.Writer, all []ringReport, now time.Time) {
	for _, r := range all {
		fmt.Fprintf(w, "ring %s\t%s\n", r.Name, r.sentence(now))
	}
}

func (r *ringReport) sentence(now time.Time) string {
	text := "shows nothing yet"
	if r.State > 0 {
		text = fmt.Sprintf("state %d, generation %d, made %s, %s", r.State, r.Generation,
			humanize.RelTime(r.Created.Time(), now, "ago", "from now"), plural(r.Updates, "update", "updates"))
	}
	if r.Picked > 0 {
		text += fmt.Sprintf(", %d promoted one by one", r.Picked)
	}
	if r.Held > 0 {
		text += fmt.Sprintf(", %d held back", r.Held)
	}
	if r.Moved > 0 {
		text += fmt.Sprintf(", since state %d", r.Moved)
	}
	switch {
	case r.Waiting && r.Before > 0:
		text += fmt.Sprintf("; %d more wait: patchferry promote %s", r.Before, r.Name)
	case r.Waiting:
		text += "; the ring before shows something else: patchferry promote " + r.Name
	}
	return text
}
