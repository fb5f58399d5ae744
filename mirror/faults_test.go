package mirror_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store/faulty"
	"patchferry/mirror"
	"patchferry/mirror/upstream/hostile"
)

// TestHostilePublisher goes through everything that a publisher can do to one
// of three files. That file fails with a clear error, the others are held,
// and when the publisher has come to reason the next sync has all of it.
func TestHostilePublisher(t *testing.T) {
	const size = 300_000
	elsewhere := hostile.NewTLS(map[string][]byte{"/x.exe": body(name(1), size)})
	t.Cleanup(elsewhere.Close)
	for _, test := range []struct {
		name  string
		fault hostile.Fault
		file  func(*layout.File)
		want  string // in the error; empty: the sync gets over it
	}{
		{name: "cuts the body once", fault: hostile.Cut{At: 1000, Times: 1}},
		{name: "cuts the body always", fault: hostile.Cut{At: 1000}, want: "bytes came in"},
		{name: "states a longer length", fault: hostile.Length{By: 10}, want: "size"},
		{name: "states a shorter length", fault: hostile.Length{By: -10}, want: "size"},
		{name: "stalls", fault: hostile.Stall{At: 0}, want: "no byte"},
		{name: "answers nothing", fault: hostile.Stall{At: -1}, want: "no byte"},
		{name: "answers 404", fault: hostile.Status{Code: 404}, want: "404"},
		{name: "answers 503 for ever", fault: hostile.Status{Code: 503}, want: "503"},
		{name: "answers 503 once", fault: hostile.Status{Code: 503, Times: 1}},
		{name: "answers 429 for a day", fault: hostile.Status{Code: 429, RetryAfter: "86400"}, want: "24h"},
		{name: "sends HTML", fault: hostile.HTML{}, want: "HTML"},
		{name: "sends wrong bytes", fault: hostile.WrongBytes{At: 7}, want: "sha256"},
		{name: "redirects to another host", fault: hostile.Redirect{To: elsewhere.URL("/x.exe")}, want: "hosts"},
		{name: "redirects to a private address", fault: hostile.Redirect{To: "https://10.0.0.1/x.exe"}, want: "10.0.0.1"},
		{name: "redirects for ever", fault: hostile.Redirect{To: "/files/" + name(1)}, want: "redirect"},
		{name: "lists a URL on another host", file: func(f *layout.File) { f.URL = elsewhere.URL("/x.exe") }, want: "hosts"},
		{name: "lists a strange URL", file: func(f *layout.File) { f.URL = "file:///etc/passwd" }, want: "file:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			bad := s.vouched(name(1), size)
			if test.file != nil {
				test.file(&bad)
			}
			s.list(s.vouched(name(0), 100), bad, s.vouched(name(2), 200))
			if test.fault != nil {
				s.pub.Fault("/files/"+name(1), test.fault)
			}
			if test.want == "" {
				s.sync(mirror.SyncOptions{})
			} else if failure := s.partial(); !strings.Contains(failure.Error, test.want) || !strings.Contains(failure.Error, name(1)) && !strings.Contains(failure.Error, bad.URL) {
				t.Errorf("got error %q, want %q in it, and the file", failure.Error, test.want)
			}
			if !s.file(name(0)).Held || !s.file(name(2)).Held || s.file(name(1)).Held != (test.want == "") {
				t.Errorf("wrong files are held: %+v", s.catalog())
			}
			s.pub.Heal("/files/" + name(1))
			s.now = s.now.Add(25 * time.Hour) // a refusal is remembered for a day
			s.list(s.vouched(name(0), 100), s.vouched(name(1), size), s.vouched(name(2), 200))
			s.sync(mirror.SyncOptions{})
			if !s.file(name(1)).Held {
				t.Error("not held after the publisher came to reason")
			}
			s.clean()
		})
	}
}

