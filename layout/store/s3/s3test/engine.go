package s3test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"patchferry/layout/store/s3"
)

// Engine is a running S3 engine.
type Engine struct {
	Endpoint             string // host:port
	Plain                bool   // http
	Region               string
	AccessKey, SecretKey string
	CA                   string // path, or ""

	small   int      // bytes of its disk; 0 is that of the machine
	process *process // nil where the engine is not ours
	client  *minio.Client
}

// Start starts an engine that is stopped when the test ends, or returns the one
// that the environment names. Where there is none the test is skipped, or fails
// if PATCHFERRY_REQUIRE names s3.
func Start(t testing.TB) *Engine {
	t.Helper()
	e, err := outside()
	if e == nil && err == nil {
		e, err = inside(t, &Engine{Plain: true})
	}
	return e.orSkip(t, err)
}

// StartDomain is Start with an engine that also knows a bucket by the name
// BUCKET.domain. Engines of others are not asked.
func StartDomain(t testing.TB, domain string) *Engine {
	t.Helper()
	e, err := inside(t, &Engine{Plain: true}, "--virtual-domain", domain)
	return e.orSkip(t, err)
}

// orSkip ends a test for which there is no engine.
func (e *Engine) orSkip(t testing.TB, err error) *Engine {
	t.Helper()
	if err == nil {
		return e
	}
	if slices.Contains(strings.Split(os.Getenv("PATCHFERRY_REQUIRE"), ","), "s3") {
		t.Fatalf("needs s3, which PATCHFERRY_REQUIRE names: %v", err)
	}
	t.Skipf("SKIP: needs s3: %v", err)
	return nil
}

// outside returns the engine that the environment names, nil where it names none.
func outside() (*Engine, error) {
	endpoint := os.Getenv("TEST_S3_ENDPOINT")
	if endpoint == "" {
		return nil, nil
	}
	scheme, host, ok := strings.Cut(endpoint, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("TEST_S3_ENDPOINT is %q, not http://host:port", endpoint)
	}
	e := &Engine{
		Endpoint: strings.TrimSuffix(host, "/"), Plain: scheme == "http", Region: os.Getenv("TEST_S3_REGION"),
		AccessKey: os.Getenv("TEST_S3_ACCESS_KEY"), SecretKey: os.Getenv("TEST_S3_SECRET_KEY"), CA: os.Getenv("TEST_S3_CA"),
	}
	return e, e.connect()
}

// inside starts versitygw on a new folder, as the engine e.
func inside(t testing.TB, e *Engine, args ...string) (*Engine, error) {
	t.Helper()
	name, err := program()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(t.TempDir())
	if err != nil {
		return nil, err
	}
	e.AccessKey, e.SecretKey = "test"+rand.Text()[:12], rand.Text()
	e.process = &process{name: name, dir: dir, log: filepath.Join(dir, "log"), args: args, small: e.small, env: []string{
		"ROOT_ACCESS_KEY_ID=" + e.AccessKey, "ROOT_SECRET_ACCESS_KEY=" + e.SecretKey,
	}}
	t.Cleanup(e.Stop)
	const tries = 5 // a port that was free may be taken when the engine comes to it
	for range tries {
		if err = e.startAt("127.0.0.1:0"); err == nil {
			return e, nil
		}
	}
	return nil, err
}

// startAt starts the engine's process and waits until it answers.
func (e *Engine) startAt(address string) error {
	if strings.HasSuffix(address, ":0") {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		address = l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
	}
	e.Endpoint = address
	if err := e.connect(); err != nil {
		return err
	}
	if err := e.process.start(address); err != nil {
		return err
	}
	if err := e.await(); err != nil {
		e.Stop()
		return fmt.Errorf("%w: %s", err, e.process.said())
	}
	return nil
}

// await waits until the engine knows its keys: another program may have come to
// the port first.
func (e *Engine) await() error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := e.client.ListBuckets(ctx)
		cancel()
		if err == nil {
			return nil
		}
		if e.process.ended() || time.Now().After(deadline) {
			return fmt.Errorf("versitygw does not answer: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// connect makes the client with which the test itself speaks to the engine. It
// keeps no connections.
func (e *Engine) connect() error {
	if e.AccessKey == "" || e.SecretKey == "" {
		return errors.New("TEST_S3_ACCESS_KEY and TEST_S3_SECRET_KEY are not set")
	}
	if e.Region == "" {
		e.Region = s3.DefaultRegion
	}
	transport, err := minio.DefaultTransport(!e.Plain)
	if err != nil {
		return err
	}
	transport.Proxy, transport.DisableKeepAlives = nil, true
	if e.CA != "" && !e.Plain {
		if transport.TLSClientConfig.RootCAs, err = pool(e.CA); err != nil {
			return err
		}
	}
	e.client, err = minio.New(e.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(e.AccessKey, e.SecretKey, ""),
		Secure: !e.Plain, Region: e.Region, MaxRetries: 5, BucketLookup: minio.BucketLookupPath,
		Transport: http.RoundTripper(transport),
	})
	return err
}

// Client speaks to the engine without patchferry's code: with it a test looks at
// what is really there, or does what a hostile owner would.
func (e *Engine) Client() *minio.Client { return e.client }

// Bucket makes a new and empty bucket, and a file of the keys to it. It is
// removed with all that is in it when the test ends.
func (e *Engine) Bucket(t testing.TB) s3.Config {
	t.Helper()
	name := "test-" + strings.ToLower(rand.Text())
	// t.Context ends before clean-up.
	ctx := context.WithoutCancel(t.Context())
	if err := e.client.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: e.Region}); err != nil {
		t.Fatalf("make bucket: %v", err)
	}
	if e.process == nil {
		t.Cleanup(func() {
			err := e.RemoveBucket(ctx, name)
			if err != nil && minio.ToErrorResponse(err).Code != "NoSuchBucket" { // the test removed it
				t.Errorf("remove bucket %s: %v", name, err)
			}
		})
	}
	return s3.Config{
		Bucket: name, Endpoint: e.Endpoint, Plain: e.Plain, Region: e.Region, Style: s3.Path,
		Credentials: e.CredentialsFile(t), CA: e.CA,
	}
}

// CredentialsFile returns the path of a new file with the engine's keys.
func (e *Engine) CredentialsFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "credentials")
	doc := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", e.AccessKey, e.SecretKey)
	if err := os.WriteFile(name, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// RemoveBucket removes a bucket with all that is in it.
func (e *Engine) RemoveBucket(ctx context.Context, name string) error {
	for o := range e.client.ListObjectsIter(ctx, name, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		if err := e.client.RemoveObject(ctx, name, o.Key, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
	}
	return e.client.RemoveBucket(ctx, name)
}

// Ours reports whether the engine was started by the test, so that Stop and
// Resume work, and its folder can be looked at.
func (e *Engine) Ours() bool { return e.process != nil }

// Folder returns the folder in which an engine of ours keeps its buckets.
func (e *Engine) Folder() string { return e.process.data() }

// Stop ends an engine of ours at once, as a loss of power would. An engine of
// others goes on.
func (e *Engine) Stop() {
	if e.process != nil {
		e.process.stop()
	}
}

// Resume starts a stopped engine of ours again, at the same address and with what
// it had.
func (e *Engine) Resume(t testing.TB) {
	t.Helper()
	if e.process == nil {
		t.Skip("SKIP: the engine is not the test's own")
	}
	if err := e.startAt(e.Endpoint); err != nil {
		t.Errorf("resume the engine: %v", err)
	}
}
