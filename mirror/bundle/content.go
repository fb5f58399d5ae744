package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"patchferry/layout"
)

// Content is what goes into one bundle. Its sequences are gone through more
// than once and must yield the same each time.
type Content struct {
	// Header carries what the caller decides: ids, stream name, audience,
	// epoch, seq, prev, kind, since, the generation's number, skipped, times,
	// tool and critical. The rest is filled in. A state root that is not zero
	// is compared with the one that the content makes, as are counts.
	Header Header
	// Generation is the document, and its signatures as far as it has any.
	Generation SignedDocument
	// Catalog and Notices are the objects that the generation names; Notices
	// is zero where it names none.
	Catalog, Notices layout.ObjectRef
	// Bulletins are the originals and signatures that are shipped.
	Bulletins []layout.ObjectRef
	// Objects are the held files that are shipped, in any order. Nil is none.
	Objects iter.Seq[layout.ObjectRef]
	// Requires are the objects that the generation refers to and that are not
	// shipped, in ascending order of digest. Nil is none.
	Requires iter.Seq[layout.ObjectRef]
	// Rotations are all of the epoch, in their order.
	Rotations []SignedDocument
	// Tools are files for the folder tools/.
	Tools []Tool
	// Recorded are the header bytes of an earlier attempt at this bundle, nil
	// at the first. The bundle is completed with exactly these, or not at all.
	Recorded []byte
}

// SignedDocument is a document with its armored detached signatures.
type SignedDocument struct {
	Document  []byte
	Signature []byte
}

// Tool is one file of the folder tools/.
type Tool struct {
	Name string // below tools/, as CheckPayloadName wants it
	layout.ObjectRef
	Open func(context.Context) (io.ReadCloser, error)
}

// maxGeneration is the largest generation in bytes, as layout.ParseGeneration
// has it.
const maxGeneration = 4 << 20

// check refuses what no reader would take.
func (c *Content) check() error {
	h := &c.Header
	switch {
	case h.Bundle == "" || h.Origin == "" || h.Stream == "":
		return errors.New("bundle, origin and stream need their ids")
	case h.Epoch == 0 || h.Seq == 0:
		return errors.New("epoch and seq are counted from 1")
	case h.Created.IsZero():
		return errors.New("the bundle has no time of creation")
	case h.Generation.Number == 0 || len(c.Generation.Document) == 0:
		return errors.New("the bundle has no generation")
	case len(c.Generation.Document) > maxGeneration:
		return fmt.Errorf("the generation has %d bytes, more than %d", len(c.Generation.Document), maxGeneration)
	case c.Catalog.IsZero():
		return errors.New("the bundle has no catalog")
	case !slices.Contains([]Kind{Full, Incremental, CatalogOnly}, h.Kind):
		return fmt.Errorf("the bundle has the kind %q", clip(string(h.Kind)))
	case len(c.Rotations) > MaxRotations:
		return fmt.Errorf("%d rotations, more than %d", len(c.Rotations), MaxRotations)
	}
	for i, r := range c.Rotations {
		if len(r.Document) > MaxRotation || len(r.Signature) > MaxRotation || len(r.Document) == 0 || len(r.Signature) == 0 {
			return fmt.Errorf("rotation %d has %d bytes and %d of signatures, want 1 to %d each", i+1, len(r.Document), len(r.Signature), MaxRotation)
		}
	}
	for _, t := range c.Tools {
		if err := CheckPayloadName("tools/" + t.Name); err != nil {
			return err
		}
	}
	return h.checkBundleName()
}

// plan places what is shipped: the objects where there is room, catalog and
// bulletins in volume 1.
func (c *Content) plan(opt PlanOptions) (*Plan, error) {
	pinned := c.pinned()
	opt = opt.orDefault()
	for _, r := range c.Rotations {
		opt.Each += opt.onDisk(int64(len(r.Document))) + opt.onDisk(int64(len(r.Signature)))
	}
	opt.First += opt.onDisk(int64(len(c.Generation.Document))) + opt.onDisk(signatureCost)
	for _, o := range pinned {
		opt.First += opt.onDisk(o.size) + opt.Cluster + entryCost // its own shard folder, at worst
	}
	for _, t := range c.Tools {
		opt.First += opt.onDisk(t.Size) + opt.Cluster
	}
	for range c.requires() {
		opt.First += 48 // of its line, compressed
	}
	plan, err := NewPlan(func(yield func(layout.ObjectRef) bool) {
		for ref := range c.objects() {
			if _, found := slices.BinarySearchFunc(pinned, placed{sha: ref.SHA256}, byDigest); !found && !yield(ref) {
				return
			}
		}
	}, opt)
	if err != nil {
		return nil, err
	}
	plan.placed = append(plan.placed, pinned...)
	slices.SortFunc(plan.placed, byDigest)
	return plan, nil
}

// pinned returns what stands in volume 1 under names of its own, in the order
// of digests.
func (c *Content) pinned() []placed {
	all := []placed{{sha: c.Catalog.SHA256, size: c.Catalog.Size, volume: 1, kind: kindCatalog}}
	if !c.Notices.IsZero() {
		all = append(all, placed{sha: c.Notices.SHA256, size: c.Notices.Size, volume: 1, kind: kindNotices})
	}
	for _, b := range c.Bulletins {
		all = append(all, placed{sha: b.SHA256, size: b.Size, volume: 1, kind: kindBulletin})
	}
	slices.SortStableFunc(all, byDigest)
	return slices.CompactFunc(all, func(a, b placed) bool { return a.sha == b.sha })
}

func (c *Content) objects() iter.Seq[layout.ObjectRef]  { return orNone(c.Objects) }
func (c *Content) requires() iter.Seq[layout.ObjectRef] { return orNone(c.Requires) }

func orNone(refs iter.Seq[layout.ObjectRef]) iter.Seq[layout.ObjectRef] {
	if refs == nil {
		return func(func(layout.ObjectRef) bool) {}
	}
	return refs
}

// sum fills in what a generation refers to as a whole: shipped and required
// together, and holds it against what the caller knows.
func (c *Content) sum(p *Plan, h *Header) error {
	objects, size := 0, int64(0)
	root, err := layout.StateRoot(func(yield func(layout.ObjectRef) bool) {
		for ref := range mergeRefs(p, c.requires()) {
			objects, size = objects+1, size+ref.Size
			if !yield(ref) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("what is shipped and what is required: %w", err)
	}
	if !h.StateRoot.IsZero() && (h.StateRoot != root || h.Objects != objects || h.Bytes != size) {
		return fmt.Errorf("shipped and required are %d objects of %d bytes with the state root %s; the generation has %d of %d bytes with %s",
			objects, size, root, h.Objects, h.Bytes, h.StateRoot)
	}
	h.StateRoot, h.Objects, h.Bytes = root, objects, size
	return nil
}

// mergeRefs yields the objects of a plan and the required ones in one ascending
// order, if both ascend.
func mergeRefs(p *Plan, required iter.Seq[layout.ObjectRef]) iter.Seq[layout.ObjectRef] {
	return func(yield func(layout.ObjectRef) bool) {
		rest := p.placed
		for ref := range required {
			for len(rest) > 0 && byDigest(rest[0], placed{sha: ref.SHA256}) < 0 {
				if !yield(layout.ObjectRef{SHA256: rest[0].sha, Size: rest[0].size}) {
					return
				}
				rest = rest[1:]
			}
			if !yield(ref) {
				return
			}
		}
		for _, o := range rest {
			if !yield(layout.ObjectRef{SHA256: o.sha, Size: o.size}) {
				return
			}
		}
	}
}
