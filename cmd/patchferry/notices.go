package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/verify"
)

// notices returns what publishers announced, as the generations of the edition
// have it. What came over a gap is judged again by the keys and pins of this
// side: the list is the origin's, and says whom the origin believes.
func (s *site) notices(ctx context.Context, e *edition) ([]*layout.Notice, error) {
	all, err := s.listed(ctx, e.generations)
	if err != nil || s.judge == nil {
		return all, err
	}
	here := newJudging(s)
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	for i, n := range all {
		judge := here.of(n)
		jobs.Go(func() error {
			judged, err := here.notice(running, judge, n)
			if err != nil {
				return withHint(fmt.Errorf("judge %s: %w", n.ID, err), "patchferry audit")
			}
			all[i] = judged
			return nil
		})
	}
	if err := jobs.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// listed returns the notices of generations, each once, with the verdicts of
// whoever made the generation.
func (s *site) listed(ctx context.Context, generations []*layout.Generation) ([]*layout.Notice, error) {
	var all []*layout.Notice
	known := make(map[string]bool)
	for _, g := range generations {
		for n, err := range s.reader.Notices(ctx, g) {
			if err != nil {
				return nil, fmt.Errorf("read what publishers announced: %w", err)
			}
			if !known[n.ID] {
				known[n.ID] = true
				all = append(all, n)
			}
		}
	}
	return all, nil
}

// judging judges what came over a gap, with one judge for each source.
type judging struct {
	*site
	judges map[[2]string]*verify.Judge // by source and profile
}

func newJudging(s *site) *judging {
	return &judging{site: s, judges: make(map[[2]string]*verify.Judge)}
}

// byPins is notice with the judge of its source.
func (s *judging) byPins(ctx context.Context, n *layout.Notice) (*layout.Notice, error) {
	return s.notice(ctx, s.of(n), n)
}

// of returns the judge of a notice.
func (s *judging) of(n *layout.Notice) *verify.Judge {
	source, _, _ := strings.Cut(n.ID, ":")
	key := [2]string{source, n.Profile}
	if s.judges[key] == nil {
		s.judges[key] = s.judge(source, verify.Profile(n.Profile))
	}
	return s.judges[key]
}

// notice returns a notice as this side sees it.
func (s *judging) notice(ctx context.Context, judge *verify.Judge, n *layout.Notice) (*layout.Notice, error) {
	if n.Verdict == layout.Unsigned {
		return n, nil
	}
	doc := verify.Document{Name: n.File}
	var err error
	if doc.Original, err = s.reader.Document(ctx, n.Original); err != nil {
		return n, err
	}
	if !n.Signature.IsZero() {
		if doc.Signature, err = s.reader.Document(ctx, n.Signature); err != nil {
			return n, err
		}
	}
	return mirror.Rejudged(n, judge, readBulletins, doc), nil
}
