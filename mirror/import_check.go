package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/bundle"
	"patchferry/mirror/trusted"
	"patchferry/verify"
)

// counter sums up what several goroutines do.
type counter struct {
	mu    sync.Mutex
	n     int
	bytes int64
}

func (c *counter) add(n int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	c.bytes += bytes
}

// incoming is the store as it would be with a bundle: what the bundle ships is
// read from the bundle, all else from the store.
type incoming struct {
	store.Store
	b *bundle.Bundle
}

// Open reads a whole object; there is no other use for it here.
func (in *incoming) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	e, ok := in.b.Entry(d)
	if !ok {
		return in.Store.Open(ctx, d, offset, n)
	}
	if offset != 0 || n >= 0 {
		return nil, fmt.Errorf("read a part of %s: an incoming object is read whole", d)
	}
	r, w := io.Pipe()
	p := &piped{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		w.CloseWithError(in.b.CopyObject(ctx, e, w))
	}()
	return p, nil
}

// piped is the reading end of an object that is being copied.
type piped struct {
	*io.PipeReader
	done chan struct{}
}

// Close ends the copying and waits for it.
func (p *piped) Close() error {
	err := p.PipeReader.Close()
	<-p.done
	return err
}

// with reads a store as it would be with a bundle, as strictly as ever.
func (i *importing) with(b *bundle.Bundle) *trusted.Reader {
	in := &incoming{Store: i.m.Store, b: b}
	return &trusted.Reader{Store: in, Trust: i.m.Trusted.Trust, CatalogLimits: i.m.Trusted.CatalogLimits, CatalogBytes: i.m.Trusted.CatalogBytes}
}

// judgeBulletins judges what the bundle brings of publishers by the keys and
// pins of this side. Bytes that a publisher did not sign refuse the bundle;
// those whose key is not pinned here are reported. The list of notices is the
// origin's, signed as it is; so what this side thinks of a document is judged
// again whenever it is shown.
func (i *importing) judgeBulletins(ctx context.Context, b *bundle.Bundle) error {
	if i.m.Judge == nil {
		return nil
	}
	gen, _, _, err := b.Generation()
	if err != nil {
		return err
	}
	reader := i.with(b)
	for n, err := range reader.Notices(ctx, gen) {
		if err != nil {
			return err
		}
		if _, brought := b.Entry(n.Original.SHA256); !brought {
			continue
		}
		if err := i.judgeBulletin(ctx, reader, n); err != nil {
			return err
		}
	}
	return nil
}

func (i *importing) judgeBulletin(ctx context.Context, reader *trusted.Reader, n *layout.Notice) error {
	doc := verify.Document{Name: n.File}
	var err error
	if doc.Original, err = reader.Document(ctx, n.Original); err != nil {
		return err
	}
	if !n.Signature.IsZero() {
		if doc.Signature, err = reader.Document(ctx, n.Signature); err != nil {
			return err
		}
	}
	judge := i.m.Judge(sourceOf(n.ID), verify.Profile(n.Profile))
	switch j := judgement(judge, n.Verdict == layout.Unsigned, doc); {
	case j.Verdict == layout.Bad || j.Verdict == layout.Malformed:
		return refused(CodeBulletin, "find out on the near side who altered it: patchferry audit",
			"the document %s is %s: %s", n.ID, j.Verdict, words(j))
	case j.Verdict != layout.Valid && j.Verdict != n.Verdict, j.Verdict == layout.Unpinned, j.Verdict == layout.UnknownKey:
		i.report.Unpinned = append(i.report.Unpinned, n.ID)
	}
	return nil
}

// checkClosure makes sure that everything that the generation refers to is in
// the bundle or in the store. A bundle of the catalog alone may lack held
// files.
func (i *importing) checkClosure(ctx context.Context, b *bundle.Bundle) error {
	gen, _, _, err := b.Generation()
	if err != nil {
		return err
	}
	reader := i.with(b)
	c := &closure{all: make(map[layout.Digest]int64, i.h.Objects)}
	if i.h.Kind == bundle.CatalogOnly {
		c.held = make(map[layout.Digest]bool)
	}
	if err := c.gather(ctx, reader, gen); err != nil {
		return err
	}
	root, err := layout.StateRoot(c.sorted())
	if err != nil {
		return err
	}
	if root != gen.StateRoot {
		return refused(bundle.CodeCount, madeSo, "the catalog refers to objects with the state root %s; the generation says %s", root, gen.StateRoot)
	}
	var wanted []layout.ObjectRef
	i.absent = nil
	for ref := range c.sorted() {
		if _, brought := b.Entry(ref.SHA256); brought || i.held(ctx, ref.SHA256, ref.Size) {
			continue
		}
		if i.h.Kind == bundle.CatalogOnly && c.held[ref.SHA256] {
			i.absent = append(i.absent, ref.SHA256)
			continue
		}
		wanted = append(wanted, ref)
	}
	i.report.Absent = len(i.absent)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(wanted) == 0 {
		return nil
	}
	return &ImportError{Code: CodeMissingBase, Wanted: wanted,
		Reason: fmt.Sprintf("%s that it builds on never came here", number(len(wanted), "object")),
		Next:   "bring the bundle before it, or a want file to the near side (patchferry import DIR --receipt DIR writes it, patchferry export --want FILE answers it)"}
}

// closure is what a generation refers to.
type closure struct {
	all  map[layout.Digest]int64 // sizes
	held map[layout.Digest]bool  // of these, files of the catalog; nil where nobody asks
}

func (c *closure) gather(ctx context.Context, r *trusted.Reader, gen *layout.Generation) error {
	err := errors.Join(c.add(gen.Catalog), c.add(gen.Notices.List))
	if err != nil {
		return err
	}
	for n, err := range r.Notices(ctx, gen) {
		if err != nil {
			return err
		}
		if err := errors.Join(c.add(n.Original), c.add(n.Signature)); err != nil {
			return err
		}
	}
	catalog, err := r.Catalog(ctx, gen)
	if err != nil {
		return err
	}
	for u, err := range catalog.Updates() {
		if err != nil {
			return err
		}
		for k := range u.Files {
			f := &u.Files[k]
			if !f.Held {
				continue
			}
			if c.held != nil {
				c.held[f.SHA256] = true
			}
			if err := c.add(layout.ObjectRef{SHA256: f.SHA256, Size: f.Size}); err != nil {
				return err
			}
		}
	}
	return nil
}

// add notes an object, which has one size.
func (c *closure) add(ref layout.ObjectRef) error {
	if ref.IsZero() {
		return nil
	}
	if size, known := c.all[ref.SHA256]; known && size != ref.Size {
		return refused(bundle.CodeFormat, madeSo, "object %s has %d bytes in one place and %d in another", ref.SHA256, size, ref.Size)
	}
	c.all[ref.SHA256] = ref.Size
	return nil
}

// sorted yields the objects in the order of digests.
func (c *closure) sorted() iter.Seq[layout.ObjectRef] {
	digests := slices.SortedFunc(maps.Keys(c.all), func(x, y layout.Digest) int { return bytes.Compare(x[:], y[:]) })
	return func(yield func(layout.ObjectRef) bool) {
		for _, d := range digests {
			if !yield(layout.ObjectRef{SHA256: d, Size: c.all[d]}) {
				return
			}
		}
	}
}
