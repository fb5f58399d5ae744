package fill_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
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

// TestChanged: a file that changes at its origin starts over under other validators.
func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(8_000_000)
		p.answer = func(n int, r layout.PartRequest, part *layout.Part) error {
			if n == 2 {
				p.data, p.tag = content(7_000_000, 2), `"two"`
				part.Start, part.End, part.Total, part.Whole = 0, 7_000_000, 7_000_000, true
				part.Validators.ETag = p.tag
			}
			return nil
		}
		var a admitted
		pool := open(t, t.TempDir())
		job := jobOf(p, &a)
		job.File = layout.File{Name: "file"}
		old, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		_, err = readPart(t.Context(), old, 0, old.Size())
		if _, ok := errors.AsType[*layout.LaterError](err); !ok {
			t.Errorf("the old file: got error %v", err)
		}
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := readPart(t.Context(), f, 0, f.Size())
		if err != nil || !bytes.Equal(got, p.data) {
			t.Errorf("the new file: got %d bytes, error %v", len(got), err)
		}
		if f.ETag() == old.ETag() || f.Restarted().IsZero() || !old.Restarted().IsZero() {
			t.Errorf("ETag %s after %s, restarted %v after %v", f.ETag(), old.ETag(), f.Restarted(), old.Restarted())
		}
		if _, err := old.Read(0, 10); err == nil {
			t.Error("the old file can still be read")
		}
	})
}

// TestChangedTag: that the length is the same does not make it the same file.
func TestChangedTag(t *testing.T) {
	for _, change := range []func(v *layout.Validators){
		func(v *layout.Validators) { v.ETag = `"two"` },
		func(v *layout.Validators) { v.LastModified = "Fri, 03 Jan 2020 03:04:05 GMT" },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPublisher(8_000_000)
			p.answer = func(n int, _ layout.PartRequest, part *layout.Part) error {
				part.Validators.LastModified = "Thu, 02 Jan 2020 03:04:05 GMT"
				if n > 1 {
					change(&part.Validators)
				}
				return nil
			}
			var a admitted
			pool := open(t, t.TempDir())
			job := jobOf(p, &a)
			job.File = layout.File{Name: "file"}
			f, err := pool.Fill(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err = readPart(t.Context(), f, 0, f.Size()); err == nil || !strings.Contains(err.Error(), "changed") {
				t.Errorf("got error %v", err)
			}
			wantWhole(t, pool, job, p.data)
			if got := pool.Stats().Restarted; got != 1 {
				t.Errorf("started over %d times", got)
			}
		})
	}
}

// TestChanging: where a digest tells, tags that differ from answer to answer keep nobody
// from getting the file; where none does, that is given up.
func TestChanging(t *testing.T) {
	for _, stated := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPublisher(8_000_000)
			p.answer = func(n int, r layout.PartRequest, part *layout.Part) error {
				part.Start, part.End, part.Whole = r.Start, min(r.End, part.Total), false
				part.Validators.ETag = strings.Repeat("x", n+1)
				return nil
			}
			var a admitted
			pool := open(t, t.TempDir())
			job := jobOf(p, &a)
			if !stated {
				job.File = layout.File{Name: "file"}
			}
			for range 10 {
				f, err := pool.Fill(t.Context(), job)
				if err == nil {
					_, err = readPart(t.Context(), f, 0, f.Size())
					f.Close()
				}
				if err == nil {
					break
				}
			}
			synctest.Wait()
			if got := a.count() == 1; got != stated || len(p.requests()) > 100 {
				t.Errorf("digest stated: %t; admitted: %t, after %d requests", stated, got, len(p.requests()))
			}
		})
	}
}

// TestWholeAmongParts: an origin that takes to answering with the whole file, while
// several wait for parts, is asked for one thing at a time.
func TestWholeAmongParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(8_000_000)
		slowly(p)
		p.answer = func(n int, r layout.PartRequest, part *layout.Part) error {
			if n > 0 {
				return whole(n, r, part)
			}
			return nil
		}
		var a admitted
		pool := open(t, t.TempDir())
		f, err := pool.Fill(t.Context(), jobOf(p, &a))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var wg sync.WaitGroup
		for i := range int64(8) {
			wg.Go(func() {
				got, err := readPart(t.Context(), f, i*1_000_000, (i+1)*1_000_000)
				if err != nil || !bytes.Equal(got, p.data[i*1_000_000:(i+1)*1_000_000]) {
					t.Errorf("part %d: got %d bytes, error %v", i, len(got), err)
				}
			})
		}
		wg.Wait()
		if sent, asked := p.bytes(), len(p.requests()); sent > 2*8_000_000 || asked > 30 {
			t.Errorf("the origin sent %d bytes in %d answers", sent, asked)
		}
	})
}

// TestWrong: bytes that are not what is stated never come whole, and are not fetched
// again at once.
func TestWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(3_000_000)
		var a admitted
		dir := t.TempDir()
		pool := open(t, dir)
		job := jobOf(p, &a)
		p.data = content(3_000_000, 9)
		var refused []byte
		job.Refused = func(path string, got layout.Got, why error) {
			refused, _ = os.ReadFile(path)
			if got.SHA256 != layout.DigestOf(p.data) || why == nil {
				t.Errorf("refused: got %v, %v", got.SHA256, why)
			}
		}
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		tag := f.ETag()
		got, err := readPart(t.Context(), f, 0, f.Size())
		if _, ok := errors.AsType[*layout.MismatchError](err); !ok || len(got) > 3_000_000-64<<10 {
			t.Errorf("got %d bytes and error %v, want all but the end and a mismatch", len(got), err)
		}
		f.Close()
		if !bytes.Equal(refused, p.data) {
			t.Errorf("refused: %d bytes", len(refused))
		}
		asked := len(p.requests())
		_, err = pool.Fill(t.Context(), job)
		later, ok := errors.AsType[*layout.LaterError](err)
		if !ok || len(p.requests()) != asked {
			t.Fatalf("at once: got error %v and %d requests", err, len(p.requests())-asked)
		}
		time.Sleep(later.After)
		p.data = content(3_000_000, 1)
		f, err = pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err = readPart(t.Context(), f, 0, f.Size())
		if err != nil || !bytes.Equal(got, p.data) || f.ETag() == tag || f.Restarted().IsZero() {
			t.Errorf("afterwards: %d bytes, error %v, ETag %s, restarted %v", len(got), err, f.ETag(), f.Restarted())
		}
		synctest.Wait()
		if a.count() != 1 {
			t.Errorf("admitted %d times", a.count())
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
