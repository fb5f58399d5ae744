package mirror

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// export is one bundle while it is made.
type export struct {
	m           *Mirror
	opt         ExportOptions
	state       *trusted.State
	carried     *carried // the generation that is exported
	content     *bundle.Content
	required    []layout.ObjectRef // ascending; those that a catalog-only bundle leaves out
	volumeSize  int64
	beginsEpoch bool
	after       string           // name of the bundle whose stream is continued
	want        *bundle.Receipt  // the want file that is answered; nil for none
	wantRef     layout.ObjectRef // its document
	wanted      map[layout.Digest]bool
	leftOut     []LeftOut
	rotations   []verify.Rotation // of the state
}

// newExport decides what goes into the next bundle of a stream, or into the
// one that was begun.
func (m *Mirror) newExport(ctx context.Context, state *trusted.State, opt ExportOptions) (*export, error) {
	if state == nil || state.Generation == nil {
		return nil, noExport("patchferry sync", "nothing was published yet, so there is nothing to export")
	}
	if m.Origin == nil && !opt.DryRun {
		return nil, errors.New("an export is signed, and the origin's key is not here")
	}
	x := &export{m: m, opt: opt, state: state, content: new(bundle.Content), volumeSize: opt.VolumeSize}
	out := state.Outbound[opt.Stream.Name]
	var err error
	begun, resumes := begunExport(&out)
	if err := x.openWant(); err != nil {
		return nil, err
	}
	if resumes && !(opt.DryRun && opt.Abandon) {
		if err := x.checkBegun(&out, begun); err != nil {
			return nil, err
		}
		if err := x.resume(ctx, begun); err != nil {
			return nil, fmt.Errorf("complete seq %d of stream %s: %w", begun.Seq, opt.Stream.Name, err)
		}
	} else {
		if err := x.compose(ctx, &out); err != nil {
			return nil, err
		}
		if x.carried, err = x.choose(ctx, &out); err != nil {
			return nil, err
		}
	}
	x.content.Tools = opt.Tools
	if err := x.carry(ctx, &out); err != nil {
		return nil, err
	}
	if err := x.gather(ctx, &out); err != nil {
		return nil, err
	}
	return x, x.mayFinish(ctx)
}

// resume takes over the header that was recorded for a seq, and the generation
// that it carries.
func (x *export) resume(ctx context.Context, begun layout.Exported) error {
	doc, err := x.m.Trusted.Document(ctx, begun.Header.Document)
	if err != nil {
		return fmt.Errorf("read its header: %w", err)
	}
	h, err := bundle.ParseHeader(doc)
	if err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	x.content.Recorded = doc
	x.content.Header = *h
	x.content.Header.Volumes = nil
	if begun.VolumeSize > 0 || len(h.Volumes) == 1 {
		x.volumeSize = begun.VolumeSize // else an older version began it, and the operator must say
	}
	if x.carried, err = x.m.carry(ctx, begun.Generation); err != nil {
		return err
	}
	return x.resumeWant(ctx, begun)
}

// choose decides on the generation that the stream carries.
func (x *export) choose(ctx context.Context, out *layout.Outbound) (*carried, error) {
	newest, sel := *x.state.Generation, x.opt.Stream.Select
	if sel.IsZero() {
		return x.m.carry(ctx, newest)
	}
	c, err := x.m.choose(ctx, newest, sel, knownGenerations(out), x.opt.DryRun)
	if err != nil {
		return nil, fmt.Errorf("select from generation %d: %w", newest.Number, err)
	}
	if c.selected.Updates == 0 && c.selected.LeftOut > 0 {
		return nil, noExport("widen [stream.select], or leave it out; --dry-run says what it would carry",
			"stream %s selects none of the %d updates of the catalog: far sides would be left with nothing", x.opt.Stream.Name, c.selected.LeftOut)
	}
	return c, nil
}

