package mirror

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/verify"
)

// notices are all documents that publishers announced something in, as they
// stand in a generation or will stand in the next.
type notices struct {
	lines layout.Digest // of the generation's list; zero for none
	byID  map[string]*layout.Notice

	mu      sync.Mutex
	changed bool
}

// set puts a notice in and marks the list changed, unless it has it already.
func (n *notices) set(notice *layout.Notice) error {
	line, err := layout.AppendNotice(nil, notice)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.byID[notice.ID]; old != nil {
		before, err := layout.AppendNotice(nil, old)
		if err == nil && bytes.Equal(before, line) {
			return nil
		}
	}
	n.byID[notice.ID] = notice
	n.changed = true
	return nil
}

// drop takes a notice out.
func (n *notices) drop(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byID, id)
	n.changed = true
}

func (n *notices) get(id string) *layout.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byID[id]
}

// sorted returns the notices in the order of ids.
func (n *notices) sorted() []*layout.Notice {
	ids := slices.Sorted(maps.Keys(n.byID))
	all := make([]*layout.Notice, len(ids))
	for i, id := range ids {
		all[i] = n.byID[id]
	}
	return all
}

// notices reads the notices of the base.
func (b *base) notices(ctx context.Context) (*notices, error) {
	n := &notices{byID: map[string]*layout.Notice{}}
	if b.gen == nil {
		return n, nil
	}
	n.lines = b.gen.Notices.Lines
	for notice, err := range b.m.Trusted.Notices(ctx, b.gen) {
		if err != nil {
			return nil, fmt.Errorf("read the notices: %w", err)
		}
		n.byID[notice.ID] = notice
	}
	return n, nil
}

// gather asks the sources of bulletins, gets and judges what is new, keeps the
// originals in the store, and enters what it found in the notices. What is
// wrong with one document or one source stays with its gazette; only what
// stops the sync is returned.
func (m *Mirror) gather(ctx context.Context, sources []*BulletinSource, known *notices, opt SyncOptions) ([]*gazette, error) {
	gazettes := make([]*gazette, len(sources))
	for i, src := range sources {
		g := m.ask(ctx, src, known, opt)
		gazettes[i] = g
		if ctx.Err() != nil {
			return gazettes, ctx.Err()
		}
		if g.err != nil {
			if fatal(ctx, g.err) {
				return gazettes, g.err
			}
			continue
		}
		if g.again {
			if err := m.judgeAgain(ctx, g, known); err != nil {
				return gazettes, err
			}
		}
		if err := m.getAll(ctx, g, known); err != nil {
			return gazettes, err
		}
	}
	return gazettes, nil
}

