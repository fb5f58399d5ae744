package distribute_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/distribute"
	"patchferry/distribute/hosttest"
	"patchferry/layout"
)

// TestBITS downloads as the Background Intelligent Transfer Service does. In the
// middle the server is replaced by another over the same catalog.
func TestBITS(t *testing.T) {
	fx := newFixture()
	src := fx.folder(t)
	serve := func() *running {
		s := &distribute.Server{Source: src}
		s.Swap(fx.view(t))
		return start(t, s)
	}
	srv := serve()
	job := &hosttest.BITS{URL: srv.url(w2kPath), Client: srv.client}
	if err := job.Pieces(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	srv = serve()
	job.URL, job.Client = srv.url(w2kPath), srv.client
	if err := job.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(job.Content(), fx.contents[w2kPath]) {
		t.Error("the file is another")
	}
}

// TestDeliveryOptimization downloads as that service does.
func TestDeliveryOptimization(t *testing.T) {
	fx, srv := serveFixture(t)
	want := fx.contents[w2kPath]
	d := &hosttest.DeliveryOptimization{
		Addr: srv.addr, Host: "ferry.lan", Path: w2kPath, Size: int64(len(want)), Pieces: hosttest.PiecesOf(want),
		Query: func(int) string { return "cacheHostOrigin=dl.delivery.mp.microsoft.com" },
	}
	got, err := d.Fetch(t.Context())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file is another, or %v", err)
	}
}

// need skips a test where a program is not installed, unless PATCHFERRY_REQUIRE
// names it.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if strings.Contains(os.Getenv("PATCHFERRY_REQUIRE"), program) {
		t.Fatalf("%s is required: %v", program, err)
	}
	t.Skipf("SKIP: needs %s", program)
	return ""
}

func runClient(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// TestCurl takes up a download that was broken off.
func TestCurl(t *testing.T) {
	curl := need(t, "curl")
	fx, srv := serveFixture(t)
	want := fx.contents[w2kPath]
	path := filepath.Join(t.TempDir(), "file.exe")
	if err := os.WriteFile(path, want[:1_000_000], 0o644); err != nil {
		t.Fatal(err)
	}
	runClient(t, curl, "--fail", "--silent", "--show-error", "-C", "-", "-o", path, srv.url(w2kPath))
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file is another, or %v", err)
	}
}

// TestAria2 downloads over four connections; aria2 checks the digest itself.
func TestAria2(t *testing.T) {
	aria2c := need(t, "aria2c")
	fx, srv := serveFixture(t)
	dir := t.TempDir()
	runClient(t, aria2c, "-x4", "-s4", "-k1M", "--no-conf", "--dir", dir, "-o", "file.exe", srv.url(w2kPath))
	if got, err := os.ReadFile(filepath.Join(dir, "file.exe")); err != nil || !bytes.Equal(got, fx.contents[w2kPath]) {
		t.Errorf("the file is another, or %v", err)
	}
}

// TestAria2ChecksTheDigest proves that the header which aria2 goes by is there
// and right, by serving other bytes under it.
func TestAria2ChecksTheDigest(t *testing.T) {
	aria2c := need(t, "aria2c")
	fx := newFixture()
	src := fx.folder(t)
	d := layout.DigestOf(fx.contents[w2kPath])
	wrong := bytes.Clone(fx.contents[w2kPath])
	wrong[5]++
	if err := os.WriteFile(src.path(d), wrong, 0o644); err != nil {
		t.Fatal(err)
	}
	s := &distribute.Server{Source: src}
	s.Swap(fx.view(t))
	srv := start(t, s)
	out, err := exec.CommandContext(t.Context(), aria2c, "--no-conf", "--dir", t.TempDir(), "-o", "file.exe", srv.url(w2kPath)).CombinedOutput()
	if err == nil {
		t.Errorf("aria2c accepts other bytes:\n%s", out)
	}
}

// TestTLS serves over TLS, HTTP/1.1 alone, and takes a new certificate while
// it runs; a pair that does not fit leaves the old one.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert := &distribute.Certificate{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	if _, err := cert.Listen(nil); err == nil {
		t.Fatal("Listen without a certificate: no error")
	}
	writePair(t, cert, 1)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := cert.Listen(inner)
	if err != nil {
		t.Fatal(err)
	}
	fx := newFixture()
	s := &distribute.Server{Source: fx.folder(t)}
	s.Swap(fx.view(t))
	srv := startOn(t, s, l)
	transport := srv.client.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.ForceAttemptHTTP2 = true
	get := func(want int64) {
		t.Helper()
		transport.CloseIdleConnections()
		res, err := srv.client.Get("https://" + srv.addr + w2kPath)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(res.Body); err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 1 || !bytes.Equal(body.Bytes(), fx.contents[w2kPath]) {
			t.Errorf("%s with %d bytes", res.Proto, body.Len())
		}
		if got := res.TLS.PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("certificate %d, want %d", got, want)
		}
	}
	get(1)
	writePair(t, cert, 2)
	get(2)
	if err := os.WriteFile(cert.KeyFile, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	get(2)
	writePair(t, cert, 33333333333)
	get(33333333333)
}

// writePair writes a certificate with that serial number and its key, with
// times of their own: two files written at once may have the same.
func writePair(t *testing.T, c *distribute.Certificate, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		c.CertFile: {Type: "CERTIFICATE", Bytes: der},
		c.KeyFile:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(serial, 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDigestHeaders compares both digest headers with the body.
func TestDigestHeaders(t *testing.T) {
	fx, srv := serveFixture(t)
	d := layout.DigestOf(fx.contents[driverPath])
	sum := base64.StdEncoding.EncodeToString(d[:])
	for _, value := range []string{"", "bytes=0-9", "bytes=0-9,20-29"} {
		res, _ := srv.do(t, http.MethodGet, driverPath, "Range", value)
		if got, want := res.Header.Get("Repr-Digest"), "sha-256=:"+sum+":"; got != want {
			t.Errorf("Range %q: Repr-Digest is %q, want %q", value, got, want)
		}
		if got, want := res.Header.Get("Digest"), "SHA-256="+sum; got != want {
			t.Errorf("Range %q: Digest is %q, want %q", value, got, want)
		}
	}
}
