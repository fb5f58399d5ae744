package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

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

// Bindings implements store.Store. Bindings removed meanwhile are passed over.
func (b *Bucket) Bindings(ctx context.Context) iter.Seq2[store.Binding, error] {
	return func(yield func(store.Binding, error) bool) {
		for f, err := range b.list(ctx, store.BindingFolder, "") {
			key, ok := store.ParseBindingKey(f.key)
			if err == nil && !ok {
				continue
			}
			var doc []byte
			if err == nil {
				doc, err = b.readDocument(ctx, f.key)
			}
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				yield(store.Binding{}, fmt.Errorf("list bindings: %w", err))
				return
			}
			if !yield(store.Binding{Key: key, Doc: doc}, nil) {
				return
			}
		}
	}
}

// Unbind implements store.Store.
func (b *Bucket) Unbind(ctx context.Context, key layout.Digest) error {
	return b.remove(ctx, "remove binding "+key.String(), store.BindingKey(key))
}
