package s3_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
)

// keysFile writes a file of credentials.
func keysFile(t testing.TB, doc string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "credentials")
	check(t, os.WriteFile(name, []byte(doc), 0o600))
	return name
}

func section(name, access, secret string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id=%s\naws_secret_access_key=%s\n", name, access, secret)
}

// TestCredentials: where they may come from, and what is said of wrong ones. No
// error has a secret in it.
func TestCredentials(t *testing.T) {
	e := s3test.Start(t)
	base := e.Bucket(t)
	create(t, base)
	const wrong = "WrongSecretWrongSecretWrongSecret"
	tests := []struct {
		name string
		set  func(t *testing.T, c *s3.Config)
		is   error
		says []string // nil: it works
	}{
		{"file", func(t *testing.T, c *s3.Config) {}, nil, nil},
		{"section of a file", func(t *testing.T, c *s3.Config) {
			c.Credentials = keysFile(t, section("default", "x", wrong)+"; comment\n\n"+section("mirror", e.AccessKey, e.SecretKey))
			c.Profile = "mirror"
		}, nil, nil},
		{"environment", func(t *testing.T, c *s3.Config) {
			c.Credentials = ""
			t.Setenv("AWS_ACCESS_KEY_ID", e.AccessKey)
			t.Setenv("AWS_SECRET_ACCESS_KEY", e.SecretKey)
		}, nil, nil},
		{"the file wins over the environment", func(t *testing.T, c *s3.Config) {
			t.Setenv("AWS_ACCESS_KEY_ID", "x")
			t.Setenv("AWS_SECRET_ACCESS_KEY", wrong)
		}, nil, nil},
		{"none", func(t *testing.T, c *s3.Config) {
			c.Credentials = ""
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", c.Credentials) // not asked
			t.Setenv("AWS_SECRET_ACCESS_KEY", wrong)
		}, nil, []string{"no credentials", "credentials=FILE"}},
		{"no file", func(t *testing.T, c *s3.Config) { c.Credentials += ".missing" }, fs.ErrNotExist, []string{"credentials"}},
		{"no section", func(t *testing.T, c *s3.Config) { c.Profile = "other" }, nil, []string{"no section [other]"}},
		{"half a section", func(t *testing.T, c *s3.Config) {
			c.Credentials = keysFile(t, "[default]\naws_secret_access_key="+wrong+"\n")
		}, nil, []string{"aws_access_key_id"}},
		{"a blank in a key", func(t *testing.T, c *s3.Config) {
			c.Credentials = keysFile(t, section("default", "x", wrong+" "+wrong))
		}, nil, []string{"blank"}},
		{"wrong secret", func(t *testing.T, c *s3.Config) {
			c.Credentials = keysFile(t, section("default", e.AccessKey, wrong))
		}, fs.ErrPermission, []string{"signature", "secret key"}},
		{"unknown key", func(t *testing.T, c *s3.Config) {
			c.Credentials = keysFile(t, section("default", "NobodysKey", wrong))
		}, fs.ErrPermission, []string{"does not know the credentials"}},
		{"other region", func(t *testing.T, c *s3.Config) { c.Region = "eu-north-1" }, nil, []string{"region", "eu-north-1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "other region" && !e.Ours() {
				t.Skip("SKIP: MinIO and Ceph that have no region take any")
			}
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			c := base
			tt.set(t, &c)
			if tt.says == nil {
				work(t, opened(t, c, s3.Open), 1)
				return
			}
			_, err := s3.Open(t.Context(), c)
			wantSays(t, err, tt.says...)
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got error %v, want one that matches %v", err, tt.is)
			}
			if strings.Contains(err.Error(), wrong) || strings.Contains(err.Error(), e.SecretKey) {
				t.Errorf("a secret stands in the error %q", err)
			}
		})
		check(t, e.RemoveBucket(t.Context(), base.Bucket))
		base = e.Bucket(t)
		create(t, base)
	}
}

