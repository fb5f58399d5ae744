package main

import (
	"context"
	"iter"
	"sync"
)

// inOrder runs work on what tasks yields, at most jobs at a time, and hands the
// results to report in the order of the tasks. Not more than twice as many
// results wait for their turn. It ends early with ctx or with the first error
// of report, and returns when all its work has ended.
func inOrder[T, R any](ctx context.Context, jobs int, tasks iter.Seq[T], work func(context.Context, T) R, report func(R) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	queue := make(chan chan R, jobs) // of results to come
	running := make(chan struct{}, jobs)
	all.Go(func() {
		defer close(queue)
		for task := range tasks {
			select {
			case running <- struct{}{}:
			case <-ctx.Done():
				return
			}
			result := make(chan R, 1)
			all.Go(func() {
				result <- work(ctx, task)
				<-running
			})
			select {
			case queue <- result:
			case <-ctx.Done():
				return
			}
		}
	})
	for result := range queue {
		if err := report(<-result); err != nil {
			return err
		}
	}
	return ctx.Err()
}
