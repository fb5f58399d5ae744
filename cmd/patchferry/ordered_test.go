package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
)

func TestInOrder(t *testing.T) {
	for _, jobs := range []int{1, 2, 8} {
		var running, most atomic.Int32
		var got []int
		tasks := func(yield func(int) bool) {
			for i := range 200 {
				if !yield(i) {
					return
				}
			}
		}
		work := func(_ context.Context, i int) int {
			n := running.Add(1)
			defer running.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			return i * i
		}
		err := inOrder(t.Context(), jobs, tasks, work, func(r int) error {
			got = append(got, r)
			return nil
		})
		if err != nil || len(got) != 200 || !slices.IsSorted(got) || got[199] != 199*199 {
			t.Errorf("%d jobs: got %v, %v", jobs, got, err)
		}
		if n := most.Load(); int(n) > jobs {
			t.Errorf("%d ran at once, want at most %d", n, jobs)
		}
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
