package s3_test

import (
	"errors"
	"io/fs"
	"net/http"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// newLine makes a store that is reached over a line.
func newLine(t *testing.T, e *s3test.Engine) (*s3test.Line, s3.Config) {
	t.Helper()
	line := s3test.NewLine(t, e)
	c := e.Bucket(t)
	c.Endpoint, c.RetryWait = line.Address, time.Millisecond
	create(t, c)
	return line, c
}

// TestBadLines: over a long, a narrow and a breaking line the work is done.
func TestBadLines(t *testing.T) {
	e := s3test.Start(t)
	for name, q := range map[string]s3test.Quality{
		"long":     {Latency: 5 * time.Millisecond},
		"narrow":   {Rate: 20 << 20},
		"breaking": {Reset: 300_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line, c := newLine(t, e)
			b := opened(t, c, s3.Open)
			line.Set(q)
			work(t, b, 1)
			data := randomBytes(7, 5<<20)
			check(t, put(t, b, data))
			line.Set(q)
			wantObject(t, b, data)
		})
	}
}

// TestBreakingLine: connections that are reset now and then, in the middle of
// objects of all sizes, leave everything right.
func TestBreakingLine(t *testing.T) {
	line, c := newLine(t, s3test.Start(t))
	c.Retries = 30
	b := opened(t, c, s3.Open)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 { // fewer than the retries
			select {
			case <-done:
				return
			case <-time.After(30 * time.Millisecond):
				line.Reset()
			}
		}
	})
	for _, size := range []int{0, 1000, 1 << 20, 8 << 20, largeSize} {
		data := randomBytes(3, size)
		check(t, put(t, b, data))
		wantObject(t, b, data)
	}
	close(done)
	wg.Wait()
	check(t, b.Create(t.Context(), 1, []byte("state 1")))
}

// TestDeadLine: a line on which nothing moves, and one that is down, are errors
// that say so; when it is back the store works on, without being opened again.
func TestDeadLine(t *testing.T) {
	line, c := newLine(t, s3test.Start(t))
	c.Stall, c.Retries = time.Second, 1
	b := opened(t, c, s3.Open)
	data := randomBytes(1, 10_000)
	check(t, put(t, b, data))
	d := layout.DigestOf(data)

	line.Set(s3test.Quality{Hold: true})
	_, err := readAll(t, b, d, 0, -1)
	wantSays(t, err, "no byte came or went", line.Address)
	line.Set(s3test.Quality{})
	wantObject(t, b, data)

	line.Down()
	_, err = b.Stat(t.Context(), d)
	wantSays(t, err, "nothing listens at "+line.Address)
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v: nothing is known of the object", err)
	}
	check(t, line.Up())
	wantObject(t, b, data)
	work2 := randomBytes(2, 10_000)
	check(t, put(t, b, work2))
}

// TestEngineKilled: an engine that is killed in the middle of an upload and comes
// back has the object whole, in the end, and nothing else.
func TestEngineKilled(t *testing.T) {
	e := s3test.Start(t)
	if !e.Ours() {
		t.Skip("SKIP: the engine is not the test's own")
	}
	c := e.Bucket(t)
	create(t, c)
	faults := new(s3test.Faults)
	c.Transport, c.Retries, c.RetryWait = faults.Wrap, 50, 20*time.Millisecond
	b := opened(t, c, s3.Open)
	var killed sync.WaitGroup
	faults.Set(s3test.Fault{Query: "partNumber=2", Times: 1, Answer: func(resp *http.Response) *http.Response {
		e.Stop()
		killed.Go(func() { e.Resume(t) })
		return resp
	}})
	check(t, put(t, b, large()))
	killed.Wait()
	wantObject(t, b, large())
	p, err := b.Probe(t.Context())
	check(t, err)
	wantChecks(t, p, nil)
	n := 0
	for _, err := range b.List(t.Context(), layout.Digest{}) {
		check(t, err)
		n++
	}
	if n != 1 {
		t.Errorf("objects: got %d, want 1", n)
	}
}

// TestFull: an engine whose disk is full says so, with its own words; nothing
// half written is there, and when there is room again the work goes on.
func TestFull(t *testing.T) {
	e := s3test.StartSmall(t, 24<<20)
	c := e.Bucket(t)
	c.Retries = -1
	b := create(t, c)
	kept := randomBytes(1, 8<<20)
	check(t, put(t, b, kept))
	many := randomBytes(2, 20<<20)
	err := put(t, b, many)
	wantSays(t, err, "takes no more")
	err = put(t, b, large())
	wantSays(t, err, "takes no more")
	for _, data := range [][]byte{many, large()} {
		if _, err := b.Stat(t.Context(), layout.DigestOf(data)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat of what did not fit: got error %v, want that it is not there", err)
		}
	}
	wantObject(t, b, kept)
	check(t, b.Delete(t.Context(), layout.DigestOf(kept)))
	_, err = b.Sweep(t.Context(), -time.Minute)
	check(t, err)
	check(t, put(t, b, many))
	wantObject(t, b, many)
}
