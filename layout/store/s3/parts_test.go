package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// largeSize is over what is sent with one request, and no multiple of a part.
const largeSize = 64<<20 + 4321

var large = sync.OnceValue(func() []byte { return randomBytes(99, largeSize) })

// TestPutLarge: an object over 64 MiB is sent in parts, is there whole, leaves
// nothing else, and is not sent again.
func TestPutLarge(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := large()
	s.faults.Log()
	check(t, put(t, s.store, data))
	parts := 0
	for _, line := range s.faults.Log() {
		if strings.HasPrefix(line, "PUT ") && strings.Contains(line, "partNumber=") {
			parts++
		}
	}
	if parts != 5 {
		t.Errorf("parts: got %d, want 5", parts)
	}
	wantObject(t, s.store, data)
	got, err := readAll(t, s.store, layout.DigestOf(data), 16<<20-5, 10)
	if err != nil || !bytes.Equal(got, data[16<<20-5:16<<20+5]) {
		t.Errorf("range over two parts: got %d bytes, %v", len(got), err)
	}
	s.faults.Log()
	check(t, put(t, s.store, data))
	for _, line := range s.faults.Log() {
		if !strings.HasPrefix(line, "HEAD ") {
			t.Errorf("put again: asked %s", line)
		}
	}
	if n := s.uploads(t); n != 0 {
		t.Errorf("uploads left behind: %d", n)
	}
	s.wantKeys(t, store.ObjectKey(layout.DigestOf(data)))
}

// completeError answers a completion with 200 and an error, as engines do that
// begin to answer before they know.
func completeError(resp *http.Response) *http.Response {
	resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
	return s3test.Body(resp, []byte("<Error><Code>InternalError</Code><Message>on purpose</Message></Error>"))
}

// TestPutLargeFaults: whatever befalls an upload in parts, it is there whole or
// not at all, and no part of it is left.
func TestPutLargeFaults(t *testing.T) {
	e := s3test.Start(t)
	tests := []struct {
		name  string
		fault s3test.Fault
		put   bool
	}{
		{"begin refused once", s3test.Fault{Method: "POST", Query: "uploads", Times: 1, Status: 503}, true},
		{"begin refused", s3test.Fault{Method: "POST", Query: "uploads", Status: 503}, false},
		{"part lost once", s3test.Fault{Query: "partNumber=2", Times: 1, Lost: true}, true},
		{"part reset once", s3test.Fault{Query: "partNumber=1", Times: 1, Reset: true}, true},
		{"part with other bytes once", s3test.Fault{Query: "partNumber=3", Times: 1, Spoil: true}, true},
		{"part with other bytes", s3test.Fault{Query: "partNumber=3", Spoil: true}, false},
		{"part refused", s3test.Fault{Query: "partNumber=4", Status: 507, Code: "XMinioStorageFull"}, false},
		{"answer of completion lost", s3test.Fault{Method: "POST", Query: "uploadId", Times: 1, Lost: true}, true},
		{"answer of completion lost, 500", s3test.Fault{Method: "POST", Query: "uploadId", Times: 1, Lost: true, Status: 500}, true},
		{"completion fails in its answer", s3test.Fault{Method: "POST", Query: "uploadId", Times: 1, Answer: completeError}, true},
		{"completion refused", s3test.Fault{Method: "POST", Query: "uploadId", Status: 500, Code: "InternalError"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, e)
			s.faults.Set(tt.fault)
			data := large()
			err := put(t, s.store, data)
			if (err == nil) != tt.put {
				t.Errorf("put: got error %v, want success: %v", err, tt.put)
			}
			s.faults.Set()
			if n := s.uploads(t); n != 0 && !strings.HasPrefix(tt.name, "begin") {
				t.Errorf("uploads left behind: %d", n)
			}
			if !tt.put {
				s.wantKeys(t)
				check(t, put(t, s.store, data))
			}
			wantObject(t, s.store, data)
		})
	}
}

// TestPutLargeAtOnce: several who put the same object in parts are all content.
func TestPutLargeAtOnce(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := large()
	d, f := layout.DigestOf(data), fileOf(t, data)
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range errs {
		b := create(t, s.config)
		wg.Go(func() { errs[i] = b.Put(t.Context(), d, largeSize, f) })
	}
	wg.Wait()
	check(t, errors.Join(errs...))
	wantObject(t, s.store, data)
	if n := s.uploads(t); n != 0 {
		t.Errorf("uploads left behind: %d", n)
	}
}

