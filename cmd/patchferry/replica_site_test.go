package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/layout/store/s3"
	"patchferry/layout/store/s3/s3test"
	"patchferry/mirror/upstream/hostile"
)

// door stands between servers and a real engine: it counts what passes, and can
// be shut.
type door struct {
	server *httptest.Server

	mu       sync.Mutex
	asked    map[string]int   // requests by kind: list, states, object, write, other
	objects  map[string]int   // requests for the content of an object, by its digest
	sent     map[string]int64 // bytes of it
	shut     bool             // every connection is closed at once
	mute     bool             // nothing is ever answered
	behindIt *httputil.ReverseProxy
}

func newDoor(t *testing.T, e *s3test.Engine) *door {
	t.Helper()
	d := &door{asked: make(map[string]int), objects: make(map[string]int), sent: make(map[string]int64)}
	carrier := &http.Transport{} // its own: a far side shuts the one of everybody
	t.Cleanup(carrier.CloseIdleConnections)
	d.behindIt = &httputil.ReverseProxy{
		Transport: carrier,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: e.Endpoint})
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { cutConnection(w) },
	}
	d.server = httptest.NewServer(d)
	t.Cleanup(d.server.Close)
	return d
}

func cutConnection(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	digest := ""
	kind := "other"
	switch {
	case r.URL.Query().Has("list-type"):
		kind = "list"
	case strings.Contains(r.URL.Path, "/states/"):
		kind = "states"
	case strings.Contains(r.URL.Path, "/objects/"):
		kind, digest = "object", filepath.Base(r.URL.Path)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		kind = "write"
	}
	d.mu.Lock()
	shut, mute := d.shut, d.mute
	d.asked[kind]++
	d.objects[digest]++
	d.mu.Unlock()
	if mute {
		<-r.Context().Done()
	}
	if shut || mute {
		cutConnection(w)
		return
	}
	d.behindIt.ServeHTTP(&counting{w, d, digest}, r)
}

// counting counts the bytes of a body.
type counting struct {
	http.ResponseWriter
	door   *door
	digest string
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.door.sent[c.digest] += int64(n)
	return n, err
}

// Unwrap lets a flush through.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (d *door) setShut(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = shut
}

func (d *door) setMute(mute bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mute = mute
}

// count returns the requests of a kind so far.
func (d *door) count(kind string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[kind]
}

// object returns the requests for an object, and the bytes sent.
func (d *door) object(digest layout.Digest) (int, int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.objects[digest.String()], d.sent[digest.String()]
}

// site is a mirror whose store is in a bucket, and servers of it behind a door.
type bucketSite struct {
	t      *testing.T
	engine *s3test.Engine
	door   *door
	bucket s3.Config
	pub    *hostile.Publisher
	dir    string
	files  map[string][]byte
}