// TestCredentialsRenewed: keys that are refused are read again from their file,
// and the request is made with the new ones.
func TestCredentialsRenewed(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	old, err := os.ReadFile(s.config.Credentials)
	check(t, err)
	// Ceph says AccessDenied of a key that it knew a moment ago.
	for _, code := range []string{"ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"} {
		t.Run(code, func(t *testing.T) {
			faults := new(s3test.Faults)
			c := s.config
			c.Transport = faults.Wrap
			c.Credentials = keysFile(t, string(old))
			b := opened(t, c, s3.Open)
			faults.Set(s3test.Fault{Status: 403, Code: code, Times: 1})
			if _, err := b.Read(t.Context(), 1); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("read with the same keys: got error %v, want that they are refused", err)
			}
			check(t, os.WriteFile(c.Credentials, append(old, "aws_session_token=renewed\n"...), 0o600))
			faults.Set(s3test.Fault{Status: 403, Code: code, Times: 1}, s3test.Fault{Answer: func(resp *http.Response) *http.Response {
				if got := resp.Request.Header.Get("X-Amz-Security-Token"); got != "renewed" {
					t.Errorf("token: got %q, want the renewed one", got)
				}
				resp.StatusCode = http.StatusOK
				resp.Header.Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
				return s3test.Body(resp, []byte("state 1"))
			}})
			if got, err := b.Read(t.Context(), 1); err != nil || string(got) != "state 1" {
				t.Errorf("read with renewed keys: got %q, %v", got, err)
			}
		})
	}
}

// carrier is a function that carries requests.
type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// TestCredentialsRenewedByMany: of many requests that are refused at the same
// time one finds the new keys, and none fails. The engine says no word.
func TestCredentialsRenewedByMany(t *testing.T) {
	const readers = 8
	e := s3test.Start(t)
	c := e.Bucket(t)
	create(t, c)
	renewed := section("default", e.AccessKey, e.SecretKey) + "aws_session_token=new\n"
	var refused sync.WaitGroup
	refused.Add(readers)
	c.Transport = func(next http.RoundTripper) http.RoundTripper {
		return carrier(func(r *http.Request) (*http.Response, error) {
			if !strings.Contains(r.URL.Path, "/objects/") {
				return next.RoundTrip(r)
			}
			resp := &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: r}
			if r.Header.Get("X-Amz-Security-Token") == "new" {
				resp.StatusCode, resp.ContentLength = http.StatusOK, 1000
				resp.Header.Set("Content-Length", "1000")
				resp.Header.Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
				return resp, nil
			}
			if r.Method == http.MethodGet { // it follows a HEAD
				refused.Done()
				refused.Wait() // all are under way with the old keys
			}
			return resp, nil
		})
	}
	b := opened(t, c, s3.Open)
	check(t, os.WriteFile(c.Credentials, []byte(renewed), 0o600))
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			if size, err := b.Stat(t.Context(), layout.Digest{1}); err != nil || size != 1000 {
				t.Errorf("look up with renewed keys: got %d, %v", size, err)
			}
		})
	}
	all.Wait()
}

// TestBucketGone: a bucket that is missing never looks like a store that is
// empty.
func TestBucketGone(t *testing.T) {
	s := newSite(t, s3test.Start(t))
	if !s.engine.Ours() {
		t.Skip("SKIP: the bucket is removed when the test ends")
	}
	data := randomBytes(1, 1000)
	check(t, put(t, s.store, data))
	fresh := opened(t, s.config, s3.Open)
	check(t, s.engine.RemoveBucket(t.Context(), s.config.Bucket))
	d := layout.DigestOf(data)
	for name, b := range map[string]*s3.Bucket{"used": s.store, "fresh": fresh} {
		_, statErr := b.Stat(t.Context(), d)
		_, openErr := b.Open(t.Context(), d, 0, -1)
		_, nothingErr := b.Open(t.Context(), d, 0, 0)
		_, newestErr := b.Newest(t.Context())
		_, readErr := b.Read(t.Context(), 1)
		_, boundErr := b.Bound(t.Context(), d)
		errs := map[string]error{
			"stat": statErr, "open": openErr, "open of nothing": nothingErr, "newest": newestErr, "read": readErr, "bound": boundErr,
			"put": put(t, b, randomBytes(2, 1000)), "put again": put(t, b, data), "put large": put(t, b, large()),
			"create": b.Create(t.Context(), 2, []byte("x")), "bind": b.Bind(t.Context(), d, []byte("x")),
			"delete": b.Delete(t.Context(), d), "unbind": b.Unbind(t.Context(), d),
		}
		for _, err := range b.List(t.Context(), layout.Digest{}) {
			errs["list"] = err
		}
		for _, err := range b.Bindings(t.Context()) {
			errs["bindings"] = err
		}
		for act, err := range errs {
			if !errors.Is(err, s3.ErrNoBucket) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %s: got error %v, want that the bucket is not there", name, act, err)
			}
		}
	}
	for name, open := range map[string]openFunc{"open": s3.Open, "create": s3.Create} {
		_, err := open(t.Context(), s.config)
		if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, s3.ErrNoBucket) {
			t.Errorf("%s: got error %v, want that there is no bucket", name, err)
		}
		wantSays(t, err, s.config.Bucket, "make it on the engine")
	}
}