// getAll gets the documents of a source that are new or may have changed.
func (m *Mirror) getAll(ctx context.Context, g *gazette, known *notices) error {
	todo := g.wanted()
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(m.parallel())
	for _, item := range todo {
		if running.Err() != nil {
			break
		}
		jobs.Go(func() error {
			err := m.getOne(running, g, known, item)
			if fatal(running, err) {
				return err
			}
			if err != nil {
				g.mu.Lock()
				g.missed++
				g.mu.Unlock()
				g.problem(err)
			}
			return nil
		})
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slices.SortFunc(g.reports, func(a, b NoticeReport) int { return cmp.Compare(a.ID, b.ID) })
	if g.left > 0 {
		g.problem(fmt.Errorf("%s without a signature, left where they are; if this publisher signs nothing, write signed = false for it", number(g.left, "document")))
	}
	return nil
}

// getOne gets one document, judges it, and keeps it where it belongs.
func (m *Mirror) getOne(ctx context.Context, g *gazette, known *notices, item layout.Announced) error {
	g.mu.Lock()
	before := g.mem.Items[item.Name]
	g.mu.Unlock()
	doc, err := g.src.Announcer.Get(ctx, item, before.Validators)
	if err != nil {
		return fmt.Errorf("get %s: %w", item.Name, err)
	}
	if doc.NotModified {
		return nil
	}
	j := judgement(g.judge, g.src.Unsigned, verify.Document{Name: item.File, Original: doc.Original, Signature: doc.Signature, Sums: doc.Sums})
	after := knownItem{
		Stamp: item.Stamp, Validators: doc.Validators, Original: j.FileSHA256,
		Kept: g.src.admits(j.Verdict), Verdict: j.Verdict, At: layout.At(m.now()),
	}
	if err := m.keep(ctx, g, known, item, doc, j); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mem.Items[item.Name] = after
	if after.Kept && g.jailed[item.Name] && !g.opt.DryRun {
		return m.release(g.src, item.Name)
	}
	return nil
}

// judgement judges a document. One that is larger than any signed one is
// unsigned where the operator said that its publisher signs nothing.
func judgement(judge *verify.Judge, unsigned bool, doc verify.Document) *verify.Judgement {
	if unsigned && doc.Signature == nil && len(doc.Original) > verify.MaxDocument {
		return &verify.Judgement{Verdict: layout.Unsigned, FileSHA256: layout.DigestOf(doc.Original)}
	}
	return judge.Document(doc)
}

// keep puts a judged document where it belongs: into the store with a notice,
// into quarantine, or nowhere.
func (m *Mirror) keep(ctx context.Context, g *gazette, known *notices, item layout.Announced, doc *layout.Announcement, j *verify.Judgement) error {
	n := &layout.Notice{
		ID: g.src.noticeID(item.Name, j.FileSHA256), File: item.File, By: item.By,
		Captured: doc.At, TLSKey: doc.TLSKey, SigFile: doc.SigFile,
		Original: layout.ObjectRef{SHA256: j.FileSHA256, Size: int64(len(doc.Original))},
	}
	if n.Captured.IsZero() {
		n.Captured = layout.At(m.now())
	}
	if doc.Signature != nil {
		n.Signature = layout.ObjectRef{SHA256: layout.DigestOf(doc.Signature), Size: int64(len(doc.Signature))}
	}
	problems := g.describe(n, j, doc.Original)
	report := NoticeReport{Source: g.src.Name, Notice: n, Problems: problems}
	if j.Diagnosis != nil {
		report.Diagnosis = j.Diagnosis.Text
	}
	if !g.src.admits(j.Verdict) {
		return m.refuseNotice(g, item, doc, j, report)
	}
	old := known.get(n.ID)
	if old != nil {
		n.Captured, n.By, n.TLSKey = old.Captured, old.By, old.TLSKey // as it was first found
	}
	if !g.opt.DryRun {
		if err := m.putNotice(ctx, doc); err != nil {
			return fmt.Errorf("keep %s: %w", item.Name, err)
		}
	}
	g.add(report, old)
	return known.set(n)
}

// add reports a notice unless it says what was known already.
func (g *gazette) add(report NoticeReport, old *layout.Notice) {
	if old != nil {
		if old.Verdict == report.Verdict {
			return
		}
		report.Before = old.Verdict
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reports = append(g.reports, report)
}

// refuseNotice deals with a document that does not enter.
func (m *Mirror) refuseNotice(g *gazette, item layout.Announced, doc *layout.Announcement, j *verify.Judgement, report NoticeReport) error {
	if j.Verdict == layout.Unsigned {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.left++
		return nil
	}
	var err error
	if !g.opt.DryRun {
		if report.Quarantined, err = m.quarantineNotice(g.src, item, doc, j); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused++
	g.reports = append(g.reports, report)
	return nil
}

// putNotice puts the original and its detached signature, byte for byte.
func (m *Mirror) putNotice(ctx context.Context, doc *layout.Announcement) error {
	if _, err := m.Writer.PutDocument(ctx, doc.Original); err != nil {
		return err
	}
	if doc.Signature == nil {
		return nil
	}
	_, err := m.Writer.PutDocument(ctx, doc.Signature)
	return err
}

// describe enters the judgement in a notice and, where it may announce
// anything, what it announces. It returns what could not be read of it.
func (g *gazette) describe(n *layout.Notice, j *verify.Judgement, original []byte) (problems []string) {
	n.Profile, n.Verdict, n.Qualifiers, n.Reason = string(g.judge.Profile), j.Verdict, nil, words(j)
	if len(j.Qualifiers) > 0 {
		n.Qualifiers = j.Qualifiers
	}
	n.Signer, n.SigningKey, n.SignedAt = string(j.Primary), string(j.Signing), j.SignedAt
	n.Bulletins = nil
	if !g.src.announces(j.Verdict) {
		return nil
	}
	texts := j.Texts()
	if j.Verdict == layout.Unsigned {
		n.Reason = "its publisher signs nothing"
		texts = []verify.Text{{Body: original}}
	}
	for _, text := range texts {
		found, err := g.src.Read(text)
		if err != nil {
			problems = append(problems, err.Error())
		}
		n.Bulletins = appendNew(n.Bulletins, found)
	}
	if _, err := layout.AppendNotice(nil, n); err != nil {
		n.Bulletins = nil // it is kept all the same
		problems = append(problems, err.Error())
	}
	return problems
}

// appendNew appends the bulletins whose names are new: texts may stand within
// texts, and then one is read with the other.
func appendNew(all, found []layout.Bulletin) []layout.Bulletin {
	for _, b := range found {
		if !slices.ContainsFunc(all, func(known layout.Bulletin) bool { return known.Name == b.Name }) {
			all = append(all, b)
		}
	}
	return all
}

// judgeAgain judges what is kept of a source by the keys and pins of now.
func (m *Mirror) judgeAgain(ctx context.Context, g *gazette, known *notices) error {
	for _, old := range known.sorted() {
		if sourceOf(old.ID) != g.src.Name {
			continue
		}
		doc, err := m.document(ctx, old)
		if fatal(ctx, err) {
			return err
		}
		if err != nil {
			g.problem(fmt.Errorf("judge %s again: %w", old.ID, err))
			g.mem.List = nil
			g.mem.forget(old.Original.SHA256)
			continue
		}
		if err := m.settleAgain(g, known, old, doc); err != nil {
			return err
		}
	}
	return nil
}

// settleAgain enters the new judgement of a kept document, or takes it out of
// the notices where it may not stay: a key that came here since can say that
// it is bad.
func (m *Mirror) settleAgain(g *gazette, known *notices, old *layout.Notice, doc verify.Document) error {
	j := judgement(g.judge, g.src.Unsigned, doc)
	n := *old
	report := NoticeReport{Source: g.src.Name, Notice: &n, Problems: g.describe(&n, j, doc.Original)}
	if j.Diagnosis != nil {
		report.Diagnosis = j.Diagnosis.Text
	}
	if g.src.admits(j.Verdict) {
		g.add(report, old)
		return known.set(&n)
	}
	report.Before = old.Verdict
	known.drop(old.ID)
	item := layout.Announced{Name: strings.TrimPrefix(old.Document(), g.src.Name+":"), File: old.File, By: old.By}
	if of, ok := g.mem.Items[item.Name]; ok && of.Original == old.Original.SHA256 {
		of.Kept, of.Verdict, of.At = false, j.Verdict, layout.At(m.now())
		g.mem.Items[item.Name] = of
	}
	return m.refuseNotice(g, item, &layout.Announcement{Original: doc.Original, Signature: doc.Signature}, j, report)
}

// document reads a document back from the store, to be judged again.
func (m *Mirror) document(ctx context.Context, n *layout.Notice) (verify.Document, error) {
	doc := verify.Document{Name: n.File}
	var err error
	if doc.Original, err = m.Trusted.Document(ctx, n.Original); err != nil {
		return doc, err
	}
	if !n.Signature.IsZero() {
		doc.Signature, err = m.Trusted.Document(ctx, n.Signature)
	}
	return doc, err
}

// settleBulletins remembers what every source was found to have, once it is
// published. whole is the digest of the list of notices in force.
func (m *Mirror) settleBulletins(gazettes []*gazette, whole layout.Digest) error {
	var errs []error
	for _, g := range gazettes {
		if g.err != nil {
			continue
		}
		g.mem.Basis, g.mem.Whole = g.basis, whole
		if g.mem.List = g.memory; g.missed > 0 {
			g.mem.List = nil // the rest has to be asked for again
		}
		errs = append(errs, m.rememberBulletins(g.src, g.mem))
	}
	return errors.Join(errs...)
}
