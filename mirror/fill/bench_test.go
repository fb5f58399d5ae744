package fill_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// BenchmarkReaders: what it costs to wake so many readers who follow one file as it
// comes, as fast as it can be written and hashed.
func BenchmarkReaders(b *testing.B) {
	const size = 64 << 20
	p := newPublisher(size)
	p.chunk = 64 << 10
	var a admitted
	job := jobOf(p, &a)
	job.Admit = nil
	for _, readers := range []int{1, 50, 200, 1000} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			var calls int64
			for i := range b.N {
				calls += follow(b, p, job, i, readers)
			}
			b.ReportMetric(float64(calls)/float64(b.N)/float64(readers), "calls/reader")
		})
	}
}

// follow lets readers follow one fill, and returns how often they had to ask.
func follow(b *testing.B, p *publisher, job fill.Job, i, readers int) int64 {
	pool, err := fill.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	job.Key = layout.DigestOf(fmt.Append(nil, i))
	f, err := pool.Fill(b.Context(), job)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var calls int64
	for range readers {
		wg.Go(func() {
			n, err := toEnd(b, f)
			if err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			calls += n
		})
	}
	wg.Wait()
	return calls
}

func toEnd(b *testing.B, f layout.Filling) (calls int64, err error) {
	r, err := f.Read(0, f.Size())
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for at := int64(0); at < f.Size(); calls++ {
		if at, err = r.Ready(b.Context(), at); err != nil {
			return calls, err
		}
	}
	return calls, nil
}

// BenchmarkFirstByte: how long one waits for the first byte of a file that nobody has
// asked for before.
func BenchmarkFirstByte(b *testing.B) {
	p := newPublisher(4 << 20)
	var a admitted
	job := jobOf(p, &a)
	job.Admit = nil
	pool, err := fill.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	pool.Linger = time.Millisecond
	for i := range b.N {
		job.Key = layout.DigestOf(fmt.Append(nil, i))
		f, err := pool.Fill(b.Context(), job)
		if err != nil {
			b.Fatal(err)
		}
		r, err := f.Read(0, f.Size())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Ready(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		r.Close()
		f.Close()
		for pool.Stats().Running > 0 {
			time.Sleep(time.Millisecond)
		}
		b.StartTimer()
	}
}
