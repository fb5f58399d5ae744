package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/mirror/trusted"
)

// SyncOptions narrows a sync.
type SyncOptions struct {
	Only         []string // names of the sources to refresh; none is all
	DryRun       bool     // ask publishers, decide and report; change nothing
	MetadataOnly bool     // publish the catalog without fetching content
	Recheck      bool     // look for every held object, fetch again what is gone, and look into what nobody looked into
	// Want, where it is set, is a want file of a far side: of what is not held,
	// the listed files that it asks for are fetched, and no others.
	Want *Returned
	// Streams are those of the configuration, whose audiences say whose want
	// files count.
	Streams []OutboundStream
}

// ErrPartial is matched by the error of a job that did what it could while
// some part of it failed; the report says which.
var ErrPartial = errors.New("done in part")

// Sync refreshes the sources, fetches what is new and selected, and publishes
// a generation if the catalog changed. Where nothing is new upstream it costs
// one request a source and writes nothing to the store.
//
// A file that cannot be had, or that nothing vouches for, stays listed and
// unheld; the others go on, and the error matches ErrPartial. Sync may be
// interrupted at any point and run again: what was complete is not fetched
// again, what was begun is resumed.
func (m *Mirror) Sync(ctx context.Context, opt SyncOptions) (*SyncReport, error) {
	if opt.Want != nil {
		opt.MetadataOnly = true // what is not asked for stays listed
	}
	unlock, err := m.lock("sync")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := m.tidy(); err != nil {
		return nil, err
	}
	sources, bulletins, err := m.chosen(opt.Only)
	if err != nil {
		return nil, err
	}
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	wanting, err := m.openWanting(ctx, base, opt)
	if err != nil {
		return nil, err
	}
	report := &SyncReport{DryRun: opt.DryRun, MetadataOnly: opt.MetadataOnly, wanting: wanting}
	if base.gen != nil {
		report.Generation, report.Counts, report.Present = base.gen.Number, base.gen.Counts, base.gen.Counts.Held
	}
	lists := m.refreshAll(ctx, sources, opt)
	if ctx.Err() != nil {
		return report, ctx.Err()
	}
	for _, l := range lists {
		if fatal(ctx, l.err) { // no publisher's fault, so no matter of one source
			return report, l.err
		}
	}
	news, err := m.announcements(ctx, base, bulletins, opt)
	if err != nil {
		return report, err
	}
	report.announced(news)
	bound, err := m.openBindings(ctx)
	if err != nil {
		return report, err
	}
	if m.nothingNew(base, lists, opt) && !news.changed() && !bound.news() {
		if !opt.DryRun {
			err = errors.Join(m.settleBulletins(news.gazettes, news.lines), bound.settle(ctx, false))
		}
		return report.finish(lists, nil, err)
	}
	return m.syncLists(ctx, opt, base, lists, news, bound, report)
}

// syncLists is the rest of a sync in which some list has to be read, or some
// bulletin is new.
func (m *Mirror) syncLists(ctx context.Context, opt SyncOptions, base *base, lists []*listing, news *news, bound *boundFiles, report *SyncReport) (*SyncReport, error) {
	defer func() {
		for _, l := range lists {
			l.entries.close()
		}
	}()
	if err := m.readAll(ctx, lists); err != nil {
		return report, err
	}
	if err := news.load(ctx, base); err != nil {
		return report, err
	}
	next, err := m.merge(ctx, base.lines(ctx), lists, news.statements(), opt, report.wanting, bound)
	if err != nil {
		return report, err
	}
	defer next.close()
	for _, l := range lists {
		l.mem.Left = l.left(next)
	}
	report.wanting.narrow(next)
	if opt.DryRun {
		return report.finish(lists, next, nil)
	}
	journal, err := m.openAdmitted()
	if err != nil {
		return report, err
	}
	defer journal.close()
	content, err := m.newFetching(opt, base, next, journal)
	if err != nil {
		return report, err
	}
	if !opt.MetadataOnly || opt.Want != nil {
		if err := content.run(ctx); err != nil {
			report.Fetched = content.fetched.Load()
			return report, err
		}
	}
	made, err := m.publish(ctx, base, next, lists, news)
	if err != nil {
		return report, err
	}
	report.extracted(next.taking)
	report.Published, report.Generation, report.Counts = made.published, made.number, made.counts
	report.Fetched, report.Saved = content.fetched.Load(), content.saved.Load()
	if opt.Want != nil {
		err = m.settleWanted(lists, content)
	} else {
		err = m.settleSources(lists, next, base, made, content)
	}
	err = errors.Join(err, m.settleBulletins(news.gazettes, made.notices.Lines), bound.settle(ctx, true), next.taking.settle())
	return report.finish(lists, next, err)
}

