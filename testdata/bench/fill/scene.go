package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	piece    = 1 << 20
	crowd    = 50
	sampled  = 8 // one client of so many compares what it gets; the others count
	optimize = 7 // connections of a Delivery Optimization client
)

// scene is what hosts do at a server that has nothing yet.
type scene struct {
	name  string
	about string
	want  string
	guid  bool // asked for by a path that no list names, with queries
	play  func(ctx context.Context, h *hosts) ([]*seen, error)
}

var scenes = [...]scene{
	{name: "whole-50", about: "50 clients, whole", want: "1.000x, TTFB p99 <= 40 ms, <= 1.02 of the limit, <= 64 MiB", play: whole(crowd)},
	{name: "whole-200", about: "200 clients, whole", want: "1.000x, nobody fails, TTFB and time <= Varnish, <= 64 MiB, <= 3 descriptors a client", play: whole(200)},
	{name: "fiftieth", about: "50 clients, a fiftieth each", want: "1.000x, <= 1.07 of the limit, TTFB <= 100 ms", play: fiftieth},
	{name: "pieces", about: "12 clients, 1 MiB pieces in random order", want: "1.000x, <= 1.03 of the limit", play: pieces},
	{name: "optimized", about: "the same over seven connections each, as Delivery Optimization asks", want: "1.000x, <= 1.03 of the limit", play: shuffle},
	{name: "tail", about: "the last MiB of a cold file", want: "1.000x, TTFB <= 40 ms, all but the held tail <= 80 ms, the tail <= 1.05 of the limit", play: tail},
	{name: "gone", about: "origin gone from 1.5 s to 3 s, 50 clients", want: "nobody fails, <= 1.01x", play: gone},
	{name: "dead", about: "origin gone at 1.5 s for as long as anybody waits; the next fetch", want: "<= 0.65x", play: dead},
	{name: "leaves", about: "the first client leaves after 1 s, another comes", want: "1.000x, TTFB at once", play: leaves},
	{name: "delivery", about: "40 Delivery Optimization clients, GUID path, changing queries", want: "1.000x, quota kept", guid: true, play: delivery},
}

// hosts are the clients of one server.
type hosts struct {
	addr    string
	path    string
	content *content
	control string // where the origin is told what to do
	origin  string // its address, for who names it
	all     []*seen
}

// tell has the origin do something.
func (h *hosts) tell(ctx context.Context, what string) error {
	_, err := ask1(ctx, "http://"+h.control+"/"+what)
	return err
}

// come counts one more client, which asks for n bytes from now on.
func (h *hosts) come(n int64) *seen {
	s := &seen{began: time.Now(), total: n}
	h.all = append(h.all, s)
	return s
}

// fetch asks for one part on a connection of its own.
func (h *hosts) fetch(ctx context.Context, s *seen, a ask, compare bool) error {
	l, err := open(ctx, h.addr, h.content, compare)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, l.close)
	defer func() {
		if stop() {
			l.close()
		}
	}()
	err = l.get(a, s)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// together runs n clients at once, which ask for so many bytes each.
func (h *hosts) together(n int, bytes int64, client func(i int, s *seen) error) []*seen {
	var wg sync.WaitGroup
	for i := range n {
		s := h.come(bytes)
		wg.Go(func() { s.end(client(i, s)) })
	}
	wg.Wait()
	return h.all
}

func whole(n int) func(context.Context, *hosts) ([]*seen, error) {
	return func(ctx context.Context, h *hosts) ([]*seen, error) {
		return h.together(n, h.content.size, func(i int, s *seen) error {
			return h.fetch(ctx, s, ask{path: h.path}, i%sampled == 0)
		}), nil
	}
}

func fiftieth(ctx context.Context, h *hosts) ([]*seen, error) {
	part := h.content.size / crowd
	return h.together(crowd, part, func(i int, s *seen) error {
		start := int64(i) * part
		return h.fetch(ctx, s, ask{path: h.path, start: start, end: start + part}, true)
	}), nil
}

