package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
)

// random returns n bytes that are the same each time.
func random(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// TestReplicas serves one bucket from two machines: what is published is on both
// within seconds with the same validators; nothing is listed; and when one is
// killed in the middle of a download, the other goes on with it.
func TestReplicas(t *testing.T) {
	t.Parallel()
	const first, second = "/WindowsXP-KB835732-x86-ENU.EXE", "/Windows2000-KB835732-x86-ENU.EXE"
	s := newBucketSite(t, map[string][]byte{first: random(1, 5<<20), second: random(2, 30_000)})
	s.sync(first)
	a, b := s.replica("work-a"), s.replica("work-b")
	listed := s.door.count("list")

	if got := a.get(s.path(second)); got.status != http.StatusNotFound {
		t.Errorf("before it is published: got %d", got.status)
	}
	s.sync(first, second)
	for _, r := range []*testReplica{a, b} {
		r.await("the second file", func() bool { return r.get(s.path(second)).status == http.StatusOK })
	}
	for _, name := range []string{first, second} {
		x, y := a.wantFile(name), b.wantFile(name)
		for _, header := range []string{"Etag", "Last-Modified", "Repr-Digest", "Content-Length"} {
			if x.header.Get(header) == "" || x.header.Get(header) != y.header.Get(header) {
				t.Errorf("%s of %s: got %q and %q, want the same", header, name, x.header.Get(header), y.header.Get(header))
			}
		}
	}

	var load sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				b.wantFile(first)
			}
		})
	}
	half := a.get(s.path(first), "Range", "bytes=0-2500000")
	a.kill()
	rest := b.get(s.path(first), "Range", "bytes=2500001-", "If-Range", half.header.Get("Etag"))
	if rest.status != http.StatusPartialContent || !bytes.Equal(append(half.body, rest.body...), s.files[first]) {
		t.Errorf("the rest from the other one: got %d with %d bytes, want 206 with the rest", rest.status, len(rest.body))
	}
	close(stop)
	load.Wait()
	a.start()
	a.wantFile(first)
	if got := s.door.count("list") - listed; got != 0 {
		t.Errorf("serving listed the bucket %d times, want never", got)
	}
	// At its start a server tries to write what is there, which must be refused.
	if got := s.door.count("write"); got != 3 {
		t.Errorf("servers that started three times wrote to the bucket %d times, want once each", got)
	}
	if a.mark() != b.mark() {
		t.Errorf("marks: got %d and %d", a.mark(), b.mark())
	}
}

// TestReplicaAsksOnce: whatever fifty hosts want of a cold file, whole or in part,
// the bucket is asked once and sends each byte once; and while nothing happens it
// is asked for one thing a second.
func TestReplicaAsksOnce(t *testing.T) {
	t.Parallel()
	const name = "/WindowsXP-KB835732-x86-ENU.EXE"
	s := newBucketSite(t, map[string][]byte{name: random(1, 20<<20)})
	s.sync(name)
	for _, over := range []string{"1MiB", "64MiB"} {
		r := s.replica("work-"+over, "PATCHFERRY_SERVE_STREAM_OVER="+over)
		digest := layout.DigestOf(s.files[name])
		asked, sent := s.door.object(digest)
		var hosts sync.WaitGroup
		for i := range 50 {
			hosts.Go(func() {
				if i%2 == 0 {
					r.wantFile(name)
					return
				}
				from := i * 400_000
				got := r.get(s.path(name), "Range", fmt.Sprintf("bytes=%d-%d", from, from+99_999))
				if got.status != http.StatusPartialContent || !bytes.Equal(got.body, s.files[name][from:from+100_000]) {
					t.Errorf("range from %d on: got %d with %d bytes, %v", from, got.status, len(got.body), got.err)
				}
			})
		}
		hosts.Wait()
		again, bytes := s.door.object(digest)
		if again-asked != 1 || bytes-sent != 20<<20 {
			t.Errorf("stream over %s: the bucket was asked %d times and sent %d bytes, want once and %d", over, again-asked, bytes-sent, 20<<20)
		}
		before := s.door.count("states")
		time.Sleep(5 * time.Second)
		if got := s.door.count("states") - before; got < 2 || got > 8 {
			t.Errorf("in five seconds the bucket was asked for states %d times, want about five", got)
		}
		r.kill()
	}
}

