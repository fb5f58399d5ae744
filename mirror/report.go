package mirror

import (
	"fmt"
	"strings"

	"patchferry/layout"
)

// SyncReport says what a sync did, or would do.
type SyncReport struct {
	DryRun       bool           `json:"dry_run"`
	MetadataOnly bool           `json:"metadata_only"`
	Published    bool           `json:"published"`
	Generation   uint64         `json:"generation"` // the newest now; 0 for none
	Counts       layout.Counts  `json:"counts"`     // of that generation
	Listed       int            `json:"listed"`     // updates in the lists that were read
	Skipped      int            `json:"skipped"`    // of these not selected
	New          int            `json:"new"`        // files admitted; in a dry run files that would be fetched
	Present      int            `json:"present"`    // files held before
	Failed       int            `json:"failed"`     // files that could not be had
	Left         int            `json:"left"`       // files that are left for hosts to ask for
	Folded       int            `json:"folded"`     // files that hosts asked for, and that the catalog holds from now on
	Dropped      int            `json:"dropped"`    // updates that left the catalog
	Extracted    int            `json:"extracted"`  // files that were taken out of service packs, which the catalog has from now on
	Fetched      int64          `json:"fetched"`    // bytes over the wire for content
	Saved        int64          `json:"saved"`      // bytes not fetched because the store had them
	Notices      []NoticeReport `json:"notices"`    // documents that are new, or judged otherwise than before
	Refused      int            `json:"refused"`    // of these quarantined
	Sources      []SourceReport `json:"sources"`
	Failures     []Failure      `json:"failures"`
	Wanted       []WantedReport `json:"wanted,omitempty"`      // files that a want file asks for
	Unextracted  []Unextracted  `json:"unextracted,omitempty"` // service packs that stay as they are, the first time that this is found

	wanting  *wanting
	gazettes []*gazette
}

// SourceReport is one source's part of a SyncReport.
type SourceReport struct {
	Name     string   `json:"name"`
	Result   string   `json:"result"` // new, unchanged, failed
	Listed   int      `json:"listed"`
	Skipped  int      `json:"skipped"`
	Left     int      `json:"left,omitempty"` // files that are left for hosts to ask for
	Problems []string `json:"problems"`
	Error    string   `json:"error,omitempty"`
}

// Failure is one file that could not be had.
type Failure struct {
	Source string `json:"source"`
	Update string `json:"update"`
	File   string `json:"file"`
	URL    string `json:"url"`
	Error  string `json:"error"`
	Err    error  `json:"-"` // for errors.Is and errors.As
}

// finish fills in what the lists and the plan tell, and returns the error of
// the whole sync.
func (r *SyncReport) finish(lists []*listing, p *plan, err error) (*SyncReport, error) {
	var failed []error
	r.Failures = []Failure{}
	missed := 0
	for _, g := range r.gazettes {
		r.Sources = append(r.Sources, g.sum())
		missed += g.missed
		if g.err != nil {
			failed = append(failed, g.err)
		}
	}
	for _, l := range lists {
		s := SourceReport{Name: l.src.Name, Result: "unchanged", Listed: l.count, Skipped: l.skipped, Left: l.mem.Left, Problems: []string{}}
		for _, issue := range l.issues {
			s.Problems = append(s.Problems, issue.Error())
		}
		switch {
		case l.err != nil:
			s.Result, s.Error = "failed", l.err.Error()
			failed = append(failed, l.err)
		case l.changed:
			s.Result = "new"
		}
		r.Left += s.Left
		r.Listed += l.count
		r.Skipped += l.skipped
		r.Sources = append(r.Sources, s)
	}
	if p != nil {
		r.count(p)
	}
	r.Wanted = r.wanting.report(p, r.DryRun)
	if err != nil {
		return r, err
	}
	if p := (&partialError{files: r.Failed + unlisted(r.Wanted), documents: missed, refused: r.Refused, sources: failed}); p.any() {
		return r, p
	}
	return r, nil
}

// partialError sums up what failed. The report has each failure, so its text
// has only their number; errors.Is and errors.As find those of sources.
type partialError struct {
	files     int
	documents int // that could not be had
	refused   int // that are in quarantine now
	sources   []error
}

func (e *partialError) any() bool { return e.files+e.documents+e.refused+len(e.sources) > 0 }

func (e *partialError) Error() string {
	var parts []string
	if n := len(e.sources); n > 0 {
		parts = append(parts, number(n, "source"))
	}
	if e.files > 0 {
		parts = append(parts, number(e.files, "file"))
	}
	if e.documents > 0 {
		parts = append(parts, number(e.documents, "document"))
	}
	var said []string
	if len(parts) > 0 {
		said = append(said, strings.Join(parts, " and ")+" could not be had")
	}
	if e.refused > 0 {
		said = append(said, number(e.refused, "document")+" refused and in quarantine")
	}
	return fmt.Sprintf("%s: %s", ErrPartial, strings.Join(said, ", "))
}

func (e *partialError) Unwrap() []error { return append([]error{ErrPartial}, e.sources...) }

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// count sums up the plan's files.
func (r *SyncReport) count(p *plan) {
	r.Present, r.Folded, r.Dropped = p.present, p.folded, p.dropped
	for _, w := range p.wants {
		switch {
		case w.err != nil:
			r.Failed++
			r.Failures = append(r.Failures, Failure{w.from.src.Name, w.update, w.f.Name, w.f.URL, w.err.Error(), w.err})
		case w.got != nil, r.DryRun && !w.f.Held:
			r.New++
		}
	}
}
