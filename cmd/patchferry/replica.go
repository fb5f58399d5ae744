package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/verify"
)

const (
	// recheckEvery is the time after which a server looks again whether the newest
	// state is where it was.
	recheckEvery = 10 * time.Second
	// serveRetries is how often a request to a bucket is made again for a server, in
	// some three seconds: hosts wait, and whoever follows the store asks again anyway.
	serveRetries = 4
	// cacheElsewhere is the size of a cache in bytes on systems that do not say how
	// much room a disk has.
	cacheElsewhere = 10 << 30
)

// replica is a bucket as a server sees it: through a cache, and away at times.
type replica struct {
	*store.Cache
	contact *store.Contact
}

// Close lets the cache and the bucket go.
func (r *replica) Close() error {
	err := r.Cache.Close()
	if behind, ok := r.contact.Behind().(io.Closer); ok {
		err = errors.Join(err, behind.Close())
	}
	return err
}

// openServed opens the store of a configuration for a server: a directory as it
// is, by open, a bucket as a replica, which is returned besides.
func openServed(c *config.Config, log *slog.Logger, open func() (keptStore, error)) (*site, *replica, error) {
	at, ok := c.Bucket()
	if !ok {
		s, err := openSiteOn(c, open)
		return s, nil, err
	}
	r, err := openReplica(c, at, log)
	if err != nil {
		return nil, nil, err
	}
	s, err := openSiteOn(c, func() (keptStore, error) { return r, nil })
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return s, r, nil
}

// openReplica opens the cache. The bucket is opened when it is first asked, and
// again until it answers.
func openReplica(c *config.Config, at s3.Config, log *slog.Logger) (*replica, error) {
	if err := reach(c, &at); err != nil {
		return nil, err
	}
	at.Retries = serveRetries
	contact := store.NewContact(func(ctx context.Context) (store.Store, error) {
		bucket, err := s3.Open(ctx, at)
		if err != nil {
			return nil, err // not bucket: an interface that holds nothing is not nil
		}
		if err := provenToRead(ctx, bucket); err != nil {
			return nil, errors.Join(err, bucket.Close())
		}
		return bucket, nil
	})
	contact.Final = func(err error) bool { return errors.Is(err, s3.ErrNotHonoured) }
	size, err := cacheSize(c)
	if err != nil {
		return nil, err
	}
	cache, err := store.OpenCache(c.CachePath(), size, contact)
	if err != nil {
		return nil, withHint(err, "set serve.cache to a folder of this server alone")
	}
	cache.StreamOver = int64(c.Serve.StreamOver)
	log.Info("cache", "path", c.CachePath(), "size", size)
	return &replica{cache, contact}, nil
}

// cacheSize returns the bound of the cache in bytes: the configured one, or half of
// what the disk has for it, counting what it has already.
func cacheSize(c *config.Config) (int64, error) {
	if c.Serve.CacheSize > 0 {
		return int64(c.Serve.CacheSize), nil
	}
	dir := c.CachePath()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, fmt.Errorf("make the cache: %w", err)
	}
	free, err := freeBytes(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return cacheElsewhere, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the room on the disk of %s: %w", dir, err)
	}
	room := min(free, math.MaxInt64/2)
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			room += uint64(info.Size())
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure the cache: %w", err)
	}
	return int64(room / 2), nil
}

// expect returns the size of a file that is served, or -1.
func (f *follower) expect(d layout.Digest) int64 {
	served := f.served.Load()
	if served == nil {
		return -1
	}
	for _, ring := range *served {
		if size := ring.View.Size(d); size >= 0 {
			return size
		}
	}
	return -1
}

// keep sees to it that the cache has all that a start needs while the store is
// away. What it cannot have is said, once, and tried again.
func (f *follower) keep(ctx context.Context) {
	if f.kept || f.replica == nil {
		return
	}
	states, objects := make(map[uint64]bool), make(map[layout.Digest]bool)
	states[f.newest.Load().Number] = true
	for _, shown := range f.shows {
		numbers, digests := shown.Needs()
		for _, n := range numbers {
			states[n] = true
		}
		for _, d := range digests {
			objects[d] = true
		}
	}
	err := f.replica.Keep(ctx, slices.Collect(maps.Keys(states)), slices.Collect(maps.Keys(objects)))
	if err == nil {
		f.kept, f.unkept = true, ""
		return
	}
	if ctx.Err() == nil && err.Error() != f.unkept {
		f.unkept = err.Error()
		f.log.Warn("keep what a start without the store needs", "err", err)
	}
}

// trouble is what keeps a server from showing what is newest.
type trouble struct {
	since time.Time
	err   error
}

// note remembers and logs what became of the last look at the store.
func (f *follower) note(err error) {
	before := f.trouble.Load()
	if err == nil {
		f.trouble.Store(nil)
		if before != nil {
			f.log.Info("the store is followed again", "elapsed", time.Since(before.since))
		}
		return
	}
	next := &trouble{since: time.Now(), err: err}
	if before != nil && before.isAway() == next.isAway() {
		next.since = before.since
	}
	f.trouble.Store(next)
	if before == nil || before.text() != next.text() {
		f.log.Error("follow the store", "err", err)
	}
}

func (t *trouble) isAway() bool { return errors.Is(t.err, store.ErrAway) }

// text is the same for what is the same trouble.
func (t *trouble) text() string {
	if away, ok := errors.AsType[*store.AwayError](t.err); ok {
		return "away since " + away.Since.String() // whatever it fails with by turns
	}
	return t.err.Error()
}

// health says how the store stands, for the pages and the metrics.
func (f *follower) health() distribute.Health {
	var h distribute.Health
	if t := f.trouble.Load(); t != nil && !t.isAway() {
		h.Refused, h.Why = t.since, "The log of this server says why."
		if refusal, ok := errors.AsType[*verify.TrustError](t.err); ok {
			h.Why = refusal.Error()
		}
	}
	if f.replica == nil {
		return h
	}
	stats := f.replica.Stats()
	h.Cache = &stats
	seen, away := f.replica.contact.State()
	h.Seen = seen
	if away != nil {
		h.Away = away.Since
	}
	return h
}

// apart says that a server began without its store; empty where it did not.
func (f *follower) apart() string {
	t := f.trouble.Load()
	if t == nil {
		return ""
	}
	state := f.newest.Load()
	return fmt.Sprintf("%v\n  this server begins with what it kept: state %d of %s. Files that are not in its cache are 503 until the store is back.", t.err, state.Number, state.At)
}
