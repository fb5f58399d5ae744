package mirror

import (
	"context"
	"errors"
	"slices"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// ImportOptions says what an import may do.
type ImportOptions struct {
	// DryRun checks everything that is on the medium and changes nothing: not
	// even the lock is taken.
	DryRun bool
	// Destination is the name of this far side. A bundle for others is refused.
	Destination string
	// Threshold is how many certificates that are pinned as origins must have
	// signed; 0 is 1.
	Threshold int
	// AcceptEpoch is the epoch, typed in by the operator, in which a stream may
	// begin anew; 0 is none.
	AcceptEpoch uint32
	// AcceptStream is the name or the UUID of a stream, typed in by the operator,
	// that is to be followed beside those that are followed already. The first
	// one needs no word.
	AcceptStream string
	// Receipt is a directory for the receipt, or for the want file of a bundle
	// whose base is missing; empty writes none.
	Receipt string
	// Before, where it is set, is asked before objects leave the quarantine; an
	// error ends the import with that error, and they stay there.
	Before func(ctx context.Context, p *ProposedImport) error
	// Free returns the bytes that can still be written below a directory, and
	// false where nobody knows; nil asks the system.
	Free func(dir string) (int64, bool)
	// Limits bounds what reading the bundle may cost.
	Limits bundle.ReadOptions
}

// ProposedImport is a bundle that was found right, with its objects in
// quarantine, before anything of it is in the store.
type ProposedImport struct {
	Bundle     string             // "main-e001-s000042"
	Dir        string             // of the quarantine; every file of the bundle is below it
	Generation *layout.Generation // that it carries
}

// importing is one import under way.
type importing struct {
	m      *Mirror
	opt    ImportOptions
	b      *bundle.Bundle // on the medium
	h      *bundle.Header
	header layout.Digest // of HEADER.json
	state  *trusted.State
	report *ImportReport
	judged bool            // the bulletins were, in this run
	absent []layout.Digest // contents that a bundle of the catalog alone leaves out; ascending

	known   []verify.Rotation // that were accepted here before
	origins *OriginVerifier   // of the last reading of the bundle
}

// Import verifies the transfer bundle in the directories (docs/bundle-format.md
// has the order of the checks), which may hold its volumes in any order, and
// publishes what it carries with one state. The medium is only read, and
// nothing of it enters the store before all of it was found right.
//
// Volumes may come one by one, in several runs: until the last one is here the
// error is an *ImportError with CodeWaiting. A run that was killed is continued
// by the same one. A bundle that is imported already is ErrAlready, without a
// write. The report says what is known, also with an error.
func (m *Mirror) Import(ctx context.Context, dirs []string, opt ImportOptions) (*ImportReport, error) {
	i := &importing{m: m, opt: opt, report: &ImportReport{DryRun: opt.DryRun}}
	if !opt.DryRun {
		unlock, err := m.take()
		if err != nil {
			return i.report, err
		}
		defer unlock()
	}
	err := i.run(ctx, dirs)
	if i.b != nil {
		_ = i.b.Close() // it was only read
	}
	return i.report, i.settle(ctx, err)
}

// run is the import from the header on.
func (i *importing) run(ctx context.Context, dirs []string) error {
	if err := i.remember(ctx); err != nil {
		return err
	}
	var err error
	if i.b, err = bundle.Open(ctx, dirs, i.verifier(), i.opt.Limits); err != nil {
		return err
	}
	i.h = i.b.Header()
	doc, _ := i.b.HeaderBytes()
	i.header = layout.DigestOf(doc)
	i.report.opened(i.h, i.header, i.b.Signers())
	if err := i.place(ctx); err != nil {
		return i.leave(err)
	}
	if !i.opt.DryRun {
		i.m.hold("import") // what is imported already was found without a write
	}
	if err := i.b.Census(ctx); err != nil {
		return err
	}
	if i.opt.DryRun {
		return i.rehearse(ctx)
	}
	if err := i.m.sweepQuarantine(i.state); err != nil {
		return err
	}
	q, err := i.openQuarantine()
	if err != nil {
		return err
	}
	defer q.close()
	err = i.bring(ctx, q)
	q.end(err)
	return err
}

// bring copies what is on the medium into the quarantine, and publishes the
// bundle if it is whole then.
func (i *importing) bring(ctx context.Context, q *quarantine) error {
	if err := i.space(ctx, q); err != nil {
		return err
	}
	if err := i.lists(ctx, q); err != nil {
		return err
	}
	if err := q.fill(ctx); err != nil {
		return err
	}
	return i.finish(ctx, q)
}

// clockSkew is how far the clock of a near side may be ahead of ours. A bundle
// from further ahead would drag the clock of this side along (store.Mark).
const clockSkew = 24 * time.Hour

// place makes sure that the bundle is for this side, and that it follows what
// was accepted here.
func (i *importing) place(ctx context.Context) error {
	base := &base{m: i.m}
	var err error
	if i.opt.DryRun {
		base.state, err = i.m.Trusted.Newest(ctx)
	} else {
		base, err = i.m.openBase(ctx)
	}
	if err != nil {
		return err
	}
	if i.state = base.state; i.state != nil && i.state.Generation != nil {
		return refused(CodeAudience, "import it on a far side (patchferry init far)", "this is a near side, which makes generations of its own")
	}
	if now := i.m.now(); i.h.Created.Time().After(now.Add(clockSkew)) {
		return refused(CodePosition, "check the clocks of both machines; one that is set too late here: correct it, and the same command again",
			"it was made on %s, in the future; it is %s here", i.h.Created, layout.At(now))
	}
	if audience := i.h.Audience; len(audience) > 0 && !slices.Contains(audience, i.opt.Destination) {
		return refused(CodeAudience, "bring it to where it belongs; the name of this side is the key name of its configuration",
			"it is for %q, and this is %q", audience, i.opt.Destination)
	}
	var accepted map[string]layout.Stream
	if i.state != nil {
		accepted = i.state.Streams
	}
	if err := i.stream(accepted); err != nil {
		return err
	}
	arrived, err := i.follows(accepted)
	i.report.arrived(arrived)
	if err != nil {
		return err
	}
	return i.rotations(arrived.epoch)
}

// stream makes sure that the bundle is of a stream that this side follows.
func (i *importing) stream(accepted map[string]layout.Stream) error {
	if s, known := accepted[i.h.Stream]; known && s.Origin != i.h.Origin {
		return refused(CodeAudience, "find out who made it",
			"it is of the origin %s, and stream %s belongs to the origin %s", i.h.Origin, i.h.Stream, s.Origin)
	} else if known {
		return nil
	}
	typed := i.opt.AcceptStream
	if len(accepted) == 0 || typed != "" && (typed == i.h.Stream || typed == i.h.StreamName) {
		return nil
	}
	return refused(CodeAudience, "to follow it besides: patchferry import DIR --accept-stream "+i.h.Stream,
		"it is of the stream %s (%s), which is not followed here", i.h.StreamName, i.h.Stream)
}

// follows is the place of the bundle in its stream, among what a state has
// accepted.
func (i *importing) follows(accepted map[string]layout.Stream) (arrival, error) {
	var mark *layout.Stream
	if s, known := accepted[i.h.Stream]; known {
		mark = &s
	}
	return follows(mark, i.h, i.header, i.opt.AcceptEpoch)
}

// lists checks what volume 1 says of the whole bundle, where it is here.
func (i *importing) lists(ctx context.Context, q *quarantine) error {
	if i.b.Present()[0] != 1 || q.has(1) {
		return nil
	}
	if err := i.b.Load(ctx); err != nil {
		return err
	}
	if err := i.b.CheckLists(ctx); err != nil {
		return err
	}
	i.judged = true
	return i.judgeBulletins(ctx, i.b)
}

// rehearse checks everything that is here and reads every byte of it.
func (i *importing) rehearse(ctx context.Context) error {
	if _, err := i.b.Verify(ctx); err != nil {
		return err
	}
	if i.b.Present()[0] != 1 {
		return i.b.Waiting()
	}
	if err := i.judgeBulletins(ctx, i.b); err != nil {
		return err
	}
	if err := i.b.Waiting(); err != nil {
		return err
	}
	return i.checkClosure(ctx, i.b)
}

// settle words the outcome, and writes the receipt: of what is imported already
// as well, for the first one may have been lost on its way back.
func (i *importing) settle(ctx context.Context, err error) error {
	err = importRefusal(i.report.Bundle, err)
	i.report.ended(err)
	if i.opt.Receipt == "" || i.opt.DryRun || i.h == nil || ctx.Err() != nil {
		return err
	}
	refusal, isRefusal := errors.AsType[*ImportError](err)
	if err != nil && !isRefusal && !errors.Is(err, ErrAlready) || isRefusal && refusal.Code == bundle.CodeMedium {
		return err // a disk or a medium failed, which says nothing of the bundle
	}
	name, failed := i.writeReceipt(refusal)
	i.report.Receipt = name
	return errors.Join(err, failed)
}
