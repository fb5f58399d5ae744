package mirror

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/verify"
)

// notices judges the signed documents of generations again, by the keys and pins
// of now. What was judged here is held against the verdict that was recorded; of
// what came over a gap the list says whom its origin believes, and what counts is
// whether the document is still a right one. A document whose object is missing or
// altered was found before.
func (a *audit) notices(ctx context.Context, s *layout.State) error {
	if a.m.Judge == nil {
		return nil
	}
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	judges, known := map[[2]string]*verify.Judge{}, map[string]bool{}
	for _, at := range s.Positions() {
		gen, err := a.m.Trusted.Generation(ctx, at.Generation)
		if err != nil {
			_ = jobs.Wait()
			return err
		}
		check := a.notice
		if s.Generation == nil || at != *s.Generation {
			check = a.carried
		}
		for n, err := range a.m.Trusted.Notices(ctx, gen) {
			if err != nil {
				_ = jobs.Wait()
				return fmt.Errorf("generation %d: %w", gen.Number, err)
			}
			if known[n.ID] {
				continue
			}
			known[n.ID] = true
			key := [2]string{sourceOf(n.ID), n.Profile}
			if judges[key] == nil {
				judges[key] = a.m.Judge(key[0], verify.Profile(n.Profile))
			}
			a.report.Notices++
			judge := judges[key]
			jobs.Go(func() error { return check(running, judge, n) })
		}
	}
	return jobs.Wait()
}

// carried judges a document that came over a gap.
func (a *audit) carried(ctx context.Context, judge *verify.Judge, n *layout.Notice) error {
	doc, err := a.m.document(ctx, n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return nil // found among the objects
	}
	j := judgement(judge, n.Verdict == layout.Unsigned, doc)
	switch {
	case j.Verdict == layout.Bad || j.Verdict == layout.Malformed:
		a.found(Finding{
			Object: n.Original.SHA256, What: "verdict", Update: n.ID, File: n.File,
			Detail: fmt.Sprintf("its origin calls it %s, here it is %s: %s", n.Verdict, j.Verdict, words(j)),
		})
	case j.Verdict != layout.Valid && n.Verdict != layout.Unsigned:
		a.mu.Lock()
		a.report.Silent++
		a.mu.Unlock()
	}
	return nil
}

func (a *audit) notice(ctx context.Context, judge *verify.Judge, n *layout.Notice) error {
	doc, err := a.m.document(ctx, n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return nil // found among the objects
	}
	j := judgement(judge, n.Verdict == layout.Unsigned, doc)
	if j.Verdict == n.Verdict {
		return nil
	}
	a.found(Finding{
		Object: n.Original.SHA256, What: "verdict", Update: n.ID, File: n.File,
		Detail: fmt.Sprintf("recorded as %s, now %s: %s; patchferry sync judges it again", n.Verdict, j.Verdict, words(j)),
	})
	return nil
}
