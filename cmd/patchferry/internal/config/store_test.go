package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"patchferry/cmd/patchferry/internal/config"
)

func TestBucket(t *testing.T) {
	l := load(t, `store = "s3://updates/mirror?endpoint=https://10.1.2.3:9000&style=path&credentials=keys/bucket&ca=/etc/ca.pem"`)
	dir := filepath.Dir(l.File)
	b, ok := l.Bucket()
	if !ok || b.Bucket != "updates" || b.Prefix != "mirror" || b.Endpoint != "10.1.2.3:9000" || b.Plain {
		t.Errorf("got %+v, %v", b, ok)
	}
	if want := filepath.Join(dir, "keys", "bucket"); b.Credentials != want || b.CA != filepath.FromSlash("/etc/ca.pem") {
		t.Errorf("got the files %s and %s, want %s and /etc/ca.pem", b.Credentials, b.CA, want)
	}
	if got, want := l.StoreName(), "s3://updates/mirror?endpoint=https://10.1.2.3:9000&style=path"; got != want {
		t.Errorf("got the name %s, want %s", got, want)
	}
	if got := l.StorePath(); got != "" {
		t.Errorf("a bucket has the path %s", got)
	}
	if _, ok := load(t, `store = "store"`).Bucket(); ok {
		t.Error("a directory is a bucket")
	}
}

// TestStoreFromTheEnvironment sets the one line that differs by its variable.
func TestStoreFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	env := []string{"PATCHFERRY_STORE=s3://updates?endpoint=10.1.2.3&credentials=bucket"}
	l, err := config.Load(config.Request{Env: env, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := l.Bucket(); !ok || b.Endpoint != "10.1.2.3" || b.Plain || b.Credentials != filepath.Join(dir, "bucket") {
		t.Errorf("got %+v, %v", b, ok)
	}
	env = []string{"PATCHFERRY_STORE=s3://id:secret@updates?endpoint=10.1.2.3"}
	if _, err := config.Load(config.Request{Env: env, Dir: dir}); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "PATCHFERRY_STORE") {
		t.Errorf("got %v, want the variable named and no secret", err)
	}
}

func TestFarEndpoint(t *testing.T) {
	for _, tt := range []struct{ endpoint, want string }{
		{"http://127.0.0.1:7070", "127.0.0.1:7070"},
		{"http://10.1.2.3", "10.1.2.3:80"},
		{"https://192.168.1.2", "192.168.1.2:443"},
		{"172.16.0.1:9000", "172.16.0.1:9000"},
		{"https://[fd00::1]:9000", "[fd00::1]:9000"},
		{"https://[::1]", "[::1]:443"},
		{"https://[2001:db8::1]:9000", ""},
		{"https://172.32.0.1:9000", ""},
		{"https://100.64.0.1:9000", ""},
		{"https://8.8.8.8", ""},
		{"https://localhost:9000", ""},
		{"https://0.0.0.0:9000", ""},
	} {
		l := load(t, `store = "s3://updates?endpoint=`+tt.endpoint+`"`)
		b, _ := l.Bucket()
		got, err := config.FarEndpoint(b)
		if tt.want == "" && err == nil || tt.want != "" && (err != nil || got.String() != tt.want) {
			t.Errorf("%s: got %s, %v; want %q", tt.endpoint, got, err, tt.want)
		}
	}
}

// TestWithStore takes a store from a command line, relative to where that was
// typed.
func TestWithStore(t *testing.T) {
	c := &load(t, `store = "store"`).Config
	dir := t.TempDir()
	for _, tt := range []struct{ text, want string }{
		{"copy", filepath.Join(dir, "copy")},
		{"file:///srv/copy", filepath.FromSlash("/srv/copy")},
		{"s3://updates?endpoint=http://10.1.2.3&credentials=bucket", "s3://updates?endpoint=http://10.1.2.3&credentials=" + filepath.ToSlash(filepath.Join(dir, "bucket"))},
	} {
		other, err := c.WithStore(tt.text, dir)
		if err != nil || other.Store != tt.want {
			t.Errorf("%s: got %+v, %v; want %s", tt.text, other, err, tt.want)
		}
	}
	for _, text := range []string{"ftp://x/y", "s3://id:secret@updates?endpoint=10.1.2.3", "s3://updates?endpoint=10.1.2.3&secret=secret"} {
		if _, err := c.WithStore(text, dir); err == nil || strings.Contains(err.Error(), "=secret") || strings.Contains(err.Error(), ":secret") {
			t.Errorf("%s: got %v, want an error without the secret", text, err)
		}
	}
}
