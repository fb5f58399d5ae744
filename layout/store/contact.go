package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"
	"time"

	"patchferry/layout"
)

// ErrAway is matched by errors of a store that does not answer now and may answer
// later by itself: a bucket behind a line that is down.
var ErrAway = errors.New("the store is away")

// AwayError says since when a store has not answered, and why.
type AwayError struct {
	Since time.Time // of the first attempt without an answer
	Cause error     // of the last one
}

// Error implements error.
func (e *AwayError) Error() string {
	return fmt.Sprintf("the store has not answered since %s: %v", e.Since.UTC().Format(time.RFC3339), e.Cause)
}

// Is reports whether target is ErrAway. What the cause matches is not asked: it may
// be that a context of ours has ended, which is not the caller's.
func (e *AwayError) Is(target error) bool { return target == ErrAway }

const (
	// answerTime is how long a store may take until its answer begins.
	answerTime = 10 * time.Second
	// findTime is how long it may take to find the newest state of a log that it has
	// not seen before.
	findTime = 2 * time.Minute
	// The pauses between two attempts on a store that is away: twice as long each
	// time.
	firstPause   = time.Second
	longestPause = 8 * time.Second
)

// Contact stands before a store that may be away, and knows since when it has not
// answered. While it is away, everything fails at once with an *AwayError, but for
// Read and Newest, which are the attempts to reach it again: one a second at first,
// one in eight seconds at last. Whoever follows the log of states thereby finds out.
//
// What comes of these attempts alone decides whether it is away; that something is
// missing is an answer, too. An answer must begin within ten seconds, and the newest
// state must be found in two minutes.
//
// A Contact may be used by any number of goroutines, but for the attempts: one at a
// time, or the store may be opened twice.
type Contact struct {
	// Final, where it is set, says which errors of opening the store are answers
	// besides ErrNoStore: nobody need wait for it to come back. It is set before the
	// first use.
	Final func(error) bool

	open func(context.Context) (Store, error)

	mu     sync.Mutex
	behind Store         // nil until it was opened
	seen   time.Time     // when it last answered; zero: never yet
	away   *AwayError    // nil while it answers
	next   time.Time     // while it is away: no attempt before
	pause  time.Duration // while it is away: after the next failure
}

var _ Store = (*Contact)(nil)

// NewContact returns a store that is opened by open at the first attempt to reach
// it, and again until that succeeds once. That there is no store (ErrNoStore) is an
// answer, and what Final says; after any other error of open it is away.
func NewContact(open func(context.Context) (Store, error)) *Contact {
	return &Contact{open: open}
}

// State returns when the store last answered, the zero time for never, and the
// *AwayError of what failed since, or nil while it answers.
func (c *Contact) State() (seen time.Time, away *AwayError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen, c.away
}

// Behind returns the store behind, or nil where it was never reached.
func (c *Contact) Behind() Store {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.behind
}

// store returns the store behind if it answers.
func (c *Contact) store() (Store, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		return nil, c.away
	}
	if c.behind == nil {
		return nil, &AwayError{Since: time.Now(), Cause: errors.New("it was not opened yet")}
	}
	return c.behind, nil
}

// reach is an attempt to have an answer of the store, be it away or not.
func (c *Contact) reach(ctx context.Context, limit time.Duration, ask func(context.Context, Store) error) error {
	c.mu.Lock()
	away, early, behind := c.away, time.Now().Before(c.next), c.behind
	c.mu.Unlock()
	if away != nil && early {
		return away
	}
	attempt, cancel := context.WithTimeoutCause(ctx, limit, slow(limit))
	defer cancel()
	err := error(nil)
	if behind == nil {
		behind, err = c.open(attempt)
	}
	opened := err == nil
	if opened {
		err = ask(attempt, behind)
	}
	if err != nil && ctx.Err() != nil {
		return err // whoever asked has left
	}
	if err != nil && attempt.Err() != nil {
		err = context.Cause(attempt)
	}
	if !opened {
		return c.note(nil, err, errors.Is(err, ErrNoStore) || c.Final != nil && c.Final(err))
	}
	return c.note(behind, err, isAnswer(err))
}

// slow is the error of a store that takes longer than it may.
type slow time.Duration

func (s slow) Error() string { return fmt.Sprintf("no answer came within %s", time.Duration(s)) }

