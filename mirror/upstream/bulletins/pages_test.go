package bulletins_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/bulletins"
	"patchferry/mirror/upstream/hostile"
)

// site serves files and returns pages of it, the URLs of which are paths.
func site(t *testing.T, files map[string]string, paths ...string) (*hostile.Publisher, *bulletins.Pages) {
	t.Helper()
	bodies := map[string][]byte{}
	for path, body := range files {
		bodies[path] = []byte(body)
	}
	p := hostile.NewTLS(bodies)
	t.Cleanup(p.Close)
	roots := x509.NewCertPool()
	roots.AddCert(p.Server().Certificate())
	c := &upstream.Client{RootCAs: roots, Retries: -1}
	t.Cleanup(c.Close)
	at, err := url.Parse(p.URL("/"))
	if err != nil {
		t.Fatal(err)
	}
	origin, err := upstream.NewOrigin("pages", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	pages := &bulletins.Pages{Publisher: &upstream.Publisher{Client: c, Origin: origin}}
	for _, path := range paths {
		pages.URLs = append(pages.URLs, p.URL(path))
	}
	return p, pages
}

func first(t *testing.T, pages *bulletins.Pages) layout.Announced {
	t.Helper()
	l, err := pages.List(t.Context(), nil)
	if err != nil || len(l.Items) == 0 {
		t.Fatalf("got %+v and %v", l, err)
	}
	return l.Items[0]
}

func TestPagesList(t *testing.T) {
	p, pages := site(t, nil, "/a/b.json", "/cvrf/2026-Aug?x=1", "/", "/a/b.json#top")
	pages.URLs = append(pages.URLs, "ftp://a.example/x", "https://elsewhere.example/x", "x.json", "https://[")
	got, err := pages.List(t.Context(), nil)
	if err != nil || got.NotModified {
		t.Fatalf("got %+v and %v", got, err)
	}
	want := []layout.Announced{
		{Name: p.URL("/a/b.json"), File: "b.json", By: p.URL("/a/b.json")},
		{Name: p.URL("/cvrf/2026-Aug?x=1"), File: "2026-Aug", By: p.URL("/cvrf/2026-Aug?x=1")},
		{Name: p.URL("/"), File: "127.0.0.1", By: p.URL("/")},
	}
	if diff := cmp.Diff(want, got.Items); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	reasons := []string{"stands twice", "not a URL of http", "may not use host \"elsewhere.example\"", "not a URL of http", "is not a URL"}
	for i, err := range got.Problems {
		if i >= len(reasons) || !strings.Contains(err.Error(), reasons[i]) {
			t.Errorf("problem %d is %v", i, err)
		}
	}
	if len(got.Problems) != len(reasons) || p.Requests("") != 0 {
		t.Errorf("got %d problems and %d requests, want %d and none", len(got.Problems), p.Requests(""), len(reasons))
	}
}

func TestPagesGet(t *testing.T) {
	encoded := "From: a\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(signed))
	page := hostile.HTML{}
	for _, test := range []struct {
		name     string
		files    map[string]string
		faults   map[string]hostile.Fault
		unsigned bool
		sig      string // its suffix
		sums     string // the suffixes
		asked    string // suffixes of all requests, in order
		err      string
	}{
		{name: "nothing beside", asked: " .asc .sig"},
		{name: "signature", files: map[string]string{".asc": signature}, sig: ".asc", asked: " .asc .sha256 .sha512"},
		{name: "binary signature", files: map[string]string{".sig": "\x89\x01", ".sha512": "00"}, sig: ".sig", sums: ".sha512", asked: " .asc .sig .sha256 .sha512"},
		{name: "empty signature", files: map[string]string{".asc": ""}, sig: ".asc", asked: " .asc .sha256 .sha512"},
		{name: "clear-signed", files: map[string]string{"": signed, ".asc": signature}, asked: ""},
		{name: "signed mail", files: map[string]string{"": encoded}, asked: ""},
		{name: "unsigned", files: map[string]string{".asc": signature, ".sha256": "00"}, unsigned: true, sums: ".sha256", asked: " .sha256 .sha512"},
		{name: "digests alone", files: map[string]string{".sha256": "00"}, asked: " .asc .sig"},
		{name: "a page for a signature", faults: map[string]hostile.Fault{".asc": page}, asked: " .asc .sig", err: "look for a signature: "},
		{name: "a page, and the other signature", files: map[string]string{".sig": "\x89\x01"}, faults: map[string]hostile.Fault{".asc": page}, sig: ".sig", asked: " .asc .sig .sha256 .sha512"},
		{name: "a server in trouble", faults: map[string]hostile.Fault{".sig": hostile.Status{Code: 503}}, asked: " .asc .sig", err: "look for a signature: "},
		{name: "digests in trouble", files: map[string]string{".asc": signature, ".sha512": "00"}, faults: map[string]hostile.Fault{".sha256": hostile.Status{Code: 503}},
			sig: ".asc", sums: ".sha512", asked: " .asc .sha256 .sha512"},
		{name: "a long signature", files: map[string]string{".asc": strings.Repeat("a", bulletins.MaxDocument+1)}, asked: " .asc .sig", err: "larger than the limit"},
		{name: "a mailbox", files: map[string]string{"": from + mail}, asked: "", err: "is a mailbox; its mails can be read from a local copy"},
		{name: "a long document", files: map[string]string{"": strings.Repeat("a", bulletins.MaxDocument+1)}, asked: "", err: "larger than the limit"},
		{name: "a long unsigned document", files: map[string]string{"": strings.Repeat("a", bulletins.MaxDocument+1)}, unsigned: true, asked: " .sha256 .sha512"},
		{name: "too long an unsigned document", files: map[string]string{"": strings.Repeat("a", layout.MaxUnsigned+1)}, unsigned: true, asked: "", err: "larger than the limit"},
		{name: "missing", faults: map[string]hostile.Fault{"": hostile.Status{Code: 404}}, asked: "", err: "404"},
		{name: "a redirect away", faults: map[string]hostile.Fault{"": hostile.Redirect{To: "https://elsewhere.example/"}}, asked: "", err: "may not use host"},
		{name: "a redirect of the signature away", faults: map[string]hostile.Fault{".asc": hostile.Redirect{To: "https://elsewhere.example/"}}, asked: " .asc .sig", err: "may not use host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"/x/a.json": "{}"}
			for suffix, body := range test.files {
				files["/x/a.json"+suffix] = body
			}
			p, pages := site(t, files, "/x/a.json?v=2")
			for suffix, fault := range test.faults {
				p.Fault("/x/a.json"+suffix, fault)
			}
			pages.Unsigned = test.unsigned
			a, err := pages.Get(t.Context(), first(t, pages), layout.Validators{})
			asked := ""
			for _, r := range p.Log()[1:] {
				asked += " " + strings.TrimPrefix(r.Path, "/x/a.json")
			}
			if asked != test.asked {
				t.Errorf("asked for %q, want %q", asked, test.asked)
			}
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %+v and %v, want %q", a, err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			check(t, a, files, test.sig, test.sums)
			if want := layout.DigestOf(p.Server().Certificate().RawSubjectPublicKeyInfo); a.TLSKey != want {
				t.Errorf("got TLS key %s, want %s", a.TLSKey, want)
			}
		})
	}
}

