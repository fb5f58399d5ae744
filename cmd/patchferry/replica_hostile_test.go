package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3/s3test"
)

// The owner of the bucket, who reads and writes it past all of patchferry's code.

func (s *bucketSite) owner() *s3test.Owner        { return s.engine.Owner(s.bucket) }
func (s *bucketSite) have(key string) []byte      { return s.owner().Get(s.t, key) }
func (s *bucketSite) put(key string, data []byte) { s.owner().Put(s.t, key, data) }
func (s *bucketSite) drop(key string)             { s.owner().Remove(s.t, key) }
func (s *bucketSite) keys(folder string) []string { return s.owner().Keys(s.t, folder) }

// snapshot returns all that is in the store.
func (s *bucketSite) snapshot() map[string][]byte {
	all := make(map[string][]byte)
	for _, folder := range []string{"objects", "states", "bindings"} {
		for _, key := range s.keys(folder) {
			all[key] = s.have(key)
		}
	}
	return all
}

// restore makes the store what it was.
func (s *bucketSite) restore(was map[string][]byte) {
	for _, folder := range []string{"objects", "states", "bindings"} {
		for _, key := range s.keys(folder) {
			if _, ok := was[key]; !ok {
				s.drop(key)
			}
		}
	}
	for key, data := range was {
		s.put(key, data)
	}
}

const (
	warmFile = "/WindowsXP-KB835732-x86-ENU.EXE"
	coldFile = "/Windows2000-KB835732-x86-ENU.EXE"
	nextFile = "/WindowsXP-KB823980-x86-ENU.EXE"
)

// TestReplicaOfHostileLog: whatever the owner of a bucket does to the log of states,
// a server goes on with the last edition it believed, says why, and its mark never
// sinks; what was repaired is followed again.
func TestReplicaOfHostileLog(t *testing.T) {
	t.Parallel()
	s := newBucketSite(t, map[string][]byte{warmFile: random(1, 100_000), nextFile: random(3, 1000)})
	s.sync(warmFile)
	r := s.replica("work-a")
	r.wantFile(warmFile)
	mark := r.mark()
	newest, next := store.StateKey(mark), store.StateKey(mark+1)
	stranger := newBucketSite(t, map[string][]byte{warmFile: random(9, 1000), nextFile: random(8, 10)})
	stranger.sync(warmFile)
	stranger.sync(warmFile, nextFile)

	// Bindings are for whoever fills; a server does not look at them.
	s.put(store.BindingKey(layout.DigestOf(nil)), []byte("{"))

	attacks := []struct {
		name, why string
		do        func()
		accepts   bool // the state is a right one, and what it names is not there
	}{
		{"newest state removed", "missing", func() { s.drop(newest) }, false},
		{"all states removed", "missing", func() {
			for _, key := range s.keys("states") {
				s.drop(key)
			}
		}, false},
		{"an old state under a new number", "in the place of another", func() { s.put(next, s.have(newest)) }, false},
		{"a state signed by another key", "untrusted", func() { s.put(next, stranger.have(store.StateKey(stranger.lastState()))) }, false},
		{"another log in place of this one", "untrusted", func() {
			for _, key := range stranger.keys("states") {
				s.put(key, stranger.have(key))
			}
		}, false},
		{"no state at all", "untrusted", func() { s.put(next, []byte("{}")) }, false},
		{"a state without end", "log of this server", func() { s.put(next, make([]byte, store.MaxDocument+1)) }, false},
		{"a generation that is missing", "log of this server", func() {
			s.door.setShut(true) // or the server may be faster, and have read it all
			defer s.door.setShut(false)
			before := s.snapshot()
			s.sync(warmFile, nextFile)
			for key := range s.snapshot() {
				if before[key] == nil && strings.HasPrefix(key, "objects/") {
					s.drop(key)
				}
			}
		}, true},
	}
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			s.t, r.site.t = t, t
			was := s.snapshot()
			attack.do()
			r.await("that it is refused", func() bool {
				page := r.startPage().Store
				return page != nil && page.Away == ""
			})
			page := r.startPage().Store
			if page == nil || page.Refused == "" || page.Away != "" || !strings.Contains(page.Why, attack.why) {
				t.Errorf("start page: got %+v, want why: %s", page, attack.why)
			}
			r.wantFile(warmFile)
			if got := r.get(s.path(nextFile)); got.status != http.StatusNotFound {
				t.Errorf("what was not believed: got %d", got.status)
			}
			if got := r.metric("patchferry_store_refused_seconds"); got == "0" || got == "" {
				t.Errorf("metric: got %q", got)
			}
			if got := r.get("readyz"); got.status != http.StatusOK {
				t.Errorf("readyz: got %d", got.status)
			}
			if got := r.mark(); got < mark || got > mark && !attack.accepts {
				t.Errorf("the mark: got %d, want %d", got, mark)
			}
			if attack.accepts {
				return // the log has grown
			}
			again := (&testReplica{site: s, work: r.work, env: []string{"PATCHFERRY_SERVE_CACHE=" + t.TempDir()}}).command()
			again.Stderr = nil
			out, err := again.CombinedOutput()
			if again.ProcessState.ExitCode() != exitUntrusted && attack.why != "log of this server" || err == nil {
				t.Errorf("a server that starts now: got %v, want exit status %d: %s", err, exitUntrusted, out)
			}
			s.restore(was)
			r.await("that it is followed again", func() bool { return r.startPage().Store == nil })
		})
	}
	s.t = t
}

