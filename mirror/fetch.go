package mirror

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
)

// group is all wants that are the same content: it is fetched once.
type group struct {
	key   string
	wants []*want
}

// fetching is the part of a sync that brings content here.
type fetching struct {
	m        *Mirror
	plan     *plan
	journal  *admitted
	absent   map[layout.Digest]bool // named by a prune plan: as good as deleted
	stage    string
	captures *captures
	refusals refusals
	looking  sync.Mutex   // at a file that was admitted
	fetched  atomic.Int64 // bytes over the wire
	saved    atomic.Int64 // bytes that were here already
}

// run brings every wanted file here that can be had. A file that cannot is
// its own want's error; only what stops all of them is returned.
func (f *fetching) run(ctx context.Context) error {
	todo, err := f.missing(ctx)
	if err != nil || len(todo) == 0 {
		return err
	}
	var bytes int64
	for _, g := range todo {
		bytes += g.wants[0].f.Size
	}
	f.m.report(Event{Kind: EventPlan, Count: len(todo), Bytes: bytes})
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(f.m.parallel())
	for _, g := range todo {
		if ctx.Err() != nil {
			break
		}
		jobs.Go(func() error { return f.fetchGroup(ctx, g) })
	}
	return jobs.Wait()
}

// missing gathers what has to be fetched, and settles what is here already.
func (f *fetching) missing(ctx context.Context) ([]*group, error) {
	byKey := map[string]*group{}
	var todo []*group
	for _, w := range f.plan.wants {
		if w.err != nil {
			f.m.reportFile(w)
			continue
		}
		key := contentKey(&w.f)
		if w.capture {
			key = "capture:" + w.f.URL
		}
		if g := byKey[key]; g != nil {
			g.wants = append(g.wants, w)
			continue
		}
		g := &group{key: key, wants: []*want{w}}
		byKey[key] = g
		todo = append(todo, g)
	}
	return f.absentOf(ctx, todo)
}

// absentOf settles the groups whose content is here and returns the others, in
// their order. Some are looked for at the same time: a store may be far away.
func (f *fetching) absentOf(ctx context.Context, todo []*group) ([]*group, error) {
	type answer struct {
		got  layout.Got
		here bool
	}
	answers := make([]answer, len(todo))
	jobs, asking := errgroup.WithContext(ctx)
	jobs.SetLimit(f.m.parallel())
	for i, g := range todo {
		jobs.Go(func() (err error) {
			answers[i].got, answers[i].here, err = f.here(asking, g)
			return err
		})
	}
	if err := jobs.Wait(); err != nil {
		return nil, err
	}
	absent := todo[:0]
	for i, g := range todo {
		if !answers[i].here {
			absent = append(absent, g)
			continue
		}
		if err := g.wants[0].from.src.Upstream.Discard(f.staged(g)); err != nil { // a sync died between admission and this
			return nil, fmt.Errorf("tidy up the stage: %w", err)
		}
		for _, w := range g.wants {
			f.settle(w, answers[i].got)
			f.saved.Add(answers[i].got.Size)
		}
	}
	return absent, nil
}

// here finds the content of a group in the store.
func (f *fetching) here(ctx context.Context, g *group) (layout.Got, bool, error) {
	w := &g.wants[0].f
	var got layout.Got
	known, found := f.journal.find(g.key)
	switch {
	case g.wants[0].capture:
		return got, false, nil
	case found:
		got = known
	case !w.SHA256.IsZero():
		got = layout.Got{SHA256: w.SHA256, SHA1: w.SHA1, Size: -1}
		if h := f.plan.held[w.SHA256]; h != nil {
			got.SHA1 = h.sha1
		}
	case f.plan.bySHA1[w.SHA1] != nil && !w.SHA1.IsZero():
		h := f.plan.bySHA1[w.SHA1]
		got = layout.Got{SHA256: h.sha256, SHA1: h.sha1, Size: h.size}
	default:
		return got, false, nil
	}
	if f.absent[got.SHA256] {
		return got, false, nil
	}
	size, err := f.m.Store.Stat(ctx, got.SHA256)
	if isMissing(err) {
		return got, false, nil
	}
	if err != nil {
		return got, false, fmt.Errorf("look for %s: %w", w.Name, err)
	}
	if got.Size >= 0 && got.Size != size {
		return got, false, fmt.Errorf("look for %s: object %s has %d bytes and should have %d; run patchferry audit", w.Name, got.SHA256, size, got.Size)
	}
	got.Size = size
	return got, true, nil
}

