package store_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/storetest"
)

// line is a store behind a line that can be cut. It counts what is asked of it.
type line struct {
	store.Store
	cut   error // what every call fails with
	hangs bool  // every call waits until its context is done
	asked int
}

func (l *line) fail(ctx context.Context) error {
	l.asked++
	if l.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return l.cut
}

func (l *line) Read(ctx context.Context, n uint64) ([]byte, error) {
	if err := l.fail(ctx); err != nil {
		return nil, err
	}
	return l.Store.Read(ctx, n)
}

func (l *line) Stat(ctx context.Context, d layout.Digest) (int64, error) {
	if err := l.fail(ctx); err != nil {
		return 0, err
	}
	return l.Store.Stat(ctx, d)
}

func (l *line) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	if err := l.fail(ctx); err != nil {
		return nil, err
	}
	return l.Store.Open(ctx, d, offset, n)
}

// contactTo returns a contact to a line that was reached once.
func contactTo(t *testing.T, l *line) *store.Contact {
	t.Helper()
	c := store.NewContact(func(context.Context) (store.Store, error) { return l, nil })
	if _, err := c.Newest(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContactSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return contactTo(t, &line{Store: newDir(t)}) })
}

func wantAway(t *testing.T, what string, err error) {
	t.Helper()
	var away *store.AwayError
	if !errors.Is(err, store.ErrAway) || !errors.As(err, &away) {
		t.Errorf("%s: got error %v, want %v", what, err, store.ErrAway)
	}
}

// TestContactAway: while a store does not answer, it is asked seldom, everything
// else fails at once, and the first answer ends that.
func TestContactAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{Store: newDir(t)}
		c := contactTo(t, l)
		reached := time.Now()
		time.Sleep(time.Hour)
		l.cut = errors.New("connection refused")
		since := time.Now()
		tries := 0
		for range 600 { // ten minutes of a follower that asks every second
			before := l.asked
			_, err := c.Read(t.Context(), 1)
			wantAway(t, "read", err)
			tries += l.asked - before
			if _, err := c.Stat(t.Context(), layout.Digest{1}); !errors.Is(err, store.ErrAway) {
				t.Fatalf("stat: got error %v, want %v", err, store.ErrAway)
			}
			_, err = c.Open(t.Context(), layout.Digest{1}, 0, -1)
			wantAway(t, "open", err)
			time.Sleep(time.Second)
		}
		if tries < 600/8 || tries > 600/8+5 || l.asked != tries {
			t.Errorf("asked %d times in ten minutes, %d of these by who follows, want about %d", l.asked, tries, 600/8)
		}
		seen, away := c.State()
		if away == nil || !seen.Equal(reached) || !away.Since.Equal(since) || away.Cause != l.cut {
			t.Errorf("state: got %v, %v, want away since %v", seen, away, since)
		}
		l.cut = nil
		time.Sleep(8 * time.Second)
		if _, err := c.Read(t.Context(), 1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read: got error %v, want %v: an answer", err, fs.ErrNotExist)
		}
		if seen, away := c.State(); away != nil || !seen.Equal(time.Now()) {
			t.Errorf("state: got %v, %v, want that it answers", seen, away)
		}
		if _, err := c.Stat(t.Context(), layout.Digest{1}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat: got error %v, want %v", err, fs.ErrNotExist)
		}
	})
}

// TestContactSlow: nobody waits longer than ten seconds for an answer to begin,
// and who waits for less says nothing of the store.
func TestContactSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{Store: newDir(t)}
		c := contactTo(t, l)
		l.hangs = true
		for name, ask := range map[string]func(context.Context) error{
			"stat": func(ctx context.Context) error { _, err := c.Stat(ctx, layout.Digest{}); return err },
			"open": func(ctx context.Context) error { _, err := c.Open(ctx, layout.Digest{}, 0, -1); return err },
		} {
			start := time.Now()
			err := ask(t.Context())
			if err == nil || errors.Is(err, context.Canceled) || time.Since(start) != 10*time.Second {
				t.Errorf("%s: got error %v after %v, want one of its own after 10s", name, err, time.Since(start))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Read(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read for a second: got error %v, want %v", err, context.DeadlineExceeded)
		}
		if _, away := c.State(); away != nil {
			t.Errorf("state: got %v for who did not wait", away)
		}
		_, err := c.Read(t.Context(), 1)
		wantAway(t, "read", err)
	})
}

// TestContactOpensLate: a store that cannot be opened is away, one that is none is
// an answer, and it is opened as soon as it can be.
func TestContactOpensLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := newDir(t)
		fails := errors.New("connection refused")
		c := store.NewContact(func(context.Context) (store.Store, error) { return behind, fails })
		_, err := c.Stat(t.Context(), layout.Digest{})
		wantAway(t, "stat before anybody has reached it", err)
		_, err = c.Read(t.Context(), 1)
		wantAway(t, "read", err)
		if c.Behind() != nil {
			t.Error("behind: got a store that was not opened")
		}
		time.Sleep(time.Second)
		fails = store.ErrNoStore
		if _, err := c.Read(t.Context(), 1); !errors.Is(err, store.ErrNoStore) || errors.Is(err, store.ErrAway) {
			t.Errorf("read: got error %v, want %v", err, store.ErrNoStore)
		}
		fails = nil
		if _, err := c.Newest(t.Context()); err != nil {
			t.Errorf("newest: %v", err)
		}
		if seen, away := c.State(); away != nil || seen.IsZero() {
			t.Errorf("state: got %v, %v, want that it answers", seen, away)
		}
	})
}
