package mirror

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/verify"
)

// notices judges the signed documents of a generation again and compares the
// verdicts with those that it states. A document whose object is missing or
// altered was found before.
func (a *audit) notices(ctx context.Context, at *layout.Position) error {
	if a.m.Judge == nil || at == nil {
		return nil
	}
	gen, err := a.m.Trusted.Generation(ctx, at.Generation)
	if err != nil {
		return err
	}
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	judges := map[[2]string]*verify.Judge{}
	for n, err := range a.m.Trusted.Notices(ctx, gen) {
		if err != nil {
			_ = jobs.Wait()
			return fmt.Errorf("generation %d: %w", gen.Number, err)
		}
		key := [2]string{sourceOf(n.ID), n.Profile}
		if judges[key] == nil {
			judges[key] = a.m.Judge(key[0], verify.Profile(n.Profile))
		}
		a.report.Notices++
		judge := judges[key]
		jobs.Go(func() error { return a.notice(running, judge, n) })
	}
	return jobs.Wait()
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
