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

// staleEvery is how often a server looks for sources that do not answer, and
// for transfer bundles that are overdue.
const staleEvery = time.Hour

// staleDir holds, in the work directory, a file for every source and stream of
// which on_stale has told. To create it is the right to tell, so that a sync and a
// server do not tell both.
const staleDir = "stale"

// staleEvent is the JSON of on_stale (docs/json.md).
type staleEvent struct {
	hookHead
	After   string        `json:"after"` // how long a source may be silent
	Sources []staleSource `json:"sources"`
	Streams []staleStream `json:"streams,omitempty"` // on a far side
}

// staleSource is a source that has not answered for too long.
type staleSource struct {
	Name    string      `json:"name"`
	Kind    string      `json:"kind"`
	Place   string      `json:"place"`
	Checked layout.Time `json:"checked,omitzero"` // when it last answered; none is never
	Problem string      `json:"problem,omitempty"`
}

// staleStream is a stream whose next transfer bundle is overdue.
type staleStream struct {
	Name    string      `json:"name"`
	Stream  string      `json:"stream"`
	Bundle  string      `json:"bundle"`        // the newest that was accepted
	Created layout.Time `json:"created"`       // when it was made
	Next    layout.Time `json:"expected_next"` // when the next one was due
}

// stale tells of the sources that have not answered for too long, and of the
// streams that are overdue: of each once, until it answers again. When nobody
// could be told, the next time tries again.
func (h *hooks) stale(ctx context.Context, sources []sourceReport, streams []streamReport) error {
	if len(h.config.Hooks.OnStale) == 0 {
		return nil
	}
	if err := os.MkdirAll(h.config.WorkFile(staleDir), 0o750); err != nil {
		return fmt.Errorf("remember who is stale: %w", err)
	}
	silent := make(map[string]bool)
	for _, s := range sources {
		silent[s.Name] = s.Stale
	}
	for _, s := range streams {
		silent[s.mark()] = s.Stale
	}
	if err := h.answered(silent); err != nil {
		return err
	}
	told := &telling{h: h}
	event := staleEvent{After: h.config.Stale.String(), Sources: []staleSource{}}
	var names, overdue []string
	for _, s := range sources {
		if s.Stale && told.may(s.Name) {
			names = append(names, s.Name)
			event.Sources = append(event.Sources, staleSource{s.Name, s.Kind, s.Place, s.Checked, s.Problem})
		}
	}
	for _, s := range streams {
		if s.Stale && told.may(s.mark()) {
			overdue = append(overdue, s.Name)
			event.Streams = append(event.Streams, staleStream{s.Name, s.Stream, s.Bundle, s.Created, s.Next})
		}
	}
	if len(told.marks) == 0 || told.err != nil {
		return told.end(told.err)
	}
	event.hookHead = h.head(onStale, staleSummary(h.config, names, overdue))
	return told.end(h.run(ctx, event.hookHead, event))
}

// mark names the stream among those of which somebody was told.
func (r *streamReport) mark() string { return "stream-" + r.Stream }

// staleSummary says in one line who is stale.
func staleSummary(c *config.Config, sources, streams []string) string {
	var words []string
	if len(sources) > 0 {
		words = append(words, fmt.Sprintf("%s silent for more than %s: %s", plural(len(sources), "source", "sources"), c.Stale, strings.Join(sources, ", ")))
	}
	if len(streams) > 0 {
		words = append(words, fmt.Sprintf("the next transfer bundle of %s is overdue: %s", plural(len(streams), "stream", "streams"), strings.Join(streams, ", ")))
	}
	return strings.Join(words, "; ")
}

// telling is one call of on_stale with the marks that it made.
type telling struct {
	h     *hooks
	marks []string
	err   error
}

// may reports whether somebody is to be told of a name, and makes its mark: to
// create it is the right to tell.
func (t *telling) may(name string) bool {
	mark := t.h.config.WorkFile(filepath.Join(staleDir, name))
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return false
	}
	if err == nil {
		err = f.Close()
		t.marks = append(t.marks, mark)
	}
	if err != nil {
		t.err = errors.Join(t.err, fmt.Errorf("remember who is stale: %w", err))
		return false
	}
	return true
}

// end takes the marks away again where nobody could be told.
func (t *telling) end(err error) error {
	if err == nil {
		return nil
	}
	for _, mark := range t.marks {
		err = errors.Join(err, os.Remove(mark))
	}
	return err
}

// answered forgets what is not stale any more, or not there.
func (h *hooks) answered(stale map[string]bool) error {
	told, err := os.ReadDir(h.config.WorkFile(staleDir))
	if err != nil {
		return fmt.Errorf("read who is stale: %w", err)
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

// watchStale looks for what is stale, now and every hour, until ctx is done.
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
			err = h.stale(ctx, r.Sources, r.Streams)
		}
		if err != nil && ctx.Err() == nil {
			h.log.Error("look for what is stale", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
