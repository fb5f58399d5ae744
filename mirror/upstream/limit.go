package upstream

import (
	"context"
	"sync"
)

// chunk is how much is read at once: large enough that a fast line costs few
// system calls, small enough for a smooth rate.
const chunk = 128 << 10

// spend waits until the limits allow for n bytes that came.
func spend(ctx context.Context, n int, limits ...*limiter) error {
	for _, l := range limits {
		if err := l.wait(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// slots bounds what goes on at once, in all and for each host.
type slots struct {
	perHost int
	all     chan struct{}
	mu      sync.Mutex
	hosts   map[string]chan struct{} // as many as the operator configured
}

func newSlots(all, perHost int) *slots {
	return &slots{perHost: perHost, all: make(chan struct{}, all), hosts: map[string]chan struct{}{}}
}

// take waits for a slot and returns the function that gives it back, which
// may be called more than once. It waits for the host first: who waits for a
// busy host must not keep others from a free one.
func (s *slots) take(ctx context.Context, host string) (release func(), err error) {
	h := s.host(host)
	if err := enter(ctx, h); err != nil {
		return nil, err
	}
	if err := enter(ctx, s.all); err != nil {
		<-h
		return nil, err
	}
	return sync.OnceFunc(func() { <-s.all; <-h }), nil
}

func (s *slots) host(name string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[name]
	if h == nil {
		h = make(chan struct{}, s.perHost)
		s.hosts[name] = h
	}
	return h
}

func enter(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
