package fill_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
)

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
// TestRevoked has bytes that are what is stated and that nobody is to have.
func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(3_000_000)
		var a admitted
		pool := open(t, t.TempDir())
		job := jobOf(p, &a)
		job.File.SHA256 = layout.Digest{} // else it would not have been asked for
		job.Revoked = func(d layout.Digest) bool { return d == layout.DigestOf(p.data) }
		refused := false
		job.Refused = func(string, layout.Got, error) { refused = true }
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := readPart(t.Context(), f, 0, f.Size())
		if _, ok := errors.AsType[*layout.MismatchError](err); !ok || len(got) > 3_000_000-64<<10 || !refused {
			t.Errorf("got %d bytes and error %v, refused %v", len(got), err, refused)
		}
	})
}

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
