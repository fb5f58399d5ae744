package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// markFile is the high-water mark in the work directory.
const markFile = "mark.json"

// site is the store of this machine with what is believed of it.
type site struct {
	store  keptStore
	name   string // of the store, for people
	mark   *store.Mark
	reader *trusted.Reader
	trust  *verify.Trust // what reader believes in
	// judge judges documents that came over a gap by the keys and pins of this
	// side; nil where they were judged here when they came.
	judge  func(source string, profile verify.Profile) *verify.Judge
	refill string // the command that brings what is new
}

// openSite opens the store for reading, with the pins and the high-water mark.
func openSite(ctx context.Context, c *config.Config) (*site, error) {
	return openSiteOn(c, func() (keptStore, error) { return openStore(ctx, c) })
}

// openSiteOn is openSite with a store that open opens.
func openSiteOn(c *config.Config, open func() (keptStore, error)) (*site, error) {
	trust, err := readTrust(c)
	if err != nil {
		return nil, err
	}
	kept, err := open()
	if err != nil {
		return nil, err
	}
	mark, err := openMark(c)
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	trust.Clock = mark.Clock(nil)
	s := &site{store: kept, name: c.StoreName(), mark: mark, trust: trust, refill: refill(c), reader: &trusted.Reader{Store: kept, Trust: trust, Mark: mark}}
	if c.Role == config.Far {
		s.judge = keptJudge(c, trust)
	}
	return s, nil
}

// withSite opens the store of the configuration for a command that only reads.
func (a *app) withSite(cmd *cobra.Command, read func(s *site, c *config.Config) error) error {
	l, err := a.load(cmd, nil)
	if err != nil {
		return err
	}
	s, err := openSite(cmd.Context(), &l.Config)
	if err != nil {
		return err
	}
	defer s.Close() // it was only read
	return read(s, &l.Config)
}

func openMark(c *config.Config) (*store.Mark, error) {
	if err := os.MkdirAll(c.Path(c.Work), 0o755); err != nil {
		return nil, fmt.Errorf("make the work directory: %w", err)
	}
	mark, err := store.OpenMark(c.WorkFile(markFile))
	if err != nil {
		return nil, fmt.Errorf("open the high-water mark: %w", err)
	}
	return mark, nil
}

// Close lets the store and the mark go.
func (s *site) Close() error { return errors.Join(s.store.Close(), s.mark.Close()) }

// edition is what the newest state publishes.
type edition struct {
	state       *trusted.State
	generation  *layout.Generation     // the one that was made last
	generations []*layout.Generation   // all of them, that one first: a far side has one of every stream
	absent      map[layout.Digest]bool // contents that came with no bundle yet, on a far side
}

// newest returns the edition in force, or nil where nothing was published yet.
func (s *site) newest(ctx context.Context) (*edition, error) {
	state, err := s.reader.Newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of states: %w", err)
	}
	if state == nil || len(state.Positions()) == 0 {
		return nil, nil
	}
	all, err := s.reader.Published(ctx, state)
	if err != nil {
		return nil, fmt.Errorf("read the catalog's generation: %w", err)
	}
	absent, err := s.reader.Absent(ctx, state)
	if err != nil {
		return nil, fmt.Errorf("read what is absent: %w", err)
	}
	return &edition{state: state, generation: all[0], generations: all, absent: absent}, nil
}

// mustNewest is newest for commands that need an edition.
func (s *site) mustNewest(ctx context.Context) (*edition, error) {
	e, err := s.newest(ctx)
	if err == nil && e == nil {
		return nil, withHint(errors.New("nothing was published yet"), "%s", s.refill)
	}
	return e, err
}

// updates yields the updates of the edition without those that are held back
// from all rings. An error comes last, and then the rest counts for nothing.
func (s *site) updates(ctx context.Context, e *edition) iter.Seq2[*layout.Update, error] {
	held := make(map[string]bool)
	for _, h := range e.state.HeldBack {
		held[h.Update] = held[h.Update] || h.Ring == ""
	}
	if e.state.Generation == nil {
		for _, g := range e.generations {
			for _, h := range g.HeldBack {
				held[h.Update] = true
			}
		}
	}
	return func(yield func(*layout.Update, error) bool) {
		for u, err := range s.everyUpdate(ctx, e) {
			if err == nil && held[u.ID] {
				continue
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// everyUpdate is updates with those that are held back. Files whose content is
// absent are listed.
func (s *site) everyUpdate(ctx context.Context, e *edition) iter.Seq2[*layout.Update, error] {
	return trusted.WithoutAbsent(s.reader.Union(ctx, e.generations), e.absent)
}