// TestEveryWriteOfASyncMayFail fails each write to the store in turn, in every
// way, and kills the sync there or lets it go on. The log then is a whole old
// or new one, nothing in it is wrong, and the same sync finishes without
// fetching again what had been put.
func TestEveryWriteOfASyncMayFail(t *testing.T) {
	const files = 3
	build := func(t *testing.T) *site {
		s := newSite(t)
		s.list(s.vouched(name(0), 10))
		s.sync(mirror.SyncOptions{})
		all := []layout.File{s.vouched(name(0), 10)}
		for i := range files {
			f := s.offer(name(10+i), 1000+i)
			f.SHA1 = sha1Of(body(f.Name, 1000+i)) // only the journal finds it again
			all = append(all, f)
		}
		s.list(all...)
		return s
	}
	probe := build(t)
	counting := faulty.New(probe.dir, faulty.Fault{})
	probe.use(counting, filepath.Join(t.TempDir(), "mark"))
	probe.sync(mirror.SyncOptions{})
	writes := counting.Writes()
	if writes < files+4 {
		t.Fatalf("got %d writes: files, catalog, generation, signature and state are more", writes)
	}
	for at := 1; at <= writes; at++ {
		for _, mode := range []faulty.Mode{faulty.None, faulty.Lost, faulty.Kept, faulty.Torn} {
			for _, dies := range []bool{true, false} {
				if mode == faulty.None && !dies {
					continue
				}
				s := build(t)
				mark := filepath.Join(t.TempDir(), "mark")
				s.use(faulty.New(s.dir, faulty.Fault{At: at, Mode: mode, Dies: dies}), mark)
				_, err := s.Sync(t.Context(), mirror.SyncOptions{})
				last := at == writes && (mode == faulty.None || mode == faulty.Kept)
				if err == nil && !last && dies {
					t.Errorf("write %d %v: the sync did not notice", at, mode)
				}
				s.use(s.dir, mark)
				s.wholeAfter(at, mode, files)
			}
		}
	}
}

// wholeAfter checks what a failed sync left, and that the next one finishes.
func (s *site) wholeAfter(at int, mode faulty.Mode, files int) {
	s.t.Helper()
	n := len(s.catalog())
	if n != 1 && n != 1+files {
		s.t.Errorf("write %d %v: the catalog has %d updates", at, mode, n)
	}
	s.clean()
	before := s.pub.Bytes("")
	put := 0
	for range s.dir.List(s.t.Context(), layout.Digest{}) {
		put++
	}
	s.sync(mirror.SyncOptions{})
	for i := range files {
		f := s.file(name(10 + i))
		if !f.Held {
			s.t.Errorf("write %d %v: %s is not held in the end", at, mode, f.Name)
		}
	}
	s.clean()
	if again := s.pub.Bytes("") - before; again > int64(files)*1003 {
		s.t.Errorf("write %d %v: %d bytes came again", at, mode, again)
	}
}

func TestAJournaledFileIsNotFetchedAgain(t *testing.T) {
	s := newSite(t)
	var all []layout.File
	for i := range 5 {
		f := s.offer(name(i), 1000+i)
		f.SHA1 = sha1Of(body(f.Name, 1000+i))
		all = append(all, f)
	}
	s.list(all...)
	s.Parallel = 1
	mark := filepath.Join(t.TempDir(), "mark")
	s.use(faulty.New(s.dir, faulty.Fault{At: 3, Dies: true}), mark) // dies when the third file is in
	if _, err := s.Sync(t.Context(), mirror.SyncOptions{}); !errors.Is(err, faulty.ErrDied) {
		t.Fatalf("got %v", err)
	}
	s.use(s.dir, mark)
	before := s.pub.Requests("")
	r := s.sync(mirror.SyncOptions{})
	// The list, and the two or three files that were not journaled.
	if got := s.pub.Requests("") - before; r.New != 5 || got > 4 {
		t.Errorf("got %d requests, report %+v", got, r)
	}
}

func TestAlteredObjectsAreFound(t *testing.T) {
	s := newSite(t)
	s.list(s.vouched(name(1), 5000), s.vouched(name(2), 200))
	s.sync(mirror.SyncOptions{})
	d := s.file(name(1)).SHA256
	s.damage(d, 4711)
	r, err := s.Audit(t.Context(), mirror.AuditOptions{})
	if !errors.Is(err, mirror.ErrAltered) || len(r.Findings) != 1 || r.Findings[0].Object != d || r.Findings[0].Update != "pub:"+name(1) {
		t.Errorf("got %v, %+v", err, r)
	}
	if _, err := s.Audit(t.Context(), mirror.AuditOptions{Remove: true}); !errors.Is(err, mirror.ErrAltered) {
		t.Errorf("got %v", err)
	}
	s.sync(mirror.SyncOptions{Recheck: true})
	s.clean()
}

