package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
)

// keptStore is a store that this program opened and has to close.
type keptStore interface {
	store.Store
	Close() error
}

// openStore opens the store of a configuration: no other function does, but
// makeStore.
func openStore(ctx context.Context, c *config.Config) (keptStore, error) {
	kept, err := openKept(ctx, c)
	if err == nil {
		return kept, nil
	}
	_, inBucket := c.Bucket()
	switch {
	case inBucket && isNoPlace(c, err):
		return nil, withHint(err, "make the bucket with the tools of the storage, or point store at it")
	case inBucket && errors.Is(err, store.ErrNoStore):
		return nil, withHint(err, "%s --store URL makes one; or point store at it", initCommand(c))
	case isNoPlace(c, err), errors.Is(err, store.ErrNoStore):
		return nil, withHint(err, "%s makes one; or point store at it", initCommand(c))
	}
	return nil, err
}

// isNoPlace reports whether a store could not be opened because its folder, or
// its bucket, is not there at all.
func isNoPlace(c *config.Config, err error) bool {
	if _, inBucket := c.Bucket(); inBucket {
		return errors.Is(err, s3.ErrNoBucket)
	}
	return errors.Is(err, fs.ErrNotExist)
}

func openKept(ctx context.Context, c *config.Config) (keptStore, error) {
	at, ok := c.Bucket()
	if !ok {
		dir, err := store.OpenDir(c.StorePath())
		if err != nil {
			return nil, err // not dir: an interface that holds nothing is not nil
		}
		return dir, nil
	}
	err := reach(c, &at)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	bucket, err := s3.Open(ctx, at)
	if err != nil {
		return nil, err
	}
	return bucket, nil
}

// makeStore makes the store of a configuration: a directory, or a store in a
// bucket that exists. One that is there already is opened.
func makeStore(ctx context.Context, c *config.Config) (keptStore, error) {
	at, ok := c.Bucket()
	if !ok {
		dir, err := store.CreateDir(c.StorePath())
		if err != nil {
			return nil, err // not dir: an interface that holds nothing is not nil
		}
		return dir, nil
	}
	err := reach(c, &at)
	if err != nil {
		return nil, fmt.Errorf("make the store: %w", err)
	}
	bucket, err := s3.Create(ctx, at)
	if isNoPlace(c, err) {
		return nil, withHint(err, "make the bucket with the tools of the storage, then the same command again")
	}
	if err != nil {
		return nil, err // likewise
	}
	return bucket, nil
}

// proven makes sure that the engine of a bucket keeps what is there already, on
// which everything stands; a directory always does.
func proven(ctx context.Context, kept keptStore) error {
	bucket, ok := kept.(*s3.Bucket)
	if !ok {
		return nil
	}
	if err := bucket.Prove(ctx); err != nil {
		return withHint(fmt.Errorf("open the store: %w", err), "patchferry doctor")
	}
	return nil
}

// openToRead is openStore for a server, which refuses an engine that others must
// not write to either.
func openToRead(ctx context.Context, c *config.Config) (keptStore, error) {
	kept, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := provenToRead(ctx, kept); err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return kept, nil
}

// provenToRead is proven for a server, which writes nothing: one whose
// credentials may only read, or that cannot reach its store now, goes on.
func provenToRead(ctx context.Context, kept keptStore) error {
	if err := proven(ctx, kept); errors.Is(err, s3.ErrNotHonoured) {
		return err
	}
	return nil
}

// reach gives a bucket its way to the engine.
func reach(c *config.Config, at *s3.Config) (err error) {
	at.Dial, err = storeDialer(c, *at)
	return err
}