// check compares what was got of /x/a.json with what the site has of it.
func check(t *testing.T, a *layout.Announcement, files map[string]string, sig, sums string) {
	t.Helper()
	if string(a.Original) != files["/x/a.json"] || a.At.IsZero() || a.Validators.IsZero() {
		t.Errorf("got %+v", a)
	}
	if (a.Signature != nil) != (sig != "") {
		t.Errorf("got signature %v, want %q", a.Signature, sig)
	}
	if sig != "" && (string(a.Signature) != files["/x/a.json"+sig] || a.SigFile != "a.json"+sig) {
		t.Errorf("got signature %q of %s", a.Signature, a.SigFile)
	}
	got := ""
	for _, s := range a.Sums {
		got += strings.TrimPrefix(s.Name, "a.json")
		if string(s.Text) != files["/x/"+s.Name] {
			t.Errorf("got %s with %q", s.Name, s.Text)
		}
	}
	if got != sums {
		t.Errorf("got digests %q, want %q", got, sums)
	}
}

// TestPagesIdle asks again: one request while nothing changed.
func TestPagesIdle(t *testing.T) {
	p, pages := site(t, map[string]string{"/a.json": "{}", "/a.json.asc": signature}, "/a.json")
	item := first(t, pages)
	a, err := pages.Get(t.Context(), item, layout.Validators{})
	if err != nil {
		t.Fatal(err)
	}
	before := p.Requests("")
	again, err := pages.Get(t.Context(), item, a.Validators)
	if err != nil || !again.NotModified || again.Original != nil || p.Requests("") != before+1 {
		t.Errorf("got %+v and %v in %d requests", again, err, p.Requests("")-before)
	}
	p.Put("/a.json", []byte(`{"revision":2}`))
	p.Put("/a.json.asc", []byte(signature+"\n"))
	changed, err := pages.Get(t.Context(), item, a.Validators)
	if err != nil || changed.NotModified || string(changed.Original) != `{"revision":2}` || string(changed.Signature) != signature+"\n" {
		t.Errorf("got %+v and %v, want the new revision", changed, err)
	}
}

func TestPagesThatAreGone(t *testing.T) {
	_, pages := site(t, nil, "/a.json")
	if _, err := pages.Get(t.Context(), first(t, pages), layout.Validators{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestPagesEndWithTheirContext(t *testing.T) {
	p, pages := site(t, map[string]string{"/a.json": "{}", "/a.json.asc": signature}, "/a.json")
	item := first(t, pages)
	ctx, cancel := context.WithCancel(t.Context())
	p.Hook = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			cancel()
		}
	}
	p.Fault("/a.json.sha256", hostile.Stall{At: -1})
	if _, err := pages.Get(ctx, item, layout.Validators{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: got %v", err)
	}
	if _, err := pages.List(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("List: got %v", err)
	}
}
