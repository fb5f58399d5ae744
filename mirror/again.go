package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// keptBundles is how many accepted bundles a far side can write again: as many
// as it keeps generations of a stream.
const keptBundles = keptGenerations

// bundleLists names all that a bundle has besides its header, that header's
// signatures, and the objects of its generation. It is an object; a signed state
// names it.
type bundleLists struct {
	Version    int                `json:"version"`    // 1
	Signatures layout.ObjectRef   `json:"signatures"` // of the generation, as the bundle has them
	Volumes    []layout.ObjectRef `json:"volumes"`    // VOLUME.jsonl of each
	Files      []layout.ObjectRef `json:"files"`      // lists, READMEs, rotations, tools; each once
}

// keepLists puts what a bundle has besides the objects of its generation into
// the store, so that it can be written again. All its volumes must be here, and
// counted (bundle.Bundle.Census).
func (m *Mirror) keepLists(ctx context.Context, b *bundle.Bundle) (layout.ObjectRef, error) {
	lists := bundleLists{Version: 1}
	for _, v := range b.Header().Volumes {
		unlisted, err := b.Unlisted(v.Index)
		if err != nil {
			return layout.ObjectRef{}, err
		}
		ref, err := m.Writer.PutDocument(ctx, unlisted[bundle.VolumeFile])
		if err != nil {
			return ref, err
		}
		lists.Volumes = append(lists.Volumes, ref)
		if sig := unlisted[bundle.GenerationSigFile]; v.Index == 1 {
			if lists.Signatures, err = m.Writer.PutDocument(ctx, sig); err != nil {
				return ref, err
			}
		}
		files, err := b.Files(v.Index)
		if err != nil {
			return ref, err
		}
		for l := range files {
			ref := layout.ObjectRef{SHA256: l.SHA256, Size: l.Size}
			if l.OfGeneration() || slices.Contains(lists.Files, ref) {
				continue
			}
			lists.Files = append(lists.Files, ref)
			if err := m.keepFile(ctx, b, v.Index, l); err != nil {
				return ref, err
			}
		}
	}
	doc, err := json.Marshal(lists)
	if err != nil {
		return layout.ObjectRef{}, err
	}
	return m.Writer.PutDocument(ctx, append(doc, '\n'))
}

// keepFile makes a file of a volume an object, hashed on its way.
func (m *Mirror) keepFile(ctx context.Context, b *bundle.Bundle, volume int, l bundle.Line) (err error) {
	if m.has(ctx, layout.ObjectRef{SHA256: l.SHA256, Size: l.Size}) {
		return nil
	}
	stage, err := m.Stage()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(stage, store.TempPrefix+"list-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if err := b.CopyFile(ctx, volume, l, f); err != nil {
		return err
	}
	return m.Store.Put(ctx, l.SHA256, l.Size, f)
}

// has reports whether the store has an object.
func (m *Mirror) has(ctx context.Context, ref layout.ObjectRef) bool {
	size, err := m.Store.Stat(ctx, ref.SHA256)
	return err == nil && size == ref.Size
}

// readLists reads what keepLists wrote.
func (m *Mirror) readLists(ctx context.Context, ref layout.ObjectRef) (*bundleLists, error) {
	doc, err := m.readObject(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("read the lists of a bundle: %w", err)
	}
	lists := new(bundleLists)
	if err := json.Unmarshal(doc, lists); err != nil {
		return nil, fmt.Errorf("read the lists of a bundle: %w", err)
	}
	if lists.Version != 1 {
		return nil, fmt.Errorf("read the lists of a bundle: version %d, want 1", lists.Version)
	}
	return lists, nil
}

// referBundle adds what a bundle is written again with.
func (m *Mirror) referBundle(ctx context.Context, refs references, seq uint64, header layout.SignedRef, at layout.ObjectRef) error {
	refs.add(header.Document, "", fmt.Sprintf("header of seq %d", seq))
	refs.add(header.Signature, "", fmt.Sprintf("signatures of seq %d", seq))
	if at.IsZero() {
		return nil
	}
	refs.add(at, "", fmt.Sprintf("lists of seq %d", seq))
	lists, err := m.readLists(ctx, at)
	if isMissing(err) || errors.Is(err, verify.ErrUntrusted) {
		return nil // an audit names it; what it has named is of no use without it
	}
	if err != nil {
		return fmt.Errorf("seq %d: %w", seq, err)
	}
	for _, ref := range slices.Concat([]layout.ObjectRef{lists.Signatures}, lists.Volumes, lists.Files) {
		refs.add(ref, "", fmt.Sprintf("list of seq %d", seq))
	}
	return nil
}