func pieces(ctx context.Context, h *hosts) ([]*seen, error) {
	return h.together(12, h.content.size, func(i int, s *seen) error {
		l, err := open(ctx, h.addr, h.content, i%sampled == 0)
		if err != nil {
			return err
		}
		defer l.close()
		for _, a := range h.shuffled(i) {
			if err := l.get(a, s); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

// shuffle asks as Delivery Optimization does, for a file of the catalog.
func shuffle(ctx context.Context, h *hosts) ([]*seen, error) {
	return h.together(12, h.content.size, func(i int, s *seen) error {
		all := h.shuffled(i)
		work := make(chan ask, len(all))
		for _, a := range all {
			work <- a
		}
		close(work)
		return h.optimized(ctx, work, s, i%sampled == 0)
	}), nil
}

// shuffled returns all pieces in an order of the client's own, the same in each
// run.
func (h *hosts) shuffled(client int) []ask {
	var all []ask
	for start := int64(0); start < h.content.size; start += piece {
		all = append(all, ask{path: h.path, start: start, end: min(start+piece, h.content.size)})
	}
	rng := rand.New(rand.NewPCG(6, uint64(client)))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func tail(ctx context.Context, h *hosts) ([]*seen, error) {
	return h.together(1, piece, func(_ int, s *seen) error {
		return h.fetch(ctx, s, ask{path: h.path, start: h.content.size - piece, end: h.content.size}, true)
	}), nil
}

const (
	vanishAt = 1500 * time.Millisecond
	appearAt = 3 * time.Second
)

// gone has the origin vanish for a while in the middle.
func gone(ctx context.Context, h *hosts) ([]*seen, error) {
	told := make(chan error, 1)
	go func() {
		err := sleep(ctx, vanishAt)
		if err == nil {
			err = h.tell(ctx, "vanish")
		}
		if err == nil {
			err = sleep(ctx, appearAt-vanishAt)
		}
		if err == nil {
			err = h.tell(ctx, "appear")
		}
		told <- err
	}()
	all, err := whole(crowd)(ctx, h)
	if told := <-told; told != nil {
		return nil, told
	}
	return all, err
}

// dead has the origin vanish, and come back when the only client has given up.
// What is told is of the next one, also of the origin.
func dead(ctx context.Context, h *hosts) ([]*seen, error) {
	first, leave := context.WithTimeout(ctx, 8*time.Second)
	defer leave()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lost := &seen{began: time.Now(), total: h.content.size}
		lost.end(h.fetch(first, lost, ask{path: h.path}, true))
	}()
	err := sleep(ctx, vanishAt)
	if err == nil {
		err = h.tell(ctx, "vanish")
	}
	<-ended
	for _, step := range [...]string{"reset", "appear"} {
		if err == nil {
			err = h.tell(ctx, step)
		}
	}
	if err != nil {
		return nil, err
	}
	return whole(1)(ctx, h)
}

// leaves has a client go away when a quarter has come. What is told is of the
// one who comes then.
func leaves(ctx context.Context, h *hosts) ([]*seen, error) {
	first, leave := context.WithTimeout(ctx, time.Second)
	defer leave()
	lost := &seen{began: time.Now(), total: h.content.size}
	if err := h.fetch(first, lost, ask{path: h.path}, true); err == nil {
		return nil, fmt.Errorf("the first client had all within a second")
	}
	return whole(1)(ctx, h)
}

// delivery asks as Delivery Optimization does: pieces in random order over seven
// connections, each with a query that is good for a while.
func delivery(ctx context.Context, h *hosts) ([]*seen, error) {
	return h.together(40, h.content.size, func(i int, s *seen) error {
		work := make(chan ask, h.content.size/piece+1)
		for n, a := range h.shuffled(i) {
			a.path += fmt.Sprintf("?P1=%d&P2=404&P3=2&P4=%08x&cacheHostOrigin=%s", 1700000000+i*1000+n, n*i, h.origin)
			a.headers = "User-Agent: Microsoft-Delivery-Optimization/10.1\r\nMS-CV: x.1.0\r\nContent-Length: 0\r\nAccept: */*\r\n"
			work <- a
		}
		close(work)
		return h.optimized(ctx, work, s, i%sampled == 0)
	}), nil
}

// optimized asks for the pieces over as many connections as such a client has.
func (h *hosts) optimized(ctx context.Context, work <-chan ask, s *seen, compare bool) error {
	var wg sync.WaitGroup
	parts := make([]seen, optimize)
	errs := make(chan error, optimize)
	for i := range optimize {
		part := &parts[i]
		*part = seen{began: s.began, total: s.total}
		wg.Go(func() { errs <- h.take(ctx, work, part, compare) })
	}
	wg.Wait()
	var err error
	for i := range optimize {
		if e := <-errs; e != nil {
			err = e
		}
		s.add(&parts[i])
	}
	return err
}

// take asks for pieces until none are left.
func (h *hosts) take(ctx context.Context, work <-chan ask, s *seen, compare bool) error {
	l, err := open(ctx, h.addr, h.content, compare)
	if err != nil {
		return err
	}
	defer l.close()
	for a := range work {
		if err := l.get(a, s); err != nil {
			return err
		}
	}
	return nil
}

// add takes over what came on one of several connections.
func (s *seen) add(part *seen) {
	if part.Bytes == 0 {
		return
	}
	if s.Bytes == 0 || part.First < s.First {
		s.First = part.First
	}
	s.Bytes += part.Bytes
	s.Wrong += part.Wrong
}

// ask1 asks for a page of a few bytes.
func ask1(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return readSmall(res)
}