// newBucketSite makes one whose publisher has these files.
func newBucketSite(t *testing.T, files map[string][]byte) *bucketSite {
	t.Helper()
	s := &bucketSite{t: t, engine: s3test.Start(t), files: maps.Clone(files), dir: t.TempDir()}
	s.bucket = s.engine.Bucket(t)
	s.door = newDoor(t, s.engine)
	s.pub = hostile.New(files)
	t.Cleanup(s.pub.Close)
	if r := runIn(t.Context(), s.dir, "init", "near", "--dir", s.dir, "--no-passphrase", "--store", s.bucket.String()); r.code != exitDone {
		t.Fatalf("init near exits %d: %s", r.code, r.stderr)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(s.pub.URL("/"), "http://"), "/")
	source := fmt.Sprintf("\n[[source]]\nname = \"test\"\nkind = \"links\"\npath = \"list.txt\"\nhosts = [%q]\n", host)
	config, err := os.OpenFile(filepath.Join(s.dir, "patchferry.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.WriteString(source)
	if err := errors.Join(err, config.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

// sync lists these files and publishes them.
func (s *bucketSite) sync(names ...string) {
	s.t.Helper()
	var list strings.Builder
	for _, name := range names {
		fmt.Fprintf(&list, "%s sha256=%s\n", s.pub.URL(name), layout.DigestOf(s.files[name]))
	}
	if err := os.WriteFile(filepath.Join(s.dir, "list.txt"), []byte(list.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if r := runIn(s.t.Context(), s.dir, "sync"); r.code != exitDone {
		s.t.Fatalf("sync exits %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// path returns where servers have a file.
func (s *bucketSite) path(name string) string {
	return "objects/sha256/" + layout.DigestOf(s.files[name]).String()
}

// replica is a server of the site, a process of its own with its own work directory.
type testReplica struct {
	site   *bucketSite
	work   string
	env    []string
	cmd    *exec.Cmd
	url    string
	stderr *safeBuffer
}

// safeBuffer is a buffer that is read while a process writes to it.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// replica starts a server with the work directory of that name.
func (s *bucketSite) replica(work string, env ...string) *testReplica {
	s.t.Helper()
	r := &testReplica{site: s, work: filepath.Join(s.dir, work), env: env}
	r.start()
	s.t.Cleanup(r.kill)
	return r
}

// command returns the server as it is started.
func (r *testReplica) command() *exec.Cmd {
	at := r.site.bucket
	at.Endpoint = strings.TrimPrefix(r.site.door.server.URL, "http://")
	cmd := exec.Command("patchferry", "serve", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "PATCHFERRY_CONFIG="+filepath.Join(r.site.dir, "patchferry.toml"),
		"PATCHFERRY_WORK="+r.work, "PATCHFERRY_KEYS="+r.site.publicKeys(), "PATCHFERRY_STORE="+at.String(), "PATCHFERRY_LOG_FORMAT=text", "PATCHFERRY_LOG_ACCESS=false")
	cmd.Env = append(cmd.Env, r.env...)
	r.stderr = &safeBuffer{}
	cmd.Stderr = r.stderr
	return cmd
}

// publicKeys returns a folder with the pins and certificates of the site, and no
// secret key.
func (s *bucketSite) publicKeys() string {
	s.t.Helper()
	to := filepath.Join(s.dir, "keys-of-servers")
	if _, err := os.Stat(to); err == nil {
		return to
	}
	if err := os.CopyFS(to, os.DirFS(filepath.Join(s.dir, "keys"))); err != nil {
		s.t.Fatal(err)
	}
	secret, err := filepath.Glob(filepath.Join(to, "*.key"))
	if err != nil || len(secret) == 0 {
		s.t.Fatalf("secret keys: %q, %v", secret, err)
	}
	for _, name := range secret {
		if err := os.Remove(name); err != nil {
			s.t.Fatal(err)
		}
	}
	return to
}

// start starts it and waits until it listens.
func (r *testReplica) start() {
	r.site.t.Helper()
	r.cmd = r.command()
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		r.site.t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "serving ")
	if !ok {
		err := r.cmd.Wait()
		r.site.t.Fatalf("serve does not listen: %v\n%s", err, r.stderr)
	}
	r.url = url
}

// kill ends it as a loss of power would.
func (r *testReplica) kill() {
	if r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
}

// response is an answer that was read to its end.
type response struct {
	status int
	header http.Header
	body   []byte
	err    error // of the reading
	took   time.Duration
}

// get asks for a path, with header lines in pairs.
func (r *testReplica) get(path string, header ...string) response {
	r.site.t.Helper()
	req, err := http.NewRequestWithContext(r.site.t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		r.site.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	start := time.Now()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return response{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, body, err, time.Since(start)}
}

// wantFile reads a file of the site whole.
func (r *testReplica) wantFile(name string) response {
	r.site.t.Helper()
	got := r.get(r.site.path(name))
	if got.err != nil || got.status != http.StatusOK || !bytes.Equal(got.body, r.site.files[name]) {
		r.site.t.Errorf("%s: got %d with %d bytes, %v, want 200 with %d\n%s", name, got.status, len(got.body), got.err, len(r.site.files[name]), r.stderr)
	}
	return got
}

// startPage returns the start page for programs.
func (r *testReplica) startPage() (page struct {
	Generation uint64 `json:"generation"`
	Store      *struct {
		Seen    string `json:"seen"`
		Away    string `json:"away_since"`
		Refused string `json:"refused_since"`
		Why     string `json:"why"`
	} `json:"store"`
}) {
	r.site.t.Helper()
	got := r.get("?format=json")
	if err := errors.Join(got.err, json.Unmarshal(got.body, &page)); err != nil {
		r.site.t.Fatalf("start page: %v: %s", err, got.body)
	}
	return page
}

// metric returns the value of a metric without labels, as text.
func (r *testReplica) metric(name string) string {
	r.site.t.Helper()
	for line := range strings.Lines(string(r.get("metrics").body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// mark returns the number of the newest state that it accepted.
func (r *testReplica) mark() uint64 {
	r.site.t.Helper()
	m, err := store.OpenMark(filepath.Join(r.work, markFile))
	if err != nil {
		r.site.t.Fatal(err)
	}
	defer m.Close()
	n, _, err := m.State()
	if err != nil {
		r.site.t.Fatal(err)
	}
	return n
}

// await waits until something holds, for as long as a busy machine may take.
func (r *testReplica) await(what string, holds func() bool) {
	r.site.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	r.site.t.Fatalf("%s: not within 30 seconds\n%s", what, r.stderr)
}
