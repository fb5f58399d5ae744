package mirror

import (
	"context"
	"fmt"
	"iter"

	"patchferry/layout"
)

// plan is the next catalog while it is being made: the lines of every update
// in the order of their ids, and the files that are still wanted.
type plan struct {
	lines   *spool
	wants   []*want
	folders map[string]bool         // taken, folded
	bySHA1  map[layout.SHA1]*held   // what the old catalog holds, for lists that state SHA-1 only
	held    map[layout.Digest]*held // likewise by SHA-256
	present int                     // files that were held already
	dropped int                     // updates that left the catalog
	left    map[string]int          // files that are left for hosts to ask for, by source
	folded  int                     // listed files that hosts asked for, and that are held now
	bound   *boundFiles             // what fills brought; nil is nothing
	checked func(*layout.Binding, *layout.File) error
	taking  *extraction // takes service packs apart; nil does not
	// wanted narrows wants to the listed files of a want file, where there is one.
	wanted *wanting
	// listOnly fetches nothing but what wanted asks for.
	listOnly bool
	// lost reports whether a held object is gone; nil believes the catalog.
	lost func(layout.Digest) bool
	// recheck looks at held files that nobody looked at before.
	recheck bool
	// unseen is held content that is to be looked at, by describe.
	unseen   map[layout.Digest]bool
	describe func(update string, f *layout.File)
	// signed is what bulletins state of files.
	signed *statements
	now    layout.Time
}

// held is content that the store has.
type held struct {
	sha256 layout.Digest
	size   int64
	sha1   layout.SHA1
}

// want is one file of one update that is not held yet.
type want struct {
	line, file int // in the plan
	from       *listing
	update     string
	f          layout.File // as listed, with the digests that the bytes must have
	evidence   layout.Evidence
	capture    bool         // ask whether it changed; f may be held already
	lost       bool         // f is held by the catalog, but its object is gone
	got        *layout.File // what was admitted
	described  bool         // it was looked at, where it was staged
	old        bool         // a capture that did not change
	err        error
}

// merge goes through the old catalog and the lists side by side, in the order
// of ids, and writes the plan.
func (m *Mirror) merge(ctx context.Context, old iter.Seq2[[]byte, error], lists []*listing, signed *statements, opt SyncOptions, wanted *wanting, bound *boundFiles) (*plan, error) {
	lines, err := newSpool(m.Work)
	if err != nil {
		return nil, err
	}
	p := &plan{
		lines: lines, folders: map[string]bool{}, bySHA1: map[layout.SHA1]*held{}, held: map[layout.Digest]*held{},
		signed: signed, now: layout.At(m.now()), left: map[string]int{}, wanted: wanted, listOnly: opt.MetadataOnly,
		bound: bound, checked: func(b *layout.Binding, f *layout.File) error { return m.checkBinding(ctx, b, f) },
		recheck: opt.Recheck, unseen: map[layout.Digest]bool{},
		describe: func(update string, f *layout.File) { m.describeStored(ctx, update, f) },
	}
	if opt.Recheck {
		p.lost = func(d layout.Digest) bool {
			_, err := m.Store.Stat(ctx, d)
			return isMissing(err)
		}
	}
	if err := p.fill(ctx, old, lists); err != nil {
		p.close()
		return nil, err
	}
	_, err = lines.finish(false)
	return p, err
}

func (p *plan) close() { p.lines.close() }

