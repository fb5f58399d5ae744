package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/bundle"
)

// finish checks the whole bundle in its quarantine, and publishes it.
func (i *importing) finish(ctx context.Context, q *quarantine) error {
	i.b.Forget() // its lists are read again, from the quarantine
	return i.spoilt(q, i.finishWhole(ctx, q))
}

func (i *importing) finishWhole(ctx context.Context, q *quarantine) error {
	b, err := bundle.Open(ctx, []string{q.dir}, i.verifier(), i.opt.Limits)
	if err != nil {
		return err
	}
	defer b.Close() // it was only read
	if err := i.rotations(i.report.NewEpoch); err != nil {
		return err
	}
	if err := b.Waiting(); err != nil {
		return err
	}
	if err := b.Census(ctx); err != nil {
		return err
	}
	if err := b.Load(ctx); err != nil {
		return err
	}
	i.report.Ignored = b.Inspect().IgnoredKeys
	if !i.judged {
		if err := i.judgeBulletins(ctx, b); err != nil {
			return err
		}
	}
	if err := i.checkClosure(ctx, b); err != nil {
		return err
	}
	gen, doc, sig, err := b.Generation()
	if err != nil {
		return err
	}
	if i.opt.Before != nil {
		q.kept.Store(true) // whoever is asked has it in his hands
		if err := i.opt.Before(ctx, &ProposedImport{Bundle: i.report.Bundle, Dir: q.dir, Generation: gen}); err != nil {
			return err
		}
	}
	if err := i.putObjects(ctx, q, b); err != nil {
		return err
	}
	position, err := i.putGeneration(ctx, gen, doc, sig)
	if err != nil {
		return err
	}
	lists, err := i.m.keepLists(ctx, b)
	if err != nil {
		return fmt.Errorf("keep the lists of %s: %w", i.report.Bundle, err)
	}
	if err := i.publish(ctx, position, lists); err != nil {
		return err
	}
	i.report.Counts = &gen.Counts
	if err := errors.Join(b.Close(), q.clear()); err != nil {
		i.m.log().Warn("clear the quarantine", "path", q.dir, "err", err)
	}
	return nil
}

// putObjects lets what the bundle ships into the store: the one door, behind
// which every byte was hashed on its way into the quarantine.
func (i *importing) putObjects(ctx context.Context, q *quarantine, b *bundle.Bundle) error {
	var fresh counter
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(importCopies)
	for e := range b.Entries() {
		jobs.Go(func() error {
			if i.held(running, e.SHA256, e.Size) {
				return nil
			}
			put := i.putWhole
			if len(e.Segments) > 0 {
				put = i.putJoined
			}
			if err := put(running, q, b, e); err != nil {
				return fmt.Errorf("admit object %s: %w", e.SHA256, err)
			}
			fresh.add(1, e.Size)
			i.m.report(Event{Kind: EventFile, Bytes: e.Size, File: e.SHA256.String()})
			return nil
		})
	}
	err := jobs.Wait()
	i.report.Objects = fresh.n
	return err
}

// putWhole puts an object that is one file of the quarantine. It was hashed on
// its way there; where it has lain since an earlier run, or a hook had it in
// its hands, it is hashed once more.
func (i *importing) putWhole(ctx context.Context, q *quarantine, b *bundle.Bundle, e bundle.Entry) error {
	if q.kept.Load() {
		if err := b.CopyObject(ctx, e, io.Discard); err != nil {
			return err
		}
	}
	f, err := os.Open(filepath.Join(q.dir, q.volume(e.Volume), filepath.FromSlash(e.Path)))
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	return i.adopt(ctx, e, f)
}

// adopt puts a file that is durable. The quarantine is kept until the state is
// published that makes the object durable, too.
func (i *importing) adopt(ctx context.Context, e bundle.Entry, f *os.File) error {
	if a, ok := i.m.Store.(store.Adopter); ok {
		return a.Adopt(ctx, e.SHA256, e.Size, f)
	}
	return i.m.Store.Put(ctx, e.SHA256, e.Size, f)
}