// carry opens a generation that is exported as it is.
func (m *Mirror) carry(ctx context.Context, p layout.Position) (*carried, error) {
	c := &carried{position: p}
	var err error
	if c.gen, err = m.Trusted.Generation(ctx, p.Generation); err != nil {
		return nil, err
	}
	if c.doc, err = m.Trusted.Document(ctx, p.Generation.Document); err != nil {
		return nil, err
	}
	if c.sig, err = m.Trusted.Document(ctx, p.Generation.Signature); err != nil {
		return nil, err
	}
	if c.all, err = m.referred(ctx, c.gen); err != nil {
		return nil, fmt.Errorf("generation %d: %w", p.Number, err)
	}
	return c, nil
}

// compose decides on the header of a new seq.
func (x *export) compose(ctx context.Context, out *layout.Outbound) error {
	stream, now := x.opt.Stream, x.m.now()
	at, err := x.succeed(ctx, out)
	if err != nil {
		return err
	}
	h := bundle.Header{
		Bundle: newUUID(), Origin: at.origin, Stream: at.stream, StreamName: stream.Name,
		Audience: slices.Sorted(slices.Values(stream.Audience)),
		Epoch:    at.epoch, Seq: at.seq, Prev: at.prev, Kind: bundle.Full,
		Created: layout.At(now), Tool: x.opt.Tool, Skipped: at.skipped,
	}
	if now.Before(at.notBefore.Time()) {
		h.Created = at.notBefore // a clock that was set back must not make bundles older
	}
	if stream.Every > 0 {
		h.ExpectedNext = layout.At(h.Created.Time().Add(stream.Every))
	}
	x.content.Header = h
	return x.composeKind(ctx, out, now)
}

// composeKind decides on what the header says is shipped.
func (x *export) composeKind(ctx context.Context, out *layout.Outbound, now time.Time) error {
	h := &x.content.Header
	switch {
	case x.beginsEpoch:
		return nil
	case x.want != nil:
		return x.answer(ctx, out)
	case x.opt.CatalogOnly:
		h.Kind = bundle.CatalogOnly
		if h.Epoch > 1 && len(broughtOf(out)) == 0 {
			return noExport("patchferry export --full --to DIR", "epoch %d has no full bundle yet, and far sides begin an epoch with nothing else", h.Epoch)
		}
		return nil
	}
	var err error
	if h.SinceSeq, err = sinceSeq(out, x.opt, now); err != nil {
		return err
	}
	if h.SinceSeq > 0 {
		h.Kind = bundle.Incremental
	}
	if x.opt.Stream.Return == Wants && !x.opt.Full && x.opt.Since == 0 {
		h.Kind = bundle.CatalogOnly
	}
	return nil
}

// gather fills in what the generation refers to, shipped and required.
func (x *export) gather(ctx context.Context, out *layout.Outbound) error {
	c, from := x.content, x.carried
	c.Catalog, c.Notices = from.gen.Catalog, from.gen.Notices.List
	c.Generation = bundle.SignedDocument{Document: from.doc, Signature: from.sig}
	h := &c.Header
	h.Generation.Number, h.StateRoot = from.gen.Number, from.gen.StateRoot
	h.Objects, h.Bytes = len(from.all), 0
	for _, o := range from.all {
		h.Bytes += o.size
	}
	held, err := x.heldSince(ctx, out, from.all)
	if err != nil {
		return err
	}
	if err := x.resolve(ctx, out, from.gen, from.all); err != nil {
		return err
	}
	x.divide(from.all, held)
	from.all = nil // each is shipped or required, and large catalogs have many
	return nil
}

