package main

import (
	"fmt"
	"strings"
	"time"

	"patchferry/layout"
)

// dueBulletin is a bulletin with its deadlines (docs/json.md).
type dueBulletin struct {
	*layout.Bulletin
	layout.Due
}

// dueOf returns when the updates of a bulletin are to be deployed. What is only
// announced is not out yet, what was taken back is not wanted any more: neither
// has a deadline.
func dueOf(d layout.Deadlines, b *layout.Bulletin) layout.Due {
	if b.Status != layout.StatusReleased {
		return layout.Due{}
	}
	return d.Due(b.Severity, b.Released)
}

// dueWords says a deadline for people: "by 2008-10-24, or by 2008-11-06 when
// tested first". Nothing is due where there is none.
func dueWords(d layout.Due) string {
	var words []string
	if d.DeployBy != "" {
		words = append(words, "by "+string(d.DeployBy))
	}
	if d.Tested != "" {
		words = append(words, "by "+string(d.Tested)+" when tested first")
	}
	if d.OrWith {
		words = append(words, "with the next service pack or roll-up that includes it")
	}
	text := strings.Join(words, ", or ")
	if d.MaySkip && text != "" {
		text += "; "
	}
	if d.MaySkip {
		text += "may be skipped as irrelevant"
	}
	return text
}

// leftWords says how long there is until a deadline.
func leftWords(d layout.Due, now time.Time) string {
	left, ok := d.Days(now)
	first, _ := layout.Due{DeployBy: d.DeployBy}.Days(now)
	switch {
	case !ok && d.MaySkip:
		return "with the next service pack; may be skipped"
	case !ok && d.OrWith:
		return "with the next service pack"
	case !ok:
		return ""
	case left < 0:
		return "overdue " + plural(-left, "day", "days")
	case d.DeployBy != "" && first < 0:
		return plural(left, "day", "days") + " left when tested first, else overdue"
	case d.DeployBy != "":
		return plural(first, "day", "days") + " left"
	}
	return plural(left, "day", "days") + " left"
}

// verdictWords says what a notice's word is worth, never better than it is.
func verdictWords(n *layout.Notice) string {
	switch {
	case n.Verdict == layout.Valid && n.Historical():
		return "valid, historical strength"
	case n.Verdict == layout.Unsigned && !n.Captured.IsZero():
		return "unsigned, captured " + n.Captured.Time().Format(time.DateOnly)
	}
	return string(n.Verdict)
}

// announcements are the bulletins in force, found by what they name.
type announcements struct {
	all                 []layout.Said
	at                  map[string]int   // index of all by the exact name
	byKB, byName, byCVE map[string][]int // indexes of all; names and CVEs in capitals
	replacedBy          map[string][]int // by the name of what is replaced
}

// How a bulletin names an update.
const (
	byKB       = "kb"
	byBulletin = "bulletin"
	byCVE      = "cve"
)

func announcing(notices []*layout.Notice) *announcements {
	a := &announcements{
		all: layout.Current(notices), at: map[string]int{}, byKB: map[string][]int{}, byName: map[string][]int{}, byCVE: map[string][]int{},
		replacedBy: map[string][]int{},
	}
	for i, said := range a.all {
		a.at[said.Name] = i
		name := strings.ToUpper(said.Name)
		a.byName[name] = append(a.byName[name], i)
		for _, kb := range said.KBs {
			a.byKB[kb] = append(a.byKB[kb], i)
		}
		for _, cve := range append([]string{said.Name}, said.CVEs...) {
			cve = strings.ToUpper(cve)
			a.byCVE[cve] = append(a.byCVE[cve], i)
		}
		for _, old := range said.Supersedes {
			old = strings.ToUpper(old)
			a.replacedBy[old] = append(a.replacedBy[old], i)
		}
	}
	return a
}

// naming returns the bulletins that name u, each with how: by its KB article
// before by the bulletin's name before by a vulnerability. A vulnerability is
// the weakest link: the same one can be in the software of several publishers.
func (a *announcements) naming(u *layout.Update) (found []int, how []string) {
	seen := map[int]bool{}
	add := func(hits []int, by string) {
		for _, i := range hits {
			if !seen[i] {
				seen[i] = true
				found, how = append(found, i), append(how, by)
			}
		}
	}
	if u.KB != "" {
		add(a.byKB[u.KB], byKB)
	}
	for _, name := range u.Bulletins {
		add(a.byName[strings.ToUpper(name)], byBulletin)
	}
	for _, cve := range u.CVEs {
		add(a.byCVE[strings.ToUpper(cve)], byCVE)
	}
	return found, how
}

// isHeld reports whether every file of an update is here.
func isHeld(u *layout.Update) bool {
	for i := range u.Files {
		if !u.Files[i].Held {
			return false
		}
	}
	return len(u.Files) > 0
}

// fromUpdate says that a deadline follows from the update's own severity.
const fromUpdate = "update"

// dueFrom is when an update is to be deployed, and who says so (docs/json.md).
type dueFrom struct {
	layout.Due
	From string `json:"from"` // "bulletin MS08-067", "update"
}

// dueOfUpdate returns the deadline of u: of the bulletins that name it by KB or
// name the most pressing one, signed before unsigned ones; else what the
// update's own severity and release say. From is empty where there is none.
func (a *announcements) dueOfUpdate(d layout.Deadlines, u *layout.Update) dueFrom {
	var best dueFrom
	signed := false
	found, how := a.naming(u)
	for k, i := range found {
		said := a.all[i]
		due := dueOf(d, said.Bulletin)
		if how[k] == byCVE || due == (layout.Due{}) {
			continue
		}
		valid := said.Notice.Verdict == layout.Valid
		if best.From == "" || valid && !signed || valid == signed && pressing(due, best.Due) {
			best, signed = dueFrom{due, "bulletin " + said.Name}, valid
		}
	}
	if best.From != "" {
		return best
	}
	if due := d.Due(u.Severity, u.Released); due != (layout.Due{}) {
		return dueFrom{due, fromUpdate}
	}
	return best
}

// pressing reports whether a is due before b; what has no day comes last.
func pressing(a, b layout.Due) bool { return dueDay(a) < dueDay(b) }

func dueDay(d layout.Due) string {
	for _, day := range []layout.Date{d.DeployBy, d.Tested} {
		if day != "" {
			return string(day)
		}
	}
	return "never"
}

// heldWords says how many of the updates that something names are here.
func heldWords(updates, held int) string {
	if updates == 0 {
		return "none in the catalog"
	}
	return fmt.Sprintf("%d of %d held", held, updates)
}

// replacing returns the names of the bulletins that replace b. What is unsigned
// replaces nothing that is signed.
func (a *announcements) replacing(n *layout.Notice, b *layout.Bulletin) []string {
	var names []string
	for _, i := range a.replacedBy[strings.ToUpper(b.Name)] {
		if said := a.all[i]; said.Notice.Verdict.Rank() <= n.Verdict.Rank() && said.Name != b.Name {
			names = append(names, said.Name)
		}
	}
	return names
}
