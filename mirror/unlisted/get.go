package unlisted

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// Get returns a file that a host asked for by its publisher's path: from here, or while
// it comes, each of its bytes fetched once for all who ask. It returns when size and
// validators are fixed; ctx ends only the waiting for that. Whoever got a Filling closes
// it.
//
// What may not be fetched is layout.ErrNoFill, what its publisher does not have is
// fs.ErrNotExist, what may be had later a *layout.LaterError.
func (c *Cache) Get(ctx context.Context, q layout.PathRequest) (layout.Filling, error) {
	t, err := c.aim(q)
	if err != nil {
		return nil, err
	}
	n := c.join(&t)
	got, err := c.get(ctx, &t, n)
	if err != nil {
		c.leave(n)
		return nil, err
	}
	return got, nil
}

// join returns the name of a target, with the caller among its users.
func (c *Cache) join(t *target) *name {
	c.ready.Do(func() { c.Fills.Quota = c.quota() })
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.names[t.key]
	if n == nil {
		n = &name{key: t.key}
		c.names[t.key] = n
	}
	if n.source == nil {
		n.source = &queries{url: t.url}
	}
	n.users++
	n.source.offer(t.origin, t.query)
	return n
}

// leave takes back a join.
func (c *Cache) leave(n *name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.users--
	c.forget(n)
}

func (c *Cache) get(ctx context.Context, t *target, n *name) (layout.Filling, error) {
	var next version
	if !t.fixed {
		if err := c.revise(ctx, n); err != nil {
			return nil, fmt.Errorf("look at %s: %w", t.url, err)
		}
	}
	c.mu.Lock()
	if n.next != nil {
		next = *n.next
	} else if e := n.newest(); e != nil {
		defer c.mu.Unlock()
		n.users--
		return c.hold(e), nil
	}
	c.mu.Unlock()
	got, err := c.fetch(ctx, t, n, next)
	for errors.Is(err, fs.ErrPermission) && n.source.untried(t.query) { // a fill that ends by another's query
		if err := pause(ctx, untriedWait); err != nil {
			return nil, err
		}
		got, err = c.fetch(ctx, t, n, next)
	}
	if err != nil && away(err) {
		if last := c.last(n); last != nil {
			return last, nil
		}
	}
	return got, err
}

// untriedWait is the time between looks whether a fill has ended.
const untriedWait = 5 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// last returns the last version of a file whose origin is away, nil where there is none.
// The caller is then no user of the name any more.
func (c *Cache) last(n *name) layout.Filling {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := n.newest()
	if e == nil {
		return nil
	}
	c.stale.Add(1)
	n.users--
	return c.hold(e)
}

// fetch begins a fill, or joins it.
func (c *Cache) fetch(ctx context.Context, t *target, n *name, v version) (layout.Filling, error) {
	f, err := c.Fills.Fill(ctx, fill.Job{
		Key: t.fillKey(v), URL: t.url, Origin: n.source, MaxSize: c.quota(),
		File:    layout.File{Name: t.file, SHA1: t.sha1},
		Admit:   func(_ context.Context, path string, done fill.Done) error { return c.admit(t, path, done) },
		Revoked: c.Revoked,
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	fits := c.makeRoom(0)
	c.mu.Unlock()
	if !fits {
		return nil, errors.Join(&layout.LaterError{After: time.Minute, Err: errors.New("no room: all that is kept of unlisted files is being read")}, f.Close())
	}
	return &coming{Filling: f, leave: sync.OnceFunc(func() { c.leave(n) })}, nil
}

// coming is a file on its way, which keeps its name.
type coming struct {
	layout.Filling
	leave func()
}

func (f *coming) Close() error {
	f.leave()
	return f.Filling.Close()
}

// admit keeps a file that came whole.
func (c *Cache) admit(t *target, path string, done fill.Done) error {
	at := time.Now().UTC().Truncate(time.Millisecond)
	e := &entry{touched: at, record: record{
		Format: recordFormat, URL: t.url, Validators: done.Got.Validators, Size: done.Got.Size, SHA256: done.Got.SHA256,
		Stated: t.sha1, ETag: done.ETag, Modified: done.Modified, At: at, TLSKey: done.Got.TLSKey,
	}}
	v := t.fillKey(version{size: e.Size, validators: e.Validators})
	e.base = filepath.Join(c.dir, filesDir, t.key.String(), at.Format("20060102T150405.000Z")+"-"+v.String()[:16])
	c.mu.Lock()
	fits := c.makeRoom(0) // its own bytes count as on their way
	c.mu.Unlock()
	if !fits {
		c.log().Warn("unlisted file was not kept: no room", "url", t.url, "size", e.Size)
		return nil
	}
	if err := e.write(path); err != nil {
		return fmt.Errorf("keep %s: %w", t.url, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.names[t.key]
	if n == nil {
		n = &name{key: t.key}
		c.names[t.key] = n
	}
	c.add(n, e)
	n.checked, n.next = at, nil
	return nil
}

// takeIn takes in what an earlier Cache left.
func (c *Cache) takeIn(found []*entry) {
	slices.SortFunc(found, func(a, b *entry) int { return a.touched.Compare(b.touched) })
	for _, e := range found {
		n := c.names[e.name.key]
		if n == nil {
			n = e.name
			c.names[n.key] = n
		}
		c.add(n, e)
	}
	for _, n := range c.names {
		slices.SortFunc(n.versions, func(a, b *entry) int { return a.At.Compare(b.At) })
		n.checked = n.newest().At
	}
}