// note remembers what came of an attempt.
func (c *Contact) note(behind Store, err error, answered bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if behind != nil {
		c.behind = behind
	}
	if answered {
		c.seen, c.away = now, nil
		return err
	}
	since := now
	if c.away != nil {
		since = c.away.Since
		c.pause = min(2*c.pause, longestPause)
	} else {
		c.pause = firstPause
	}
	c.away = &AwayError{Since: since, Cause: err}
	c.next = now.Add(c.pause)
	return c.away
}

// isAnswer reports whether an error is one that a store answers with.
func isAnswer(err error) bool {
	return err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTooLarge)
}

// Newest implements Store. It is an attempt to reach the store.
func (c *Contact) Newest(ctx context.Context) (n uint64, err error) {
	err = c.reach(ctx, findTime, func(ctx context.Context, s Store) error {
		n, err = s.Newest(ctx)
		return err
	})
	return n, err
}

// Read implements Store. It is an attempt to reach the store.
func (c *Contact) Read(ctx context.Context, n uint64) (doc []byte, err error) {
	err = c.reach(ctx, answerTime, func(ctx context.Context, s Store) error {
		doc, err = s.Read(ctx, n)
		return err
	})
	return doc, err
}

// Open implements Store.
func (c *Contact) Open(ctx context.Context, d layout.Digest, offset, n int64) (io.ReadCloser, error) {
	s, err := c.store()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(answerTime, func() { cancel(slow(answerTime)) })
	r, err := s.Open(ctx, d, offset, n)
	if late.Stop() && err == nil {
		return &answered{r, func() { cancel(nil) }}, nil
	}
	if err == nil {
		err = errors.Join(context.Cause(ctx), r.Close())
	}
	cancel(nil)
	if cause, ok := errors.AsType[slow](context.Cause(ctx)); ok {
		err = cause
	}
	return nil, err
}

// answered is a reader whose context ends with it.
type answered struct {
	io.ReadCloser
	done func()
}

// Size implements Sized.
func (a *answered) Size() int64 { return sizeBehind(a.ReadCloser) }

// Close ends the reading.
func (a *answered) Close() error {
	defer a.done()
	return a.ReadCloser.Close()
}

// Stat implements Store.
func (c *Contact) Stat(ctx context.Context, d layout.Digest) (size int64, err error) {
	err = c.ask(ctx, func(ctx context.Context, s Store) error {
		size, err = s.Stat(ctx, d)
		return err
	})
	return size, err
}

// ask is for what is no attempt to reach a store that is away.
func (c *Contact) ask(ctx context.Context, do func(context.Context, Store) error) error {
	s, err := c.store()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, answerTime, slow(answerTime))
	defer cancel()
	err = do(limited, s)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = context.Cause(limited)
	}
	return err
}

// Put implements Store.
func (c *Contact) Put(ctx context.Context, d layout.Digest, size int64, f *os.File) error {
	s, err := c.store()
	if err != nil {
		return err
	}
	return s.Put(ctx, d, size, f)
}

// Delete implements Store.
func (c *Contact) Delete(ctx context.Context, d layout.Digest) error {
	return c.ask(ctx, func(ctx context.Context, s Store) error { return s.Delete(ctx, d) })
}

// List implements Store.
func (c *Contact) List(ctx context.Context, after layout.Digest) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		s, err := c.store()
		if err != nil {
			yield(Info{}, err)
			return
		}
		s.List(ctx, after)(yield)
	}
}

// Create implements Store.
func (c *Contact) Create(ctx context.Context, n uint64, doc []byte) error {
	s, err := c.store()
	if err != nil {
		return err
	}
	return s.Create(ctx, n, doc)
}

// Bind implements Store.
func (c *Contact) Bind(ctx context.Context, key layout.Digest, doc []byte) error {
	s, err := c.store()
	if err != nil {
		return err
	}
	return s.Bind(ctx, key, doc)
}

// Bound implements Store.
func (c *Contact) Bound(ctx context.Context, key layout.Digest) (doc []byte, err error) {
	err = c.ask(ctx, func(ctx context.Context, s Store) error {
		doc, err = s.Bound(ctx, key)
		return err
	})
	return doc, err
}

// Bindings implements Store.
func (c *Contact) Bindings(ctx context.Context) iter.Seq2[Binding, error] {
	return func(yield func(Binding, error) bool) {
		s, err := c.store()
		if err != nil {
			yield(Binding{}, err)
			return
		}
		s.Bindings(ctx)(yield)
	}
}

// Unbind implements Store.
func (c *Contact) Unbind(ctx context.Context, key layout.Digest) error {
	return c.ask(ctx, func(ctx context.Context, s Store) error { return s.Unbind(ctx, key) })
}
