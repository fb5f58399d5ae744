package main

import (
	"slices"

	"patchferry/layout"
	"patchferry/mirror"
)

// printNews prints the documents that are new or were judged anew: what they
// announce is a result; what is wrong goes where failures go, with what to do
// next. What is the same for many documents is said once, and of much news the
// beginning; --json has all.
func (a *app) printNews(d layout.Deadlines, reports []mirror.NoticeReport) error {
	reports = slices.DeleteFunc(slices.Clone(reports), func(r mirror.NoticeReport) bool { return r.Notice == nil })
	wrong := func(x, y mirror.NoticeReport) int { return y.Verdict.Rank() - x.Verdict.Rank() }
	slices.SortStableFunc(reports, wrong)
	a.noteSilent(reports)
	printed, more := 0, 0
	for i := range reports {
		r := &reports[i]
		for k := range r.Bulletins {
			b := &r.Bulletins[k]
			if printed == maxNews {
				more++
				continue
			}
			printed++
			due := dueBulletin{b, dueOf(d, b)}
			if err := a.printf("%s%s, %s: %s\n", oneLine(b.Name, maxWords), inBrackets(due, false), verdictWords(r.Notice), oneLine(b.Title, 100)); err != nil {
				return err
			}
		}
	}
	if more > 0 {
		return a.printf("… and %s; patchferry bulletin list shows all\n", plural(more, "more bulletin", "more bulletins"))
	}
	return nil
}

// maxNews is how many bulletins a sync prints for people.
const maxNews = 20

// silence is what keeps documents from announcing anything.
type silence struct {
	source  string
	verdict layout.Verdict
	reason  string
}

// noteSilent names what announces nothing, and what could not be read: each
// document that is wrong by itself, others by what they have in common.
func (a *app) noteSilent(reports []mirror.NoticeReport) {
	count := make(map[silence]int)
	why := func(r *mirror.NoticeReport) silence { return silence{r.Source, r.Verdict, r.Reason} }
	for i := range reports {
		if r := &reports[i]; len(r.Bulletins) == 0 {
			count[why(r)]++
		}
	}
	said, left := 0, 0
	for i := range reports {
		r := &reports[i]
		if len(r.Bulletins) > 0 && len(r.Problems) == 0 {
			continue
		}
		alike := count[why(r)]
		if r.Quarantined == "" && len(r.Problems) == 0 && alike == 0 {
			continue // said with another
		}
		if said == maxFailures {
			left++
			continue
		}
		said++
		for _, p := range r.Problems {
			a.note("%s: %s", oneLine(r.ID, maxWords), oneLine(p, maxWords))
		}
		switch {
		case len(r.Bulletins) > 0:
		case r.Quarantined != "" || alike == 1:
			a.printSilent(r)
		case alike > 1:
			a.note("%s: %d documents %s%s", r.Source, alike, r.Verdict, because(r.Reason))
			a.note("  next: %s", nextFor(r.Notice))
			delete(count, why(r))
		}
	}
	if left > 0 {
		a.note("… and %s; patchferry bulletin list shows all", plural(left, "more document", "more documents"))
	}
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
