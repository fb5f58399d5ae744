package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestInOrder runs as much at once as it may and no more, and reports in order
// though later tasks end first.
func TestInOrder(t *testing.T) {
	for _, jobs := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			const n = 64
			var running, most atomic.Int32
			tasks := func(yield func(int) bool) {
				for i := 0; i < n && yield(i); i++ {
				}
			}
			work := func(_ context.Context, i int) int {
				now := running.Add(1)
				defer running.Add(-1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(time.Duration(n-i) * time.Second)
				return i
			}
			var got []int
			err := inOrder(t.Context(), jobs, tasks, work, func(r int) error {
				got = append(got, r)
				return nil
			})
			if err != nil || len(got) != n || !slices.IsSorted(got) {
				t.Errorf("%d jobs: got %v, %v", jobs, got, err)
			}
			if got := int(most.Load()); got != jobs {
				t.Errorf("%d ran at once, want %d", got, jobs)
			}
		})
	}
}

// TestInOrderStops ends with the first error of the report, though the tasks
// never end, and with its context.
func TestInOrderStops(t *testing.T) {
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	same := func(_ context.Context, i int) int { return i }
	stop := errors.New("stop")
	err := inOrder(t.Context(), 4, endless, same, func(i int) error {
		if i == 10 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = inOrder(ctx, 4, endless, same, func(i int) error {
		if i == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