// lastState returns the number of the newest state in the bucket.
func (s *bucketSite) lastState() uint64 {
	var last uint64
	for _, key := range s.keys("states") {
		if n, ok := store.ParseStateKey(key); ok {
			last = max(last, n)
		}
	}
	return last
}

// TestReplicaOfHostileObjects: a file that is not what it should be is never served
// to its end, and is served again as soon as it is.
func TestReplicaOfHostileObjects(t *testing.T) {
	t.Parallel()
	small, large := random(1, 100_000), random(2, 3<<20)
	s := newBucketSite(t, map[string][]byte{warmFile: random(3, 1000), coldFile: small, nextFile: large})
	s.sync(warmFile, coldFile, nextFile)
	flipped := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[0] ^= 1
		return b
	}
	for _, attack := range []struct {
		name string
		do   func(data []byte) []byte // nil: removed
	}{
		{"other bytes of the same size", flipped},
		{"another size", func(b []byte) []byte { return append(flipped(b), 'x') }},
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }},
		{"emptied", func([]byte) []byte { return []byte{} }},
		{"another object of the store", func([]byte) []byte { return s.files[warmFile] }},
		{"removed", func([]byte) []byte { return nil }},
	} {
		t.Run(attack.name, func(t *testing.T) {
			s.t = t
			// A work directory for each: the cache is cold. Large files leave while they come.
			r := s.replica("work-"+strings.ReplaceAll(attack.name, " ", "-"), "PATCHFERRY_SERVE_STREAM_OVER=1MiB")
			for _, name := range []string{coldFile, nextFile} {
				data := s.files[name]
				key := store.ObjectKey(layout.DigestOf(data))
				if bad := attack.do(data); bad != nil {
					s.put(key, bad)
				} else {
					s.drop(key)
				}
				for range 3 {
					got := r.get(s.path(name))
					if got.status == http.StatusOK && got.err == nil {
						t.Errorf("%s: got 200 and %d bytes without an error", name, len(got.body))
					}
					if name == coldFile && got.status != http.StatusInternalServerError {
						t.Errorf("%s: got %d, want %d", name, got.status, http.StatusInternalServerError)
					}
				}
				r.wantFile(warmFile)
				s.put(key, data)
				r.wantFile(name)
			}
			if attack.name == "other bytes of the same size" {
				wantNotMixed(t, r)
				if got := r.metric("patchferry_cache_wrong_total"); got != "6" {
					t.Errorf("metric: got %q objects that were wrong, want 6", got)
				}
			}
			if got := r.startPage().Store; got != nil {
				t.Errorf("start page: got %+v: the log was right", got)
			}
			r.kill()
		})
	}
	s.t = t
}

// wantNotMixed holds a server that has sent bytes of the large file that were wrong
// to a rule: nobody goes on with them.
func wantNotMixed(t *testing.T, r *testReplica) {
	t.Helper()
	data := r.site.files[nextFile]
	digest := `"` + layout.DigestOf(data).String() + `"`
	got := r.wantFile(nextFile)
	etag := got.header.Get("Etag")
	if etag == digest {
		t.Errorf("ETag after wrong bytes left: got %s, want another", etag)
	}
	for name, header := range map[string][]string{
		"If-Range with the ETag of before": {"If-Range", digest},
		"If-Range with the date of before": {"If-Range", "Tue, 10 Mar 2026 18:00:00 GMT"},
		"a range by itself":                {},
	} {
		got := r.get(r.site.path(nextFile), append([]string{"Range", "bytes=1000-"}, header...)...)
		if got.status != http.StatusOK || !bytes.Equal(got.body, data) {
			t.Errorf("%s: got %d with %d bytes, want 200 with the whole", name, got.status, len(got.body))
		}
	}
	if got := r.get(r.site.path(nextFile), "Range", "bytes=1000-", "If-Range", etag); got.status != http.StatusPartialContent || !bytes.Equal(got.body, data[1000:]) {
		t.Errorf("If-Range with the new ETag: got %d with %d bytes, want 206", got.status, len(got.body))
	}
	if got := r.get(r.site.path(coldFile)); got.header.Get("Etag") != `"`+layout.DigestOf(r.site.files[coldFile]).String()+`"` {
		t.Errorf("ETag of a file of which no wrong byte left: got %s", got.header.Get("Etag"))
	}
}