// divide says of each object whether it is shipped, and as what.
func (x *export) divide(all referredObjects, held map[layout.Digest]bool) {
	c := x.content
	var objects []layout.ObjectRef
	for d, o := range all {
		ref := layout.ObjectRef{SHA256: d, Size: o.size}
		switch {
		case d == c.Catalog.SHA256 || d == c.Notices.SHA256: // go with every bundle
		case !x.ships(d, o, held):
			x.required = append(x.required, ref)
		case o.announces:
			c.Bulletins = append(c.Bulletins, ref)
		default:
			objects = append(objects, ref)
		}
	}
	for _, refs := range [...][]layout.ObjectRef{x.required, c.Bulletins, objects} {
		slices.SortFunc(refs, func(a, b layout.ObjectRef) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	}
	c.Objects = slices.Values(objects)
	c.Requires = slices.Values(x.required)
}

// referredObject is an object that a generation refers to.
type referredObject struct {
	size      int64
	announces bool // it is the original of a bulletin, or its signature
}

// referredObjects are all objects that a generation refers to.
type referredObjects map[layout.Digest]referredObject

// add notes an object, which has one size.
func (all referredObjects) add(ref layout.ObjectRef, announces bool) error {
	if ref.IsZero() {
		return nil
	}
	known, ok := all[ref.SHA256]
	if ok && known.size != ref.Size {
		return fmt.Errorf("object %s has two sizes, %d and %d bytes", ref.SHA256, known.size, ref.Size)
	}
	all[ref.SHA256] = referredObject{ref.Size, announces || known.announces}
	return nil
}

// root returns the state root.
func (all referredObjects) root() (layout.Digest, error) {
	digests := slices.SortedFunc(maps.Keys(all), func(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) })
	return layout.StateRoot(func(yield func(layout.ObjectRef) bool) {
		for _, d := range digests {
			if !yield(layout.ObjectRef{SHA256: d, Size: all[d].size}) {
				return
			}
		}
	})
}

// referred returns all that a generation refers to: its catalog, its bulletins
// and its held files.
func (m *Mirror) referred(ctx context.Context, gen *layout.Generation) (referredObjects, error) {
	all := make(referredObjects)
	err := errors.Join(all.add(gen.Catalog, false), all.add(gen.Notices.List, false))
	for n, bad := range m.Trusted.Notices(ctx, gen) {
		if bad != nil {
			return nil, bad
		}
		err = errors.Join(err, all.add(n.Original, true), all.add(n.Signature, true))
	}
	for u, bad := range m.updates(ctx, gen) {
		if bad != nil {
			return nil, bad
		}
		for f := range heldFiles(u) {
			err = errors.Join(err, all.add(f, false))
		}
		if err != nil {
			return nil, err
		}
	}
	return all, err
}

func heldFiles(u *layout.Update) iter.Seq[layout.ObjectRef] {
	return func(yield func(layout.ObjectRef) bool) {
		for i := range u.Files {
			f := &u.Files[i]
			if f.Held && !yield(layout.ObjectRef{SHA256: f.SHA256, Size: f.Size}) {
				return
			}
		}
	}
}

// heldSince returns the objects of all that are in every generation that was
// exported from the header's since on: whichever of these bundles a far side
// has imported last, it has them.
func (x *export) heldSince(ctx context.Context, out *layout.Outbound, all referredObjects) (map[layout.Digest]bool, error) {
	h := &x.content.Header
	if h.SinceSeq == 0 {
		return nil, nil
	}
	held := make(map[layout.Digest]bool, len(all))
	for d := range all {
		held[d] = true
	}
	type shipment struct {
		generation layout.Digest
		first      bool
	}
	seen := make(map[shipment]bool)
	for _, e := range exportedOf(out) {
		what := shipment{e.Generation.Generation.Document.SHA256, e.Seq == h.SinceSeq}
		if e.Seq < h.SinceSeq || e.Seq >= h.Seq || seen[what] {
			continue
		}
		seen[what] = true
		refs, err := x.m.broughtSince(ctx, &e, what.first)
		if err != nil {
			return nil, fmt.Errorf("what seq %d has brought: %w", e.Seq, err)
		}
		for d := range held {
			if _, ok := refs[d]; !ok {
				delete(held, d)
			}
		}
	}
	return held, nil
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
