package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// work does everything that a store can do once, and checks that each thing is
// done as it should be. number is one that the store has not seen.
func work(t *testing.T, b *s3.Bucket, number uint64) {
	t.Helper()
	ctx := t.Context()
	small, large := randomBytes(number, 1000), randomBytes(number, 500_000)
	for _, data := range [][]byte{small, large} {
		check(t, put(t, b, data))
		wantObject(t, b, data)
		got, err := readAll(t, b, layout.DigestOf(data), 100, 200)
		if err != nil || !bytes.Equal(got, data[100:300]) {
			t.Errorf("range: got %d bytes, %v", len(got), err)
		}
	}
	n, err := b.Newest(ctx)
	if err != nil || n != number-1 {
		t.Fatalf("newest: got %d, %v, want %d", n, err, number-1)
	}
	doc := fmt.Appendf(nil, "state %d", number)
	if err := b.Create(ctx, number, doc); err != nil && !errors.Is(err, store.ErrExists) {
		t.Fatal(err) // ErrExists may be about the first attempt
	}
	if got, err := b.Read(ctx, number); err != nil || !bytes.Equal(got, doc) {
		t.Errorf("read state: got %q, %v, want %q", got, err, doc)
	}
	key := layout.DigestOf(doc)
	check(t, b.Bind(ctx, key, doc))
	for bound, err := range b.Bindings(ctx) {
		if err != nil || !bytes.Equal(bound.Doc, doc) {
			t.Errorf("bindings: got %q, %v, want %q", bound.Doc, err, doc)
		}
	}
	check(t, b.Unbind(ctx, key))
	_, err = b.Bound(ctx, key)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bound: got error %v, want that it is not there", err)
	}
	var listed []store.Info
	for info, err := range b.List(ctx, layout.Digest{}) {
		check(t, err)
		listed = append(listed, info)
	}
	if len(listed) != 2 {
		t.Errorf("list: got %v, want 2 objects", listed)
	}
	for _, data := range [][]byte{small, large} {
		check(t, b.Delete(ctx, layout.DigestOf(data)))
	}
}

// TestPassingFaults: whatever befalls single requests, and whichever they are,
// the work is done, and done right.
func TestPassingFaults(t *testing.T) {
	e := s3test.Start(t)
	tests := []struct {
		name  string
		fault s3test.Fault
	}{
		{"reset", s3test.Fault{Reset: true}},
		{"answer lost", s3test.Fault{Lost: true}},
		{"answer lost, 500 in its place", s3test.Fault{Lost: true, Status: 500, Code: "InternalError"}},
		{"answer lost, 503 in its place", s3test.Fault{Lost: true, Status: 503}},
		{"500", s3test.Fault{Status: 500, Code: "InternalError"}},
		{"500 without a word", s3test.Fault{Status: 500}},
		{"502", s3test.Fault{Status: 502}},
		{"503", s3test.Fault{Status: 503, Code: "SlowDown", Header: http.Header{"Retry-After": {"0"}}}},
		{"504", s3test.Fault{Status: 504}},
		{"408", s3test.Fault{Status: 408, Code: "RequestTimeout"}},
		{"429", s3test.Fault{Status: 429}},
		{"conflict", s3test.Fault{Status: 409, Code: "ConditionalRequestConflict"}},
		{"400 for the time it took", s3test.Fault{Status: 400, Code: "RequestTimeout"}},
		{"cut short", s3test.Fault{Cut: 50}},
		{"stalled", s3test.Fault{Stall: 50}},
		{"silence", s3test.Fault{Hang: true}},
		{"silence after it was done", s3test.Fault{Lost: true, Hang: true}},
		{"other bytes sent", s3test.Fault{Method: "PUT", Spoil: true}},
		{"slow", s3test.Fault{Delay: time.Millisecond}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, e)
			c := s.config
			c.Transport = s.faults.Wrap
			if tt.fault.Hang || tt.fault.Stall > 0 {
				c.Stall, c.Retries = shortStall(e), 20
			}
			s.store = opened(t, c, s3.Open)
			for _, method := range []string{"PUT", "GET", "HEAD", "DELETE"} {
				fault := tt.fault
				if fault.Method == "" {
					fault.Method = method
				}
				if method != fault.Method || method == "HEAD" && (fault.Cut > 0 || fault.Stall > 0) {
					continue
				}
				number, err := opened(t, s.config, s3.Open).Newest(t.Context())
				check(t, err)
				// Each request of the method in turn: what comes before it goes through.
				for after := range 4 {
					fault.After, fault.Times = after, 2
					s.faults.Set(fault)
					work(t, s.store, number+uint64(after)+1)
				}
				s.faults.Set()
			}
			if n := s.uploads(t); n != 0 {
				t.Errorf("uploads left behind: %d", n)
			}
			for _, key := range s.keys(t) {
				if _, ok := store.ParseStateKey(key); !ok && key != store.FormatKey {
					t.Errorf("left behind: %s", key)
				}
			}
		})
	}
}

