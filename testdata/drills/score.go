package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// score is what came of a load.
type score struct {
	right, wrong, givenUp, bytes atomic.Int64

	mu       sync.Mutex
	started  time.Time
	last     time.Time // when any host got a byte
	silence  wait      // the longest time in which no host got one
	patience wait      // the longest time for which one host got none
	kinds    map[string]int
	resumed  int
}

// wait is how long nothing came, and when that began.
type wait struct {
	long time.Duration
	at   time.Duration // since the start
}

func (s *score) begin() {
	s.started = time.Now()
	s.last = s.started
	s.kinds = map[string]int{}
}

// progress notes that n bytes came.
func (s *score) progress(d *download, n int) {
	s.bytes.Add(int64(n))
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silence.note(s.started, s.last, now)
	s.patience.note(s.started, d.began, now)
	s.last, d.began = now, now
}

func (w *wait) note(started, from, to time.Time) {
	if long := to.Sub(from); long > w.long {
		*w = wait{long, from.Sub(started)}
	}
}

func (s *score) interrupted(err error, begun bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[kind(err)]++
	if begun {
		s.resumed++
	}
}

func (s *score) finish(d *download) {
	if !d.right() {
		s.wrong.Add(1)
		return
	}
	s.right.Add(1)
}

func (s *score) print(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Since(s.started)
	fmt.Fprintf(w, "%d files right, %d wrong, %d given up: %.1f GB in %.1f s\n",
		s.right.Load(), s.wrong.Load(), s.givenUp.Load(), float64(s.bytes.Load())/1e9, took.Seconds())
	var parts []string
	total := 0
	for _, k := range slices.Sorted(maps.Keys(s.kinds)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, s.kinds[k]))
		total += s.kinds[k]
	}
	fmt.Fprintf(w, "%d interruptions (%s), %d downloads went on elsewhere\n", total, strings.Join(parts, ", "), s.resumed)
	fmt.Fprintf(w, "longest wait of one host %.1f s (from second %.0f), of all hosts %.1f s (from second %.0f)\n",
		s.patience.long.Seconds(), s.patience.at.Seconds(), s.silence.long.Seconds(), s.silence.at.Seconds())
}