// putJoined joins an object of its segments, hashing it as a whole, and puts
// it.
func (i *importing) putJoined(ctx context.Context, q *quarantine, b *bundle.Bundle, e bundle.Entry) error {
	f, err := os.CreateTemp(q.dir, partPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // the object is a link or a copy; sweepParts removes what stays
	err = b.CopyObject(ctx, e, f)
	if err == nil {
		err = i.m.Store.Put(ctx, e.SHA256, e.Size, f)
	}
	return errors.Join(err, f.Close())
}

// putGeneration puts the generation and its signatures, byte for byte.
func (i *importing) putGeneration(ctx context.Context, gen *layout.Generation, doc, sig []byte) (layout.Position, error) {
	position := layout.Position{Number: gen.Number, Created: gen.Created}
	var err error
	if position.Generation.Document, err = i.m.Writer.PutDocument(ctx, doc); err != nil {
		return position, fmt.Errorf("put generation %d: %w", gen.Number, err)
	}
	if position.Generation.Signature, err = i.m.Writer.PutDocument(ctx, sig); err != nil {
		return position, fmt.Errorf("put the signatures of generation %d: %w", gen.Number, err)
	}
	if len(i.absent) > 0 {
		if position.Absent, err = i.m.Writer.PutDocument(ctx, digestLines(i.absent)); err != nil {
			return position, fmt.Errorf("put what is absent of generation %d: %w", gen.Number, err)
		}
	}
	return position, nil
}

// publish writes the one state that publishes the bundle: the generation, the
// high-water mark of its stream, and the ring in which it lands.
func (i *importing) publish(ctx context.Context, position layout.Position, lists layout.ObjectRef) error {
	accepted, err := i.accepted(ctx, lists)
	if err != nil {
		return err
	}
	brought, err := i.putRotations(ctx)
	if err != nil {
		return err
	}
	state, err := i.m.Writer.Publish(ctx, i.state, func(s *layout.State) error {
		if err := unpruned(i.state, s); err != nil {
			return err
		}
		if err := i.stream(s.Streams); err != nil {
			return err
		}
		if _, err := i.follows(s.Streams); err != nil {
			return err
		}
		if err := i.accept(s, brought); err != nil {
			return err
		}
		i.m.land(s)
		i.advance(s, position, accepted)
		s.Why = "import " + i.report.Bundle
		return nil
	})
	if state != nil {
		i.state = state
		i.report.State = state.Number
		if len(state.Rings) > 0 {
			i.report.Ring = i.m.landing()
		}
		i.m.report(Event{Kind: EventPublish, Count: int(position.Number)})
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", i.report.Bundle, err)
	}
	return nil
}

// accepted puts the header of the bundle and its signatures, and returns what it
// is written again with.
func (i *importing) accepted(ctx context.Context, lists layout.ObjectRef) (a layout.Accepted, err error) {
	a = layout.Accepted{Epoch: i.h.Epoch, Seq: i.h.Seq, Lists: lists}
	doc, sig := i.b.HeaderBytes()
	if a.Header.Document, err = i.m.Writer.PutDocument(ctx, doc); err != nil {
		return a, fmt.Errorf("put the header of %s: %w", i.report.Bundle, err)
	}
	if a.Header.Signature, err = i.m.Writer.PutDocument(ctx, sig); err != nil {
		return a, fmt.Errorf("put the signatures of %s: %w", i.report.Bundle, err)
	}
	return a, nil
}

// advance moves the stream of the bundle up in a state.
func (i *importing) advance(s *layout.State, position layout.Position, accepted layout.Accepted) {
	if s.Streams == nil {
		s.Streams = make(map[string]layout.Stream)
	}
	next := layout.Stream{
		ID: i.h.Stream, Origin: i.h.Origin, Name: i.h.StreamName, Epoch: i.h.Epoch, Seq: i.h.Seq, Header: i.header,
		Created: i.h.Created, Next: i.h.ExpectedNext, Accepted: layout.At(i.m.now()), Position: position,
		Bundles: []layout.Accepted{accepted},
	}
	if before, known := s.Streams[i.h.Stream]; known {
		next.Kept = append([]layout.Position{before.Position}, before.Kept...)
		next.Kept = slices.DeleteFunc(next.Kept, func(p layout.Position) bool { return p == position })
		next.Kept = next.Kept[:min(len(next.Kept), keptGenerations-1)]
		next.Bundles = append(next.Bundles, before.Bundles[:min(len(before.Bundles), keptBundles-1)]...)
	}
	s.Streams[i.h.Stream] = next
}