func TestARefusedFileIsNotFetchedAgainUntilItChanges(t *testing.T) {
	s := newSite(t)
	f := s.vouched(name(1), 50_000)
	s.pub.Put("/files/"+name(1), body("wrong", 50_000))
	s.list(f, s.vouched(name(2), 100))
	s.partial()
	before := s.pub.Bytes("/files/" + name(1))
	failure := s.partial()
	var refused *mirror.RefusedError
	if !errors.As(failure.Err, &refused) || !strings.Contains(failure.Error, "sha256") {
		t.Errorf("got %v, want RefusedError with the reason", failure.Error)
	}
	if got := s.pub.Bytes("/files/"+name(1)) - before; got != 0 {
		t.Errorf("%d bytes came again", got)
	}
	failure = s.partial() // it is still remembered
	if !errors.As(failure.Err, &refused) {
		t.Errorf("the third time: got %v", failure.Error)
	}
	s.now = s.now.Add(25 * time.Hour)
	s.partial()
	if got := s.pub.Bytes("/files/"+name(1)) - before; got == 0 {
		t.Error("not tried again after a day")
	}
	before = s.pub.Bytes("/files/" + name(1))
	if _, err := s.Sync(t.Context(), mirror.SyncOptions{Recheck: true}); !errors.Is(err, mirror.ErrPartial) {
		t.Errorf("recheck: got %v", err)
	}
	if got := s.pub.Bytes("/files/"+name(1)) - before; got == 0 {
		t.Error("not tried again by a recheck")
	}
	s.pub.Put("/files/"+name(1), body(name(1), 50_000)) // the publisher mends it
	s.sync(mirror.SyncOptions{})
	if !s.file(name(1)).Held {
		t.Error("the mended file is not held")
	}
}

func TestARefusedFileIsFetchedWhenTheListStatesIt(t *testing.T) {
	s := newSite(t)
	f := s.vouched(name(1), 50_000)
	s.pub.Put("/files/"+name(1), body("other", 50_000))
	s.list(f)
	s.partial()
	f.SHA256 = layout.DigestOf(body("other", 50_000)) // the list was wrong, not the file
	s.list(f)
	s.sync(mirror.SyncOptions{})
	if !s.file(name(1)).Held {
		t.Error("the file is not held")
	}
}

// careless is an upstream that fetches something else than it was asked for,
// and says truly what it got.
type careless struct {
	mirror.Upstream
	instead string // URL
}

func (c *careless) Fetch(ctx context.Context, w layout.Want) (layout.Got, error) {
	return c.Upstream.Fetch(ctx, layout.Want{URL: c.instead, Path: w.Path})
}

// TestTheDoorChecksByItself: what is expected of a file is held against what
// came by admit, whoever brought it.
func TestTheDoorChecksByItself(t *testing.T) {
	content := body(name(1), 500)
	for _, test := range []struct {
		what  string
		state func(*layout.File)
	}{
		{"size", func(f *layout.File) { f.Size, f.SHA1 = 500, sha1Of(body("other", 600)) }},
		{"sha256", func(f *layout.File) { f.SHA256 = layout.DigestOf(content) }},
		{"sha1", func(f *layout.File) { f.SHA1 = sha1Of(content) }},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := newSite(t)
			f := s.offer(name(1), 500)
			test.state(&f)
			s.pub.Put("/files/other.exe", body("other", 600))
			s.list(f)
			s.Sources[0].Upstream = &careless{s.Sources[0].Upstream, s.pub.URL("/files/other.exe")}
			failure := s.partial()
			var mismatch *layout.MismatchError
			if !errors.As(failure.Err, &mismatch) || mismatch.What != test.what {
				t.Errorf("got %v, want a mismatch of %s", failure.Error, test.what)
			}
			if s.file(name(1)).Held || s.has(layout.DigestOf(body("other", 600))) {
				t.Error("the other file came in")
			}
		})
	}
}
