package main

import (
	"context"
	"sync"
	"time"
)

// lateness is how much of the time that nobody slept right may be made up for.
const lateness = 20 * time.Millisecond

// line is what all answers of the origin together go through: so many bytes a
// second, in the order in which they come.
type line struct {
	rate float64 // bytes a second

	mu   sync.Mutex
	free time.Time // when what was let through is over
}

// pass waits until n more bytes have gone through.
func (l *line) pass(ctx context.Context, n int) error {
	l.mu.Lock()
	now := time.Now()
	if earliest := now.Add(-lateness); l.free.Before(earliest) {
		l.free = earliest
	}
	l.free = l.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	wait := l.free.Sub(now)
	l.mu.Unlock()
	return sleep(ctx, wait)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
