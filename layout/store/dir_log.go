package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"

	"patchferry/layout"
)

// Newest implements Store. The first call lists the states and refuses a log
// with holes; later ones only look for the numbers that come next. A state
// that it names is durable, also when another process wrote it just now.
func (d *Dir) Newest(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.newest()
	if err != nil {
		return 0, fmt.Errorf("find newest state: %w", err)
	}
	return n, nil
}

func (d *Dir) newest() (uint64, error) {
	n := d.durable
	if !d.listed {
		listed, err := d.listStates()
		if err != nil {
			return 0, err
		}
		n = max(n, listed)
		d.listed = true
	}
	for n < MaxState {
		there, err := d.hasState(n + 1)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		n++
	}
	return n, d.settle(n)
}

// listStates returns the number of states and refuses holes. Names that are
// not those of states are not ours and are left alone.
func (d *Dir) listStates() (uint64, error) {
	entries, err := d.fs.ReadDir(StateFolder)
	if err != nil {
		return 0, err
	}
	var last uint64
	for _, e := range entries { // sorted, so by number
		n, ok := ParseStateKey(StateFolder + "/" + e.Name())
		if !ok {
			continue
		}
		if n != last+1 {
			return 0, fmt.Errorf("the log has a hole: state %d is there and %d is not (restore it from a backup)", n, last+1)
		}
		last = n
	}
	return last, nil
}

func (d *Dir) hasState(n uint64) (bool, error) {
	_, err := d.size(StateKey(n))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// settle makes states up to n durable, which are there. d.mu is held.
func (d *Dir) settle(n uint64) error {
	if n <= d.durable {
		return nil
	}
	if err := d.syncDir(StateFolder); err != nil {
		return err
	}
	d.durable = n
	return nil
}

// Read implements Store. Like Newest it returns only what is durable.
func (d *Dir) Read(ctx context.Context, n uint64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	doc, err := d.readState(n)
	if err != nil {
		return nil, fmt.Errorf("read state %d: %w", n, err)
	}
	return doc, nil
}

func (d *Dir) readState(n uint64) ([]byte, error) {
	if n == 0 || n > MaxState {
		return nil, fs.ErrNotExist
	}
	doc, err := d.readDoc(StateKey(n))
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return doc, d.settle(n)
}

// Create implements Store.
func (d *Dir) Create(ctx context.Context, n uint64, doc []byte) error {
	if err := d.createState(ctx, n, doc); err != nil {
		return fmt.Errorf("create state %d: %w", n, err)
	}
	return nil
}

func (d *Dir) createState(ctx context.Context, n uint64, doc []byte) error {
	if err := d.writable(ctx); err != nil {
		return err
	}
	if n == 0 || n > MaxState {
		return fmt.Errorf("the number is not in 1 to %d", uint64(MaxState))
	}
	if err := CheckDocument(doc); err != nil {
		return err
	}
	if err := d.checkTurn(n); err != nil {
		return err
	}
	if err := d.settleSeen(); err != nil {
		return err
	}
	err := d.writeOnce(StateKey(n), doc)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.durable = max(d.durable, n)
	return nil
}

// checkTurn checks that n is the next number, and that the state before it
// cannot be lost while n is kept.
func (d *Dir) checkTurn(n uint64) error {
	taken, err := d.hasState(n)
	if err != nil {
		return err
	}
	if taken {
		return ErrExists
	}
	if n == 1 {
		return nil
	}
	before, err := d.hasState(n - 1)
	if err != nil {
		return err
	}
	if !before {
		return fmt.Errorf("state %d before it: %w", n-1, fs.ErrNotExist)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settle(n - 1)
}

// Bind implements Store.
func (d *Dir) Bind(ctx context.Context, key layout.Digest, doc []byte) error {
	if err := d.bind(ctx, BindingKey(key), doc); err != nil {
		return fmt.Errorf("write binding %s: %w", key, err)
	}
	return nil
}

func (d *Dir) bind(ctx context.Context, key string, doc []byte) error {
	if err := d.writable(ctx); err != nil {
		return err
	}
	if err := CheckDocument(doc); err != nil {
		return err
	}
	if err := d.settleSeen(); err != nil {
		return err
	}
	err := d.writeOnce(key, doc)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := d.readDoc(key)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, doc) {
		return ErrExists
	}
	return d.syncDir(path.Dir(key))
}

// Bound implements Store.
func (d *Dir) Bound(ctx context.Context, key layout.Digest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	doc, err := d.readDoc(BindingKey(key))
	if err != nil {
		return nil, fmt.Errorf("read binding: %w", err)
	}
	return doc, nil
}

// Bindings implements Store. Bindings removed meanwhile are passed over.
func (d *Dir) Bindings(ctx context.Context) iter.Seq2[Binding, error] {
	return func(yield func(Binding, error) bool) {
		for name, err := range d.shards(ctx, BindingFolder, layout.Digest{}) {
			key, ok := ParseBindingKey(name.key)
			if err == nil && !ok {
				continue
			}
			var doc []byte
			if err == nil {
				doc, err = d.readDoc(name.key)
			}
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				yield(Binding{}, fmt.Errorf("list bindings: %w", err))
				return
			}
			if !yield(Binding{Key: key, Doc: doc}, nil) {
				return
			}
		}
	}
}

// Unbind implements Store.
func (d *Dir) Unbind(ctx context.Context, key layout.Digest) error {
	if err := d.remove(ctx, BindingKey(key)); err != nil {
		return fmt.Errorf("remove binding %s: %w", key, err)
	}
	return nil
}
