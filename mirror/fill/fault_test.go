package fill_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// TestOriginFaults: whatever an origin does that passes, readers get the right file.
func TestOriginFaults(t *testing.T) {
	const size = 8_000_000
	tests := map[string]struct {
		answer func(n int, r layout.PartRequest, part *layout.Part) error
		slack  int64 // bytes that the origin may send twice
		faults bool  // they are counted
	}{
		"refuses for a while": {answer: func(n int, _ layout.PartRequest, _ *layout.Part) error {
			if n < 4 {
				return &status{503, true}
			}
			return nil
		}},
		"cuts": {answer: func(n int, r layout.PartRequest, part *layout.Part) error {
			if n%2 == 0 {
				part.Body = cutAfter(content(size, 1)[part.Start:part.End], 300_000)
			}
			return nil
		}},
		"asks to wait": {answer: func(n int, _ layout.PartRequest, _ *layout.Part) error {
			if n == 1 {
				return &layout.LaterError{After: 20 * time.Second, Err: errors.New("busy")}
			}
			return nil
		}},
		"gives less than was asked for": {answer: func(n int, _ layout.PartRequest, part *layout.Part) error {
			part.End = min(part.End, part.Start+100_001)
			return nil
		}},
		"ignores ranges": {answer: whole},
		"ignores ranges, and is cut": {slack: 3_000_000, answer: func(n int, r layout.PartRequest, part *layout.Part) error {
			if n == 0 {
				part.Body = cutAfter(content(size, 1), 3_000_000)
			}
			return whole(n, r, part)
		}},
		"ignores ranges later": {slack: size, answer: func(n int, r layout.PartRequest, part *layout.Part) error {
			if n > 1 {
				return whole(n, r, part)
			}
			return nil
		}},
		"does not say how long the file is": {answer: func(n int, r layout.PartRequest, part *layout.Part) error {
			part.Start, part.End, part.Total, part.Whole = 0, -1, -1, true
			return nil
		}},
		"lies once about the offset": {faults: true, answer: func(n int, _ layout.PartRequest, part *layout.Part) error {
			if n == 2 {
				part.Start += 10
			}
			return nil
		}},
		"sends too much once": {slack: 10, faults: true, answer: func(n int, _ layout.PartRequest, part *layout.Part) error {
			if n == 0 {
				part.Body = io.NopCloser(bytes.NewReader(content(size, 1)[part.Start : part.End+10]))
			}
			return nil
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher(size)
				p.answer = test.answer
				var a admitted
				pool := open(t, t.TempDir())
				for _, stated := range []bool{true, false} {
					job := jobOf(p, &a)
					if !stated {
						job.Key, job.File = layout.DigestOf([]byte("other")), layout.File{Name: "file"}
						p.asked, p.sent = nil, 0
					}
					wantWhole(t, pool, job, p.data)
					if got := p.bytes(); got < size || got > size+test.slack {
						t.Errorf("the origin sent %d bytes of %d", got, size)
					}
					synctest.Wait()
				}
				if got := pool.Stats().Faults; test.faults && got != 2 {
					t.Errorf("%d faults, want 2", got)
				}
				if a.count() != 2 {
					t.Errorf("admitted %d files, want 2", a.count())
				}
			})
		})
	}
}

// TestOriginRefuses: what does not pass ends the fill.
func TestOriginRefuses(t *testing.T) {
	tests := map[string]struct {
		answer func(n int, r layout.PartRequest, part *layout.Part) error
		want   string
	}{
		"not found": {func(int, layout.PartRequest, *layout.Part) error { return &status{404, false} }, "status 404"},
		"gone half-way": {func(n int, _ layout.PartRequest, _ *layout.Part) error {
			if n > 1 {
				return &status{410, false}
			}
			return nil
		}, "status 410"},
		"lies about the offset": {func(_ int, _ layout.PartRequest, part *layout.Part) error { part.Start++; return nil }, "has bytes 1 to"},
		"another length":        {func(_ int, _ layout.PartRequest, part *layout.Part) error { part.Total++; return nil }, "size is 8000001, want 8000000"},
		"asks to wait for long": {func(int, layout.PartRequest, *layout.Part) error {
			return &layout.LaterError{After: time.Hour, Err: errors.New("busy")}
		}, "again in 1h"},
		"unknown error": {func(int, layout.PartRequest, *layout.Part) error { return errors.New("what is this") }, "what is this"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPublisher(8_000_000)
				p.answer = test.answer
				var a admitted
				began := time.Now()
				f, err := open(t, t.TempDir()).Fill(t.Context(), jobOf(p, &a))
				if err == nil {
					_, err = readPart(t.Context(), f, 0, f.Size())
					f.Close()
				}
				if err == nil || !strings.Contains(err.Error(), test.want) || time.Since(began) > 10*time.Second {
					t.Errorf("got error %v, want %s", err, test.want)
				}
			})
		})
	}
}

