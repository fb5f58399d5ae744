package fill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"patchferry/layout"
)

const (
	// syncEvery and syncAfter bound what a loss of power costs.
	syncEvery = 64 << 20
	syncAfter = 5 * time.Second
	// noteEvery and noteAfter bound what the death of the process costs.
	noteEvery = 8 << 20
	noteAfter = time.Second
	// patientFor is how long only what somebody waits for is asked for, once readers may
	// come: they say what they want at once, and the first answer is still coming.
	patientFor = 2 * time.Millisecond
	// mostRestarts is how often in a row a file may change at its origin.
	mostRestarts = 3
)

// fill is one file that is fetched. It lives as long as its goroutine (run).
type fill struct {
	pool   *Pool
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when nothing of it is left but what is on disk
	kick   chan struct{} // wakes the goroutine; of size 1

	// Of pool.mu.
	job       Job
	users     int
	unwanted  time.Time // when the last user left
	closing   bool      // nobody can join any more
	reserved  int64     // bytes
	completed bool

	mu      sync.Mutex
	current *attempt // that readers may join
	err     error    // nothing changes any more
	changed chan struct{}
}

// open waits until there is something to read.
func (f *fill) open(ctx context.Context) (*handle, error) {
	for {
		f.mu.Lock()
		current, changed, err := f.current, f.changed, f.err
		f.mu.Unlock()
		if err != nil {
			f.leave()
			return nil, err
		}
		if current != nil {
			return &handle{fill: f, attempt: current}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			f.leave()
			return nil, ctx.Err()
		}
	}
}

// leave takes back a join.
func (f *fill) leave() {
	p := f.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	f.users--
	if f.users == 0 {
		f.unwanted = p.now()
		notify(f.kick)
	}
}

// show lets readers join an attempt, or tells those who wait why they cannot.
func (f *fill) show(a *attempt, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.err = a, err
	close(f.changed)
	f.changed = make(chan struct{})
}

// unused returns for how long nobody has wanted the file, less than 0 while somebody does.
func (f *fill) unused() time.Duration {
	p := f.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.users > 0 {
		return -1
	}
	return p.now().Sub(f.unwanted)
}

// retire ends the fill for those who come later, unless somebody wants it.
func (f *fill) retire() bool {
	p := f.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	f.closing = f.users == 0
	return f.closing
}

// shut ends the fill for those who come later.
func (f *fill) shut() {
	f.pool.mu.Lock()
	defer f.pool.mu.Unlock()
	f.closing = true
}

// newest returns where to fetch from: what the last one who asked brought.
func (f *fill) newest() (Origin, string) {
	f.pool.mu.Lock()
	defer f.pool.mu.Unlock()
	return f.job.Origin, f.job.URL
}

// run fetches the file, and ends when it is here and nobody reads it any more, or when
// it cannot be fetched.
func (f *fill) run(ctx context.Context) {
	f.pool.mu.Lock()
	job := f.job
	f.pool.mu.Unlock()
	err := later(f.attempts(ctx, job))
	if err != nil && !errors.Is(err, errIdle) {
		f.pool.log().Warn("file was not fetched", "file", job.File.Name, "url", logURL(job.URL), "err", err)
	}
	f.over(job, err)
}

// attempts makes attempts until one ends otherwise than by a change at the origin.
func (f *fill) attempts(ctx context.Context, job Job) error {
	old, err := f.recall(job)
	if err != nil {
		return err
	}
	for restarts := 0; ; restarts++ {
		a, err := f.prepare(job, old)
		if err != nil {
			return err
		}
		a.loose = restarts >= mostRestarts-1 && a.j.Stated.vouched()
		err = later(f.work(ctx, a))
		changed, isChanged := errors.AsType[*changedError](err)
		if !isChanged {
			return f.close(a, err)
		}
		f.pool.log().Warn("file changed while it was fetched", "file", job.File.Name, "url", logURL(job.URL), "err", err)
		if old, err = f.discard(a, &layout.LaterError{After: time.Second, Err: changed}, nil); err != nil {
			return err
		}
		if restarts == mostRestarts {
			return &layout.LaterError{After: noRoomFor, Err: changed}
		}
	}
}

// later says of an error that is over when there is room that it may be.
func later(err error) error {
	if _, said := errors.AsType[*layout.LaterError](err); said || !isFull(err) {
		return err
	}
	return &layout.LaterError{After: noRoomFor, Err: err}
}

// prepare goes on with what old tells of, or begins anew.
func (f *fill) prepare(job Job, old journal) (*attempt, error) {
	p := f.pool
	if old.usable(statedOf(job.File)) {
		a := newAttempt(p, job, old, f.kick)
		err := a.resume()
		if err == nil {
			if err := p.reserve(job.Key, a.plan.size); err != nil {
				return nil, errors.Join(err, a.close(err))
			}
			return a, nil
		}
		p.log().Warn("what was here of a file is of no use", "file", job.File.Name, "err", err)
	}
	if old.Attempt != 0 {
		old = old.given(p.now())
		if err := errors.Join(old.write(p.dir, true), p.removeData(job.Key)); err != nil {
			return nil, err
		}
	}
	if err := p.reserve(job.Key, max(job.File.Size, 0)); err != nil {
		return nil, err
	}
	a := newAttempt(p, job, fresh(job, old, p.now()), f.kick)
	return a, a.create()
}

// result is what the hasher found.
type result struct {
	got layout.Got
	err error
}