// newFetching prepares the download of what a plan lacks.
func (m *Mirror) newFetching(opt SyncOptions, base *base, next *plan, journal *admitted) (*fetching, error) {
	stage, err := m.Stage()
	if err != nil {
		return nil, err
	}
	f := &fetching{m: m, plan: next, journal: journal, absent: base.absent, stage: stage}
	f.captures = &captures{journal: journal, new: map[*listing]map[string]layout.Validators{}}
	f.refusals.forget = m.now().Add(-refusedFor)
	if opt.Recheck {
		f.refusals.forget = m.now().Add(refusedFor)
	}
	return f, nil
}

// settleSources notes for every source whether all of it is in the catalog
// now, and forgets the journal, which the published generation replaces.
func (m *Mirror) settleSources(lists []*listing, next *plan, base *base, made *published, content *fetching) error {
	failed := map[*listing]int{}
	for _, w := range next.wants {
		if w.err != nil {
			failed[w.from]++
		}
	}
	for _, l := range lists {
		if l.err != nil {
			continue
		}
		l.mem.Failed = failed[l]
		content.captures.fold(l)
		if l.changed {
			l.mem.Refused = content.refusals.new[l]
		}
		switch {
		case l.changed && failed[l] == 0:
			l.mem.Folded = made.lines
		case l.changed:
			l.mem.Folded = layout.Digest{}
		case !l.mem.Folded.IsZero():
			l.mem.Folded = made.lines
		}
		if err := m.remember(l.src, l.mem); err != nil {
			return err
		}
	}
	return content.journal.clear()
}

// chosen returns the configured sources, or those named.
func (m *Mirror) chosen(only []string) (lists []*Source, bulletins []*BulletinSource, err error) {
	taken := map[string]bool{}
	wanted := func(name string) bool {
		if taken[name] {
			err = errors.Join(err, fmt.Errorf("two sources are called %s", name))
		}
		taken[name] = true
		return len(only) == 0 || slices.Contains(only, name)
	}
	for i := range m.Sources {
		if wanted(m.Sources[i].Name) {
			lists = append(lists, &m.Sources[i])
		}
	}
	for i := range m.Bulletins {
		if wanted(m.Bulletins[i].Name) {
			bulletins = append(bulletins, &m.Bulletins[i])
		}
	}
	for _, name := range only {
		if !taken[name] {
			err = errors.Join(err, fmt.Errorf("source %s is not configured: %w", name, fs.ErrNotExist))
		}
	}
	return lists, bulletins, err
}

// refreshAll asks all publishers, several at once. Failures stay with their
// list.
func (m *Mirror) refreshAll(ctx context.Context, sources []*Source, opt SyncOptions) []*listing {
	lists := make([]*listing, len(sources))
	var jobs errgroup.Group
	jobs.SetLimit(8)
	for i, src := range sources {
		jobs.Go(func() error {
			lists[i] = m.refresh(ctx, src, opt)
			return nil
		})
	}
	_ = jobs.Wait()
	return lists
}

// nothingNew decides which lists have to be read, and reports whether none
// has to.
func (m *Mirror) nothingNew(base *base, lists []*listing, opt SyncOptions) bool {
	idle := true
	for _, l := range lists {
		whole := base.gen != nil && l.mem.Folded == base.gen.Lines
		l.changed = l.err == nil && (!whole || opt.Recheck || opt.Want != nil || l.src.Trust == TrustCapture)
		idle = idle && !l.changed
	}
	return idle
}

// readAll parses the lists that have to be read. A list that cannot be read
// at all leaves what is known of its source as it is.
func (m *Mirror) readAll(ctx context.Context, lists []*listing) error {
	if err := os.MkdirAll(m.Work, 0o750); err != nil {
		return fmt.Errorf("make the work directory: %w", err)
	}
	for _, l := range lists {
		if !l.changed {
			continue
		}
		if err := m.read(ctx, l); err != nil {
			if fatal(ctx, err) {
				return err
			}
			l.err, l.changed = err, false
		}
	}
	return nil
}

// base is the state and catalog that a sync starts from.
type base struct {
	m      *Mirror
	state  *trusted.State // nil for an empty store
	gen    *layout.Generation
	absent map[layout.Digest]bool // named by a removal that is under way: as good as deleted
}

// openBase opens and checks the newest state and its generation, and ends a
// prune that died half-way.
func (m *Mirror) openBase(ctx context.Context) (*base, error) {
	state, err := m.Trusted.Newest(ctx)
	if err != nil {
		return nil, err
	}
	b := &base{m: m}
	switch {
	case state == nil || state.Prune == nil:
	case m.Writer == nil: // who publishes nothing only takes note
		if b.absent, err = m.planned(ctx, state.Prune); err != nil {
			return nil, err
		}
	default:
		if state, err = m.settlePrune(ctx, state); err != nil {
			return nil, err
		}
	}
	b.state = state
	if state == nil || state.Generation == nil {
		return b, nil
	}
	b.gen, err = m.Trusted.Generation(ctx, state.Generation.Generation)
	return b, err
}

// lines streams the lines of the base's catalog.
func (b *base) lines(ctx context.Context) lineSeq {
	if b.gen == nil {
		return func(func([]byte, error) bool) {}
	}
	return b.m.catalogLines(ctx, b.gen)
}
