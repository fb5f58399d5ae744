package mirror

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// export is one bundle while it is made.
type export struct {
	m         *Mirror
	opt       ExportOptions
	state     *trusted.State
	position  layout.Position // the generation that is exported
	content   *bundle.Content
	required  []layout.ObjectRef // ascending
	want      *bundle.Receipt    // the want file that is answered; nil for none
	wantRef   layout.ObjectRef   // its document
	wanted    map[layout.Digest]bool
	leftOut   []LeftOut
	rotations []verify.Rotation // of the state
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
	x := &export{m: m, opt: opt, state: state, position: *state.Generation, content: new(bundle.Content)}
	out := state.Outbound[opt.Stream.Name]
	begun, resumes := begunExport(&out)
	if err := x.openWant(); err != nil {
		return nil, err
	}
	if resumes && !(opt.DryRun && opt.Abandon) {
		x.position = begun.Generation
		if err := x.resume(ctx, begun); err != nil {
			return nil, fmt.Errorf("complete seq %d of stream %s: %w", begun.Seq, opt.Stream.Name, err)
		}
	} else if err := x.compose(ctx, &out); err != nil {
		return nil, err
	}
	x.content.Tools = opt.Tools
	if err := x.carry(ctx, &out); err != nil {
		return nil, err
	}
	if err := x.gather(ctx, &out); err != nil {
		return nil, fmt.Errorf("generation %d: %w", x.position.Number, err)
	}
	return x, x.mayFinish(ctx)
}

// resume takes over the header that was recorded for a seq.
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
	return x.resumeWant(ctx, begun)
}

// compose decides on the header of a new seq.
func (x *export) compose(ctx context.Context, out *layout.Outbound) error {
	stream, now := x.opt.Stream, x.m.now()
	h := bundle.Header{
		Bundle: newUUID(), Origin: x.state.Origin, Stream: out.ID, StreamName: stream.Name,
		Audience: slices.Sorted(slices.Values(stream.Audience)),
		Epoch:    max(out.Epoch, 1), Seq: nextSeq(out), Kind: bundle.Full,
		Created: layout.At(now), Tool: x.opt.Tool, Skipped: burned(out),
	}
	if h.Origin == "" {
		h.Origin = newUUID()
	}
	if h.Stream == "" {
		h.Stream = newUUID()
	}
	if done := exportedOf(out); len(done) > 0 {
		h.Prev = &bundle.Before{Epoch: done[0].Epoch, Seq: done[0].Seq, Header: done[0].Header.Document.SHA256}
		if at := done[0].At; now.Before(at.Time()) {
			h.Created = at // a clock that was set back must not make bundles older
		}
	}
	if stream.Every > 0 {
		h.ExpectedNext = layout.At(h.Created.Time().Add(stream.Every))
	}
	x.content.Header = h
	if x.want != nil {
		return x.answer(ctx, out)
	}
	since, err := sinceSeq(out, x.opt, now)
	if err != nil {
		return err
	}
	if since > 0 {
		x.content.Header.Kind, x.content.Header.SinceSeq = bundle.Incremental, since
	}
	if stream.Return == Wants && !x.opt.Full && x.opt.Since == 0 {
		x.content.Header.Kind = bundle.CatalogOnly
	}
	return nil
}

// gather fills in what the generation refers to, shipped and required.
func (x *export) gather(ctx context.Context, out *layout.Outbound) error {
	gen, err := x.m.Trusted.Generation(ctx, x.position.Generation)
	if err != nil {
		return err
	}
	c := x.content
	c.Catalog, c.Notices = gen.Catalog, gen.Notices.List
	if c.Generation.Document, err = x.m.Trusted.Document(ctx, x.position.Generation.Document); err != nil {
		return err
	}
	if c.Generation.Signature, err = x.m.Trusted.Document(ctx, x.position.Generation.Signature); err != nil {
		return err
	}
	all, err := x.m.referred(ctx, gen)
	if err != nil {
		return err
	}
	h := &c.Header
	h.Generation.Number, h.StateRoot = gen.Number, gen.StateRoot
	h.Objects, h.Bytes = len(all), 0
	for _, o := range all {
		h.Bytes += o.size
	}
	held, err := x.heldSince(ctx, out, all)
	if err != nil {
		return err
	}
	if err := x.resolve(ctx, out, gen, all); err != nil {
		return err
	}
	x.divide(all, held)
	return nil
}

// divide says of each object whether it is shipped, and as what.
func (x *export) divide(all map[layout.Digest]referredObject, held map[layout.Digest]bool) {
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

// referred returns all that a generation refers to: its catalog, its bulletins
// and its held files.
func (m *Mirror) referred(ctx context.Context, gen *layout.Generation) (map[layout.Digest]referredObject, error) {
	all := make(map[layout.Digest]referredObject)
	add := func(ref layout.ObjectRef, announces bool) error {
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
	err := errors.Join(add(gen.Catalog, false), add(gen.Notices.List, false))
	for n, bad := range m.Trusted.Notices(ctx, gen) {
		if bad != nil {
			return nil, bad
		}
		err = errors.Join(err, add(n.Original, true), add(n.Signature, true))
	}
	for u, bad := range m.updates(ctx, gen) {
		if bad != nil {
			return nil, bad
		}
		for f := range heldFiles(u) {
			err = errors.Join(err, add(f, false))
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
func (x *export) heldSince(ctx context.Context, out *layout.Outbound, all map[layout.Digest]referredObject) (map[layout.Digest]bool, error) {
	h := &x.content.Header
	if h.SinceSeq == 0 {
		return nil, nil
	}
	held := make(map[layout.Digest]bool, len(all))
	for d := range all {
		held[d] = true
	}
	type shipment struct {
		generation  layout.Digest
		catalogOnly bool
	}
	seen := make(map[shipment]bool)
	for _, e := range exportedOf(out) {
		what := shipment{e.Generation.Generation.Document.SHA256, e.Kind == string(bundle.CatalogOnly)}
		if e.Seq < h.SinceSeq || e.Seq >= h.Seq || seen[what] {
			continue
		}
		seen[what] = true
		refs, err := x.m.brought(ctx, &e)
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
