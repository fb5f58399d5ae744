package fill_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/mirror/fill"
)

// slowly makes the answers of a publisher come at 100,000 bytes a second.
func slowly(p *publisher) {
	overLine(p, 100_000, 0)
	p.chunk = 10_000
}

// TestHeldBack: the end of a file leaves only when the whole is right.
func TestHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(3_000_000)
		slowly(p)
		var a admitted
		pool := open(t, t.TempDir())
		job := jobOf(p, &a)
		job.Start, job.End = 2_900_000, 3_000_000
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := f.Read(2_900_000, 3_000_000)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		at := int64(2_900_000)
		for at < 3_000_000-64<<10 {
			if at, err = r.Ready(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		}
		if at != 3_000_000-64<<10 || p.bytes() > 200_000 {
			t.Errorf("told of bytes up to %d when the origin had sent %d", at, p.bytes())
		}
		at, err = r.Ready(t.Context(), at)
		if at != 3_000_000 || err != nil || p.bytes() != 3_000_000 {
			t.Errorf("the tail: told of bytes up to %d, error %v, when the origin had sent %d", at, err, p.bytes())
		}
	})
}

// TestVerified: where that is asked for, nothing leaves before the whole is right.
func TestVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(3_000_000)
		slowly(p)
		var a admitted
		job := jobOf(p, &a)
		job.Verified = true
		f, err := open(t, t.TempDir()).Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := f.Read(0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := r.Ready(t.Context(), 0); err != nil || p.bytes() != 3_000_000 {
			t.Errorf("told of bytes when the origin had sent %d, error %v", p.bytes(), err)
		}
	})
}

// TestLeaving: a fill goes on when the one who began it leaves, stops when nobody has
// wanted it for a while, and goes on where it was when somebody does.
func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(30_000_000)
		slowly(p)
		var a admitted
		pool := open(t, t.TempDir())
		pool.Idle = 2 * time.Minute
		job := jobOf(p, &a)
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := readPart(ctx, f, 0, f.Size()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who leaves: got error %v", err)
		}
		f.Close()
		time.Sleep(time.Minute)
		if got := p.bytes(); got < 5_000_000 {
			t.Errorf("a minute later: %d bytes came", got)
		}
		time.Sleep(2 * time.Minute)
		stopped := p.bytes()
		time.Sleep(time.Hour)
		if got := p.bytes(); got != stopped || pool.Stats().Running != 0 || pool.Stats().Partial != 1 {
			t.Errorf("the fill did not stop: %d bytes, then %d; %+v", stopped, got, pool.Stats())
		}
		wantWhole(t, pool, job, p.data)
		if got := p.bytes(); got != int64(len(p.data)) {
			t.Errorf("the origin sent %d bytes of %d", got, len(p.data))
		}
	})
}

// TestLinger: a complete file is handed out for a while without a word to the origin,
// then the folder is empty.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newPublisher(3_000_000)
		var a admitted
		pool := open(t, dir)
		wantWhole(t, pool, jobOf(p, &a), p.data)
		time.Sleep(fill.DefaultLinger / 2)
		wantWhole(t, pool, jobOf(p, &a), p.data)
		if got := p.bytes(); got != int64(len(p.data)) {
			t.Errorf("the origin sent %d bytes of %d", got, len(p.data))
		}
		time.Sleep(fill.DefaultLinger + time.Second)
		synctest.Wait()
		wantFiles(t, dir, "lock")
		if got := pool.Stats(); got.PartBytes != 0 || got.Completed != 1 || got.Readers != 0 || got.Waiting != 0 || got.Connection != 0 {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder has %q, error %v, want %q", got, err, want)
	}
}

// TestAgain: after a restart a fill goes on where it was, under the same validators.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newPublisher(20_000_000)
		slowly(p)
		var a admitted
		job := jobOf(p, &a)
		job.File.SHA256 = layout.Digest{}
		pool, err := fill.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		tag, modified := f.ETag(), f.Modified()
		if _, err := readPart(t.Context(), f, 10_000_000, 10_500_000); err != nil {
			t.Fatal(err)
		}
		r, err := f.Read(19_000_000, 20_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Ready(t.Context(), 19_999_999); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a reader of a closed pool: got error %v", err)
		}
		r.Close()
		f.Close()
		sent := p.bytes()
		pool = open(t, dir)
		if got := pool.Stats(); got.Partial != 1 || got.PartBytes != 20_000_000 {
			t.Errorf("after the restart: %+v", got)
		}
		f, err = pool.Fill(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.ETag() != tag || !f.Modified().Equal(modified) || !f.Restarted().IsZero() {
			t.Errorf("after the restart: ETag %s, modified %v, want %s, %v", f.ETag(), f.Modified(), tag, modified)
		}
		got, err := readPart(t.Context(), f, 0, f.Size())
		if err != nil || !bytes.Equal(got, p.data) {
			t.Errorf("after the restart: got %d bytes, error %v", len(got), err)
		}
		if p.bytes() != 20_000_000 || sent < 500_000 {
			t.Errorf("the origin sent %d bytes, %d before the restart", p.bytes(), sent)
		}
		synctest.Wait()
		if got := a.count(); got != 1 {
			t.Errorf("admitted %d times", got)
		}
	})
}

