package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// succession is the place of a new bundle: whose it is, and what it follows.
type succession struct {
	origin, stream string // UUIDs
	epoch          uint32
	seq            uint64
	prev           *bundle.Before // nil for the first
	skipped        []uint64
	notBefore      layout.Time // when the bundle before was made
}

// succeed finds the place of the next bundle of a stream.
func (x *export) succeed(ctx context.Context, out *layout.Outbound) (*succession, error) {
	at := &succession{origin: x.state.Origin, stream: out.ID, epoch: max(out.Epoch, 1), seq: nextSeq(out), skipped: burned(out)}
	for _, e := range out.Exports {
		if e.Status == statusExported {
			at.follow(bundle.Before{Epoch: e.Epoch, Seq: e.Seq, Header: e.Header.Document.SHA256}, e.At)
			break
		}
	}
	if x.opt.NewEpoch {
		if err := x.raise(ctx, out, at); err != nil {
			return nil, err
		}
	}
	if at.origin == "" {
		at.origin = newUUID()
	}
	if at.stream == "" {
		at.stream = newUUID()
	}
	return at, nil
}

func (at *succession) follow(b bundle.Before, made layout.Time) {
	at.prev, at.notBefore = &b, made
}

// raise begins a new epoch.
func (x *export) raise(ctx context.Context, out *layout.Outbound, at *succession) error {
	top := out.Epoch
	if x.opt.After != "" {
		h, header, err := x.m.earlierHeader(ctx, x.opt.After)
		if err != nil {
			return err
		}
		if err := x.mayContinue(out, h); err != nil {
			return err
		}
		at.origin, at.stream, x.after = h.Origin, h.Stream, h.Name()
		before := bundle.Before{Epoch: h.Epoch, Seq: h.Seq, Header: header}
		if p := at.prev; p == nil || before.Epoch > p.Epoch || before.Epoch == p.Epoch && before.Seq > p.Seq {
			at.follow(before, h.Created)
		}
		top = max(top, h.Epoch)
	}
	switch {
	case top == 0:
		return noExport("patchferry export --to DIR begins the stream; a near side that was rebuilt continues it: patchferry export --new-epoch --after DIR --to DIR, where the first DIR holds an earlier bundle",
			"stream %s was never exported from this store, so there is no epoch to follow", x.opt.Stream.Name)
	case top == math.MaxUint32:
		return noExport("", "there is no epoch after %d", top)
	}
	x.beginsEpoch = true
	at.epoch, at.seq, at.skipped = top+1, 1, nil
	return nil
}

// mayContinue refuses to take a bundle's origin and stream over where this
// store has sent bundles of another: far sides hold to both ids, and those that
// follow this store would lose it.
func (x *export) mayContinue(out *layout.Outbound, h *bundle.Header) error {
	name := x.opt.Stream.Name
	if h.StreamName != name {
		return noExport("the same command with --stream "+h.StreamName, "%s is of the stream %s, not of %s", h.Name(), h.StreamName, name)
	}
	sent := false
	for other, o := range x.state.Outbound {
		if o.ID == h.Stream && other != name {
			return noExport("", "stream %s of this store has the id of %s already", other, h.Name())
		}
		for _, e := range o.Exports {
			sent = sent || e.Status != statusBurned
		}
	}
	const next = "far sides follow this store's stream as well, when their operators type it in: patchferry import DIR --accept-stream STREAM; or begin again with an empty store"
	if sent && x.state.Origin != h.Origin {
		return noExport(next, "%s is of the origin %s, and this store has exported as the origin %s", h.Name(), h.Origin, x.state.Origin)
	}
	if len(out.Exports) > 0 && sent && out.ID != h.Stream {
		return noExport(next, "%s is of the stream %s, and %s here is the stream %s", h.Name(), h.Stream, name, out.ID)
	}
	return nil
}

// earlierHeader reads the header of a bundle in a directory, and makes sure that
// an origin that is pinned here signed it. Of several bundles there the newest
// counts.
func (m *Mirror) earlierHeader(ctx context.Context, dir string) (*bundle.Header, layout.Digest, error) {
	h, digest, err := m.verifiedHeader(ctx, dir)
	many, ok := errors.AsType[*bundle.AmbiguousError](err)
	if !ok {
		return h, digest, err
	}
	h = nil
	for _, name := range many.Bundles {
		other, d, err := m.verifiedHeader(ctx, filepath.Join(dir, name))
		if err != nil {
			return nil, digest, err
		}
		if h != nil && (other.Origin != h.Origin || other.Stream != h.Stream) {
			return nil, digest, noExport("name the folder of one", "%s holds bundles of several streams, %s and %s", dir, h.Name(), other.Name())
		}
		if h == nil || other.Epoch > h.Epoch || other.Epoch == h.Epoch && other.Seq > h.Seq {
			h, digest = other, d
		}
	}
	return h, digest, nil
}

func (m *Mirror) verifiedHeader(ctx context.Context, dir string) (*bundle.Header, layout.Digest, error) {
	b, err := bundle.Open(ctx, []string{dir}, &OriginVerifier{Trust: m.Trusted.Trust}, bundle.ReadOptions{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, layout.Digest{}, noExport("name the folder of an earlier bundle", "%v", err)
	}
	if err != nil {
		return nil, layout.Digest{}, fmt.Errorf("continue after the bundle in %s: %w", dir, err)
	}
	defer b.Close() // it was only read
	doc, _ := b.HeaderBytes()
	return b.Header(), layout.DigestOf(doc), nil
}

// checkBegun refuses to begin a new epoch while a seq of the last one waits to
// be completed. A new epoch that was begun itself is completed.
func (x *export) checkBegun(out *layout.Outbound, begun layout.Exported) error {
	epochBegins := begun.Epoch > 1 && len(exportedOf(out)) == 0
	if epochBegins {
		x.beginsEpoch = true
	}
	if !x.opt.NewEpoch || epochBegins {
		return nil
	}
	return noExport("complete it with patchferry export --to DIR, or give it up: the same command with --abandon",
		"seq %d of epoch %d was begun and not finished", begun.Seq, begun.Epoch)
}
