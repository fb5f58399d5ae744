package main

import (
	"context"
	"fmt"
	"net/url"

	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// withheld are files that the newest catalog lists and that hosts are not to have:
// those of updates that are held back, and of those that their ring does not show yet.
// Without it, what no catalog lists for a ring could be had all the same, as an
// unlisted file.
type withheld struct {
	paths map[string]bool // of publishers' URLs, folded
	sums  map[layout.SHA1]bool
}

func (w *withheld) has(q layout.PathRequest) bool {
	return w != nil && (w.paths[layout.Fold(q.Path)] || w.sums[q.SHA1] && !q.SHA1.IsZero())
}

// withhold gathers what the newest state lists and a ring does not show.
func withhold(ctx context.Context, reader *trusted.Reader, state *trusted.State, shown *trusted.Shown, view *distribute.View) (*withheld, error) {
	w := &withheld{paths: make(map[string]bool), sums: make(map[layout.SHA1]bool)}
	if shown.Ring.State == state.Number && len(shown.Held) == 0 {
		return w, nil
	}
	newest, err := reader.Show(ctx, state, "", layout.Ring{State: state.Number})
	if err != nil {
		return nil, fmt.Errorf("read what is listed: %w", err)
	}
	for u, err := range newest.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read what is listed: %w", err)
		}
		for i := range u.Files {
			w.add(&u.Files[i], view)
		}
	}
	return w, nil
}

// add takes in a file unless the ring shows it.
func (w *withheld) add(f *layout.File, view *distribute.View) {
	at, err := url.Parse(f.URL)
	if err != nil || at.Host == "" || view.Lists(at) {
		return
	}
	w.paths[layout.Fold(at.Path)] = true
	if !f.SHA1.IsZero() {
		w.sums[f.SHA1] = true
	}
}
