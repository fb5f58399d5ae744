package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
)

// printAsked prints what hosts asked for, did not get, and would not get now.
func (a *app) printAsked(ctx context.Context, c *config.Config) error {
	all, err := mirror.ReadAsked(c.WorkFile(askedFile))
	if err == nil && len(all) > 0 {
		all, err = pending(ctx, c, all)
	}
	if err != nil {
		return err
	}
	if a.json {
		for i := range all {
			if err := a.printJSON(&all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		return a.printf("hosts asked for nothing that is not here\n")
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for i := range all {
		one := &all[i]
		name := one.Update + " " + one.File
		if one.Update == "" {
			name = one.String() + " " + one.URL
		}
		fmt.Fprintf(w, "%s\t%s\tlast %s\n", oneLine(name, maxWords), plural(int(one.Count), "request", "requests"),
			humanize.RelTime(one.Last.Time(), time.Now(), "ago", "from now"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if c.Role == config.Far {
		a.note("next: patchferry want --asked --to DIR, for what the catalog names of it")
	} else {
		a.note("next: patchferry sync, or fill.mode = \"stream\" for serve")
	}
	return nil
}

// pending leaves out what the catalog in force holds.
func pending(ctx context.Context, c *config.Config, all []mirror.Asked) (left []mirror.Asked, err error) {
	s, err := openSite(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := s.newest(ctx)
	if err != nil || e == nil {
		return all, err
	}
	return mirror.Pending(all, s.everyUpdate(ctx, e))
}
