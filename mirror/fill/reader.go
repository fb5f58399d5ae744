package fill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"patchferry/layout"
)

const (
	// leastOffer and mostOffer bound how much a reader that is as far as the file is
	// woken for, in bytes.
	leastOffer = 16 << 10
	mostOffer  = 1 << 20
)

// handle is a fill as one who asked for it has it.
type handle struct {
	fill    *fill
	attempt *attempt
	left    sync.Once
}

var _ layout.Filling = (*handle)(nil)

// Size implements layout.Filling.
func (h *handle) Size() int64 { return h.attempt.plan.size } // does not change once begun

// ETag implements layout.Filling.
func (h *handle) ETag() string { return h.attempt.j.ETag }

// Modified implements layout.Filling.
func (h *handle) Modified() time.Time { return h.attempt.j.Modified }

// SHA256 implements layout.Filling.
func (h *handle) SHA256() layout.Digest {
	a := h.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.right {
		return a.got.SHA256
	}
	return a.j.Stated.SHA256
}

// Restarted implements layout.Filling.
func (h *handle) Restarted() time.Time {
	at := h.attempt.j.Restarted
	if at.IsZero() || h.fill.pool.now().Sub(at) > restartedFor {
		return time.Time{}
	}
	return at
}

// Read implements layout.Filling.
func (h *handle) Read(start, end int64) (layout.FillReader, error) {
	a := h.attempt
	if start < 0 || end <= start || end > h.Size() {
		return nil, fmt.Errorf("read bytes %d to %d of %d", start, end, h.Size())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return nil, a.err
	}
	file, err := os.Open(a.path) // a.mu is held, so that the name is right
	if err != nil {
		return nil, fmt.Errorf("open what is here: %w", err)
	}
	r := &reader{attempt: a, file: file, want: want{at: start, end: end}, wake: make(chan struct{}, 1)}
	a.wants = append(a.wants, &r.want)
	a.pool.readers.Add(1)
	if a.plan.covered.reach(start) == start {
		notify(a.kick)
	}
	return r, nil
}

// Close implements layout.Filling.
func (h *handle) Close() error {
	h.left.Do(func() { h.fill.leave() })
	return nil
}

// reader reads a part of a file that comes.
type reader struct {
	want    // of attempt.mu, as all but file
	attempt *attempt
	file    *os.File
	wake    chan struct{} // of size 1
	began   bool          // it was told of a byte
	waits   bool          // it is in attempt.waiting
	told    int64         // up to where it was told of bytes
	once    sync.Once
}

var _ layout.FillReader = (*reader)(nil)

func (r *reader) signal() {
	r.waits = false
	notify(r.wake)
}

// Ready implements layout.FillReader.
func (r *reader) Ready(ctx context.Context, offset int64) (int64, error) {
	a := r.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	if offset < r.at || offset >= r.end {
		return 0, fmt.Errorf("byte %d is not one of those wanted, %d to %d", offset, r.at, r.end)
	}
	r.at = offset
	for {
		if a.err != nil && !a.right {
			return 0, a.err
		}
		if end := a.offer(r, false); end > offset {
			return a.tell(r, end), nil
		}
		a.wait(r)
		a.mu.Unlock()
		var err error
		select {
		case <-r.wake:
		case <-ctx.Done():
			err = ctx.Err()
		}
		a.mu.Lock()
		if r.told > offset && (a.err == nil || a.right) {
			return a.tell(r, r.told), nil
		}
		if err != nil {
			a.forget(r)
			return 0, err
		}
	}
}

// tell notes what a reader is told. a.mu is held.
func (a *attempt) tell(r *reader, end int64) int64 {
	a.pool.handed.Add(end - r.at)
	r.began, r.told = true, end
	a.handed = a.handed || !a.right
	return end
}

// wait puts a reader among those to wake. a.mu is held.
func (a *attempt) wait(r *reader) {
	if r.waits {
		return
	}
	r.waits = true
	a.waiting = append(a.waiting, r)
	a.pool.waiting.Add(1)
	if a.plan.covered.reach(r.at) == r.at {
		notify(a.kick)
	}
}

// forget takes a reader out of those to wake. a.mu is held.
func (a *attempt) forget(r *reader) {
	if !r.waits {
		return
	}
	r.waits = false
	a.pool.waiting.Add(-1)
	a.waiting = slices.DeleteFunc(a.waiting, func(o *reader) bool { return o == r })
}

// offer returns up to where a reader may be told to read now, its offset where it had
// better wait. One that is as far as the file is waits for more than a few bytes while
// they come, since waking it costs; not so for its first, for the last that it wants, and
// for the last that come of a request (flush). a.mu is held.
func (a *attempt) offer(r *reader, flush bool) int64 {
	limit := a.limit()
	end := min(a.plan.here.reach(r.at), limit, r.end)
	if end <= r.at {
		return r.at
	}
	if flush || !r.began || end == r.end || end == limit || end-r.at >= a.enough() || a.plan.covered.reach(end) == end {
		return end
	}
	return r.at
}

// enough is what a reader is woken for, in bytes: what comes in five milliseconds, more
// where many must be woken. a.mu is held.
func (a *attempt) enough() int64 {
	n := int64(a.plan.pace.rate / 200)
	n += n * int64(len(a.wants)) / 64
	return min(max(n, leastOffer), mostOffer)
}

// wake tells the readers that wait for bytes of the part of the file that has the byte
// at. a.mu is held.
func (a *attempt) wake(at int64, flush bool) {
	i := a.plan.here.after(at)
	if i == len(a.plan.here) || a.plan.here[i].Start > at || len(a.waiting) == 0 {
		return
	}
	part := a.plan.here[i]
	a.wakeThose(func(r *reader) bool {
		if r.at < part.Start || r.at >= part.End {
			return false
		}
		end := a.offer(r, flush)
		if end <= r.at {
			return false
		}
		r.told = end
		return true
	})
}

// wakeThose wakes the waiting readers that which picks. a.mu is held.
func (a *attempt) wakeThose(which func(*reader) bool) {
	kept := a.waiting[:0]
	for _, r := range a.waiting {
		if !which(r) {
			kept = append(kept, r)
			continue
		}
		a.pool.waiting.Add(-1)
		r.signal()
	}
	clear(a.waiting[len(kept):])
	a.waiting = kept
}

// File implements layout.FillReader.
func (r *reader) File() *os.File { return r.file }

// Close implements io.Closer.
func (r *reader) Close() error {
	err := os.ErrClosed
	r.once.Do(func() {
		a := r.attempt
		a.mu.Lock()
		a.forget(r)
		a.wants = slices.DeleteFunc(a.wants, func(w *want) bool { return w == &r.want })
		a.mu.Unlock()
		a.pool.readers.Add(-1)
		err = r.file.Close()
	})
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
