package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
)

func (g *migration) copyObjects(ctx context.Context, todo []copying) error {
	jobs, running := errgroup.WithContext(ctx)
	jobs.SetLimit(migrateCopies)
	for _, c := range todo {
		if running.Err() != nil {
			break
		}
		jobs.Go(func() error {
			err := g.look(running, c)
			g.m.report(Event{Kind: EventFile, File: c.Digest.String(), Err: err})
			return err
		})
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	slices.SortFunc(g.report.Wrong, func(a, b Finding) int { return bytes.Compare(a.Object[:], b.Object[:]) })
	slices.SortFunc(g.report.Replaced, func(a, b layout.Digest) int { return bytes.Compare(a[:], b[:]) })
	return ctx.Err()
}

// look makes sure that the copy has an object, and right.
func (g *migration) look(ctx context.Context, c copying) error {
	if c.present {
		right, err := g.right(ctx, c)
		if err != nil {
			return fmt.Errorf("read object %s of the copy: %w", c.Digest, err)
		}
		if right {
			g.note(func() { g.report.Present++; g.report.Verified++; g.done[c.Digest] = true })
			return nil
		}
		c.wrong = true
	}
	return g.bring(ctx, c)
}

// right reads an object of the copy.
func (g *migration) right(ctx context.Context, c copying) (bool, error) {
	err := g.read(ctx, g.to, c, io.Discard)
	if _, wrong := errors.AsType[*layout.MismatchError](err); wrong {
		return false, nil
	}
	return err == nil, err
}

// bring stages an object on local disk, hashing it, and lets it into the copy:
// the one door, as everywhere.
func (g *migration) bring(ctx context.Context, c copying) error {
	f, err := os.CreateTemp(g.stage, store.TempPrefix+"migrate-*")
	if err != nil {
		return fmt.Errorf("stage object %s: %w", c.Digest, err)
	}
	defer os.Remove(f.Name()) // the object is a link or a copy
	defer f.Close()           // it was synced, or sent, by Put
	err = g.read(ctx, g.m.Store, c, f)
	wrong, isWrong := errors.AsType[*layout.MismatchError](err)
	switch {
	case isWrong:
		g.note(func() {
			g.report.Wrong = append(g.report.Wrong, Finding{Object: c.Digest, What: wrong.What, Detail: wrong.Error()})
		})
		return nil
	case isMissing(err):
		g.note(func() { g.gone = true })
		return nil
	case err != nil:
		return fmt.Errorf("copy object %s: %w", c.Digest, err)
	}
	if c.wrong {
		if err := g.to.Delete(ctx, c.Digest); err != nil {
			return fmt.Errorf("replace object %s of the copy: %w", c.Digest, err)
		}
	}
	if err := g.to.Put(ctx, c.Digest, c.Size, f); err != nil {
		return fmt.Errorf("put object %s: %w", c.Digest, err)
	}
	g.note(func() {
		g.report.Objects++
		g.report.Bytes += c.Size
		if g.done[c.Digest] = true; c.wrong {
			g.report.Replaced = append(g.report.Replaced, c.Digest)
		}
	})
	return nil
}

// read writes an object of a store to w, and ends in an error unless it is
// right.
func (g *migration) read(ctx context.Context, from store.Store, c copying, w io.Writer) error {
	r, err := from.Open(ctx, c.Digest, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	counted := &countedWriter{w, g.m}
	_, err = io.Copy(counted, layout.NewVerifyReader(r, c.Size, c.Digest))
	return err
}

// countedWriter reports the bytes that come by.
type countedWriter struct {
	w io.Writer
	m *Mirror
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.m.report(Event{Kind: EventBytes, Bytes: int64(n)})
	return n, err
}

// note changes what several copies change.
func (g *migration) note(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}
