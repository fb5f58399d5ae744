package fill_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

func (a *admitted) admit(_ context.Context, path string, done fill.Done) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
	a.data, a.done = data, done
	return nil
}

// waitFor waits until what is asked is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestFillWhole(t *testing.T) {
	p := newPublisher(5_000_001)
	var a admitted
	pool := open(t, t.TempDir())
	f, err := pool.Fill(t.Context(), jobOf(p, &a))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, want := f.ETag(), `"`+layout.DigestOf(p.data).String()+`"`; got != want {
		t.Errorf("ETag: got %s, want %s", got, want)
	}
	if !f.Modified().Equal(p.modified) || f.Size() != int64(len(p.data)) || !f.Restarted().IsZero() {
		t.Errorf("got modified %s, size %d, restarted %s", f.Modified(), f.Size(), f.Restarted())
	}
	got, err := readPart(t.Context(), f, 0, f.Size())
	if err != nil || !bytes.Equal(got, p.data) {
		t.Fatalf("read: got %d bytes, error %v", len(got), err)
	}
	waitFor(t, "the admission", func() bool { return a.count() == 1 })
	if !bytes.Equal(a.data, p.data) || a.done.Got.SHA256 != layout.DigestOf(p.data) || a.done.ETag != f.ETag() || !a.done.Modified.Equal(f.Modified()) {
		t.Errorf("admitted: %d bytes, %+v", len(a.data), a.done)
	}
	if got := p.bytes(); got != int64(len(p.data)) {
		t.Errorf("the origin sent %d bytes, want %d", got, len(p.data))
	}
}

// TestFillAtOnce: many readers of different parts cost the origin each byte once.
func TestFillAtOnce(t *testing.T) {
	p := newPublisher(20_000_000)
	var a admitted
	pool := open(t, t.TempDir())
	job := jobOf(p, &a)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			f, err := pool.Fill(t.Context(), job)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			start, end := int64(i)*400_000, int64(i+1)*400_000
			if i%5 == 0 {
				start, end = 0, f.Size()
			}
			got, err := readPart(t.Context(), f, start, end)
			if err != nil || !bytes.Equal(got, p.data[start:end]) {
				t.Errorf("bytes %d to %d: got %d, error %v", start, end, len(got), err)
			}
		})
	}
	wg.Wait()
	waitFor(t, "the admission", func() bool { return a.count() == 1 })
	if got := p.bytes(); got != int64(len(p.data)) {
		t.Errorf("the origin sent %d bytes, want %d", got, len(p.data))
	}
}
