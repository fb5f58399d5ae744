package main

import (
	"slices"

	"patchferry/layout"
	"patchferry/mirror"
)

// printNews prints the documents that are new or were judged anew: what they
// announce is a result; what is wrong with one goes where failures go, with
// what to do next. --json has all.
func (a *app) printNews(d layout.Deadlines, reports []mirror.NoticeReport) error {
	wrong := func(x, y mirror.NoticeReport) int { return y.Verdict.Rank() - x.Verdict.Rank() }
	for i, r := range slices.SortedStableFunc(slices.Values(reports), wrong) {
		if i == maxFailures {
			a.note("… and %s more; patchferry bulletin list shows all", plural(len(reports)-i, "document", "documents"))
			break
		}
		if r.Notice == nil {
			continue
		}
		for _, p := range r.Problems {
			a.note("%s: %s", oneLine(r.ID, maxWords), oneLine(p, maxWords))
		}
		if len(r.Bulletins) == 0 {
			a.printSilent(&r)
			continue
		}
		for k := range r.Bulletins {
			b := &r.Bulletins[k]
			due := dueBulletin{b, dueOf(d, b)}
			if err := a.printf("%s%s, %s: %s\n", oneLine(b.Name, maxWords), inBrackets(due, false), verdictWords(r.Notice), oneLine(b.Title, 100)); err != nil {
				return err
			}
		}
	}
	return nil
}

// printSilent prints a document that announces nothing.
func (a *app) printSilent(r *mirror.NoticeReport) {
	a.note("%s: %s%s", oneLine(r.ID, maxWords), r.Verdict, because(r.Reason))
	if r.Diagnosis != "" {
		a.note("  %s", oneLine(r.Diagnosis, 2*maxWords))
	}
	if r.Quarantined != "" {
		a.note("  kept apart in %s", r.Quarantined)
	}
	a.note("  next: %s", nextFor(r.Notice))
}
