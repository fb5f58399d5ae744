package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// TestNotCreateOnly: an engine that writes over what is there is not written to,
// and a probe says so.
func TestNotCreateOnly(t *testing.T) {
	e := s3test.Start(t)
	c := e.Bucket(t)
	weak := c
	weak.Transport = e.Weak(s3test.Weakness{CreateOnly: true})
	if _, err := s3.Create(t.Context(), weak); !errors.Is(err, s3.ErrNotHonoured) {
		t.Errorf("create: got error %v, want that the engine is refused", err)
	}
	good := create(t, c)
	check(t, good.Create(t.Context(), 1, []byte("state 1")))
	data := randomBytes(1, 1000)
	check(t, put(t, good, data))

	b := opened(t, weak, s3.Open)
	wantObject(t, b, data) // reading is allowed
	d := layout.DigestOf(data)
	for act, err := range map[string]error{
		"create": b.Create(t.Context(), 1, []byte("other")),
		"next":   b.Create(t.Context(), 2, []byte("other")),
		"bind":   b.Bind(t.Context(), d, []byte("other")),
		"put":    put(t, b, randomBytes(2, 1000)),
	} {
		if !errors.Is(err, s3.ErrNotHonoured) {
			t.Errorf("%s: got error %v, want that the engine is refused", act, err)
		}
	}
	wantObject(t, good, data)
	if got, err := good.Read(t.Context(), 1); err != nil || string(got) != "state 1" {
		t.Errorf("state 1: got %q, %v", got, err)
	}
	p, err := b.Probe(t.Context())
	check(t, err)
	if p.Writable() {
		t.Error("probe: it says that the engine can be written to")
	}
	want := map[string]s3.Result{"create-only": s3.Broken, "create-only-race": s3.Broken}
	for _, c := range p.Checks {
		if c.Name == "multipart-create-only" && !e.Ours() {
			want[c.Name] = c.Result // Ceph 16 does not honour it
		}
	}
	wantChecks(t, p, want)
}

// wantChecks checks that the named checks had these results, and all others
// that they were honoured.
func wantChecks(t *testing.T, p *s3.Probe, want map[string]s3.Result) {
	t.Helper()
	for _, c := range p.Checks {
		result, ok := want[c.Name]
		if !ok {
			result = s3.Honoured
		}
		if c.Result != result {
			t.Errorf("%s: got %s (%s), want %s", c.Name, c.Result, c.Found, result)
		}
		if (c.Result == s3.Honoured) != (c.Found == "" && c.Instead == "") || c.Asks == "" {
			t.Errorf("%s: it is %s, and says %q, %q, %q", c.Name, c.Result, c.Asks, c.Found, c.Instead)
		}
	}
}

// TestWeakEngines: what is missing on some engines does no harm, and is named.
func TestWeakEngines(t *testing.T) {
	e := s3test.Start(t)
	if !e.Ours() {
		t.Skip("SKIP: what is weak besides is not known of other engines")
	}
	tests := []struct {
		name     string
		weakness s3test.Weakness
		want     map[string]s3.Result
		writable bool
	}{
		{"uploads in parts write over what is there", s3test.Weakness{CompleteOnly: true}, map[string]s3.Result{"multipart-create-only": s3.Missing}, true},
		// versitygw 1.8.0 publishes what it has of an upload that breaks off, where
		// no digest tells it better.
		{"digests are not compared", s3test.Weakness{Digests: true}, map[string]s3.Result{
			"digest": s3.Missing, "multipart-digest": s3.Missing, "torn": s3.Broken,
		}, false},
		{"errors without a word", s3test.Weakness{Codes: true}, map[string]s3.Result{
			"missing-key": s3.Broken, "digest": s3.Unknown, "torn": s3.Unknown, "multipart": s3.Unknown, "delete": s3.Unknown,
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := e.Bucket(t)
			create(t, c)
			c.Transport = e.Weak(tt.weakness)
			b := opened(t, c, s3.Open)
			p, err := b.Probe(t.Context())
			check(t, err)
			wantChecks(t, p, tt.want)
			if p.Writable() != tt.writable {
				t.Errorf("writable: got %v, want %v", p.Writable(), tt.writable)
			}
			if tt.writable {
				work(t, b, 1)
				check(t, put(t, b, large()))
				check(t, put(t, b, large()))
				wantObject(t, b, large())
			}
		})
	}
}

// listing is an answer of a list of keys.
func listing(keys ...string) func(*http.Response) *http.Response {
	var b strings.Builder
	b.WriteString("<ListBucketResult><IsTruncated>false</IsTruncated>")
	for _, key := range keys {
		fmt.Fprintf(&b, "<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>", key)
	}
	b.WriteString("</ListBucketResult>")
	return func(resp *http.Response) *http.Response { return s3test.Body(resp, []byte(b.String())) }
}

// header changes one line of an answer's head.
func header(name, value string) func(*http.Response) *http.Response {
	return func(resp *http.Response) *http.Response {
		resp.Header.Set(name, value)
		return resp
	}
}

