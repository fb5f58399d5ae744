package sample_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/links"
	"patchferry/mirror/upstream/metalink"
	"patchferry/mirror/upstream/updates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a publisher, and a client that trusts it.
func start(t *testing.T) (*sample.Publisher, *http.Client) {
	t.Helper()
	p := &sample.Publisher{}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	roots, fromFile := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(p.CA())
	if !fromFile.AppendCertsFromPEM(p.CAPEM()) || !fromFile.Equal(roots) {
		t.Fatal("the authority's file holds another certificate, or none")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p, &http.Client{Transport: transport}
}

// get asks for a path with one header and returns the answer's status and body.
func get(t *testing.T, c *http.Client, url, name, value string) (int, []byte, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body, resp.Header
}

// TestListsCanBeRead reads every list with the parser of its kind, and fetches
// every file that it names.
func TestListsCanBeRead(t *testing.T) {
	p, c := start(t)
	parsers := map[string]func(io.Reader, upstream.List) iter.Seq2[*layout.Update, error]{
		"links": links.Parse, "metalink": metalink.Parse, "updates": updates.Parse,
	}
	byURL := map[string]sample.File{}
	for _, f := range p.Files() {
		byURL[f.URL] = f
	}
	for _, l := range sample.Lists() {
		text, err := p.Document(l)
		if err != nil {
			t.Fatal(err)
		}
		about := upstream.List{Source: l.Name, Name: l.File}
		if !l.Local {
			_, served, _ := get(t, c, p.URL(sample.ListPath(l)), "", "")
			if !bytes.Equal(served, text) {
				t.Errorf("list %s: other text is served", l.Name)
			}
			about.Base, _ = url.Parse(p.URL(sample.ListPath(l)))
		}
		for u, err := range parsers[l.Kind](bytes.NewReader(text), about) {
			if err != nil {
				t.Errorf("list %s: %v", l.Name, err)
				continue
			}
			for _, f := range u.Files {
				want, ok := byURL[f.URL]
				delete(byURL, f.URL)
				if !ok || f.Name != want.Name || want.List != l.Name {
					t.Errorf("list %s names %s at %s, which is not in the sample, or twice", l.Name, f.Name, f.URL)
				}
				if _, body, _ := get(t, c, f.URL, "", ""); layout.DigestOf(body) != want.SHA256 {
					t.Errorf("%s: other bytes are served than stated", f.URL)
				}
			}
		}
	}
	for url := range byURL {
		t.Errorf("no list names %s", url)
	}
}

func TestPublisherAnswersWell(t *testing.T) {
	p, c := start(t)
	f := p.Files()[0]
	_, _, header := get(t, c, f.URL, "", "")
	tests := []struct {
		name, path, header, value string
		status, size              int
	}{
		{"whole", f.Path, "", "", http.StatusOK, int(f.Size)},
		{"range", f.Path, "Range", "bytes=100-199", http.StatusPartialContent, 100},
		{"unchanged by tag", f.Path, "If-None-Match", header.Get("ETag"), http.StatusNotModified, 0},
		{"unchanged by date", f.Path, "If-Modified-Since", header.Get("Last-Modified"), http.StatusNotModified, 0},
		{"nothing there", "/nothing", "", "", http.StatusNotFound, len("404 page not found\n")},
	}
	before := p.Requests()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, _ := get(t, c, p.URL(tt.path), tt.header, tt.value)
			if status != tt.status || len(body) != tt.size {
				t.Errorf("got %d with %d bytes, want %d with %d", status, len(body), tt.status, tt.size)
			}
		})
	}
	if got := p.Requests() - before; got != len(tests) {
		t.Errorf("got %d requests counted, want %d", got, len(tests))
	}
}

// TestNobodyElseTrustsIt asks as a client that knows only other authorities.
func TestNobodyElseTrustsIt(t *testing.T) {
	p, _ := start(t)
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}}
	_, err := stranger.Get(p.URL("/"))
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("got %v, want an unknown authority", err)
	}
}

func TestReplaceInPlace(t *testing.T) {
	p, c := start(t)
	isChanging := func(f sample.File) bool { return f.List == "defender" }
	before := p.Files()
	i := slices.IndexFunc(before, isChanging)
	_, _, header := get(t, c, before[i].URL, "", "")
	changed := p.ReplaceInPlace()
	if len(changed) != 1 || changed[0].URL != before[i].URL || changed[0].SHA256 == before[i].SHA256 {
		t.Fatalf("got %+v, want other bytes under %s", changed, before[i].URL)
	}
	status, body, _ := get(t, c, changed[0].URL, "If-None-Match", header.Get("ETag"))
	if status != http.StatusOK || layout.DigestOf(body) != changed[0].SHA256 {
		t.Errorf("got %d with other bytes than stated", status)
	}
	after := p.Files()
	if after[i].SHA256 != changed[0].SHA256 || after[0].SHA256 != before[0].SHA256 {
		t.Error("Files does not have the new bytes, or others than these changed")
	}
}

func TestAddWrong(t *testing.T) {
	p, c := start(t)
	office := sample.Lists()[1]
	before, err := p.Document(office)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := p.AddWrong()
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := get(t, c, p.URL(sample.ListPath(office)), "", "")
	if bytes.Equal(list, before) || !bytes.Contains(list, []byte(wrong.SHA256.String())) {
		t.Error("the list does not state the wrong file")
	}
	status, body, _ := get(t, c, wrong.URL, "", "")
	if status != http.StatusOK || int64(len(body)) != wrong.Size || layout.DigestOf(body) == wrong.SHA256 {
		t.Errorf("got %d with %d bytes, want %d bytes of the stated size that are wrong", status, len(body), wrong.Size)
	}
}
