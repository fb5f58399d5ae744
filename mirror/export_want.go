package mirror

import (
	"context"
	"fmt"
	"io"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// LeftOut is something that a want file asks for and that is not shipped.
type LeftOut struct {
	bundle.WantedFile
	Reason string `json:"reason"`
}

// openWant checks the want file that is to be answered.
func (x *export) openWant() error {
	f := x.opt.Want
	if f == nil {
		return nil
	}
	r, err := x.m.believe(f, bundle.FormatWant)
	if err != nil {
		return err
	}
	stream, err := f.streamOf(x.state, r, []OutboundStream{x.opt.Stream})
	if err != nil {
		return err
	}
	if stream != x.opt.Stream.Name {
		return noExport(fmt.Sprintf("patchferry export --stream %s --want %s --to DIR", stream, f.Name), "%s is about the stream %s, not %s", f.Name, stream, x.opt.Stream.Name)
	}
	x.want, x.wantRef = r, layout.ObjectRef{SHA256: layout.DigestOf(f.Doc), Size: int64(len(f.Doc))}
	return nil
}

// resumeWant takes over the want file with which a seq was begun: what is
// shipped follows from it, so that any export completes the same bundle.
func (x *export) resumeWant(ctx context.Context, begun layout.Exported) error {
	if x.want != nil && begun.Want != x.wantRef {
		return noExport("patchferry export --to DIR completes it; then the same command again", "it was begun without this want file")
	}
	if x.want != nil || begun.Want.IsZero() {
		return nil
	}
	in, err := x.m.Store.Open(ctx, begun.Want.SHA256, 0, -1)
	if err != nil {
		return fmt.Errorf("read its want file: %w", err)
	}
	defer in.Close() // it was only read
	doc, err := io.ReadAll(layout.NewVerifyReader(io.LimitReader(in, bundle.MaxReceipt+1), begun.Want.Size, begun.Want.SHA256))
	if err != nil {
		return fmt.Errorf("read its want file: %w", err)
	}
	x.wantRef = begun.Want
	x.want, err = bundle.ParseReceipt(doc, bundle.FormatWant)
	return err
}

// putWant keeps the want file for as long as the ledger has its bundle.
func (x *export) putWant(ctx context.Context) (err error) {
	if x.opt.Want != nil {
		x.wantRef, err = x.m.Writer.PutDocument(ctx, x.opt.Want.Doc)
	}
	return err
}

// answer decides on the header of a bundle that answers a want file. A far side
// that has its files only as it asks for them gets a bundle that may lack the
// others.
func (x *export) answer(ctx context.Context, out *layout.Outbound) error {
	f, r := x.opt.Want, x.want
	asked, err := f.lookUp(out, bundle.Before{Epoch: r.Epoch, Seq: r.Seq, Header: r.Header})
	if err != nil {
		return err
	}
	since, err := x.answerSince(ctx, out, &asked)
	if err != nil {
		return err
	}
	h := &x.content.Header
	h.SinceSeq = since
	switch {
	case x.opt.Stream.Return == Wants || asked.export.Kind == string(bundle.CatalogOnly):
		h.Kind = bundle.CatalogOnly
	case since > 0:
		h.Kind = bundle.Incremental
	}
	return nil
}

// answerSince returns the seq at which an answer starts, 0 for nothing: what is
// in every generation from there on the far side has, but for what it asks for.
//
// Of a bundle that it has imported that is the bundle itself. Of one that it
// lacked something for, nothing is in its store: there it has what its
// high-water mark brought, and what the bundle took for granted.
func (x *export) answerSince(ctx context.Context, out *layout.Outbound, asked *known) (uint64, error) {
	f, r := x.opt.Want, x.want
	var marked known
	var err error
	if r.Mark != nil {
		if marked, err = f.lookUp(out, *r.Mark); err != nil {
			return 0, err
		}
	}
	since := marked.export.Seq // 0 where it is not known
	if asked.forgotten {
		return 0, noExport("patchferry export --full --to DIR", "the ledger of stream %s goes back to later bundles than the one that %s is about: epoch %d seq %d",
			x.opt.Stream.Name, f.Name, r.Epoch, r.Seq)
	}
	doc, err := x.m.Trusted.Document(ctx, asked.export.Header.Document)
	if err != nil {
		return 0, fmt.Errorf("read the header of seq %d: %w", r.Seq, err)
	}
	h, err := bundle.ParseHeader(doc)
	if err != nil {
		return 0, fmt.Errorf("the header of seq %d: %w", r.Seq, err)
	}
	if isExported(out, h.SinceSeq) {
		since = max(since, h.SinceSeq)
	}
	return since, nil
}

// acknowledge notes in the ledger what the want file says has arrived.
func (x *export) acknowledge(out *layout.Outbound) {
	if x.opt.Want == nil || x.want.Mark == nil {
		return
	}
	mark := *x.want.Mark
	if b, err := x.opt.Want.lookUp(out, mark); err == nil && !b.forgotten && !isSetBack(out, x.want) {
		arrive(out, x.want.Destination, layout.Arrived{Epoch: mark.Epoch, Seq: mark.Seq, By: byWant, At: layout.At(x.m.now())})
	}
}

// resolve finds what the want file asks for among what the generation refers
// to, and says of the rest why it is left out.
func (x *export) resolve(ctx context.Context, out *layout.Outbound, gen *layout.Generation, all referredObjects) error {
	x.wanted = make(map[layout.Digest]bool)
	if x.want == nil {
		return nil
	}
	var gone []layout.ObjectRef
	for _, ref := range x.want.Missing {
		if o, ok := all[ref.SHA256]; !ok || o.size != ref.Size {
			gone = append(gone, ref)
			continue
		}
		x.wanted[ref.SHA256] = true
	}
	if err := x.explainGone(ctx, out, gone); err != nil {
		return err
	}
	if err := x.resolveFiles(ctx, gen); err != nil {
		return err
	}
	return x.worthwhile(out)
}

// explainGone says why objects that are missing on the far side are left out.
func (x *export) explainGone(ctx context.Context, out *layout.Outbound, gone []layout.ObjectRef) error {
	if len(gone) == 0 {
		return nil
	}
	before := references{}
	for _, e := range exportedOf(out) {
		if err := x.m.refer(ctx, before, e.Generation); err != nil {
			return fmt.Errorf("what seq %d has brought: %w", e.Seq, err)
		}
	}
	for _, ref := range gone {
		reason := "no generation that is kept here refers to it"
		if _, ok := before[ref.SHA256]; ok {
			reason = fmt.Sprintf("generation %d no longer refers to it, so nothing needs it", x.carried.position.Number)
		}
		x.leftOut = append(x.leftOut, LeftOut{WantedFile: bundle.WantedFile{SHA256: ref.SHA256, Size: ref.Size}, Reason: reason})
	}
	return nil
}

// resolveFiles finds the files that are wanted by what the catalog says of
// them.
func (x *export) resolveFiles(ctx context.Context, gen *layout.Generation) error {
	if len(x.want.Files) == 0 {
		return nil
	}
	index := newWantIndex(x.want.Files)
	const unlisted, listed, held = 0, 1, 2
	found := make([]int, len(x.want.Files))
	for u, err := range x.m.updates(ctx, gen) {
		if err != nil {
			return err
		}
		for i := range u.Files {
			f := &u.Files[i]
			for _, n := range index.find(u, f) {
				found[n] = max(found[n], listed)
				if f.Held {
					found[n] = held
					x.wanted[f.SHA256] = true
					x.wantExtracted(u, f)
				}
			}
		}
	}
	for i, w := range x.want.Files {
		switch found[i] {
		case unlisted:
			x.leftOut = append(x.leftOut, LeftOut{w, fmt.Sprintf("the catalog of generation %d does not name it", x.carried.position.Number)})
		case listed:
			x.leftOut = append(x.leftOut, LeftOut{w, "it is listed and not held"})
		}
	}
	return nil
}

// wantExtracted adds what was taken out of a file: it goes where the file goes.
func (x *export) wantExtracted(u *layout.Update, f *layout.File) {
	for i := range u.Files {
		if e := &u.Files[i]; e.Held && e.From == f.SHA256 {
			x.wanted[e.SHA256] = true
		}
	}
}

// worthwhile refuses to begin a bundle that would carry nothing that was asked
// for, and nothing else that is new.
func (x *export) worthwhile(out *layout.Outbound) error {
	if len(x.wanted) > 0 || x.content.Recorded != nil {
		return nil
	}
	for _, e := range exportedOf(out) {
		if e.Seq == x.want.Seq && e.Generation.Generation.Document != x.carried.position.Generation.Document {
			return nil
		}
	}
	first := &x.leftOut[0]
	return noExport(fmt.Sprintf("patchferry sync --want %s fetches what is listed; then the same command again", x.opt.Want.Name),
		"nothing that %s asks for can be shipped: %s: %s", x.opt.Want.Name, first.WantedFile.String(), first.Reason)
}

// ships reports whether an object that the generation refers to is in the
// bundle, and not merely required.
func (x *export) ships(d layout.Digest, o referredObject, had map[layout.Digest]bool) bool {
	if x.content.Header.Kind == bundle.CatalogOnly && !o.announces {
		return x.wanted[d]
	}
	return x.wanted[d] || !had[d]
}

// broughtSince returns what a far side has of a bundle's generation that has
// imported it, and the first that an increment builds on before. Only as that
// first one does a bundle of the catalog alone bring less than it names.
func (m *Mirror) broughtSince(ctx context.Context, e *layout.Exported, first bool) (references, error) {
	if first {
		return m.brought(ctx, e)
	}
	refs := references{}
	return refs, m.refer(ctx, refs, e.Generation)
}

// brought returns what a far side has for certain once it has imported a
// bundle: of one that carried the catalog alone, no files.
func (m *Mirror) brought(ctx context.Context, e *layout.Exported) (references, error) {
	refs := references{}
	if e.Kind != string(bundle.CatalogOnly) {
		return refs, m.refer(ctx, refs, e.Generation)
	}
	gen, err := m.Trusted.Generation(ctx, e.Generation.Generation)
	if err != nil {
		return nil, err
	}
	refs.add(gen.Catalog, "", "catalog")
	refs.add(gen.Notices.List, "", "notices")
	for n, err := range m.Trusted.Notices(ctx, gen) {
		if err != nil {
			return nil, err
		}
		refs.add(n.Original, n.ID, n.File)
		refs.add(n.Signature, n.ID, n.SigFile)
	}
	return refs, nil
}

// wantIndex finds wanted files by what is known of a file.
type wantIndex struct {
	files  []bundle.WantedFile
	sha256 map[layout.Digest][]int
	sha1   map[layout.SHA1][]int
	named  map[[2]string][]int // by update and file name
}

func newWantIndex(files []bundle.WantedFile) *wantIndex {
	x := &wantIndex{files: files, sha256: make(map[layout.Digest][]int), sha1: make(map[layout.SHA1][]int), named: make(map[[2]string][]int)}
	for i, w := range files {
		switch {
		case !w.SHA256.IsZero():
			x.sha256[w.SHA256] = append(x.sha256[w.SHA256], i)
		case !w.SHA1.IsZero():
			x.sha1[w.SHA1] = append(x.sha1[w.SHA1], i)
		default:
			at := [2]string{w.Update, w.File}
			x.named[at] = append(x.named[at], i)
		}
	}
	return x
}

// find returns which of the wanted files a file is.
func (x *wantIndex) find(u *layout.Update, f *layout.File) []int {
	var all []int
	for _, candidates := range [...][]int{x.sha256[f.SHA256], x.sha1[f.SHA1], x.named[[2]string{u.ID, f.Name}]} {
		for _, i := range candidates {
			if x.files[i].Is(u, f) {
				all = append(all, i)
			}
		}
	}
	return all
}