// TestQuota: the longest untouched file that nobody uses makes room.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(4_000_000)
		slowly(p)
		var a admitted
		dir := t.TempDir()
		pool := open(t, dir)
		pool.Quota = 10_000_000
		pool.Idle = time.Second
		job := func(name string) fill.Job {
			j := jobOf(p, &a)
			j.Key = layout.DigestOf([]byte(name))
			return j
		}
		for _, name := range []string{"a", "b"} {
			f, err := pool.Fill(t.Context(), job(name))
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			time.Sleep(time.Minute)
		}
		used, err := pool.Fill(t.Context(), job("b"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := pool.Fill(t.Context(), job("c")) // in place of a
		if err != nil {
			t.Fatal(err)
		}
		if got := pool.Stats(); got.PartBytes != 8_000_000 || got.Evicted != 1 || got.Partial != 0 {
			t.Errorf("got %+v", got)
		}
		_, err = pool.Fill(t.Context(), job("d"))
		if _, ok := errors.AsType[*layout.LaterError](err); !ok {
			t.Errorf("without room: got error %v", err)
		}
		big := job("big")
		big.File = layout.File{Name: "big"}
		p.data = content(11_000_000, 1)
		if _, err = pool.Fill(t.Context(), big); err == nil || !strings.Contains(err.Error(), "quota") {
			t.Errorf("more than the quota: got error %v", err)
		}
		used.Close()
		c.Close()
	})
}

// TestTotalConnections: all files together keep to one bound, and none starves.
func TestTotalConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPublisher(2_000_000)
		slowly(p)
		var a admitted
		pool := open(t, t.TempDir())
		pool.TotalConnections = 3
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				job := jobOf(p, &a)
				job.Key = layout.DigestOf([]byte{byte(i)})
				wantWhole(t, pool, job, p.data)
			})
		}
		wg.Wait()
		if p.maxOpen != 3 {
			t.Errorf("%d requests at once, want 3", p.maxOpen)
		}
	})
}

// TestTooLarge: a file of more than MaxSize bytes is not fetched.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, told := range []bool{true, false} {
			p := newPublisher(4_000_000)
			if !told {
				p.answer = func(n int, r layout.PartRequest, part *layout.Part) error {
					part.Start, part.End, part.Total, part.Whole = 0, -1, -1, true
					return nil
				}
			}
			var a admitted
			job := jobOf(p, &a)
			job.File = layout.File{Name: "file"}
			job.MaxSize = 3_000_000
			_, err := open(t, t.TempDir()).Fill(t.Context(), job)
			if err == nil || !strings.Contains(err.Error(), "limit") || p.bytes() > 3_200_000 {
				t.Errorf("got error %v, and %d bytes came", err, p.bytes())
			}
		}
	})
}

// TestFolder: a folder is for one pool, and what is of no use there goes.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := fill.Open(dir); err == nil {
		t.Error("two pools have one folder")
	}
	dir = t.TempDir()
	key := layout.DigestOf([]byte("key")).String()
	for _, name := range []string{key + ".json", key + "-abc.part", key + ".json.new", "mine.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), fs.ModePerm); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	wantFiles(t, dir, "lock", "mine.txt")
}

// TestAbsurd: readers of nothing, and of what is not there.
func TestAbsurd(t *testing.T) {
	p := newPublisher(300_000)
	var a admitted
	f, err := open(t, t.TempDir()).Fill(t.Context(), jobOf(p, &a))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range [][2]int64{{-1, 5}, {5, 5}, {6, 5}, {0, 300_001}, {1 << 62, -1}} {
		if r, err := f.Read(s[0], s[1]); err == nil {
			r.Close()
			t.Errorf("read %d to %d", s[0], s[1])
		}
	}
	r, err := f.Read(100, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{99, 200, -1} {
		if end, err := r.Ready(t.Context(), offset); err == nil {
			t.Errorf("ready at %d: told of bytes up to %d", offset, end)
		}
	}
	for range 2 {
		if err := errors.Join(r.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	}
}
