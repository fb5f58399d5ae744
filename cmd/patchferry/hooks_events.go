package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"patchferry/layout"
	"patchferry/mirror"
)

// bulletinEvent is the JSON of on_bulletin (docs/json.md).
type bulletinEvent struct {
	hookHead
	Generation uint64        `json:"generation"` // the newest
	Notices    []noticeEvent `json:"notices"`
}

// noticeEvent is a document that is new, or was judged otherwise than before.
type noticeEvent struct {
	Notice      string         `json:"notice"`
	File        string         `json:"file"`
	By          string         `json:"by"`
	Verdict     layout.Verdict `json:"verdict"`
	Before      layout.Verdict `json:"before,omitempty"`
	Qualifiers  []string       `json:"qualifiers,omitempty"`
	Historical  bool           `json:"historical"`
	Reason      string         `json:"reason,omitempty"`
	Signer      string         `json:"signer,omitempty"`
	SignedAt    layout.Time    `json:"signed_at,omitzero"`
	Captured    layout.Time    `json:"captured,omitzero"`
	Quarantined string         `json:"quarantined,omitempty"` // the folder
	Diagnosis   string         `json:"diagnosis,omitempty"`
	Next        string         `json:"next,omitempty"` // for a document that announces nothing
	Bulletins   []dueBulletin  `json:"bulletins"`
}

func noticeEvents(d layout.Deadlines, reports []mirror.NoticeReport) []noticeEvent {
	events := []noticeEvent{}
	for _, r := range reports {
		if r.Notice == nil {
			continue
		}
		e := noticeEvent{
			Notice: r.ID, File: r.File, By: r.By, Verdict: r.Verdict, Before: r.Before, Qualifiers: r.Qualifiers, Historical: r.Historical(),
			Reason: r.Reason, Signer: r.Signer, SignedAt: r.SignedAt, Captured: r.Captured,
			Quarantined: r.Quarantined, Diagnosis: r.Diagnosis, Bulletins: []dueBulletin{},
		}
		if len(r.Bulletins) == 0 {
			e.Next = nextFor(r.Notice)
		}
		for i := range r.Bulletins {
			b := &r.Bulletins[i]
			e.Bulletins = append(e.Bulletins, dueBulletin{b, dueOf(d, b)})
		}
		events = append(events, e)
	}
	return events
}

// summarize says in one line what the documents announce, the worst first, and
// how many announce nothing.
func summarize(notices []noticeEvent) string {
	var bulletins []dueBulletin
	unsigned := map[*layout.Bulletin]bool{}
	silent := map[layout.Verdict]int{}
	for _, n := range notices {
		if len(n.Bulletins) == 0 {
			silent[n.Verdict]++
		}
		for _, b := range n.Bulletins {
			bulletins = append(bulletins, b)
			unsigned[b.Bulletin] = n.Verdict != layout.Valid
		}
	}
	var parts []string
	if len(bulletins) > 0 {
		worst := slices.MinFunc(bulletins, func(a, b dueBulletin) int {
			return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), strings.Compare(dueDay(a.Due), dueDay(b.Due)))
		})
		text := plural(len(bulletins), "bulletin", "bulletins") + ": " + oneLine(worst.Name, 40)
		if len(bulletins) > 1 {
			text += " and others"
		}
		parts = append(parts, text+inBrackets(worst, unsigned[worst.Bulletin]))
	}
	for _, v := range slices.Backward(layout.Verdicts()) {
		if n := silent[v]; n > 0 {
			parts = append(parts, plural(n, "document", "documents")+" "+string(v))
		}
	}
	return strings.Join(parts, "; ")
}

// inBrackets says what counts of a bulletin.
func inBrackets(b dueBulletin, unsigned bool) string {
	var words []string
	if b.Status != layout.StatusReleased {
		words = append(words, oneLine(string(b.Status), 20))
	}
	if b.Severity != "" {
		words = append(words, oneLine(string(b.Severity), 20))
	}
	if b.DeployBy != "" {
		words = append(words, "deploy by "+string(b.DeployBy))
	}
	if unsigned {
		words = append(words, "unsigned")
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// publishEvent is the JSON of on_publish (docs/json.md).
type publishEvent struct {
	hookHead
	State      uint64        `json:"state"`
	Generation uint64        `json:"generation"`
	Counts     layout.Counts `json:"counts"`
	New        int           `json:"new"`     // files admitted
	Fetched    int64         `json:"fetched"` // bytes over the wire for them
	Dropped    int           `json:"dropped"` // updates that left the catalog
}

// proposeEvent is the JSON of pre_publish (docs/json.md). The objects of its
// files are in the store.
type proposeEvent struct {
	hookHead
	Generation uint64                `json:"generation"` // the number that it will have
	Counts     layout.Counts         `json:"counts"`
	Files      []mirror.ProposedFile `json:"files"` // that were not held before
	Notices    []noticeEvent         `json:"notices"`
}

// proposed asks the operator's program whether a generation may be published.
func (h *hooks) proposed(ctx context.Context, p *mirror.Proposed) error {
	var size int64
	for i := range p.Files {
		size += p.Files[i].File.Size
	}
	head := h.head(prePublish, fmt.Sprintf("generation %d proposed: %s (%s), %s", p.Number,
		plural(len(p.Files), "new file", "new files"), humanize.Bytes(uint64(size)), plural(len(p.Notices), "document", "documents")))
	event := proposeEvent{
		hookHead: head, Generation: p.Number, Counts: p.Counts,
		Files: append([]mirror.ProposedFile{}, p.Files...), Notices: noticeEvents(h.config.Deadlines.Layout(), p.Notices),
	}
	return withHint(h.run(ctx, head, event), "see why the program refuses; nothing was published, and the same command tries again")
}

// synced tells of what a sync found and published. A sync that failed as a
// whole has published nothing, and the next one finds the same again.
func (h *hooks) synced(ctx context.Context, j *job, r *mirror.SyncReport, err error) {
	if r == nil || r.DryRun || err != nil && !errors.Is(err, mirror.ErrPartial) {
		return
	}
	if len(r.Notices) > 0 {
		notices := noticeEvents(h.config.Deadlines.Layout(), r.Notices)
		head := h.head(onBulletin, summarize(notices))
		h.tell(ctx, head, bulletinEvent{head, r.Generation, notices})
	}
	if r.Published {
		head := h.head(onPublish, fmt.Sprintf("generation %d published: %s (%s), %s", r.Generation,
			plural(r.New, "new file", "new files"), humanize.Bytes(uint64(r.Fetched)), plural(r.Counts.Updates, "update", "updates")))
		event := publishEvent{hookHead: head, Generation: r.Generation, Counts: r.Counts, New: r.New, Fetched: r.Fetched, Dropped: r.Dropped}
		if e, err := j.site.newest(context.WithoutCancel(ctx)); err == nil && e != nil {
			event.State = e.state.Number
		}
		h.tell(ctx, head, event)
	}
}
