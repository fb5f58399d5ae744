package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"

	"patchferry/layout"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

func TestMain(m *testing.M) {
	minio.DefaultRetryUnit = time.Millisecond // it also waits after its one attempt
	goleak.VerifyTestMain(m)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create makes a store that is closed when the test ends.
func create(t testing.TB, c s3.Config) *s3.Bucket {
	t.Helper()
	return opened(t, c, s3.Create)
}

// shortStall is how long a request may stall in a test in which one does: an
// engine of others may be slow by itself.
func shortStall(e *s3test.Engine) time.Duration {
	if e.Ours() {
		return 100 * time.Millisecond
	}
	return 3 * time.Second
}

// openFunc is Create or Open.
type openFunc func(context.Context, s3.Config) (*s3.Bucket, error)

func opened(t testing.TB, c s3.Config, open openFunc) *s3.Bucket {
	t.Helper()
	b, err := open(t.Context(), c)
	check(t, err)
	t.Cleanup(func() { check(t, b.Close()) })
	return b
}

// site is a bucket with a store that is reached through faults.
type site struct {
	engine *s3test.Engine
	config s3.Config // without the faults
	faults *s3test.Faults
	store  *s3.Bucket
}

// newSite makes one whose store waits for next to nothing.
func newSite(t testing.TB, e *s3test.Engine) *site {
	t.Helper()
	s := &site{engine: e, config: e.Bucket(t), faults: new(s3test.Faults)}
	s.config.RetryWait = time.Millisecond
	c := s.config
	c.Transport = s.faults.Wrap
	s.store = create(t, c)
	check(t, s.store.Create(t.Context(), 1, []byte("state 1")))
	return s
}

// keys returns what is in the bucket, by the engine's own word.
func (s *site) keys(t testing.TB) []string {
	t.Helper()
	var keys []string
	for o := range s.engine.Client().ListObjectsIter(t.Context(), s.config.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		check(t, o.Err)
		keys = append(keys, o.Key)
	}
	return keys
}

// uploads returns how many multipart uploads were begun and did not end.
func (s *site) uploads(t testing.TB) int {
	t.Helper()
	core := minio.Core{Client: s.engine.Client()}
	got, err := core.ListMultipartUploads(t.Context(), s.config.Bucket, "", "", "", "", 1000)
	check(t, err)
	return len(got.Uploads)
}

// wantKeys checks what is in the bucket besides the format and state 1.
func (s *site) wantKeys(t testing.TB, want ...string) {
	t.Helper()
	want = append(want, "format", "states/0000000001.asc")
	slices.Sort(want)
	if got := s.keys(t); !slices.Equal(got, want) {
		t.Errorf("keys: got %q, want %q", got, want)
	}
}

// randomBytes returns n bytes that differ for each seed.
func randomBytes(seed uint64, n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(n)})
	_, _ = r.Read(data)
	return data
}

// fileOf returns an open file of data.
func fileOf(t testing.TB, data []byte) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "object")
	check(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.Write(data)
	check(t, err)
	return f
}

func put(t testing.TB, b *s3.Bucket, data []byte) error {
	t.Helper()
	return b.Put(t.Context(), layout.DigestOf(data), int64(len(data)), fileOf(t, data))
}

func readAll(t testing.TB, b *s3.Bucket, d layout.Digest, offset, n int64) ([]byte, error) {
	t.Helper()
	r, err := b.Open(t.Context(), d, offset, n)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func wantObject(t testing.TB, b *s3.Bucket, data []byte) {
	t.Helper()
	got, err := readAll(t, b, layout.DigestOf(data), 0, -1)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("object: got %d bytes, %v, want the %d that were put", len(got), err, len(data))
	}
}

// wantSays checks that an error is there, and names all of words.
func wantSays(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error: got %q, want %q in it", err, word)
		}
	}
}
