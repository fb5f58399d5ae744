package main

import (
	"patchferry/layout"
	"patchferry/verify"
)

// announcedBy is a bulletin that names an update (docs/json.md).
type announcedBy struct {
	Bulletin   string          `json:"bulletin"`
	By         string          `json:"by"` // kb, bulletin or cve
	Severity   layout.Severity `json:"severity,omitempty"`
	Notice     string          `json:"notice"`
	Verdict    layout.Verdict  `json:"verdict"`
	Historical bool            `json:"historical"`
	Signer     string          `json:"signer,omitempty"`
	SignedAt   layout.Time     `json:"signed_at,omitzero"`
	Captured   layout.Time     `json:"captured,omitzero"`
	layout.Due
	words string // what its signature is worth
}

// announced returns the bulletins that name u.
func (a *announcements) announced(d layout.Deadlines, u *layout.Update) []announcedBy {
	var all []announcedBy
	found, how := a.naming(u)
	for k, i := range found {
		said := a.all[i]
		n := said.Notice
		all = append(all, announcedBy{
			Bulletin: said.Name, By: how[k], Severity: said.Severity, Notice: n.ID, Verdict: n.Verdict, Historical: n.Historical(),
			Signer: n.Signer, SignedAt: n.SignedAt, Captured: n.Captured, Due: dueOf(d, said.Bulletin), words: verdictWords(n),
		})
	}
	return all
}

// printDue says who announces an update, and until when to deploy it.
func printDue(row func(name, value string), r *showReport) {
	for _, b := range r.AnnouncedBy {
		text := oneLine(b.Bulletin, maxWords)
		if b.Severity != "" {
			text += " (" + oneLine(string(b.Severity), 40) + ")"
		}
		row("announced by", text+", "+b.words+", by its "+nameOfJoin[b.By])
		if b.Signer != "" {
			row("  signer", verify.Fingerprint(b.Signer).Grouped())
		}
		row("  deploy", dueWords(b.Due))
	}
	if words := dueWords(r.Due.Due); words != "" {
		from := r.Due.From
		if from == fromUpdate {
			from = "by its own severity and release"
		}
		row("deploy", words+" ("+oneLine(from, maxWords)+")")
	}
}