// TestTLS: a certificate is held to the authorities that are configured.
func TestTLS(t *testing.T) {
	e := s3test.StartTLS(t)
	c := e.Bucket(t)
	work(t, create(t, c), 1)

	strange := c
	strange.CA = ""
	_, err := s3.Open(t.Context(), strange)
	wantSays(t, err, "certificate", "ca=FILE")
	strange.RootCAs = x509.NewCertPool()
	_, err = s3.Open(t.Context(), strange)
	wantSays(t, err, "certificate", "ca=FILE")
	plain := c
	plain.Plain, plain.Retries = true, -1
	_, err = s3.Open(t.Context(), plain)
	wantSays(t, err, c.Endpoint)
	noPEM := c
	noPEM.CA = keysFile(t, "no certificate")
	_, err = s3.Open(t.Context(), noPEM)
	wantSays(t, err, noPEM.CA, "BEGIN CERTIFICATE")
	other := s3test.Start(t).Bucket(t)
	other.Plain = false
	_, err = s3.Open(t.Context(), other)
	wantSays(t, err, "does not speak TLS", "http://")
}

// TestAddress: an endpoint that is wrong is named at once.
func TestAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	closed := l.Addr().String()
	check(t, l.Close())
	c := s3.Config{Bucket: "bucket", Plain: true, Credentials: keysFile(t, section("default", "a", "b"))}
	tests := []struct {
		name, endpoint string
		is             error
		says           []string
	}{
		{"nobody listens", closed, syscall.ECONNREFUSED, []string{"nothing listens at " + closed, "endpoint="}},
		{"no such name", "engine.invalid", nil, []string{"engine.invalid", "endpoint="}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c
			c.Endpoint = tt.endpoint
			start := time.Now()
			_, err := s3.Open(t.Context(), c)
			wantSays(t, err, tt.says...)
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got error %v, want one that matches %v", err, tt.is)
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNoStore) {
				t.Errorf("got error %v: nothing is known of the bucket", err)
			}
			t.Logf("after %s", time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestDial: all connections go through the dialer that is handed in.
func TestDial(t *testing.T) {
	e := s3test.Start(t)
	c := e.Bucket(t)
	dialed := make(chan string, 100)
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed <- address
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	work(t, create(t, c), 1)
	close(dialed)
	count := 0
	for address := range dialed {
		count++
		if address != c.Endpoint {
			t.Errorf("dialed %s, want %s alone", address, c.Endpoint)
		}
	}
	if count == 0 {
		t.Error("the dialer was not asked")
	}
}

// TestInstance: the machine that a store runs on is asked for keys only where
// that is configured, over the store's own dialer, and the environment comes
// first.
func TestInstance(t *testing.T) {
	e := s3test.Start(t)
	c := e.Bucket(t)
	create(t, c)
	c.Credentials = ""
	asked := 0
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Expiration":%q}`, e.AccessKey, e.SecretKey, time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	defer instance.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", instance.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	_, err := s3.Open(t.Context(), c)
	wantSays(t, err, "no credentials")
	if asked != 0 {
		t.Error("the instance was asked though it is not configured")
	}
	c.Instance = true
	var dialed []string
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	b := opened(t, c, s3.Open)
	work(t, b, 1)
	if asked != 1 || !slices.Contains(dialed, strings.TrimPrefix(instance.URL, "http://")) {
		t.Errorf("the instance was asked %d times, want once, over the store's dialer (%q)", asked, dialed)
	}
	instance.Close()
	_, err = s3.Open(t.Context(), c)
	wantSays(t, err, "connection refused")
}
