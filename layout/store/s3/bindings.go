package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
)

// Bind implements store.Store.
func (b *Bucket) Bind(ctx context.Context, key layout.Digest, doc []byte) error {
	if err := b.bind(ctx, store.BindingKey(key), doc); err != nil {
		return fmt.Errorf("write binding %s: %w", key, err)
	}
	return nil
}

func (b *Bucket) bind(ctx context.Context, key string, doc []byte) error {
	if err := store.CheckDocument(doc); err != nil {
		return err
	}
	if err := b.prove(ctx); err != nil {
		return err
	}
	made, err := b.writeOnce(ctx, "write", key, doc)
	if err != nil || made {
		return err
	}
	there, err := b.readDocument(ctx, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, doc) {
		return store.ErrExists
	}
	return nil
}

// Bound implements store.Store.
func (b *Bucket) Bound(ctx context.Context, key layout.Digest) ([]byte, error) {
	doc, err := b.readDocument(ctx, store.BindingKey(key))
	if err != nil {
		return nil, fmt.Errorf("read binding: %w", err)
	}
	return doc, nil
}

// bindingsOnce is how many bindings a listing reads at the same time. Each may
// have store.MaxDocument bytes.
const bindingsOnce = 8

// Bindings implements store.Store. Bindings removed meanwhile are passed over.
func (b *Bucket) Bindings(ctx context.Context) iter.Seq2[store.Binding, error] {
	return func(yield func(store.Binding, error) bool) {
		var batch []layout.Digest
		flush := func() bool {
			bound, err := b.readBindings(ctx, batch)
			batch = batch[:0]
			for _, one := range bound {
				if !yield(one, nil) {
					return false
				}
			}
			if err != nil {
				yield(store.Binding{}, fmt.Errorf("list bindings: %w", err))
			}
			return err == nil
		}
		for f, err := range b.list(ctx, store.BindingFolder, "") {
			if err != nil {
				yield(store.Binding{}, fmt.Errorf("list bindings: %w", err))
				return
			}
			key, ok := store.ParseBindingKey(f.key)
			if !ok {
				continue
			}
			if batch = append(batch, key); len(batch) == bindingsOnce && !flush() {
				return
			}
		}
		flush()
	}
}

// readBindings reads some bindings at the same time, and leaves out those that
// are no longer there.
func (b *Bucket) readBindings(ctx context.Context, keys []layout.Digest) ([]store.Binding, error) {
	docs := make([][]byte, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	for i, key := range keys {
		group.Go(func() (err error) {
			docs[i], err = b.readDocument(ctx, store.BindingKey(key))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var bound []store.Binding
	for i, doc := range docs {
		if doc != nil {
			bound = append(bound, store.Binding{Key: keys[i], Doc: doc})
		}
	}
	return bound, nil
}

// Unbind implements store.Store.
func (b *Bucket) Unbind(ctx context.Context, key layout.Digest) error {
	return b.remove(ctx, "remove binding "+key.String(), store.BindingKey(key))
}