// TestHostileAnswers: an answer that is not one to the question is an error, and
// never a store that is empty or an object that is other.
func TestHostileAnswers(t *testing.T) {
	e := s3test.Start(t)
	s := newSite(t, e)
	data := randomBytes(1, 10_000)
	check(t, put(t, s.store, data))
	d := layout.DigestOf(data)
	object := func(b byte) string { return store.ObjectKey(layout.Digest{b}) }
	tests := []struct {
		name string
		key  string // of the request that is answered so
		do   func(*http.Response) *http.Response
		act  func(b *s3.Bucket) error
		says string
	}{
		{"list out of order", "", listing(object(2), object(1)), listAll(t), "out of order"},
		{"list twice", "", listing(object(2), object(2)), listAll(t), "out of order"},
		{"list of other keys", "", listing("zzz/" + object(1)), listAll(t), "out of order"},
		{"list without an end", "", func(resp *http.Response) *http.Response {
			resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("<ListBucketResult>"), endless{})), -1
			return resp
		}, listAll(t), "longer than"},
		{"list that is no list", "", func(resp *http.Response) *http.Response { return s3test.Body(resp, []byte("{}")) }, listAll(t), "cannot be read"},
		{"states with a hole", "", listing("states/0000000001.asc", "states/0000000003.asc"), func(b *s3.Bucket) error {
			_, err := b.Newest(t.Context())
			return err
		}, "hole"},
		{"other range", object2(d), header("Content-Range", "bytes 5-9/10000"), readRange(t, d, 10, 5), "asked were 5 from 10 on"},
		{"other total", object2(d), header("Content-Range", "bytes 10-14/12"), readRange(t, d, 10, 5), "asked were 2 from 10 on"},
		{"range without a range", object2(d), header("Content-Range", ""), readRange(t, d, 10, 5), "Content-Range"},
		{"whole in place of a range", object2(d), func(resp *http.Response) *http.Response {
			resp.StatusCode = http.StatusOK
			return resp
		}, readRange(t, d, 10, 5), "200 to a request of a range"},
		{"part in place of the whole", object2(d), func(resp *http.Response) *http.Response {
			resp.StatusCode = http.StatusPartialContent
			return resp
		}, readRange(t, d, 0, -1), "206 to a request of the whole"},
		{"shorter range", object2(d), header("Content-Length", "3"), readRange(t, d, 10, 5), "sends 3 bytes"},
		{"no length", object2(d), func(resp *http.Response) *http.Response {
			resp.Header.Del("Content-Length")
			return resp
		}, readRange(t, d, 0, -1), "bytes"},
		{"nothing under the length", object2(d), func(resp *http.Response) *http.Response {
			resp.Body = http.NoBody
			return resp
		}, readRange(t, d, 0, -1), io.ErrUnexpectedEOF.Error()},
		{"large document", "states/", func(resp *http.Response) *http.Response {
			return s3test.Body(resp, make([]byte, store.MaxDocument+1))
		}, func(b *s3.Bucket) error {
			_, err := b.Read(t.Context(), 1)
			return err
		}, "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			faults := new(s3test.Faults)
			c := s.config
			c.Transport, c.Retries = faults.Wrap, 1
			b := opened(t, c, s3.Open)
			faults.Set(s3test.Fault{Method: "GET", Key: tt.key, Answer: tt.do})
			err := tt.act(b)
			wantSays(t, err, tt.says)
			if errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got error %v: nothing is known of the key", err)
			}
			faults.Set()
			wantObject(t, b, data)
		})
	}
}

func object2(d layout.Digest) string { return store.ObjectKey(d) }

func listAll(t *testing.T) func(*s3.Bucket) error {
	return func(b *s3.Bucket) error {
		for _, err := range b.List(t.Context(), layout.Digest{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func readRange(t *testing.T, d layout.Digest, offset, n int64) func(*s3.Bucket) error {
	return func(b *s3.Bucket) error {
		_, err := readAll(t, b, d, offset, n)
		return err
	}
}

// endless is a text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte(" "), len(p)))
	return len(p), nil
}

// TestReaderGoesOn: a reader whose answers break off asks for the rest, as long as
// each brings something; the bytes are right; one request is enough where
// nothing breaks.
func TestReaderGoesOn(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := randomBytes(1, 1_000_000)
	check(t, put(t, s.store, data))
	d := layout.DigestOf(data)
	s.faults.Log()
	got, err := readAll(t, s.store, d, 1000, 500_000)
	if err != nil || !bytes.Equal(got, data[1000:501_000]) {
		t.Errorf("range: got %d bytes, %v", len(got), err)
	}
	if log := s.faults.Log(); len(log) != 1 {
		t.Errorf("requests of a range: got %q, want one", log)
	}
	for name, fault := range map[string]s3test.Fault{
		"cut":     {Method: "GET", Cut: 40_000},
		"stalled": {Method: "GET", Stall: 300_000},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.config
			c.Transport, c.Stall = s.faults.Wrap, shortStall(s.engine)
			b := opened(t, c, s3.Open)
			s.faults.Set(fault)
			defer s.faults.Set()
			wantObject(t, b, data)
			got, err := readAll(t, b, d, 123, 900_000)
			if err != nil || !bytes.Equal(got, data[123:900_123]) {
				t.Errorf("range: got %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestWrongBytesAreNotCached: bytes that change on the way are refused by the
// cache that stands before a bucket, which asks again when it is asked again.
func TestWrongBytesAreNotCached(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := randomBytes(1, 100_000)
	check(t, put(t, s.store, data))
	d := layout.DigestOf(data)
	cache, err := store.OpenCache(t.TempDir(), 1<<20, s.store)
	check(t, err)
	defer func() { check(t, cache.Close()) }()
	read := func() ([]byte, error) {
		r, err := cache.Open(t.Context(), d, 0, -1)
		if err != nil {
			return nil, err
		}
		got, err := io.ReadAll(r)
		return got, errors.Join(err, r.Close())
	}
	s.faults.Set(s3test.Fault{Method: "GET", Key: store.ObjectFolder, Garble: true})
	var mismatch *layout.MismatchError
	if got, err := read(); !errors.As(err, &mismatch) || len(got) == len(data) {
		t.Errorf("other bytes: got %d bytes, %v, want that they are refused", len(got), err)
	}
	s.faults.Set()
	if got, err := read(); err != nil || !bytes.Equal(got, data) {
		t.Errorf("right bytes: got %d, %v", len(got), err)
	}
}