// keptForImports adds what accepted bundles are written again with.
func (m *Mirror) keptForImports(ctx context.Context, s *layout.State, refs references) error {
	for _, stream := range s.Streams {
		for _, b := range stream.Bundles {
			if err := m.referBundle(ctx, refs, b.Seq, b.Header, b.Lists); err != nil {
				return err
			}
		}
	}
	return nil
}

// AgainOptions says which bundle is written once more, and to where.
type AgainOptions struct {
	To         string // directory in which the bundle's folder is made
	Stream     string // name; on a far side also the UUID; empty is the only one, or "main"
	Seq        uint64
	NoReadback bool // leaves out reading everything again from the medium
}

// AgainReport says what was written once more.
type AgainReport struct {
	Stream  string        `json:"stream"`
	Epoch   uint32        `json:"epoch"`
	Seq     uint64        `json:"seq"`
	Kind    bundle.Kind   `json:"kind"`
	Name    string        `json:"name"` // folder of the bundle
	Dir     string        `json:"dir"`
	Header  layout.Digest `json:"header"`  // of HEADER.json: the same as the first time
	Signers []string      `json:"signers"` // fingerprints that count here
	Volumes int           `json:"volumes"`
	Bytes   int64         `json:"bytes"`  // of all files that the volumes list
	Copied  int           `json:"copied"` // files that were written
	Kept    int           `json:"kept"`   // files that an earlier attempt had left whole
}

// Again writes a bundle that was exported from here, or imported here, once
// more: the same header and signatures, the same volumes, the same bytes. It
// changes nothing in the store.
func (m *Mirror) Again(ctx context.Context, opt AgainOptions) (*AgainReport, error) {
	if opt.To == "" {
		return nil, noExport(fmt.Sprintf("patchferry bundle again %d --to DIR", opt.Seq), "there is no directory to write to")
	}
	unlock, err := m.lock("bundle again")
	if err != nil {
		return nil, err
	}
	defer unlock()
	base, err := m.openBase(ctx)
	if err != nil {
		return nil, err
	}
	header, at, err := findBundle(base.state, opt)
	if err != nil {
		return nil, err
	}
	l, err := m.bundleAgain(ctx, header, at)
	if err != nil {
		return nil, m.goneAgain(opt, err)
	}
	h, err := bundle.ParseHeader(l.Header)
	if err != nil {
		return nil, err
	}
	r := &AgainReport{Stream: h.StreamName, Epoch: h.Epoch, Seq: h.Seq, Kind: h.Kind, Name: h.Name(), Volumes: len(h.Volumes)}
	for _, v := range h.Volumes {
		r.Bytes += v.Bytes
	}
	// What no far side would take is not handed out, be it one that has not seen
	// a later change of keys.
	rotations, err := m.rotationsAgain(ctx, l)
	if err != nil {
		return nil, m.goneAgain(opt, err)
	}
	origins := &OriginVerifier{Trust: m.Trusted.Trust, Known: rotations}
	if r.Signers, err = origins.Verify(l.Header, l.HeaderSignatures); err != nil {
		return nil, fmt.Errorf("the signatures of %s count no more: %w", r.Name, err)
	}
	w := &bundle.Writer{Source: m.Store, NoReadback: opt.NoReadback, Progress: m.exportProgress()}
	made, err := w.Again(ctx, opt.To, l, m.has)
	if errors.Is(err, bundle.ErrInTheWay) {
		return nil, noExport("move the folder "+r.Name+" away, or name another directory", "%v", err)
	}
	if err != nil {
		return nil, m.goneAgain(opt, err)
	}
	r.Dir, r.Header, r.Copied, r.Kept = made.Dir, made.Digest, made.Copied, made.Kept
	return r, nil
}

