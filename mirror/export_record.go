package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"patchferry/layout"
	"patchferry/mirror/bundle"
)

// record notes the header of a new seq in a state, before it is signed.
func (x *export) record(ctx context.Context, header []byte) error {
	doc, err := x.m.Writer.PutDocument(ctx, header)
	if err != nil {
		return err
	}
	if err := x.putWant(ctx); err != nil {
		return err
	}
	h, name := &x.content.Header, x.opt.Stream.Name
	entry := layout.Exported{
		Epoch: h.Epoch, Seq: h.Seq, Header: layout.SignedRef{Document: doc}, Generation: x.carried.position,
		Kind: string(h.Kind), At: h.Created, Status: statusBegun, VolumeSize: x.volumeSize, Rotations: len(x.content.Rotations), Want: x.wantRef,
	}
	was := x.state
	x.state, err = x.m.Writer.Publish(ctx, was, func(s *layout.State) error {
		out := s.Outbound[name]
		switch {
		case unpruned(was, s) != nil:
			return errPruned
		case s.Origin != was.Origin, !sameLedger(out, was.Outbound[name]):
			return fmt.Errorf("stream %s was exported meanwhile by another writer; run patchferry export again", name)
		case !slices.Equal(s.Rotations, was.Rotations):
			return errors.New("the origin's key was changed meanwhile; run patchferry export again")
		case !holdsGeneration(s, *was.Generation): // it has every file of a selection, too
			return fmt.Errorf("generation %d is gone; run patchferry export again", was.Generation.Number)
		}
		s.Origin = h.Origin
		out.ID, out.Epoch = h.Stream, h.Epoch
		out.Exports = slices.Insert(slices.Clone(out.Exports), 0, entry)
		x.acknowledge(&out)
		setOutbound(s, name, out)
		s.Why = "begin export " + h.Name()
		return nil
	})
	return err
}

// sameLedger reports whether two editions of a ledger begin the same seq next.
func sameLedger(a, b layout.Outbound) bool {
	return a.ID == b.ID && a.Epoch == b.Epoch && slices.Equal(a.Exports, b.Exports)
}

// holdsGeneration reports whether a state keeps a generation from being pruned.
func holdsGeneration(s *layout.State, p layout.Position) bool {
	return s.Generation != nil && *s.Generation == p || slices.Contains(s.Kept, p)
}

func setOutbound(s *layout.State, name string, out layout.Outbound) {
	if s.Outbound == nil {
		s.Outbound = make(map[string]layout.Outbound)
	}
	s.Outbound[name] = out
}

// finish opens what is on the medium as any reader would, and notes it as
// exported. It returns who signed it, also with an error where it was noted all
// the same.
func (x *export) finish(ctx context.Context, done *bundle.Written) (signers []string, err error) {
	b, err := bundle.Open(ctx, []string{done.Dir}, x.verifier(x.threshold()), bundle.ReadOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	doc, sig := b.HeaderBytes()
	if !bytes.Equal(doc, done.Header) {
		return nil, fmt.Errorf("%s has changed since it was written", done.Dir)
	}
	ref, err := x.m.Writer.PutDocument(ctx, sig)
	if err != nil {
		return nil, err
	}
	if err := b.Census(ctx); err != nil {
		return nil, err
	}
	lists, err := x.m.keepLists(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("keep its lists: %w", err)
	}
	if err := x.generationSigned(done.Dir, len(b.Header().Volumes)); err != nil {
		return nil, err
	}
	h, name := &x.content.Header, x.opt.Stream.Name
	recorded := x.state
	x.state, err = x.m.Writer.Publish(ctx, recorded, func(s *layout.State) error {
		if err := unpruned(recorded, s); err != nil {
			return err
		}
		out := s.Outbound[name]
		begun, ok := begunExport(&out)
		if !ok || begun.Header.Document.SHA256 != done.Digest {
			return fmt.Errorf("seq %d of stream %s was ended by another writer", h.Seq, name)
		}
		begun.Status, begun.Header.Signature, begun.Lists = statusExported, ref, lists
		out.Exports = slices.Clone(out.Exports)
		out.Exports[0] = begun
		trimLedger(&out, &x.opt.Stream, x.m.now())
		setOutbound(s, name, out)
		s.Why = "export " + h.Name()
		return nil
	})
	if x.state == nil {
		return nil, err
	}
	return b.Signers(), err
}

// abandon burns the seq that was begun: the next header names it as skipped.
// A bundle that has its name already is complete, and somebody may have
// carried it away: that one is never burned.
func (m *Mirror) abandon(ctx context.Context, base *base, opt ExportOptions) error {
	name := opt.Stream.Name
	if base.state == nil {
		return nil
	}
	out := base.state.Outbound[name]
	begun, ok := begunExport(&out)
	if !ok {
		return noExport("patchferry export --to DIR", "stream %s has no export that was begun and not finished", name)
	}
	h := bundle.Header{StreamName: name, Epoch: begun.Epoch, Seq: begun.Seq}
	folder := filepath.Join(opt.To, h.Name())
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return noExport("the same command without --abandon", "%s is written already, and a bundle that somebody may have carried away is not given up", folder)
	}
	if err := os.RemoveAll(folder + ".partial"); err != nil {
		return fmt.Errorf("remove what was begun: %w", err)
	}
	state, err := m.Writer.Publish(ctx, base.state, func(s *layout.State) error {
		out := s.Outbound[name]
		now, ok := begunExport(&out)
		if !ok || now != begun {
			return fmt.Errorf("seq %d of stream %s was ended by another writer", begun.Seq, name)
		}
		now.Status = statusBurned
		out.Exports = slices.Clone(out.Exports)
		out.Exports[0] = now
		setOutbound(s, name, out)
		s.Why = fmt.Sprintf("give up export %s", h.Name())
		return nil
	})
	if err != nil {
		return fmt.Errorf("give up %s: %w", h.Name(), err)
	}
	base.state = state
	return nil
}

// keptForExports returns the generations that exports stand on, and adds what a
// seq is completed, or written once more, with.
func (m *Mirror) keptForExports(ctx context.Context, s *layout.State, refs references) ([]layout.Position, error) {
	var all []layout.Position
	for _, out := range s.Outbound {
		for _, e := range out.Exports {
			if err := m.referBundle(ctx, refs, e.Seq, e.Header, e.Lists); err != nil {
				return nil, err
			}
			refs.add(e.Want, "", fmt.Sprintf("want file of seq %d", e.Seq))
			if e.Status != statusBurned && !slices.Contains(all, e.Generation) {
				all = append(all, e.Generation)
			}
		}
	}
	return all, nil
}