// TestPutLargeCancelled: whoever stops an upload leaves nothing of it.
func TestPutLargeCancelled(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := large()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.faults.Set(s3test.Fault{Query: "partNumber=4", Answer: func(resp *http.Response) *http.Response {
		cancel()
		return resp
	}})
	if err := s.store.Put(ctx, layout.DigestOf(data), largeSize, fileOf(t, data)); !errors.Is(err, context.Canceled) {
		t.Errorf("put: got error %v, want that it was cancelled", err)
	}
	s.faults.Set()
	s.wantKeys(t)
	if n := s.uploads(t); n != 0 {
		t.Errorf("uploads left behind: %d", n)
	}
}

// TestPutLargeLateParts: an engine may still put parts away while an upload whose
// sender has gone is given up. Such an engine is one here that at first removes nothing.
func TestPutLargeLateParts(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.faults.Set(
		s3test.Fault{Query: "partNumber=2", Hang: true}, // so that the upload cannot end before it is cut off
		s3test.Fault{Query: "partNumber=1", Answer: func(resp *http.Response) *http.Response {
			cancel()
			return resp
		}},
		s3test.Fault{Method: "DELETE", Query: "uploadId", Times: 2, Status: http.StatusNoContent},
	)
	data := large()
	if err := s.store.Put(ctx, layout.DigestOf(data), largeSize, fileOf(t, data)); !errors.Is(err, context.Canceled) {
		t.Errorf("put: got error %v, want that it was cancelled", err)
	}
	s.faults.Set()
	if n := s.uploads(t); n != 0 {
		t.Errorf("uploads left behind: %d", n)
	}
}

// TestSweep: what was begun long ago and never ended goes; what is young, and
// what others upload to the same bucket, stays.
func TestSweep(t *testing.T) {
	for _, prefix := range []string{"", "site"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			e := s3test.Start(t)
			c := e.Bucket(t)
			c.Prefix = prefix
			b := create(t, c)
			skipWithoutUploads(t, b)
			core := minio.Core{Client: e.Client()}
			folder := ""
			if prefix != "" {
				folder = prefix + "/"
			}
			begin := func(key string) {
				_, err := core.NewMultipartUpload(t.Context(), c.Bucket, key, minio.PutObjectOptions{})
				check(t, err)
			}
			begin(folder + store.ObjectKey(layout.DigestOf([]byte("1"))))
			begin(folder + store.ObjectKey(layout.DigestOf([]byte("1"))))
			begin(folder + store.ObjectKey(layout.DigestOf([]byte("2"))))
			begin(folder + "scratch/x/parts")
			begin("somebody/else")
			doc := []byte("scratch")
			_, err := core.PutObject(t.Context(), c.Bucket, folder+"scratch/x/put", bytes.NewReader(doc), int64(len(doc)), "", "", minio.PutObjectOptions{})
			check(t, err)
			check(t, put(t, b, doc))

			for _, want := range []struct {
				age time.Duration
				n   int
			}{{time.Hour, 0}, {-time.Minute, 5}, {-time.Minute, 0}} {
				if n, err := b.Sweep(t.Context(), want.age); n != want.n || err != nil {
					t.Errorf("sweep of what is %s old: got %d, %v, want %d", want.age, n, err, want.n)
				}
			}
			wantObject(t, b, doc)
			left, err := core.ListMultipartUploads(t.Context(), c.Bucket, "", "", "", "", 100)
			check(t, err)
			if len(left.Uploads) != 1 || left.Uploads[0].Key != "somebody/else" {
				t.Errorf("uploads left: got %v, want that of somebody else", left.Uploads)
			}
		})
	}
}

// TestMemory: an object costs no memory by its size, in neither direction.
func TestMemory(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := large()
	f, d := fileOf(t, data), layout.DigestOf(data)
	const limit = 8 << 20
	allocated := func(work func()) int64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		work()
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	if n := allocated(func() { check(t, s.store.Put(t.Context(), d, largeSize, f)) }); n > limit {
		t.Errorf("put of %d bytes: allocated %d, want at most %d", largeSize, n, limit)
	}
	n := allocated(func() {
		r, err := s.store.Open(t.Context(), d, 0, -1)
		check(t, err)
		_, err = io.Copy(io.Discard, r)
		check(t, errors.Join(err, r.Close()))
	})
	if n > limit {
		t.Errorf("read of %d bytes: allocated %d, want at most %d", largeSize, n, limit)
	}
	t.Logf("read allocated %d bytes", n)
}

// skipWithoutUploads ends a test on an engine that lists no uploads.
func skipWithoutUploads(t *testing.T, b *s3.Bucket) {
	t.Helper()
	p, err := b.Probe(t.Context())
	check(t, err)
	for _, c := range p.Checks {
		if c.Name == "multipart-list" && c.Result != s3.Honoured {
			t.Skipf("SKIP: the engine lists no uploads: %s", c.Found)
		}
	}
}
