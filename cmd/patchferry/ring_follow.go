package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror/trusted"
)

// The local indexes of what rings show, in the work directory: that of the ring
// at the root, and those of others that show something else.
const (
	viewFile     = "view.index"
	ringViewFile = "view-%s.index"
)

// follower keeps a server on the newest state: one view for each ring, shared
// by rings that show the same.
type follower struct {
	site    *site
	replica *replica // nil where the store is a directory
	server  *distribute.Server
	work    string   // the folder of the indexes that make the next start fast
	rings   []string // to be served
	root    string   // of these, what hosts get that ask for none
	log     *slog.Logger
	// before, where it is set, is told what hosts that ask for no ring will be shown.
	before func(ctx context.Context, state *trusted.State, shown *trusted.Shown, view *distribute.View) error
	newest atomic.Pointer[trusted.State] // that the server shows
	shown  map[string]*distribute.View   // by ring

	served  atomic.Pointer[[]distribute.Ring]
	shows   []*trusted.Shown // what the views were made of
	apartly bool             // made while the store was away, and not all could be asked
	unkept  string           // why not all is kept, as it was last said
	kept    bool             // all that a start needs without the store is in the cache
	checked time.Time        // when the newest state was last found where it was
	trouble atomic.Pointer[trouble]
}

// watch looks for new states until ctx is done. What goes wrong is logged, once,
// and the server goes on with what it has.
func (f *follower) watch(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := f.look(ctx); ctx.Err() == nil {
			f.note(err)
		}
	}
}

// begin loads what is served first.
func (f *follower) begin(ctx context.Context) error {
	err := f.look(ctx)
	if errors.Is(err, store.ErrAway) && f.newest.Load() != nil {
		f.note(err)
		return nil
	}
	return err
}

// look swaps the views where there is a newer state, and finds out whether the
// newest one is still where it was. An error that matches store.ErrAway says that
// the store is away, and what is shown is the newest that was accepted here.
func (f *follower) look(ctx context.Context) error {
	state, away := f.site.reader.Follow(ctx)
	if away != nil && (state == nil || !errors.Is(away, store.ErrAway)) {
		return fmt.Errorf("read the log of states: %w", away)
	}
	if state == nil || len(state.Positions()) == 0 {
		return away
	}
	if state != f.newest.Load() || f.apartly && away == nil {
		if err := f.swap(ctx, state); err != nil {
			return err
		}
		f.apartly, f.kept = away != nil, f.replica == nil
	}
	if away != nil {
		return away
	}
	f.keep(ctx)
	return f.recheck(ctx)
}

// recheck looks now and then for the newest state itself, since whoever looks
// ahead alone does not see that the log lost its end.
func (f *follower) recheck(ctx context.Context) error {
	if time.Since(f.checked) < recheckEvery {
		return nil
	}
	if err := f.site.reader.Recheck(ctx); err != nil {
		return fmt.Errorf("read the log of states: %w", err) // and again the next time
	}
	f.checked = time.Now()
	return nil
}

// swap shows what the rings show in a state. A view is made again only where what
// the ring shows has changed.
func (f *follower) swap(ctx context.Context, state *trusted.State) error {
	next := make(map[string]*distribute.View)
	served := make([]distribute.Ring, 0, len(f.rings))
	var shows []*trusted.Shown
	for _, ring := range f.rings {
		shown, err := f.site.reader.Shown(ctx, state, ring)
		if err != nil {
			return fmt.Errorf("read what ring %s shows: %w", ring, err)
		}
		if next[ring], err = f.view(ctx, ring, shown, next); err != nil {
			return err
		}
		if ring == f.root && f.before != nil {
			if err := f.before(ctx, state, shown, next[ring]); err != nil {
				return err
			}
		}
		served = append(served, distribute.Ring{Name: ring, View: next[ring]})
		shows = append(shows, shown)
	}
	f.server.Swap(next[f.root], served...)
	f.served.Store(&served)
	f.newest.Store(state)
	f.shown, f.shows = next, shows
	return nil
}

// supply says how the streams of the newest state stand now.
func (f *follower) supply() distribute.Supply {
	state := f.newest.Load()
	if state == nil {
		return distribute.Supply{}
	}
	return f.site.supply(&state.State, time.Now())
}

// silence says why hosts that ask for no ring get nothing yet, and what to type;
// empty where they get something.
func (f *follower) silence() string {
	if f.newest.Load() == nil {
		return "nothing was published yet, and hosts are told 503; next: " + f.site.refill
	}
	if f.shown[f.root].Meta().State == 0 {
		return fmt.Sprintf("ring %s shows nothing yet; next: patchferry promote %s", f.root, f.root)
	}
	return ""
}

// view returns the view of what a ring shows: one that is at hand, that of the
// index of an earlier run, or a new one.
func (f *follower) view(ctx context.Context, ring string, shown *trusted.Shown, made map[string]*distribute.View) (*distribute.View, error) {
	for _, views := range []map[string]*distribute.View{made, f.shown} {
		for _, v := range views {
			if v.Meta().Digest == shown.Digest {
				return v, nil
			}
		}
	}
	start := time.Now()
	meta := viewMeta(shown)
	index := f.indexOf(ring)
	view, err := readView(index, meta.Key())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.log.Info("rebuild the index", "path", index, "err", err)
		}
		if view, err = f.build(ctx, meta, shown); err != nil {
			return nil, fmt.Errorf("index what ring %s shows: %w", ring, err)
		}
		if err := writeView(index, view); err != nil {
			f.log.Warn("keep the index", "path", index, "err", err)
		}
	}
	f.log.Info("serve generation", "ring", ring, "generation", meta.Generation, "elapsed", time.Since(start))
	return view, nil
}

// buildGC is the garbage that is left lying about while a view is made, as a share of
// what is in use in percent: a third less memory than with the usual 100, and the same time.
const buildGC = 40

func (f *follower) build(ctx context.Context, meta distribute.ViewMeta, shown *trusted.Shown) (*distribute.View, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(buildGC))
	notices, err := f.site.ringNotices(ctx, shown)
	if err != nil {
		return nil, err
	}
	return distribute.BuildView(meta, withBulletins(shown.Updates(ctx), notices), bulletinFolders(notices)...)
}

func (f *follower) indexOf(ring string) string {
	if ring == f.root {
		return filepath.Join(f.work, viewFile)
	}
	return filepath.Join(f.work, fmt.Sprintf(ringViewFile, ring))
}

// viewMeta says which edition of the catalog a ring shows.
func viewMeta(shown *trusted.Shown) distribute.ViewMeta {
	meta := distribute.ViewMeta{State: shown.Ring.State, Digest: shown.Digest, Revoked: shown.Revoked, Absent: slices.Collect(maps.Keys(shown.Absent))}
	if g := shown.Newest(); g != nil {
		meta.Generation, meta.Created = g.Number, g.Created
	}
	return meta
}

// ringNotices returns the documents of publishers that the generations of a ring
// have. Folders hold them whatever anybody thinks of them: they are not judged.
func (s *site) ringNotices(ctx context.Context, shown *trusted.Shown) ([]*layout.Notice, error) {
	return s.listed(ctx, shown.Generations)
}

func readView(name string, key distribute.Key) (*distribute.View, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	return distribute.ReadView(f, key)
}

// writeView replaces the index file. It is not synced: a torn one is found by
// its checksum and made again.
func writeView(name string, v *distribute.View) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".view-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = v.WriteTo(tmp)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
