package upstream

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// TimedRate is the rate that holds at a time of day.
type TimedRate struct {
	Window Window
	Rate   int64 // bytes a second; 0 is no limit
}

// turnsPerSecond says how much of a piece is waited for at once: a tenth of a
// second's worth. So a new hour's rate holds soon after it has begun, also for
// whoever waits by the old one.
const turnsPerSecond = 10

// limiter keeps what passes through it below a rate that may change with the time
// of day. It is safe for concurrent use; who comes first goes on first.
type limiter struct {
	always int64       // bytes a second outside of times; 0 is no limit
	times  []TimedRate // the first whose window is open holds
	mu     sync.Mutex
	rate   int64 // that bucket has
	bucket *rate.Limiter
}

// newLimiter returns the limiter of a rate and what holds in its place at times of
// day, nil where nothing is ever limited. Its burst is a chunk.
func newLimiter(always int64, times []TimedRate) *limiter {
	always = max(always, 0)
	if always == 0 && len(times) == 0 {
		return nil
	}
	return &limiter{always: always, times: times, rate: always, bucket: rate.NewLimiter(inBucket(always), chunk)}
}

// inBucket returns the rate as a bucket has it.
func inBucket(bytes int64) rate.Limit {
	if bytes <= 0 {
		return rate.Inf
	}
	return rate.Limit(bytes)
}

// wait returns when n bytes may have been received.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	for n > 0 {
		turn := l.turn(n)
		if err := l.bucket.WaitN(ctx, turn); err != nil {
			return err
		}
		n -= turn
	}
	return nil
}

// owe takes n bytes that came from what whoever comes next may receive.
func (l *limiter) owe(n int) {
	if l == nil {
		return
	}
	for n > 0 {
		turn := l.turn(n)
		l.bucket.ReserveN(time.Now(), turn)
		n -= turn
	}
}

// turn puts the rate of this hour in force and returns how much of n bytes to wait
// for, or to read, at once.
func (l *limiter) turn(n int) int {
	if l == nil {
		return n
	}
	now := max(l.at(time.Now()), 0)
	l.mu.Lock()
	if now != l.rate {
		l.rate = now
		l.bucket.SetLimit(inBucket(now))
	}
	l.mu.Unlock()
	if now == 0 {
		return min(n, chunk)
	}
	return min(n, chunk, int(max(now/turnsPerSecond, 1)))
}

// at returns the rate at a time.
func (l *limiter) at(now time.Time) int64 {
	for _, t := range l.times {
		if t.Window.opens(now) == 0 {
			return t.Rate
		}
	}
	return l.always
}
