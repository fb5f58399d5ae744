package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"patchferry/layout/store"
)

// Newest implements store.Store. The first call lists the states and refuses a
// log with holes; later ones only look for the numbers that come next, with one
// request where there is none.
func (b *Bucket) Newest(ctx context.Context) (uint64, error) {
	n, err := b.findNewest(ctx)
	if err != nil {
		return 0, fmt.Errorf("find newest state: %w", err)
	}
	return n, nil
}

func (b *Bucket) findNewest(ctx context.Context) (uint64, error) {
	n, listed := b.seen()
	if !listed {
		last, err := b.listStates(ctx)
		if err != nil {
			return 0, err
		}
		n = max(n, last)
	}
	for n < store.MaxState {
		there, err := b.hasState(ctx, n+1)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		n++
	}
	return b.see(n, true), nil
}

// seen returns the newest state that this process knows to be there.
func (b *Bucket) seen() (newest uint64, listed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest, b.listed
}

// see notes that the states up to n are there.
func (b *Bucket) see(n uint64, listed bool) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.newest, b.listed = max(b.newest, n), b.listed || listed
	return b.newest
}

// listStates returns the number of states and refuses holes. Keys that are not
// those of states are not ours and are left alone.
func (b *Bucket) listStates(ctx context.Context) (uint64, error) {
	var last uint64
	for f, err := range b.list(ctx, store.StateFolder, "") {
		if err != nil {
			return 0, err
		}
		n, ok := store.ParseStateKey(f.key)
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

func (b *Bucket) hasState(ctx context.Context, n uint64) (bool, error) {
	err := b.request(ctx, fmt.Sprintf("look for state %d", n), func(ctx context.Context, _ attempt) error {
		_, err := b.sizeByGet(ctx, store.StateKey(n))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Read implements store.Store.
func (b *Bucket) Read(ctx context.Context, n uint64) ([]byte, error) {
	doc, err := b.readState(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("read state %d: %w", n, err)
	}
	return doc, nil
}

func (b *Bucket) readState(ctx context.Context, n uint64) ([]byte, error) {
	if n == 0 || n > store.MaxState {
		return nil, fs.ErrNotExist
	}
	return b.readDocument(ctx, store.StateKey(n))
}

// Create implements store.Store. ErrExists may also be about an attempt of this
// call whose answer was lost: whoever must know reads the state.
func (b *Bucket) Create(ctx context.Context, n uint64, doc []byte) error {
	if err := b.createState(ctx, n, doc); err != nil {
		return fmt.Errorf("create state %d: %w", n, err)
	}
	return nil
}

func (b *Bucket) createState(ctx context.Context, n uint64, doc []byte) error {
	if n == 0 || n > store.MaxState {
		return fmt.Errorf("the number is not in 1 to %d", uint64(store.MaxState))
	}
	if err := store.CheckDocument(doc); err != nil {
		return err
	}
	if err := b.prove(ctx); err != nil {
		return err
	}
	if err := b.checkBefore(ctx, n); err != nil {
		return err
	}
	made, err := b.writeOnce(ctx, "write", store.StateKey(n), doc)
	if err != nil {
		return err
	}
	b.see(n, false)
	if !made {
		return store.ErrExists
	}
	return nil
}

// checkBefore checks that the state before n is there.
func (b *Bucket) checkBefore(ctx context.Context, n uint64) error {
	if newest, _ := b.seen(); n-1 <= newest {
		return nil
	}
	there, err := b.hasState(ctx, n-1)
	if err == nil && !there {
		err = fmt.Errorf("state %d before it: %w", n-1, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	return nil
}
