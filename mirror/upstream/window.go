package upstream

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Window is a time of day in which fetching is allowed, in the machine's local
// time. To is excluded; where To is not after From, the window spans midnight,
// and where both are equal it is the whole day.
type Window struct {
	From, To time.Duration // since midnight
}

// ParseWindow reads "22:00-06:00". "24:00" may stand for the end of the day.
func ParseWindow(s string) (Window, error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		return Window{}, fmt.Errorf("window %q is not HH:MM-HH:MM", s)
	}
	f, err := parseClock(strings.TrimSpace(from))
	if err != nil {
		return Window{}, fmt.Errorf("window %q: %w", s, err)
	}
	t, err := parseClock(strings.TrimSpace(to))
	if err != nil {
		return Window{}, fmt.Errorf("window %q: %w", s, err)
	}
	return Window{From: f, To: t}, nil
}

// String returns the form that ParseWindow reads.
func (w Window) String() string { return clock(w.From) + "-" + clock(w.To) }

// opens returns how long after now the window opens: 0 while it is open.
// Days on which the clock is changed are taken as they are: the clock counts.
func (w Window) opens(now time.Time) time.Duration {
	h, m, s := now.Clock()
	at := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	inside := at >= w.From && at < w.To
	if w.To <= w.From {
		inside = at >= w.From || at < w.To
	}
	if inside {
		return 0
	}
	wait := w.From - at
	if wait <= 0 {
		wait += 24 * time.Hour
	}
	return wait
}

// closedFor returns how long fetching must wait at now: 0 where some window is
// open or there is none.
func closedFor(windows []Window, now time.Time) time.Duration {
	var least time.Duration
	for i, w := range windows {
		d := w.opens(now)
		if i == 0 || d < least {
			least = d
		}
	}
	return least
}

// maxNap is the longest sleep until the clock is read again, so that a changed
// clock or a suspended machine is noticed.
const maxNap = 10 * time.Minute

// waitOpen waits until a window is open.
func (c *Client) waitOpen(ctx context.Context) error {
	for {
		d := closedFor(c.Windows, time.Now())
		if d == 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, min(d, maxNap)); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func parseClock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