// settle gives a want content that the store has.
func (f *fetching) settle(w *want, got layout.Got) {
	if got.MD5.IsZero() {
		got.MD5 = w.f.MD5 // not measured then; another digest identified the content
	}
	if w.err = check(w.expected(), got); w.err == nil {
		file := holdAs(w.f, got, w.evidence, layout.At(f.m.now()))
		w.hold(file)
	}
	f.m.reportFile(w)
}

// expected is what the bytes of a want must be. A capture may have changed.
func (w *want) expected() layout.File {
	if !w.capture {
		return w.f
	}
	return layout.File{Name: w.f.Name, URL: w.f.URL, Kind: w.f.Kind, Language: w.f.Language}
}

// hold takes the admitted file. One whose object was only lost keeps what is
// recorded of it, so that fetching it again changes nothing in the catalog.
func (w *want) hold(file layout.File) {
	if w.lost && file.SHA256 == w.f.SHA256 {
		file = w.f
	}
	w.got = &file
}

// fetchGroup downloads one content for all who want it. It tries the URL of
// each in turn until one has it.
func (f *fetching) fetchGroup(ctx context.Context, g *group) error {
	for i, w := range g.wants {
		got, err := f.fetchOne(ctx, g, w)
		if fatal(ctx, err) {
			return err
		}
		if err != nil {
			w.err = err
			f.m.reportFile(w)
			continue
		}
		for _, other := range g.wants[i+1:] {
			if got.NotModified {
				other.old = true
				continue
			}
			f.settle(other, got)
		}
		return nil
	}
	return nil
}

// staged is where the content of a group is on its way in.
func (f *fetching) staged(g *group) string {
	return filepath.Join(f.stage, layout.DigestOf([]byte(g.key)).String()[:32])
}

// fetchOne downloads the file of one want, admits it and journals it.
func (f *fetching) fetchOne(ctx context.Context, g *group, w *want) (layout.Got, error) {
	f.m.report(Event{Kind: EventStart, Source: w.from.src.Name, Update: w.update, File: w.f.Name, Bytes: w.f.Size})
	expected := w.expected()
	job := layout.Want{
		URL: expected.URL, Path: f.staged(g),
		Size: expected.Size, SHA256: expected.SHA256, SHA1: expected.SHA1, MD5: expected.MD5,
	}
	switch {
	case !w.capture:
		job.If = f.refusals.validators(w)
	case !w.lost:
		job.If = f.captures.validators(w)
	}
	got, err := w.from.src.Upstream.Fetch(ctx, job)
	f.fetched.Add(got.Fetched)
	if err != nil {
		f.refusals.note(w, got, err, layout.At(f.m.now()))
		f.quarantine(job.Path, w, err)
		return got, err
	}
	if got.NotModified && !w.capture {
		return got, f.refusals.still(w)
	}
	if got.NotModified {
		return f.notModified(w, got), nil
	}
	file, err := f.m.admit(ctx, job.Path, got, expected, w.evidence)
	if err != nil {
		return got, err
	}
	f.describeStaged(w, &file, job.Path)
	if err := f.journal.add(g.key, got); err != nil {
		return got, fmt.Errorf("journal %s: %w", w.f.Name, err)
	}
	if err := w.from.src.Upstream.Discard(job.Path); err != nil {
		return got, fmt.Errorf("tidy up the stage: %w", err)
	}
	w.hold(file)
	f.captures.got(w, got)
	f.m.reportFile(w)
	return got, nil
}

// notModified ends the fetch of a capture that did not change: since it was
// held, or since a killed sync admitted it.
func (f *fetching) notModified(w *want, got layout.Got) layout.Got {
	if before, ok := f.journal.find("capture:" + w.f.URL); ok && before.SHA256 != w.f.SHA256 {
		f.settle(w, before)
		return before
	}
	w.old = true
	return got
}

// reportFile tells how a want ended.
func (m *Mirror) reportFile(w *want) {
	if w.err != nil {
		m.log().Debug("file failed", "update", w.update, "file", w.f.Name, "url", w.f.URL, "err", w.err)
	}
	e := Event{Kind: EventFile, Source: w.from.src.Name, Update: w.update, File: w.f.Name, Err: w.err}
	if w.got != nil {
		e.Bytes = w.got.Size
	}
	m.report(e)
}

// fatal reports whether err stops the whole sync and not one file: the
// operator's Ctrl-C, a full or read-only disk.
func fatal(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	for _, stop := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT} {
		if errors.Is(err, stop) {
			return true
		}
	}
	return ctx.Err() != nil
}
