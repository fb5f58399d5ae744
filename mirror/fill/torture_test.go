package fill_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// TestTorture: 200 readers of all kinds against an origin with every fault. No part that
// came whole is wrong, and no wrong file is admitted.
func TestTorture(t *testing.T) {
	for name, wrong := range map[string]bool{"faults": false, "wrong bytes as well": true} {
		t.Run(name, func(t *testing.T) { torture(t, wrong) })
	}
}

func torture(t *testing.T, wrongs bool) {
	const size = 4_000_000
	data := content(size, 1)
	p := newPublisher(size)
	p.chunk = 10_000
	rnd := rand.New(rand.NewPCG(3, 4)) // of p.mu
	p.answer = func(n int, r layout.PartRequest, part *layout.Part) error {
		part.End = min(part.End, part.Start+50_000) // many answers
		switch rnd.IntN(12) {
		case 0:
			return &status{503, true}
		case 1:
			part.Body = cutAfter(data[part.Start:part.End], rnd.IntN(400_000))
		case 2:
			part.Start += int64(rnd.IntN(3))
		case 3:
			return whole(n, r, part)
		case 4:
			part.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data[part.Start:part.End]), strings.NewReader("more")))
		case 5:
			wrong := bytes.Clone(data[part.Start:part.End])
			if wrongs && len(wrong) > 0 {
				wrong[rnd.IntN(len(wrong))] ^= 1
			}
			part.Body = io.NopCloser(bytes.NewReader(wrong))
		case 6:
			if n > 20 && rnd.IntN(8) == 0 {
				part.Validators.ETag = `"other"`
			}
		}
		return nil
	}
	var a admitted
	pool := open(t, t.TempDir())
	pool.Connections = 8
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { tortured(t, pool, jobOf(p, &a), data, rand.New(rand.NewPCG(5, uint64(i)))) })
	}
	wg.Wait()
	if a.count() > 0 && !bytes.Equal(a.data, data) {
		t.Error("a wrong file was admitted")
	}
	if got := pool.Stats(); wrongs && got.Refused == 0 || !wrongs && (a.count() != 1 || got.Refused != 0) {
		t.Errorf("admitted %d times; %+v", a.count(), got)
	}
}

// tortured is one reader: of the whole, of a part, or one that leaves.
func tortured(t *testing.T, pool *fill.Pool, job fill.Job, want []byte, rnd *rand.Rand) {
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if rnd.IntN(4) == 0 {
			ctx, cancel = context.WithTimeout(t.Context(), time.Duration(rnd.IntN(50))*time.Millisecond)
		}
		f, err := pool.Fill(ctx, job)
		if err != nil {
			cancel()
			if pool.Stats().Refused > 0 {
				return
			}
			time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
			continue
		}
		start := rnd.Int64N(f.Size())
		end := start + 1 + rnd.Int64N(f.Size()-start)
		if rnd.IntN(2) == 0 {
			start, end = 0, f.Size()
		}
		got, err := readPart(ctx, f, start, end)
		if err == nil && start == 0 && end == f.Size() && !bytes.Equal(got, want) {
			t.Error("a whole body came that is not the file")
		}
		cancel()
		f.Close()
		if err == nil && start == 0 && end == f.Size() {
			return
		}
	}
}
