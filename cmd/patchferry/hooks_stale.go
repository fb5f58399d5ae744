package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
)

// staleEvery is how often a server looks for sources that do not answer.
const staleEvery = time.Hour

// staleDir holds, in the work directory, a file for every source of which
// on_stale has told. To create it is the right to tell, so that a sync and a
// server do not tell both.
const staleDir = "stale"

// staleEvent is the JSON of on_stale (docs/json.md).
type staleEvent struct {
	hookHead
	After   string        `json:"after"` // how long a source may be silent
	Sources []staleSource `json:"sources"`
}

// staleSource is a source that has not answered for too long.
type staleSource struct {
	Name    string      `json:"name"`
	Kind    string      `json:"kind"`
	Place   string      `json:"place"`
	Checked layout.Time `json:"checked,omitzero"` // when it last answered; none is never
	Problem string      `json:"problem,omitempty"`
}

// stale tells of the sources that have not answered for too long: of each once,
// until it answers again. When nobody could be told, the next time tries again.
func (h *hooks) stale(ctx context.Context, sources []sourceReport) error {
	if len(h.config.Hooks.OnStale) == 0 {
		return nil
	}
	if err := os.MkdirAll(h.config.WorkFile(staleDir), 0o750); err != nil {
		return fmt.Errorf("remember who is stale: %w", err)
	}
	if err := h.answered(sources); err != nil {
		return err
	}
	var silent []staleSource
	var names, marks []string
	for _, s := range sources {
		if !s.Stale {
			continue
		}
		mark := h.config.WorkFile(filepath.Join(staleDir, s.Name))
		f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return fmt.Errorf("remember who is stale: %w", err)
		}
		names, marks = append(names, s.Name), append(marks, mark)
		silent = append(silent, staleSource{s.Name, s.Kind, s.Place, s.Checked, s.Problem})
	}
	if len(silent) == 0 {
		return nil
	}
	head := h.head(onStale, fmt.Sprintf("%s silent for more than %s: %s",
		plural(len(names), "source", "sources"), h.config.Stale, strings.Join(names, ", ")))
	err := h.run(ctx, head, staleEvent{head, h.config.Stale.String(), silent})
	if err == nil {
		return nil
	}
	for _, mark := range marks {
		err = errors.Join(err, os.Remove(mark))
	}
	return err
}

// answered forgets the sources that are not stale any more, or not configured.
func (h *hooks) answered(sources []sourceReport) error {
	told, err := os.ReadDir(h.config.WorkFile(staleDir))
	if err != nil {
		return fmt.Errorf("read who is stale: %w", err)
	}
	stale := map[string]bool{}
	for _, s := range sources {
		stale[s.Name] = s.Stale
	}
	for _, t := range told {
		if stale[t.Name()] {
			continue
		}
		if err := os.Remove(h.config.WorkFile(filepath.Join(staleDir, t.Name()))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget who is stale: %w", err)
		}
	}
	return nil
}

// watchStale looks for silent sources, now and every hour, until ctx is done.
func (a *app) watchStale(ctx context.Context, c *config.Config) {
	h := a.hooks(c)
	if len(c.Hooks.OnStale) == 0 {
		return
	}
	ticker := time.NewTicker(staleEvery)
	defer ticker.Stop()
	for {
		r, err := a.status(ctx, c, h.now())
		if err == nil {
			err = h.stale(ctx, r.Sources)
		}
		if err != nil && ctx.Err() == nil {
			h.log.Error("look for silent sources", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