// TestLastingFaults: what does not pass ends in an error that names the cause;
// nothing wrong is stored; when it is over the work goes on.
func TestLastingFaults(t *testing.T) {
	e := s3test.Start(t)
	tests := []struct {
		name  string
		fault s3test.Fault
		is    error
		says  []string
	}{
		{"reset", s3test.Fault{Reset: true}, syscall.ECONNRESET, []string{e.Endpoint}},
		{"500", s3test.Fault{Status: 500, Code: "InternalError"}, nil, []string{e.Endpoint, "500 InternalError"}},
		{"503", s3test.Fault{Status: 503, Code: "SlowDown"}, nil, []string{"503 SlowDown"}},
		{"denied", s3test.Fault{Status: 403, Code: "AccessDenied"}, fs.ErrPermission, []string{"may not do this", "credentials"}},
		{"signature", s3test.Fault{Status: 403, Code: "SignatureDoesNotMatch"}, fs.ErrPermission, []string{"secret key", "region="}},
		{"key", s3test.Fault{Status: 403, Code: "InvalidAccessKeyId"}, fs.ErrPermission, []string{"does not know the credentials"}},
		{"expired", s3test.Fault{Status: 400, Code: "ExpiredToken"}, fs.ErrPermission, []string{"have expired", "renew"}},
		{"other region", s3test.Fault{Status: 400, Code: "AuthorizationHeaderMalformed", Header: http.Header{"X-Amz-Bucket-Region": {"eu-north-1"}}}, nil, []string{"us-east-1", "eu-north-1", "region="}},
		{"moved", s3test.Fault{Status: 301, Code: "PermanentRedirect"}, nil, []string{"region="}},
		{"full, versitygw", s3test.Fault{Status: 507, Code: "InsufficientStorage"}, syscall.ENOSPC, []string{"takes no more"}},
		{"full, MinIO", s3test.Fault{Status: 507, Code: "XMinioStorageFull"}, syscall.ENOSPC, []string{"takes no more"}},
		{"quota, MinIO", s3test.Fault{Status: 400, Code: "XMinioAdminBucketQuotaExceeded"}, syscall.ENOSPC, []string{"quota"}},
		{"quota, Ceph", s3test.Fault{Status: 403, Code: "QuotaExceeded"}, syscall.ENOSPC, []string{"quota"}},
		{"skew", s3test.Fault{Skew: -time.Hour}, nil, []string{"the clocks differ", "here and", "set the clock"}},
		{"a proxy's 404", s3test.Fault{Status: 404}, nil, []string{"did not say what is missing"}},
		{"no bucket", s3test.Fault{Status: 404, Code: "NoSuchBucket"}, s3.ErrNoBucket, []string{"no bucket"}},
		{"silence", s3test.Fault{Hang: true}, nil, []string{"no byte came or went"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, e)
			c := s.config
			c.Transport, c.Stall, c.Retries = s.faults.Wrap, shortStall(e), 1
			s.store = opened(t, c, s3.Open)
			data := randomBytes(1, 1000)
			d := layout.DigestOf(data)
			check(t, put(t, s.store, data))
			s.faults.Set(tt.fault)
			other := randomBytes(2, 1000)
			_, openErr := readAll(t, s.store, d, 0, -1)
			_, statErr := s.store.Stat(t.Context(), d)
			_, readErr := s.store.Read(t.Context(), 1)
			_, newestErr := s.store.Newest(t.Context())
			errs := map[string]error{
				"put": put(t, s.store, other), "open": openErr, "stat": statErr, "read": readErr, "newest": newestErr,
				"create": s.store.Create(t.Context(), 2, []byte("state 2")),
				"bind":   s.store.Bind(t.Context(), d, []byte("binding")),
				"delete": s.store.Delete(t.Context(), d),
			}
			for name, err := range errs {
				if err == nil || tt.is != nil && !errors.Is(err, tt.is) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrExists) {
					t.Errorf("%s: got error %v, want one that matches %v", name, err, tt.is)
				}
				wantSays(t, err, tt.says...)
			}
			s.wantKeys(t, store.ObjectKey(d))
			s.faults.Set()
			check(t, s.store.Delete(t.Context(), d))
			work(t, s.store, 2)
		})
	}
}