// work fetches what is missing of an attempt and sees it into the store. It returns nil
// when the file was admitted and nobody reads it any more.
func (f *fill) work(ctx context.Context, a *attempt) error {
	inner, cancel := context.WithCancelCause(ctx)
	sums := make(chan result, 1)
	var hasher sync.WaitGroup
	hasher.Go(func() {
		got, err := a.hash(inner)
		sums <- result{got, err}
	})
	got, err := f.loop(inner, a, sums)
	if err == nil {
		got.Modified = a.j.Told
		err = a.check(got)
	}
	if wrong, ok := errors.AsType[*layout.MismatchError](err); ok {
		err = &wrongError{got, wrong}
	}
	if err == nil {
		a.allow(got)
	}
	cancel(err)
	hasher.Wait()
	a.requests.Wait()
	a.saver.Wait()
	if err != nil {
		return contextCause(ctx, err)
	}
	return f.admit(ctx, a, got)
}

// loop makes the requests, one after the other as the plan says, until all is hashed.
func (f *fill) loop(ctx context.Context, a *attempt, sums <-chan result) (layout.Got, error) {
	var shown time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if shown.IsZero() && a.isBegun() {
			f.show(a, nil)
			shown = f.pool.now()
		}
		wait, err := f.step(ctx, a, shown)
		if err != nil {
			return layout.Got{}, err
		}
		timer.Reset(wait)
		select {
		case <-f.kick:
		case <-timer.C:
		case s := <-sums:
			if shown.IsZero() && s.err == nil {
				f.show(a, nil) // a file so small that it is whole before anybody looked
			}
			return s.got, s.err
		case <-ctx.Done():
			return layout.Got{}, context.Cause(ctx)
		}
	}
}

// step makes the requests that are due, and says when to look again at the latest.
func (f *fill) step(ctx context.Context, a *attempt, shown time.Time) (time.Duration, error) {
	origin, url := f.newest()
	unused := f.unused()
	stop := unused >= f.pool.idle()
	if stop && a.quiet() && f.retire() {
		return 0, errIdle
	}
	now := f.pool.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ending(now, url); err != nil {
		return 0, err
	}
	a.plan.patient = now.Sub(shown) < patientFor
	if !stop {
		f.issue(ctx, a, origin, url, now)
	}
	a.saveSometimes(now)
	wait := noteAfter
	if a.plan.patient {
		wait = patientFor
	}
	if left := a.trouble.until.Sub(now); left > 0 {
		wait = min(wait, left)
	}
	if unused >= 0 && !stop {
		wait = min(wait, f.pool.idle()-unused)
	}
	return max(wait, time.Millisecond), nil
}

// ending returns why the attempt cannot go on. a.mu is held.
func (a *attempt) ending(now time.Time, url string) error {
	t := &a.trouble
	if t.changed != nil {
		return t.changed
	}
	if t.fatal != nil && t.url != url && t.url != "" {
		t.fatal = nil // what is asked for now may be had
	}
	if t.fatal != nil && !a.begun && !a.blunt && a.job.Start > 0 && a.job.File.Size == 0 {
		a.blunt, t.fatal = true, nil // what was wanted first may lie behind the end
	}
	if t.fatal != nil {
		return t.fatal
	}
	if !t.since.IsZero() && now.Sub(t.since) >= a.pool.patience() {
		return &layout.LaterError{After: noRoomFor, Err: fmt.Errorf("the origin is away: %w", t.last)}
	}
	return nil
}

// issue starts the requests that are due. a.mu is held.
func (f *fill) issue(ctx context.Context, a *attempt, origin Origin, url string, now time.Time) {
	t, p := &a.trouble, &a.plan
	p.round++
	for !now.Before(t.until) && (p.flying == 0 || a.begun && t.failures == 0) {
		s, ok := a.next()
		if !ok || !f.pool.takeConnection() {
			return
		}
		p.asked(s)
		a.requests.Go(func() { a.fetch(ctx, origin, url, s) })
	}
}

// next returns what to ask for; of a file of which nothing is known yet, what the one who
// began the fill wants. a.mu is held.
func (a *attempt) next() (span, bool) {
	if !a.begun {
		a.plan.here, a.plan.covered, a.plan.coming = nil, nil, 0
		return a.probe(), true
	}
	return a.plan.next(a.wants)
}

// probe is the first request for a file.
func (a *attempt) probe() span {
	size := a.job.File.Size
	s := span{a.job.Start, a.job.End}
	if s.Start < 0 || size > 0 && s.Start >= size || a.blunt {
		s.Start = 0
	}
	if s.End <= s.Start || s.End > s.Start+firstRequest {
		s.End = s.Start + firstRequest
	}
	s.End = max(s.End, s.Start+leastPiece)
	if size > 0 {
		s.End = min(s.End, size)
	}
	return s
}

func (a *attempt) isBegun() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.begun
}

// quiet reports whether nothing is under way that would be wasted if it was stopped now.
// A whole answer has no end that is worth waiting for.
func (a *attempt) quiet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.plan.flying == 0 || a.plan.most == 1 && a.plan.flying == 1
}

// saveSometimes starts what writes the journal, and the bytes, where that is due. a.mu is
// held.
func (a *attempt) saveSometimes(now time.Time) {
	if a.saving || !a.begun || a.unsynced == 0 && a.unnoted == 0 {
		return
	}
	sync := a.unsynced >= syncEvery || a.unsynced > 0 && now.Sub(a.synced) >= syncAfter
	if !sync && a.unnoted < noteEvery && now.Sub(a.saved) < noteAfter {
		return
	}
	a.saving, a.saved = true, now
	if sync {
		a.synced = now
	}
	a.saver.Go(func() {
		err := a.save(sync)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.saving = false
		if err != nil && a.trouble.fatal == nil {
			a.trouble.fatal = &diskError{fmt.Errorf("keep what is here: %w", err)}
		}
	})
}
