package mirror_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/layout/store"
	"patchferry/mirror"
	"patchferry/mirror/trusted"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
	"patchferry/verify"
)

// site is a near side with a publisher, both of this test.
type site struct {
	*mirror.Mirror
	t      testing.TB
	dir    *store.Dir
	trust  *verify.Trust
	key    *verify.SecretKey
	pub    *hostile.Publisher
	client *upstream.Client
	now    time.Time
}

// newSite makes a site with an empty store and a publisher on https.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, pub: hostile.NewTLS(nil), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	t.Cleanup(s.pub.Close)
	root := t.TempDir()
	var err error
	if s.dir, err = store.CreateDir(filepath.Join(root, "store")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.dir.Close() })
	if s.key, err = verify.GenerateKey("test site", s.now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	pins := &verify.Pins{}
	for _, p := range []verify.Purpose{verify.PurposeSite, verify.PurposeOrigin} {
		if err := pins.Add(verify.Pin{Fingerprint: s.key.Fingerprint(), Purpose: p}); err != nil {
			t.Fatal(err)
		}
	}
	clock := func() time.Time { return s.now }
	s.trust = &verify.Trust{Keys: s.key.Public(), Pins: pins, Clock: clock}
	roots := x509.NewCertPool()
	roots.AddCert(s.pub.Server().Certificate())
	s.client = &upstream.Client{RootCAs: roots, Stall: time.Second, RetryWait: time.Millisecond, Retries: 2}
	s.Mirror = &mirror.Mirror{
		Origin: s.key,
		Work:   filepath.Join(root, "work"),
		Clock:  clock,
	}
	t.Cleanup(s.client.Close)
	s.use(s.dir, filepath.Join(root, "mark"))
	return s
}

// use puts the mirror on a store.
func (s *site) use(st store.Store, markPath string) {
	s.t.Helper()
	mark, err := store.OpenMark(markPath)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Store = st
	s.Trusted = &trusted.Reader{Store: st, Trust: s.trust, Mark: mark}
	s.Writer = &trusted.Writer{Reader: s.Trusted, Signer: s.key, Actor: "test", Clock: s.Clock}
}

// body makes n bytes that are the same for the same name.
func body(name string, n int) []byte {
	sum := sha256.Sum256([]byte(name))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(sum).Read(b)
	return b
}

// offer puts a file at the publisher and returns it as a list would state it,
// with nothing that vouches for it.
func (s *site) offer(name string, n int) layout.File {
	s.pub.Put("/files/"+name, body(name, n))
	return layout.File{Name: name, URL: s.pub.URL("/files/" + name)}
}

// vouched is offer with a stated SHA-256.
func (s *site) vouched(name string, n int) layout.File {
	f := s.offer(name, n)
	f.SHA256, f.Size = layout.DigestOf(body(name, n)), int64(n)
	return f
}

func sha1Of(b []byte) layout.SHA1 { return layout.SHA1(sha1.Sum(b)) }

// list puts a list of updates with one file each at the publisher, and makes
// it the only source, named "pub".
func (s *site) list(files ...layout.File) {
	s.t.Helper()
	s.pub.Put("/list", s.encode("pub", files...))
	if len(s.Sources) == 0 {
		s.Sources = []mirror.Source{s.source("pub", s.pub.URL("/list"))}
	}
}

// source returns a source that may use hosts besides that of its list.
func (s *site) source(name, list string, hosts ...string) mirror.Source {
	s.t.Helper()
	var at *url.URL
	if list != "" {
		var err error
		if at, err = url.Parse(list); err != nil {
			s.t.Fatal(err)
		}
	}
	origin, err := upstream.NewOrigin(name, at, hosts)
	if err != nil {
		s.t.Fatal(err)
	}
	return mirror.Source{Name: name, Kind: "test", Parse: parseLines, URL: list, Upstream: &upstream.Publisher{Client: s.client, Origin: origin}}
}

// host is the publisher's, as the operator would write it.
func (s *site) host() string { return strings.TrimPrefix(s.pub.URL(""), "https://") }

func (s *site) encode(source string, files ...layout.File) []byte {
	s.t.Helper()
	var list []byte
	var err error
	for _, f := range files {
		u := &layout.Update{ID: source + ":" + f.Name, Type: layout.Software, OS: []layout.OS{"windowsxp"}, Files: []layout.File{f}}
		if list, err = layout.AppendLine(list, u); err != nil {
			s.t.Fatal(err)
		}
	}
	return list
}

// parseLines reads a list of catalog lines.
func parseLines(r io.Reader) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			u, err := layout.ParseLine(append(bytes.Clone(lines.Bytes()), '\n'))
			if err != nil {
				u, err = nil, &upstream.LineError{Line: n, Err: err}
			}
			if !yield(u, err) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// sync runs a sync that must succeed.
func (s *site) sync(opt mirror.SyncOptions) *mirror.SyncReport {
	s.t.Helper()
	r, err := s.Sync(s.t.Context(), opt)
	if err != nil {
		s.t.Fatalf("sync: %v\n%+v", err, r)
	}
	return r
}

// partial runs a sync in which one file must fail, and returns its failure.
func (s *site) partial() mirror.Failure {
	s.t.Helper()
	r, err := s.Sync(s.t.Context(), mirror.SyncOptions{})
	if !errors.Is(err, mirror.ErrPartial) {
		s.t.Fatalf("sync: got %v, want ErrPartial", err)
	}
	if len(r.Failures) != 1 {
		s.t.Fatalf("got %d failures, want 1: %+v", len(r.Failures), r.Failures)
	}
	return r.Failures[0]
}

// catalog returns the updates of the newest generation by id.
func (s *site) catalog() map[string]*layout.Update {
	s.t.Helper()
	ctx := s.t.Context()
	state, err := s.Trusted.Newest(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]*layout.Update{}
	if state == nil || state.Generation == nil {
		return all
	}
	gen, err := s.Trusted.Generation(ctx, state.Generation.Generation)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := s.Trusted.Catalog(ctx, gen)
	if err != nil {
		s.t.Fatal(err)
	}
	for line, err := range c.Lines() {
		if err != nil {
			s.t.Fatal(err)
		}
		u, err := layout.ParseLine(line)
		if err != nil {
			s.t.Fatal(err)
		}
		all[u.ID] = u
	}
	return all
}

// file returns the only file of update pub:name.
func (s *site) file(name string) layout.File {
	s.t.Helper()
	u := s.catalog()["pub:"+name]
	if u == nil || len(u.Files) != 1 {
		s.t.Fatalf("update pub:%s is %+v, want one file", name, u)
	}
	return u.Files[0]
}

// read returns the bytes of an object, checked.
func (s *site) read(d layout.Digest) []byte {
	s.t.Helper()
	r, err := s.Store.Open(s.t.Context(), d, 0, -1)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(layout.NewVerifyReader(r, -1, d))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// states returns how many states the log has.
func (s *site) states() uint64 {
	s.t.Helper()
	n, err := s.Store.Newest(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// clean runs an audit that must find nothing.
func (s *site) clean() *mirror.AuditReport {
	s.t.Helper()
	r, err := s.Audit(s.t.Context(), mirror.AuditOptions{})
	if err != nil {
		s.t.Fatalf("audit: %v\n%+v", err, r)
	}
	return r
}

// leftovers returns the names of the files in the stage.
func (s *site) leftovers() string {
	s.t.Helper()
	entries, err := os.ReadDir(s.dir.StageDir())
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

func name(i int) string { return fmt.Sprintf("WindowsXP-KB%06d-x86-ENU.exe", 800000+i) }
