package upstream_test

import (
	"context"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

// sinceMidnight is now as a Window has it.
func sinceMidnight(now time.Time) time.Duration {
	return now.Sub(time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location()))
}

// TestRatesOfTheDay changes the rate twice within a transfer.
func TestRatesOfTheDay(t *testing.T) {
	for _, tt := range []struct {
		name      string
		own, fill bool
	}{{name: "all"}, {name: "of the source", own: true}, {name: "for a host", fill: true}, {name: "of the source for a host", own: true, fill: true}} {
		t.Run(tt.name, func(t *testing.T) {
			content := content(33, 1<<20)
			inBubble(t, content, func(t *testing.T, _ *hostile.Publisher, c *upstream.Client, _ func() error) {
				o := origin(t, "http://192.0.2.1/")
				start := time.Now()
				at := func(d time.Duration) time.Duration { return (sinceMidnight(start) + d) % (24 * time.Hour) }
				// 128 KiB at once, 128 KiB in the next 128 s, 512 KiB in 64 s, and the
				// rest without a limit.
				rates := []upstream.TimedRate{
					{Window: upstream.Window{From: at(0), To: at(128 * time.Second)}, Rate: 1 << 10},
					{Window: upstream.Window{From: at(64 * time.Second), To: at(192 * time.Second)}, Rate: 8 << 10},
					{Window: upstream.Window{From: at(192 * time.Second), To: at(time.Hour)}, Rate: 0},
				}
				if o.Rate, c.Rate = 1, 1<<30; tt.own {
					o.Rates = rates
				} else {
					o.Rate, c.Rates = 0, rates
				}
				if tt.fill {
					fillOf(t, c, o, 0, 1<<20)
				} else if _, err := c.Fetch(t.Context(), o, layout.Want{URL: "http://192.0.2.1/a.exe", Path: filepath.Join(t.TempDir(), "file")}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < 192*time.Second || took > 193*time.Second {
					t.Errorf("took %v, want 192s", took)
				}
			})
		})
	}
}

// fillOf asks for a part of the file of a bubble and reads it in large pieces.
func fillOf(t *testing.T, c *upstream.Client, o *upstream.Origin, start, end int64) {
	p := &upstream.Publisher{Client: c, Origin: o}
	got, err := p.Part(t.Context(), layout.PartRequest{URL: "http://192.0.2.1/a.exe", Start: start, End: end})
	if err != nil {
		t.Error(err)
		return
	}
	defer got.Body.Close()
	if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, got.Body, make([]byte, 1<<20)); n != end-start || err != nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
}

// TestRateOfManyParts also shows that what came last of a part is not forgotten.
func TestRateOfManyParts(t *testing.T) {
	inBubble(t, content(33, 1<<20), func(t *testing.T, _ *hostile.Publisher, c *upstream.Client, _ func() error) {
		c.Rate = 16 << 10
		o := origin(t, "http://192.0.2.1/")
		start := time.Now()
		var wg sync.WaitGroup
		for i := range int64(8) {
			wg.Go(func() {
				for k := range int64(128) {
					fillOf(t, c, o, (i*128+k)<<10, (i*128+k+1)<<10)
				}
			})
		}
		wg.Wait()
		// 1 MiB less the first 128 KiB is 56 s; the last of each is still owed.
		if took := time.Since(start); took < 55*time.Second || took > 58*time.Second {
			t.Errorf("took %v, want 56s", took)
		}
	})
}

// TestNoDebtOutlivesItsRate reads by large pieces while the rate is low.
func TestNoDebtOutlivesItsRate(t *testing.T) {
	inBubble(t, content(33, 1<<20), func(t *testing.T, _ *hostile.Publisher, c *upstream.Client, _ func() error) {
		start := time.Now()
		at := sinceMidnight(start)
		c.Rates = []upstream.TimedRate{{Window: upstream.Window{From: at, To: at + 10*time.Second}, Rate: 1 << 10}}
		o := origin(t, "http://192.0.2.1/")
		fillOf(t, c, o, 0, 128<<10)
		fillOf(t, c, o, 128<<10, 192<<10)
		fillOf(t, c, o, 192<<10, 1<<20)
		if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
	})
}

// TestHostsWaitAtNoHour: windows are for what nobody waits for.
func TestHostsWaitAtNoHour(t *testing.T) {
	inBubble(t, content(34, 1<<20), func(t *testing.T, _ *hostile.Publisher, c *upstream.Client, fetch func() error) {
		start := time.Now()
		opens := (sinceMidnight(start) + 2*time.Hour) % (24 * time.Hour)
		c.Windows = []upstream.Window{{From: opens, To: opens + time.Minute}}
		fillOf(t, c, origin(t, "http://192.0.2.1/"), 0, 1<<20)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("a part took %v, want no wait", took)
		}
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 2*time.Hour {
			t.Errorf("a file took %v, want a wait for the window", took)
		}
	})
}

// TestFillStallIsShort: a host that waits does not wait a minute for a connection
// that is dead.
func TestFillStallIsShort(t *testing.T) {
	inBubble(t, content(35, 1<<20), func(t *testing.T, p *hostile.Publisher, c *upstream.Client, _ func() error) {
		p.Fault("/a.exe", hostile.Stall{At: 1000})
		start := time.Now()
		publisher := &upstream.Publisher{Client: c, Origin: origin(t, "http://192.0.2.1/")}
		got, err := publisher.Part(context.WithoutCancel(t.Context()), layout.PartRequest{URL: "http://192.0.2.1/a.exe", End: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if _, err = io.ReadAll(got.Body); !is[*upstream.StallError](err) {
			t.Errorf("got %v, want a stall", err)
		}
		if took := time.Since(start); took < upstream.DefaultFillStall || took > upstream.DefaultFillStall+time.Second {
			t.Errorf("took %v, want %v", took, upstream.DefaultFillStall)
		}
	})
}