func (p *plan) fill(ctx context.Context, old iter.Seq2[[]byte, error], lists []*listing) error {
	bySource := map[string]*listing{}
	for _, l := range lists {
		bySource[l.src.Name] = l
	}
	fresh := mergeLists(lists)
	next, stop := iter.Pull2(old)
	defer stop()
	line, err, more := next()
	for {
		if err != nil {
			return fmt.Errorf("read the catalog: %w", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !more {
			break
		}
		was, perr := layout.ParseLine(line)
		if perr != nil {
			return fmt.Errorf("read the catalog: %w", perr)
		}
		if err := p.addBefore(fresh, was.ID); err != nil {
			return err
		}
		if err := p.addOld(was, line, bySource, fresh); err != nil {
			return err
		}
		line, err, more = next()
	}
	return p.addBefore(fresh, "")
}

// addOld carries an update of the old catalog over, joined with what its
// source now says of it.
func (p *plan) addOld(was *layout.Update, line []byte, bySource map[string]*listing, fresh *listMerger) error {
	p.know(was)
	l := bySource[sourceOf(was.ID)]
	if l == nil || !l.changed || l.err != nil {
		p.count(was)
		folded := p.foldOld(was)
		p.bound.note(was)
		if p.signed.improve(was, p.now) || folded {
			return p.lines.add(was)
		}
		return p.lines.addLine(was.ID, line)
	}
	now, err := fresh.take(was.ID)
	if err != nil {
		return err
	}
	if now == nil {
		now = l.delist(was)
		if now == nil {
			p.dropped++
			return nil
		}
		p.count(now)
		return p.lines.add(now)
	}
	return p.addUpdate(l, now, was)
}

// addBefore adds the updates that only the lists have, up to and without id;
// "" is all of them.
func (p *plan) addBefore(fresh *listMerger, id string) error {
	for {
		l, u, err := fresh.nextBefore(id)
		if err != nil || u == nil {
			return err
		}
		if err := p.addUpdate(l, u, nil); err != nil {
			return err
		}
	}
}

// addUpdate adds an update as its list has it now, with what is already held
// of it, and notes the files that are wanted.
func (p *plan) addUpdate(l *listing, u, was *layout.Update) error {
	if was != nil {
		u.Folder = was.Folder
	}
	for i := range u.Files {
		p.addFile(l, u, was, i)
	}
	if was != nil && l.src.Trust == TrustCapture {
		keepCaptures(u, was)
	}
	if was != nil {
		p.keepExtracted(u, was)
	}
	nameEntries(u, was)
	p.signed.improve(u, p.now)
	p.bound.note(u)
	return p.lines.add(u)
}

// addFile decides on file i of u: held already, wanted, or refused.
func (p *plan) addFile(l *listing, u, was *layout.Update, i int) {
	f := &u.Files[i]
	w := &want{line: len(p.lines.lines), file: i, from: l, update: u.ID}
	old, err := l.heldBefore(f, was)
	switch {
	case err != nil:
		carry(f, old) // the pinned file stays
		w.err = err
	case old != nil:
		carry(f, old)
		w.capture = old.Best().Grade == layout.GradeCapture
		w.lost = p.lost != nil && p.lost(old.SHA256)
		if !w.lost {
			p.present++
		}
		if !w.capture && !w.lost {
			return
		}
		w.evidence = layout.Evidence{Grade: layout.GradeCapture, By: f.URL}
	default:
		w.evidence, w.err = p.vouch(l, u, f)
		w.capture = w.evidence.Grade == layout.GradeCapture
	}
	if old == nil && w.err == nil && f.URL != "" {
		f.Evidence = listedEvidence(f, was, w.evidence)
		if p.fold(u.ID, f) {
			l.folded(f, p.bound.find(u.ID, f))
			return
		}
		if p.leaves(w, u, f) {
			p.left[l.src.Name]++
			return
		}
	}
	if w.err == nil && f.URL == "" {
		w.err = fmt.Errorf("%s: the list gives no URL for it", f.Name)
	}
	w.f = *f
	p.wants = append(p.wants, w)
}

// vouch decides who speaks for a file that is to be fetched: a document signed
// by a pinned key before anybody else.
func (p *plan) vouch(l *listing, u *layout.Update, f *layout.File) (layout.Evidence, error) {
	ev, ok, err := p.signed.vouch(u, f)
	if ok || err != nil {
		return ev, err
	}
	return l.vouch(f)
}

// heldBefore finds the file of the old record that is what the list now calls
// f. A pinned file that the list has changed is returned with a PinError.
func (l *listing) heldBefore(f *layout.File, was *layout.Update) (*layout.File, error) {
	if was == nil {
		return nil, nil
	}
	for i := range was.Files {
		old := &was.Files[i]
		if !old.Held || !old.From.IsZero() || !sameContent(old, f) {
			continue
		}
		if f.Size > 0 && f.Size != old.Size && pinned(old) {
			return old, &PinError{l.src.Name, f.Name, fmt.Sprintf("the list now says %d bytes, the pinned one has %d", f.Size, old.Size)}
		}
		return old, nil
	}
	for i := range was.Files {
		old := &was.Files[i]
		if pinned(old) && old.From.IsZero() && old.URL == f.URL && !l.src.overChannel() {
			return old, &PinError{l.src.Name, f.Name, "the list, which nobody vouches for, now states another digest"}
		}
	}
	return nil, nil
}

// carry gives f, as listed now, everything that was found out when old was
// admitted.
func carry(f, old *layout.File) {
	f.Size, f.SHA256, f.SHA1 = old.Size, old.SHA256, old.SHA1
	if f.MD5.IsZero() {
		f.MD5 = old.MD5
	}
	f.As, f.Held, f.Modified, f.Tag, f.Evidence = old.As, true, old.Modified, old.Tag, old.Evidence
	f.Package = old.Package
	if old.Package != nil && !statesKind(f) {
		f.Kind = old.Kind
	}
}

// delist keeps what is held of an update that its source no longer lists, or
// returns nil: what was never held, or is no longer selected, leaves the
// catalog.
func (l *listing) delist(was *layout.Update) *layout.Update {
	if !l.sel.Match(was) {
		return nil
	}
	files := was.Files[:0:0]
	for _, f := range was.Files {
		if f.Held {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil
	}
	was.Files = files
	if was.Delisted == "" {
		was.Delisted = layout.Date(l.mem.Checked.Time().Format("2006-01-02"))
	}
	return was
}

// place gives an update that is new in the catalog its folder: the proposed one
// or, where another update has that, the next. It may be called only when all
// of the old catalog has been seen.
func (p *plan) place(u *layout.Update) {
	if u.Folder != "" {
		return
	}
	proposed := layout.ProposeFolder(u)
	u.Folder = proposed
	for n := 2; p.folders[layout.Fold(u.Folder)]; n++ {
		u.Folder = layout.NextFolder(proposed, n)
	}
	p.folders[layout.Fold(u.Folder)] = true
}

// know records what the old catalog holds and which folders are taken.
func (p *plan) know(u *layout.Update) {
	p.folders[layout.Fold(u.Folder)] = true
	for i := range u.Files {
		f := &u.Files[i]
		if !f.Held {
			continue
		}
		p.keep(f)
		if p.recheck && f.Package == nil {
			p.unseen[f.SHA256] = true
		}
	}
}

// keep records content that the store has.
func (p *plan) keep(f *layout.File) {
	h := &held{f.SHA256, f.Size, f.SHA1}
	p.held[f.SHA256] = h
	p.bySHA1[f.SHA1] = h
}

func (p *plan) count(u *layout.Update) {
	for i := range u.Files {
		if u.Files[i].Held {
			p.present++
		}
	}
}

// sourceOf returns the source's name in an update id.
func sourceOf(id string) string {
	for i := range id {
		if id[i] == ':' {
			return id[:i]
		}
	}
	return id
}
