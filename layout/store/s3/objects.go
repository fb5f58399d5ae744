package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"patchferry/layout"
	"patchferry/layout/store"
)

const (
	// maxSingle is the largest object that is sent with one request.
	maxSingle = 64 << 20
	// minAsked is the size from which on the engine is asked first whether it
	// has an object: below, sending it costs no more than asking.
	minAsked = 256 << 10
)

// Put implements store.Store. Up to 64 MiB are one request, signed with the
// object's digest, so that the engine refuses other bytes; more is sent in
// parts, each signed with its own. What is there already is not sent again.
// Nothing of f is held in memory but what is on its way: some 130 KiB for each
// connection, of which an upload uses at most four.
func (b *Bucket) Put(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	if err := b.put(ctx, d, size, f); err != nil {
		return fmt.Errorf("put object %s: %w", d, err)
	}
	return nil
}

func (b *Bucket) put(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%s has %d bytes, want %d", f.Name(), info.Size(), size)
	}
	if err := b.prove(ctx); err != nil {
		return err
	}
	if size >= minAsked {
		if there, err := b.present(ctx, d, size); there || err != nil {
			return err
		}
	}
	if size > maxSingle {
		err = b.sendParts(ctx, d, size, f)
	} else {
		err = b.send(ctx, d, size, f)
	}
	if err != nil {
		return err
	}
	there, err := b.present(ctx, d, size)
	if err == nil && !there {
		err = fmt.Errorf("%s took it and does not have it", b.config.Endpoint)
	}
	return err
}

// send sends an object with one request. That the key is taken is no error: the
// caller compares sizes.
func (b *Bucket) send(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	return b.request(ctx, "send", func(ctx context.Context, _ attempt) error {
		// A section, not f itself: its position may be shared with others.
		_, err := b.putOnce(ctx, store.ObjectKey(d), io.NewSectionReader(f, 0, size), size, d.String())
		return err
	})
}

// present reports whether the object is there, and refuses one of another size.
func (b *Bucket) present(ctx context.Context, d layout.Digest, size int64) (bool, error) {
	got, err := b.size(ctx, store.ObjectKey(d))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if got != size {
		return false, errDamaged(got, size)
	}
	return true, nil
}

// Stat implements store.Store.
func (b *Bucket) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	size, err := b.size(ctx, store.ObjectKey(d))
	if err != nil {
		return 0, fmt.Errorf("look up object %s: %w", d, err)
	}
	return size, nil
}

// List implements store.Store.
func (b *Bucket) List(ctx context.Context, after layout.Digest) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for f, err := range b.list(ctx, store.ObjectFolder, store.ObjectKey(after)) {
			if err != nil {
				yield(store.Info{}, fmt.Errorf("list objects: %w", err))
				return
			}
			d, ok := store.ParseObjectKey(f.key)
			if !ok || bytes.Compare(d[:], after[:]) <= 0 {
				continue
			}
			if !yield(store.Info{Digest: d, Size: f.size}, nil) {
				return
			}
		}
	}
}

// Delete implements store.Store.
func (b *Bucket) Delete(ctx context.Context, d layout.Digest) error {
	return b.remove(ctx, "delete object "+d.String(), store.ObjectKey(d))
}
