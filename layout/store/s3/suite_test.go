package s3_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
	"patchferry/layout/store/storetest"
)

// TestBucketSuite: a bucket is a store like any other, at its root and below a
// prefix.
func TestBucketSuite(t *testing.T) {
	e := s3test.Start(t)
	for _, prefix := range []string{"", "site/patchferry"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				c := e.Bucket(t)
				c.Prefix = prefix
				return create(t, c)
			})
		})
	}
}

// TestOpenRefuses: what is no store is not opened, and only made one where nothing
// else is.
func TestOpenRefuses(t *testing.T) {
	e := s3test.Start(t)
	put := func(key, doc string) func(t *testing.T, c s3.Config) {
		return func(t *testing.T, c s3.Config) {
			if c.Prefix != "" {
				key = c.Prefix + "/" + key
			}
			_, err := e.Client().PutObject(t.Context(), c.Bucket, key, strings.NewReader(doc), int64(len(doc)), minio.PutObjectOptions{})
			check(t, err)
		}
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, c s3.Config)
		want    error  // of Open; nil is any
		says    string // by Open
		creates bool   // Create succeeds
	}{
		{"empty", func(*testing.T, s3.Config) {}, store.ErrNoStore, "patchferry init", true},
		{"scratch keys", put("scratch/x/put", "x"), store.ErrNoStore, "patchferry init", true},
		{"other things", put("photo.jpg", "x"), store.ErrNoStore, "patchferry init", false},
		{"objects without a format", put("objects/sha256/x", "x"), store.ErrNoStore, "patchferry init", false},
		{"other format", put("format", "{}"), store.ErrNoStore, "not ours", false},
		{"newer format", put("format", `{"format":"patchferry-store","version":2}`), nil, "newer patchferry", false},
	}
	for _, tt := range tests {
		for _, prefix := range []string{"", "a/b"} {
			t.Run(tt.name+" "+prefix, func(t *testing.T) {
				c := e.Bucket(t)
				c.Prefix = prefix
				tt.prepare(t, c)
				_, err := s3.Open(t.Context(), c)
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("open: got error %v, want %v", err, tt.want)
				}
				wantSays(t, err, tt.says)
				b, err := s3.Create(t.Context(), c)
				if (err == nil) != tt.creates {
					t.Errorf("create: got error %v, want success: %v", err, tt.creates)
				}
				if err == nil {
					check(t, b.Close())
				}
			})
		}
	}
}

// TestCreateBeside: stores below several prefixes of a bucket know nothing of
// each other, and a store that is made twice is one. The keys and the format
// document are those of a directory.
func TestCreateBeside(t *testing.T) {
	e := s3test.Start(t)
	one := e.Bucket(t)
	one.Prefix = "one"
	other := one
	other.Prefix = "one-more"
	work(t, create(t, one), 1)
	b := create(t, other)
	if n, err := b.Newest(t.Context()); n != 0 || err != nil {
		t.Errorf("newest of the other: got %d, %v, want 0", n, err)
	}
	if n, err := create(t, one).Newest(t.Context()); n != 1 || err != nil {
		t.Errorf("newest of a store that is made again: got %d, %v, want 1", n, err)
	}
	got, err := e.Client().GetObject(t.Context(), one.Bucket, "one/format", minio.GetObjectOptions{})
	check(t, err)
	doc, err := io.ReadAll(got)
	check(t, errors.Join(err, got.Close()))
	if want := `{"format":"patchferry-store","version":1}` + "\n"; string(doc) != want {
		t.Errorf("format: got %q, want %q", doc, want)
	}
}

// TestStrangers: keys that are not ours are neither listed nor in the way.
func TestStrangers(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	data := randomBytes(1, 100)
	check(t, put(t, s.store, data))
	upper := strings.ToUpper(layout.DigestOf(data).String())
	for _, key := range []string{
		"states/.DS_Store", "states/0000000002.asc~", "states/2.asc", "objects/sha256/README", "objects/sha256/00/" + upper,
		"bindings/README", "bindings/00/x.json", "aaa", "zzz",
	} {
		_, err := s.engine.Client().PutObject(t.Context(), s.config.Bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{})
		check(t, err)
	}
	b := opened(t, s.config, s3.Open)
	if n, err := b.Newest(t.Context()); n != 1 || err != nil {
		t.Errorf("newest: got %d, %v, want 1", n, err)
	}
	var got []store.Info
	for info, err := range b.List(t.Context(), layout.Digest{}) {
		check(t, err)
		got = append(got, info)
	}
	if want := []store.Info{{Digest: layout.DigestOf(data), Size: 100}}; !slices.Equal(got, want) {
		t.Errorf("list: got %v, want %v", got, want)
	}
	for bound, err := range b.Bindings(t.Context()) {
		t.Errorf("bindings: got %v, %v", bound, err)
	}
}

// TestLongLog: a log of more states than a page of a listing has is found whole,
// with one listing, and then with one request.
func TestLongLog(t *testing.T) {
	const states = 1100
	s := newSite(t, s3test.Start(t))
	var group errgroup.Group
	group.SetLimit(8)
	for n := uint64(2); n <= states; n++ {
		group.Go(func() error {
			_, err := s.engine.Client().PutObject(t.Context(), s.config.Bucket, store.StateKey(n), strings.NewReader("x"), 1, minio.PutObjectOptions{})
			return err
		})
	}
	check(t, group.Wait())
	c := s.config
	c.Transport = s.faults.Wrap
	b := opened(t, c, s3.Open)
	for _, requests := range []int{3, 1} { // two pages, and the number that comes next
		s.faults.Log()
		if n, err := b.Newest(t.Context()); n != states || err != nil {
			t.Errorf("newest: got %d, %v, want %d", n, err, states)
		}
		if log := s.faults.Log(); len(log) != requests {
			t.Errorf("requests: got %q, want %d", log, requests)
		}
	}
}

// TestDamagedObject: an object of another size is no object of ours.
func TestDamagedObject(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	for _, size := range []int{100, 300_000, largeSize} {
		data := randomBytes(5, size)
		key := store.ObjectKey(layout.DigestOf(data))
		_, err := s.engine.Client().PutObject(t.Context(), s.config.Bucket, key, strings.NewReader("cut"), 3, minio.PutObjectOptions{})
		check(t, err)
		wantSays(t, put(t, s.store, data), "damaged", "patchferry audit")
	}
}

// TestStyles: a bucket may also stand before the engine's name. versitygw knows
// that style where it is told its domain.
func TestStyles(t *testing.T) {
	e := s3test.StartDomain(t, "engine.test")
	c := e.Bucket(t)
	c.Endpoint, c.Style = "engine.test"+c.Endpoint[strings.LastIndexByte(c.Endpoint, ':'):], s3.Host
	var asked []string
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, address)
		return new(net.Dialer).DialContext(ctx, network, e.Endpoint)
	}
	work(t, create(t, c), 1)
	for _, address := range asked {
		if want := c.Bucket + "." + c.Endpoint; address != want {
			t.Errorf("dialed %s, want %s", address, want)
		}
	}
	if len(asked) == 0 {
		t.Error("nobody was asked")
	}
}
