package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"patchferry/layout"
)

const (
	// keptName is the file that names what Keep was last asked to keep.
	keptName = "kept.json"
	// keptStatePrefix begins the names of copies of states.
	keptStatePrefix = "state-"

	keptFormat = "patchferry-kept"
)

// keptDoc is the content of the file. What it names is checked by whoever reads
// it, by signatures and digests, as what comes from the store behind.
type keptDoc struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	States  []uint64        `json:"states"`
	Objects []layout.Digest `json:"objects"`
}

// Keep makes copies of these states and objects that never make room for others,
// so that they can be read while the store behind is away, also after a restart:
// objects as ever, states by Read. Those of an earlier Keep are let go once all of
// these are there; after an error, they are kept still.
func (c *Cache) Keep(ctx context.Context, states []uint64, objects []layout.Digest) error {
	doc := keptDoc{Format: keptFormat, Version: 1, States: slices.Sorted(slices.Values(states)), Objects: slices.Clone(objects)}
	before := c.pin(objects)
	for _, d := range objects {
		if err := c.keepObject(ctx, d); err != nil {
			c.unpin(before)
			return fmt.Errorf("keep object %s: %w", d, err)
		}
	}
	for _, n := range doc.States {
		if err := c.keepState(ctx, n); err != nil {
			c.unpin(before)
			return fmt.Errorf("keep state %d: %w", n, err)
		}
	}
	text, err := json.Marshal(doc)
	if err == nil {
		err = c.replace(keptName, text)
	}
	if err != nil {
		c.unpin(before)
		return fmt.Errorf("note what is kept: %w", err)
	}
	return c.letGo(doc)
}

// pin adds objects to those that stay, and returns what they were before.
func (c *Cache) pin(objects []layout.Digest) map[layout.Digest]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := maps.Clone(c.pinned)
	for _, d := range objects {
		c.pinned[d] = true
	}
	return before
}

func (c *Cache) unpin(before map[layout.Digest]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pinned = before
}

// keepObject returns when a copy is kept.
func (c *Cache) keepObject(ctx context.Context, d layout.Digest) error {
	file, f, err := c.find(ctx, d)
	if err != nil {
		return err
	}
	if f != nil {
		file, _, err = c.openFill(ctx, f, right)
	}
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil || f == nil {
		return err
	}
	select {
	case <-f.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// keepState makes a copy of the bytes of a state, which never change.
func (c *Cache) keepState(ctx context.Context, n uint64) error {
	c.mu.Lock()
	kept := c.states[n]
	c.mu.Unlock()
	if kept {
		return nil
	}
	doc, err := c.Store.Read(ctx, n)
	if err == nil {
		err = c.replace(keptState(n), doc)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states[n] = true
	return nil
}

// letGo ends the keeping of all else.
func (c *Cache) letGo(doc keptDoc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.pinned)
	for _, d := range doc.Objects {
		c.pinned[d] = true
	}
	var err error
	for n := range c.states {
		if slices.Contains(doc.States, n) {
			continue
		}
		delete(c.states, n)
		err = errors.Join(err, c.fs.Remove(keptState(n)))
	}
	return err
}

// Read implements Store. A state that is kept can be read while the store behind
// is away; a state that the store behind says is missing is missing.
func (c *Cache) Read(ctx context.Context, n uint64) ([]byte, error) {
	doc, err := c.Store.Read(ctx, n)
	if !errors.Is(err, ErrAway) {
		return doc, err
	}
	c.mu.Lock()
	kept := c.states[n]
	c.mu.Unlock()
	if !kept {
		return nil, err
	}
	doc, local := c.readFile(keptState(n))
	if local != nil {
		return nil, errors.Join(err, local)
	}
	return doc, nil
}

func (c *Cache) readFile(name string) ([]byte, error) {
	f, err := c.fs.Open(name)
	if err != nil {
		return nil, err
	}
	doc, err := ReadDocument(f)
	return doc, errors.Join(err, f.Close())
}

// loadKept finds what an earlier run was asked to keep. A list that cannot be read
// keeps nothing: what it named is copied again.
func (c *Cache) loadKept() error {
	text, err := c.readFile(keptName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var doc keptDoc
	if err := json.Unmarshal(text, &doc); err != nil || doc.Format != keptFormat {
		return nil
	}
	for _, d := range doc.Objects {
		c.pinned[d] = true
	}
	for _, n := range doc.States {
		if _, err := c.fs.Stat(keptState(n)); err == nil {
			c.states[n] = true
		}
	}
	return nil
}

// keptState returns the name of the copy of a state.
func keptState(n uint64) string {
	return keptStatePrefix + path.Base(StateKey(n))
}

// replace writes a small file durably, in place of one of that name.
func (c *Cache) replace(name string, data []byte) error {
	temp := fillPrefix + rand.Text()
	f, err := c.fs.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = finish(f, err); err == nil {
		err = c.fs.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, c.fs.Remove(temp))
	}
	return c.fs.SyncDir(".")
}