// TestBehindTheEnd: what is wanted first may be asked for behind the end of a file whose
// size nobody has told.
func TestBehindTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(300_000)
		p.answer = func(_ int, r layout.PartRequest, _ *layout.Part) error {
			if r.Start >= 300_000 {
				return &status{416, false}
			}
			return nil
		}
		var a admitted
		job := jobOf(p, &a)
		job.File = layout.File{Name: "file"}
		job.Start, job.End = 400_000, 500_000
		wantWhole(t, open(t, t.TempDir()), job, p.data)
	})
}

// TestOriginAway: readers wait while an origin is away, and no longer than their
// patience; what came is kept.
func TestOriginAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(8_000_000)
		away := true
		p.answer = func(n int, _ layout.PartRequest, part *layout.Part) error {
			if n > 0 && away {
				return &status{502, true}
			}
			return nil
		}
		var a admitted
		pool := open(t, t.TempDir())
		job := jobOf(p, &a)
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		got, err := readPart(t.Context(), f, 0, f.Size())
		if later, ok := errors.AsType[*layout.LaterError](err); !ok || later.After <= 0 {
			t.Errorf("got error %v, want one that says when to ask again", err)
		}
		if len(got) != 1<<20 {
			t.Errorf("got %d bytes before the end, want %d", len(got), 1<<20)
		}
		if waited := time.Since(began); waited < fill.DefaultPatience || waited > fill.DefaultPatience+10*time.Second {
			t.Errorf("waited %v", waited)
		}
		f.Close()
		away = false
		wantWhole(t, pool, job, p.data)
		if got := p.bytes(); got != int64(len(p.data)) {
			t.Errorf("the origin sent %d bytes of %d", got, len(p.data))
		}
	})
}

// TestDiskFull: a disk that is full ends the fill, and what is here is kept.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(8_000_000)
		var a admitted
		pool := open(t, t.TempDir())
		room := true
		pool.SetWrite(func(f *os.File, b []byte, offset int64) error {
			if offset > 2_000_000 && !room {
				return &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
			}
			_, err := f.WriteAt(b, offset)
			return err
		})
		room = false
		f, err := pool.Fill(t.Context(), jobOf(p, &a))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = readPart(t.Context(), f, 0, f.Size())
		if _, ok := errors.AsType[*layout.LaterError](err); !ok || !errors.Is(err, syscall.ENOSPC) || time.Since(began) > time.Second {
			t.Errorf("got error %v after %v", err, time.Since(began))
		}
		f.Close()
		sent := p.bytes()
		room = true
		wantWhole(t, pool, jobOf(p, &a), p.data)
		if again := sent + p.bytes() - int64(len(p.data)); p.bytes()-sent > int64(len(p.data))-1_900_000 {
			t.Errorf("%d bytes came twice", again)
		}
	})
}

// TestNewerURL: where a URL is refused, the one that another brought meanwhile is used.
func TestNewerURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(8_000_000)
		var a admitted
		pool := open(t, t.TempDir())
		job := jobOf(p, &a)
		job.URL += "?first"
		p.wait = time.Second
		p.answer = func(n int, r layout.PartRequest, part *layout.Part) error {
			if n == 0 || strings.HasSuffix(r.URL, "?second") {
				return nil
			}
			return &status{403, false}
		}
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		time.Sleep(100 * time.Millisecond) // the next request is under way
		job.URL = "http://origin/file?second"
		wantWhole(t, pool, job, p.data)
		got, err := readPart(t.Context(), f, 0, f.Size())
		if err != nil || !bytes.Equal(got, p.data) {
			t.Errorf("the first: got %d bytes, error %v", len(got), err)
		}
	})
}

// TestAdmitAgain: readers do not wait for a store that is away.
func TestAdmitAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(3_000_000)
		var a admitted
		pool := open(t, t.TempDir())
		job := jobOf(p, &a)
		tries := 0
		job.Admit = func(ctx context.Context, path string, done fill.Done) error {
			if tries++; tries < 4 {
				return errors.New("the store is away")
			}
			return a.admit(ctx, path, done)
		}
		wantWhole(t, pool, job, p.data)
		if a.count() != 0 {
			t.Error("admitted at once")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if a.count() != 1 || !bytes.Equal(a.data, p.data) {
			t.Errorf("admitted %d times", a.count())
		}
	})
}
