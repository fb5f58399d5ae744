package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
)

// AuditOptions says how much to check.
type AuditOptions struct {
	// Sample is the share of the objects whose bytes are read, drawn by
	// chance; 0 and 1 read all. Lengths and signatures are always checked.
	Sample float64
	// Remove takes objects with wrong bytes out of the store, so that a sync
	// with Recheck fetches them again.
	Remove bool
}

// AuditReport says what was checked and what was found.
type AuditReport struct {
	States       uint64    `json:"states"`           // signatures and links of the log checked
	Generations  int       `json:"generations"`      // signatures, catalogs and lines checked
	Objects      int       `json:"objects"`          // that these need
	Read         int       `json:"read"`             // of these read and hashed
	Bytes        int64     `json:"bytes"`            // read
	Notices      int       `json:"notices"`          // documents of publishers judged again
	Silent       int       `json:"silent"`           // of these, on a far side, that do not count by its pins: they announce nothing
	Unneeded     int       `json:"unneeded"`         // objects in the store that nothing needs
	UnneededSize int64     `json:"unneeded_size"`    // bytes
	Absent       int       `json:"absent,omitempty"` // objects that bundles of the catalog alone left out, and nothing brought since
	Findings     []Finding `json:"findings"`
}

// Finding is one thing that is wrong with a store.
type Finding struct {
	Object  layout.Digest `json:"object"`
	What    string        `json:"what"` // missing, size, digest, unreadable, verdict
	Detail  string        `json:"detail"`
	Update  string        `json:"update,omitempty"` // that needs it
	File    string        `json:"file,omitempty"`
	Removed bool          `json:"removed,omitempty"`
}

// ErrAudit is matched by the error of an audit that found something wrong;
// ErrAltered besides where bytes are not what they were.
var (
	ErrAudit   = errors.New("audit found problems")
	ErrAltered = errors.New("stored bytes were altered")
)

// Audit checks the store from the ground up: every state of the log and its
// link to the one before, every kept generation with its catalog, every object
// that these need, and every signed document of the newest generations, judged
// by the keys and pins of now. A state or generation that is not what was signed
// ends it with the error of mirror/trusted; findings about objects are
// gathered.
func (m *Mirror) Audit(ctx context.Context, opt AuditOptions) (*AuditReport, error) {
	report := &AuditReport{Findings: []Finding{}}
	if opt.Remove {
		unlock, err := m.lock("audit")
		if err != nil {
			return report, err
		}
		defer unlock()
	}
	newest, states, err := m.Trusted.Chain(ctx)
	if err != nil {
		return report, err
	}
	report.States = states
	if newest == nil {
		return report, nil
	}
	refs, _, err := m.needed(ctx, &newest.State)
	if err != nil {
		return report, err
	}
	report.Objects = len(refs)
	kept, err := m.keptOnce(ctx, &newest.State)
	if err != nil {
		return report, err
	}
	report.Generations = len(kept)
	a := &audit{m: m, opt: opt, report: report}
	if err := a.objects(ctx, refs); err != nil {
		return report, err
	}
	if err := a.notices(ctx, &newest.State); err != nil {
		return report, err
	}
	return report, a.verdict()
}

// mostUnreadable is how many objects in a row may be unreadable in a store that is
// not on this machine: it is away, and every further one would take as long.
const mostUnreadable = 8

type audit struct {
	m   *Mirror
	opt AuditOptions

	mu         sync.Mutex
	report     *AuditReport
	unreadable int // in a row
}

func (a *audit) found(f Finding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Findings = append(a.report.Findings, f)
}

// objects compares the listing of the store with what is needed, then reads.
func (a *audit) objects(ctx context.Context, refs references) error {
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	seen := map[layout.Digest]bool{}
	for o, err := range a.m.Store.List(ctx, layout.Digest{}) {
		if err != nil {
			if failed := jobs.Wait(); failed != nil {
				return failed // which ended the listing
			}
			return fmt.Errorf("list objects: %w", err)
		}
		ref, ok := refs[o.Digest]
		if !ok {
			a.report.Unneeded++
			a.report.UnneededSize += o.Size
			continue
		}
		seen[o.Digest] = true
		if ref.size >= 0 && ref.size != o.Size {
			a.bad(ctx, o.Digest, ref, "size", fmt.Sprintf("%d bytes, should be %d", o.Size, ref.size))
			continue
		}
		if a.opt.Sample > 0 && a.opt.Sample < 1 && rand.Float64() >= a.opt.Sample {
			continue
		}
		jobs.Go(func() error { return a.read(ctx, o.Digest, o.Size, ref) })
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	for d, ref := range refs {
		if !seen[d] && ref.absent {
			a.report.Absent++
		} else if !seen[d] {
			a.found(Finding{Object: d, What: "missing", Detail: "the object is not in the store", Update: ref.update, File: ref.file})
		}
	}
	return nil
}

// read hashes one object.
func (a *audit) read(ctx context.Context, d layout.Digest, size int64, ref reference) error {
	r, err := a.m.Store.Open(ctx, d, 0, -1)
	if err == nil {
		_, err = io.Copy(io.Discard, layout.NewVerifyReader(r, size, d))
		r.Close()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.m.report(Event{Kind: EventObject, Bytes: size, Text: "audited", Err: err})
	_, mismatch := errors.AsType[*layout.MismatchError](err)
	unreadable := err != nil && !mismatch && !isMissing(err)
	if row := a.count(size, unreadable); row >= mostUnreadable && !a.local() {
		return fmt.Errorf("the store did not give any of the last %d objects, and nothing is said of the rest: %w", row, err)
	}
	switch {
	case mismatch:
		a.bad(ctx, d, ref, "digest", err.Error())
	case err != nil:
		a.found(Finding{Object: d, What: "unreadable", Detail: err.Error(), Update: ref.update, File: ref.file})
	}
	return nil
}

// count counts an object, and returns how many were unreadable in a row.
func (a *audit) count(size int64, unreadable bool) (row int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Read++
	a.report.Bytes += size
	if a.unreadable++; !unreadable {
		a.unreadable = 0
	}
	return a.unreadable
}

// local reports whether the store is on this machine, where an object that cannot
// be read says nothing of the next one.
func (a *audit) local() bool {
	_, files := a.m.Store.(store.Filer)
	return files
}

// bad notes an object with wrong bytes, and removes it if asked to.
func (a *audit) bad(ctx context.Context, d layout.Digest, ref reference, what, detail string) {
	f := Finding{Object: d, What: what, Detail: detail, Update: ref.update, File: ref.file}
	if a.opt.Remove {
		err := a.m.Store.Delete(ctx, d)
		f.Removed = err == nil
		if err != nil {
			f.Detail += "; remove it: " + err.Error()
		}
	}
	a.found(f)
}

// verdict turns the findings into the audit's error.
func (a *audit) verdict() error {
	found := a.report.Findings
	slices.SortFunc(found, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.What, y.What), cmp.Compare(x.Object.String(), y.Object.String()))
	})
	if len(found) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s", ErrAudit, number(len(found), "finding"))
	for _, f := range found {
		if f.What == "size" || f.What == "digest" {
			return fmt.Errorf("%w: %w", ErrAltered, err)
		}
	}
	return err
}