// TestReplicaWithoutBucket: while the bucket is away, what is kept is served, all
// else is 503 at once; a server even starts; and when it is back all goes on.
func TestReplicaWithoutBucket(t *testing.T) {
	t.Parallel()
	const warm, cold = "/WindowsXP-KB835732-x86-ENU.EXE", "/Windows2000-KB835732-x86-ENU.EXE"
	s := newBucketSite(t, map[string][]byte{warm: random(1, 300_000), cold: random(2, 300_000)})
	s.sync(warm, cold)
	r := s.replica("work-a")
	before := r.wantFile(warm)
	s.door.setShut(true)
	r.await("that the bucket is away", func() bool { return r.startPage().Store != nil })
	wantApart := func() {
		t.Helper()
		if got := r.wantFile(warm); got.header.Get("Etag") != before.header.Get("Etag") {
			t.Errorf("ETag without the bucket: got %s, want %s", got.header.Get("Etag"), before.header.Get("Etag"))
		}
		for range 20 {
			got := r.get(s.path(cold))
			if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("Etag") != "" || got.took > 15*time.Second { // who waited for the bytes would wait for 20
				t.Errorf("a file that is not kept: got %d after %v, %v, want 503 at once", got.status, got.took, got.header)
			}
		}
		page := r.startPage()
		if page.Generation == 0 || page.Store == nil || page.Store.Away == "" || page.Store.Refused != "" {
			t.Errorf("start page: got %+v, want since when the bucket is away", page)
		}
		for _, path := range []string{"healthz", "readyz"} {
			if got := r.get(path); got.status != http.StatusOK || !strings.Contains(string(got.body), "has not answered since") {
				t.Errorf("%s: got %d %s", path, got.status, got.body)
			}
		}
		if got := r.get("", "Accept", "text/html"); !strings.Contains(string(got.body), "The store behind this server has not answered since") {
			t.Errorf("start page for people: got %s", got.body)
		}
		if got := r.metric("patchferry_store_away_seconds"); got == "" || got == "0" {
			t.Errorf("metric: got %q", got)
		}
	}
	wantApart()
	if got := strings.Count(r.stderr.String(), "has not answered since"); got != 1 {
		t.Errorf("the log says it %d times, want once:\n%s", got, r.stderr)
	}

	r.kill()
	indexes, err := filepath.Glob(filepath.Join(r.work, "view*"))
	for _, name := range indexes { // they are made again from what is kept
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil || len(indexes) == 0 {
		t.Fatalf("indexes: %q, %v", indexes, err)
	}
	r.start()
	r.await("that it says how it began", func() bool {
		return strings.Contains(r.stderr.String(), "this server begins with what it kept")
	})
	wantApart()

	fresh := &testReplica{site: s, work: filepath.Join(s.dir, "work-fresh")}
	cmd := fresh.command()
	cmd.Stderr = nil
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("a server that keeps nothing began without the bucket: %s", out)
	}

	s.door.setShut(false)
	r.await("that the bucket is back", func() bool { return r.startPage().Store == nil })
	r.wantFile(cold)
	if got := r.metric("patchferry_store_away_seconds"); got != "0" {
		t.Errorf("metric: got %q, want 0", got)
	}
}

// TestReplicaOfMuteBucket: a bucket that takes requests and answers none costs the
// hosts that ask first some seconds, and those that ask after them none.
func TestReplicaOfMuteBucket(t *testing.T) {
	t.Parallel()
	s := newBucketSite(t, map[string][]byte{warmFile: random(1, 300_000), coldFile: random(2, 300_000)})
	s.sync(warmFile, coldFile)
	r := s.replica("work-a")
	r.wantFile(warmFile)
	s.door.setMute(true)
	if got := r.get(s.path(coldFile)); got.status != http.StatusServiceUnavailable || got.took > 15*time.Second {
		t.Errorf("the first to ask: got %d after %v, want 503 within 15 seconds", got.status, got.took)
	}
	r.await("that the bucket is away", func() bool { return r.startPage().Store != nil })
	if got := r.get(s.path(coldFile)); got.status != http.StatusServiceUnavailable || got.took > 3*time.Second {
		t.Errorf("after that: got %d after %v, want 503 at once", got.status, got.took)
	}
	r.wantFile(warmFile)
	s.door.setMute(false)
	r.await("that the bucket is back", func() bool { return r.get(s.path(coldFile)).status == http.StatusOK })
	r.wantFile(coldFile)
}
