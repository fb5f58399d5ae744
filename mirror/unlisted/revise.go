package unlisted

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"patchferry/layout"
)

const (
	// lookFor is how long a look at an origin may take, and lookWait how much of that
	// somebody waits who can have the last version.
	lookFor  = 30 * time.Second
	lookWait = 3 * time.Second
	// awayFor is how long an origin that is away is not looked at again.
	awayFor = 30 * time.Second
)

// revise asks the origin which version of a file is the newest, unless that is known:
// then n.next is what is not here yet. Where the origin is away, or slow, and some
// version is here, that will do.
func (c *Cache) revise(ctx context.Context, n *name) error {
	c.mu.Lock()
	has := n.newest() != nil
	if (has || n.next != nil) && time.Since(n.checked) < c.revalidate() {
		c.mu.Unlock()
		return nil
	}
	if n.looking == nil {
		n.looking = make(chan struct{})
		c.looks.Add(1)
		c.running.Go(func() { c.look(context.WithoutCancel(ctx), n) })
	}
	looking := n.looking
	c.mu.Unlock()
	var enough <-chan time.Time
	if has {
		t := time.NewTimer(lookWait)
		defer t.Stop()
		enough = t.C
	}
	select {
	case <-looking:
	case <-enough:
		c.stale.Add(1)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case n.lookErr == nil:
		return nil
	case !away(n.lookErr):
		return n.lookErr
	case has:
		c.stale.Add(1)
		return nil
	}
	return later(n.lookErr)
}

// look is one question to the origin.
func (c *Cache) look(ctx context.Context, n *name) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	c.running.Go(func() {
		select {
		case <-c.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	v, err := ask(ctx, n.source)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	n.lookErr = err
	switch {
	case err == nil:
		n.checked, n.next = now, nil
		if e := n.newest(); e == nil || !e.is(v) {
			n.next = &v
		}
	case away(err) && n.newest() != nil:
		c.log().Warn("origin of an unlisted file is away: its last version has to do", "url", n.source.url, "err", err)
		n.checked = now.Add(min(awayFor, c.revalidate()) - c.revalidate())
	}
	close(n.looking)
	n.looking = nil
	c.forget(n)
}

// ask finds out the newest version by asking for a single byte of it.
func ask(ctx context.Context, origin *queries) (version, error) {
	part, err := origin.Part(ctx, layout.PartRequest{URL: origin.url, Start: 0, End: 1})
	if err != nil {
		return version{}, err
	}
	defer part.Body.Close()
	v := version{size: part.Total, validators: part.Validators}
	if v.validators.IsZero() {
		return v, fmt.Errorf("the origin tells no version of it, and it may change: %w", layout.ErrNoFill)
	}
	if part.Whole {
		return v, nil
	}
	_, err = io.Copy(io.Discard, part.Body) // so that the connection is used again
	return v, err
}

// is reports whether a version is the one that is here. The machines of a delivery
// network may each have an ETag of their own for it.
func (e *entry) is(v version) bool {
	a, b := e.Validators, v.validators
	if v.size >= 0 && v.size != e.Size {
		return false
	}
	return a.ETag != "" && a.ETag == b.ETag || a.LastModified != "" && a.LastModified == b.LastModified
}

// away reports whether an error says that an origin did not answer, as opposed to an
// answer.
func away(err error) bool {
	var soon interface{ Temporary() bool }
	var dns *net.DNSError
	var after *layout.LaterError
	return errors.As(err, &after) || errors.As(err, &dns) || errors.As(err, &soon) && soon.Temporary()
}

// later is err for whoever may ask again.
func later(err error) error {
	var after *layout.LaterError
	if errors.As(err, &after) {
		return err
	}
	return &layout.LaterError{After: awayFor, Err: fmt.Errorf("the origin is away: %w", err)}
}