// bundleAgain reads what a bundle is written again with.
func (m *Mirror) bundleAgain(ctx context.Context, header layout.SignedRef, at layout.ObjectRef) (*bundle.Lists, error) {
	lists, err := m.readLists(ctx, at)
	if err != nil {
		return nil, err
	}
	l := new(bundle.Lists)
	for _, want := range []struct {
		into *[]byte
		ref  layout.ObjectRef
	}{{&l.Header, header.Document}, {&l.HeaderSignatures, header.Signature}, {&l.GenerationSignatures, lists.Signatures}} {
		if *want.into, err = m.readObject(ctx, want.ref); err != nil {
			return nil, err
		}
	}
	for _, ref := range lists.Volumes {
		doc, err := m.readObject(ctx, ref)
		if err != nil {
			return nil, err
		}
		l.Volumes = append(l.Volumes, doc)
	}
	return l, nil
}

// rotationsAgain reads the changes of the origin's key that a bundle carries.
func (m *Mirror) rotationsAgain(ctx context.Context, l *bundle.Lists) ([]verify.Rotation, error) {
	files, err := l.Rotations()
	if err != nil {
		return nil, err
	}
	var all []verify.Rotation
	for _, f := range files {
		doc, err := m.readObject(ctx, f.Document)
		if err != nil {
			return nil, err
		}
		sig, err := m.readObject(ctx, f.Signature)
		if err != nil {
			return nil, err
		}
		all = append(all, verify.Rotation{Document: doc, Signature: sig})
	}
	return all, nil
}

// goneAgain says what to do about a bundle of which something is gone.
func (m *Mirror) goneAgain(opt AgainOptions, err error) error {
	gone, ok := errors.AsType[*bundle.MissingError](err)
	if !ok && !isMissing(err) {
		return err
	}
	next := "patchferry audit names what is gone; bring the bundle itself, or a newer one, from the near side"
	if m.Origin != nil {
		next = "patchferry sync --recheck fetches what is gone; or patchferry export --full --to DIR"
	}
	if !ok {
		return noExport(next, "seq %d cannot be written again: %v", opt.Seq, err)
	}
	return noExport(next, "seq %d cannot be written again: %v", opt.Seq, gone)
}

// findBundle finds a bundle in the ledger of a near side, or among those that a
// far side has accepted.
func findBundle(state *trusted.State, opt AgainOptions) (header layout.SignedRef, lists layout.ObjectRef, err error) {
	if state == nil {
		return header, lists, noExport("patchferry export --to DIR on a near side, patchferry import DIR on a far side", "nothing was exported or imported here yet")
	}
	if len(state.Streams) > 0 {
		return findAccepted(state, opt)
	}
	name := opt.Stream
	if name == "" {
		name = "main"
	}
	out := state.Outbound[name]
	i := slices.IndexFunc(out.Exports, func(e layout.Exported) bool { return e.Seq == opt.Seq && e.Epoch == out.Epoch })
	switch {
	case i < 0:
		return header, lists, noExport("patchferry bundle list shows what there is; patchferry export --full --to DIR brings any far side up to date",
			"seq %d of stream %s is not in the ledger", opt.Seq, name)
	case out.Exports[i].Status == statusBegun:
		return header, lists, noExport("patchferry export --to DIR completes it", "seq %d of stream %s was begun and not finished", opt.Seq, name)
	case out.Exports[i].Status == statusBurned:
		return header, lists, noExport("patchferry bundle list shows what was exported", "seq %d of stream %s was given up, and never was a bundle", opt.Seq, name)
	}
	e := out.Exports[i]
	return e.Header, e.Lists, writable(opt, e.Lists)
}

func findAccepted(state *trusted.State, opt AgainOptions) (header layout.SignedRef, lists layout.ObjectRef, err error) {
	var found []layout.Stream
	for _, s := range state.Streams {
		if opt.Stream == "" || opt.Stream == s.Name || opt.Stream == s.ID {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return header, lists, noExport("the same command with --stream and the UUID of one", "%s are meant", number(len(found), "stream"))
	}
	for _, b := range found[0].Bundles {
		if b.Seq == opt.Seq {
			return b.Header, b.Lists, writable(opt, b.Lists)
		}
	}
	var kept []uint64
	for _, b := range found[0].Bundles {
		kept = append(kept, b.Seq)
	}
	return header, lists, noExport("bring it from the near side: patchferry bundle again there",
		"seq %d of stream %s is not among those that are kept here: %v", opt.Seq, found[0].Name, kept)
}

// writable refuses a bundle of which an older version of this program kept no
// lists.
func writable(opt AgainOptions, lists layout.ObjectRef) error {
	if !lists.IsZero() {
		return nil
	}
	return noExport("patchferry export --full --to DIR, on the near side", "the lists of seq %d were not kept", opt.Seq)
}
