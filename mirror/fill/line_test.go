package fill_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

const (
	lineRate  = 50e6 // bytes a second
	lineDelay = 20 * time.Millisecond
)

// line is overLine of the line of the scenes.
func line(p *publisher) { overLine(p, lineRate, lineDelay) }

// overLine makes the answers of a publisher come over one line, with its rate for all of
// them together and its delay before each. Time is that of the test's bubble, so what a
// test sees depends on no machine.
func overLine(p *publisher, rate float64, delay time.Duration) {
	var mu sync.Mutex
	var next time.Time
	p.chunk = 16 << 10
	p.wait = delay
	p.line = func(ctx context.Context, n int) error {
		mu.Lock()
		if now := time.Now(); next.Before(now) {
			next = now
		}
		next = next.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		until := time.Until(next)
		mu.Unlock()
		select {
		case <-time.After(until):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

// scene is what many clients do at once.
type scene struct {
	t     *testing.T
	p     *publisher
	pool  *fill.Pool
	job   fill.Job
	begin time.Time

	mu    sync.Mutex
	first []time.Duration // to the first byte of each part
}

// slowEach makes each answer slow, and more of them at once as fast as the line.
func slowEach(p *publisher) { p.each = lineRate / 10 }

// inScene runs clients against a publisher behind a line and checks that every byte came
// over it once. It returns how long they took, in the time of the bubble.
func inScene(t *testing.T, size, clients int, client func(s *scene, i int), changes ...func(*publisher)) (all, first time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(size)
		line(p)
		for _, change := range changes {
			change(p)
		}
		var a admitted
		s := &scene{t: t, p: p, pool: open(t, t.TempDir()), job: jobOf(p, &a), begin: time.Now()}
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() { client(s, i) })
		}
		wg.Wait()
		all = time.Since(s.begin)
		for _, one := range s.first {
			first = max(first, one)
		}
		synctest.Wait()
		if got := p.bytes(); got != int64(size) {
			t.Errorf("the origin sent %d bytes of %d", got, size)
		}
		if p.maxOpen > fill.DefaultConnections {
			t.Errorf("%d requests at once", p.maxOpen)
		}
	})
	return all, first
}

// read reads a part and notes when its first byte came.
func (s *scene) read(f layout.Filling, start, end int64) {
	r, err := f.Read(start, end)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer r.Close()
	for at := start; at < end; {
		to, err := r.Ready(s.t.Context(), at)
		if err != nil {
			s.t.Error(err)
			return
		}
		if at == start {
			s.mu.Lock()
			s.first = append(s.first, time.Since(s.begin))
			s.mu.Unlock()
		}
		at = to
	}
}

func (s *scene) fill() layout.Filling {
	f, err := s.pool.Fill(s.t.Context(), s.job)
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

func atMost(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	t.Logf("%s: %v", what, got)
	if got > want {
		t.Errorf("%s: %v, want at most %v", what, got, want)
	}
}

// limit is what the line takes for so many bytes.
func limit(size int) time.Duration {
	return lineDelay + time.Duration(float64(size)/lineRate*float64(time.Second))
}

func TestLineWhole(t *testing.T) {
	const size = 50_000_000
	all, first := inScene(t, size, 50, func(s *scene, _ int) {
		f := s.fill()
		defer f.Close()
		s.read(f, 0, f.Size())
	})
	atMost(t, "all", all, limit(size)+15*time.Millisecond)
	atMost(t, "first byte", first, 30*time.Millisecond)
}

func TestLineParts(t *testing.T) {
	const size = 100_000_000
	all, first := inScene(t, size, 50, func(s *scene, i int) {
		f := s.fill()
		defer f.Close()
		s.read(f, int64(i)*size/50, int64(i+1)*size/50)
	})
	atMost(t, "all", all, limit(size)*107/100)
	atMost(t, "first byte", first, 100*time.Millisecond)
}

func TestLinePieces(t *testing.T) {
	const size, piece = 50_000_000, 1 << 20
	all, _ := inScene(t, size, 12, func(s *scene, i int) {
		f := s.fill()
		defer f.Close()
		order := rand.New(rand.NewPCG(1, uint64(i))).Perm((size + piece - 1) / piece)
		for _, n := range order {
			s.read(f, int64(n)*piece, min(int64(n+1)*piece, size))
		}
	})
	atMost(t, "all", all, limit(size)*103/100)
}

func TestLineEnd(t *testing.T) {
	const size = 50_000_000
	var held time.Duration
	all, _ := inScene(t, size, 1, func(s *scene, _ int) {
		s.job.Start, s.job.End = size-1<<20, size
		f := s.fill()
		defer f.Close()
		s.read(f, size-1<<20, size-64<<10)
		held = time.Since(s.begin)
		s.read(f, size-64<<10, size)
	})
	atMost(t, "all but the held tail", held, 60*time.Millisecond)
	atMost(t, "all", all, limit(size)*105/100)
}

// TestLineSpread: where one answer is slow, several are asked for at once; where the line
// is what is slow, they are not.
func TestLineSpread(t *testing.T) {
	const size = 80_000_000
	read := func(s *scene, _ int) {
		f := s.fill()
		defer f.Close()
		s.read(f, 0, f.Size())
		if s.p.each == 0 && s.p.maxOpen > 5 {
			s.t.Errorf("%d requests at once", s.p.maxOpen)
		}
	}
	all, _ := inScene(t, size, 1, read, slowEach)
	atMost(t, "of slow answers", all, limit(size)*5)
	all, _ = inScene(t, size, 1, read)
	atMost(t, "of fast answers", all, limit(size)+30*time.Millisecond)
}
