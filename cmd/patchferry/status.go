package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// statusReport is what status prints with --json (docs/json.md).
type statusReport struct {
	Store      string         `json:"store"`
	State      uint64         `json:"state"` // 0: nothing was published yet
	At         layout.Time    `json:"at,omitzero"`
	Actor      string         `json:"actor,omitempty"`
	Why        string         `json:"why,omitempty"`
	Generation uint64         `json:"generation,omitempty"`
	Created    layout.Time    `json:"created,omitzero"`
	Counts     *layout.Counts `json:"counts,omitempty"`
	Sources    int            `json:"sources"`
	Pruning    bool           `json:"pruning,omitempty"` // a plan waits to be applied
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say where things stand",
		Long:  "Print the newest state and generation of the store, after checking both.",
		Args:  arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.load(cmd, nil)
			if err != nil {
				return err
			}
			r, err := status(cmd.Context(), &l.Config)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			return a.printStatus(r)
		},
	}
}

func status(ctx context.Context, c *config.Config) (statusReport, error) {
	r := statusReport{Store: c.StorePath()}
	for i := range c.Sources {
		if c.Sources[i].IsEnabled() {
			r.Sources++
		}
	}
	s, err := openSite(c)
	if err != nil {
		return r, err
	}
	defer s.Close() // it was only read
	e, err := s.newest(ctx)
	if err != nil || e == nil {
		return r, err
	}
	r.State, r.At, r.Actor, r.Why = e.state.Number, e.state.At, e.state.Actor, e.state.Why
	r.Pruning = e.state.Prune != nil
	r.Generation, r.Created, r.Counts = e.generation.Number, e.generation.Created, &e.generation.Counts
	return r, nil
}

func (a *app) printStatus(r statusReport) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "store\t%s\n", r.Store)
	fmt.Fprintf(w, "sources\t%d\n", r.Sources)
	if r.State == 0 {
		fmt.Fprintf(w, "state\tnothing was published yet\n")
	} else {
		fmt.Fprintf(w, "state\t%d, %s by %s: %s\n", r.State, r.At, r.Actor, r.Why)
		fmt.Fprintf(w, "generation\t%d, made %s\n", r.Generation, humanize.RelTime(r.Created.Time(), time.Now(), "ago", "from now"))
		fmt.Fprintf(w, "updates\t%d\n", r.Counts.Updates)
		fmt.Fprintf(w, "files\t%d, of these %d held\n", r.Counts.Files, r.Counts.Held)
		fmt.Fprintf(w, "objects\t%d, %s\n", r.Counts.Objects, humanize.Bytes(uint64(r.Counts.Bytes)))
	}
	if r.Pruning {
		fmt.Fprintf(w, "prune\ta plan waits to be applied\n")
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
