package distribute_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"patchferry/distribute"
	"patchferry/layout"
)

const (
	msHost  = "download.windowsupdate.com"
	doHost  = "dl.delivery.mp.microsoft.com"
	sumA    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	guidURI = "/filestreamingservice/files/9d8f5f5c-5b0e-4c5e-9d8f-5f5c5b0e4c5e"
)

// publishers is a catalog whose files have publishers' URLs: by folder, URL and content.
func publishers(t testing.TB) *fixture {
	t.Helper()
	fx := &fixture{contents: map[string][]byte{}}
	add := func(folder, url, content string) *layout.File {
		name := url[strings.LastIndexByte(url, '/')+1:]
		name, _, _ = strings.Cut(name, "?")
		fx.add("/Software/"+folder+"/"+name, []byte(content))
		f := &fx.updates[len(fx.updates)-1].Files[0]
		f.URL, f.SHA1 = url, layout.SHA1{byte(len(fx.updates))}
		return f
	}
	f := add("a", "http://"+msHost+"/c/msdownload/Update/a_"+sumA+".cab", "a")
	f.SHA1, _ = layout.ParseSHA1(sumA)
	add("b", "https://one.example/dl/tool.exe", "one")
	add("c", "https://two.example:8443/dl/tool.exe", "two")
	add("d", "https://one.example/same/x%20y.exe", "same")
	add("e", "https://two.example/same/x%20y.exe", "same")
	add("f", "https://go.example/get?LinkID=1", "link 1")
	add("g", "https://go.example/get?LinkID=2", "link 2")
	return fx
}

// TestPublishersPaths asks for files by their publishers' own paths, in all the ways in
// which hosts are pointed here, and in ways in which they must not succeed.
func TestPublishersPaths(t *testing.T) {
	for _, tc := range []struct {
		name, target, host string
		status             int
		body               string // of a file; "unlisted": what the Filler hands out
		origin, path, rest string // what the Filler is asked for
	}{
		{name: "alternate download server", target: "/c/msdownload/Update/a_" + sumA + ".cab", status: 200, body: "a"},
		{name: "in another case", target: "/C/MSDownload/update/A_" + strings.ToUpper(sumA) + ".CAB", status: 200, body: "a"},
		{name: "with a slash too many in front", target: "//c/msdownload/Update/a_" + sumA + ".cab", status: 200, body: "a"},
		{name: "with a query", target: "/c/msdownload/Update/a_" + sumA + ".cab?P1=1&P2=2", status: 200, body: "a"},
		{name: "SHA-1 at another path", target: "/d/elsewhere/renamed_" + sumA + ".cab", status: 200, body: "a"},
		{name: "SHA-1 at another host", target: "/d/x_" + sumA + ".cab?cacheHostOrigin=" + doHost, status: 200, body: "a"},
		{name: "SHA-1 with another extension", target: "/d/x_" + sumA + ".exe", status: 404, path: "/d/x_" + sumA + ".exe"},
		{name: "SHA-1 without underscore", target: "/d/x" + sumA + ".cab", status: 404, path: "/d/x" + sumA + ".cab"},
		{name: "cacheHostOrigin", target: "/dl/tool.exe?cacheHostOrigin=one.example", status: 200, body: "one"},
		{name: "cacheHostOrigin in another case", target: "/dl/tool.exe?x=1&CACHEHOSTORIGIN=ONE.example", status: 200, body: "one"},
		{name: "cacheHostOrigin encoded", target: "/dl/tool.exe?cachehost%4frigin=two.example%3a8443", status: 200, body: "two"},
		{name: "cacheHostOrigin with the usual port", target: "/dl/tool.exe?cacheHostOrigin=one.example:443", status: 200, body: "one"},
		{name: "cacheHostOrigin twice, the same", target: "/dl/tool.exe?cacheHostOrigin=one.example&cacheHostOrigin=One.Example", status: 200, body: "one"},
		{name: "cacheHostOrigin twice, two", target: "/dl/tool.exe?cacheHostOrigin=one.example&cacheHostOrigin=two.example", status: 400},
		{name: "cacheHostOrigin empty", target: "/dl/tool.exe?cacheHostOrigin=", status: 400},
		{name: "cacheHostOrigin with a path", target: "/dl/tool.exe?cacheHostOrigin=one.example/x", status: 400},
		{name: "cacheHostOrigin with a user", target: "/dl/tool.exe?cacheHostOrigin=u@one.example", status: 400},
		{name: "cacheHostOrigin with a line end", target: "/dl/tool.exe?cacheHostOrigin=one.example%0d%0aX:1", status: 400},
		{name: "cacheHostOrigin with a port too large", target: "/dl/tool.exe?cacheHostOrigin=one.example:65536", status: 400},
		{name: "one origin's path at another", target: "/c/msdownload/Update/b.cab?cacheHostOrigin=evil.example", status: 403},
		{name: "a private address", target: "/latest/meta-data?cacheHostOrigin=169.254.169.254", status: 403},
		{name: "a private address of IPv6", target: "/x?cacheHostOrigin=[::1]:8080", status: 403},
		{name: "Host", target: "/c/msdownload/Update/a_" + sumA + ".cab", host: msHost, status: 200, body: "a"},
		{name: "Host with a port", target: "/c/msdownload/Update/a_" + sumA + ".cab", host: msHost + ":80", status: 200, body: "a"},
		{name: "Host that is not allowed", target: "/dl/tool.exe", host: "two.example:8443", status: 404, path: "/dl/tool.exe"},
		{name: "absolute form", target: "http://" + msHost + "/c/msdownload/Update/a_" + sumA + ".cab", status: 200, body: "a"},
		{name: "absolute form of a stranger", target: "http://evil.example/x/y.exe", status: 404, path: "/x/y.exe"},
		{name: "path of two files", target: "/dl/tool.exe", status: 404, path: "/dl/tool.exe"},
		{name: "path of two files that are the same", target: "/same/x%20y.exe", status: 200, body: "same"},
		{name: "query that tells files apart", target: "/get?LinkID=2&cacheHostOrigin=go.example", status: 200, body: "link 2"},
		{name: "query that is no file's", target: "/get?LinkID=3&cacheHostOrigin=go.example", status: 403},
		{name: "query that is missing", target: "/get", status: 404, path: "/get"},
		{name: "unlisted", target: guidURI + "?P1=17&P4=a%2bb%3d&cacheHostOrigin=" + doHost + "&x", status: 200, body: "unlisted",
			origin: doHost, path: guidURI, rest: "P1=17&P4=a%2bb%3d&x"},
		{name: "unlisted by Host", target: guidURI + "?P1=17", host: doHost, status: 200, body: "unlisted", origin: doHost, path: guidURI, rest: "P1=17"},
		{name: "our own pages at an allowed Host", target: "/metrics", host: doHost, status: 200, body: "unlisted", origin: doHost, path: "/metrics"},
		{name: "our own objects at an allowed Host", target: "/objects/sha256/00", host: doHost, status: 200, body: "unlisted", origin: doHost, path: "/objects/sha256/00"},
		{name: "our own tree with an origin", target: "/Software/b/tool.exe?cacheHostOrigin=ferry.example", status: 200, body: "one"},
		{name: "our own tree, nothing there", target: "/Software/b/other.exe", status: 404},
		{name: "dot segments", target: "/x/../y.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "dot segments encoded", target: "/x/%2e%2e/y.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "slash encoded", target: "/x%2fy.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "backslash encoded", target: "/x%5cy.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "percent encoded", target: "/x%252fy.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "zero byte", target: "/x%00y.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "line end", target: "/x%0d%0ay.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "not UTF-8", target: "/x%ffy.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "empty segment", target: "/x//y.exe?cacheHostOrigin=" + doHost, status: 404},
		{name: "long path", target: "/" + strings.Repeat("x", 3000) + "?cacheHostOrigin=" + doHost, status: 404},
		{name: "long query", target: "/x?P=" + strings.Repeat("x", 9000) + "&cacheHostOrigin=" + doHost, status: 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fx := publishers(t)
			unlisted := newGrowing(t, []byte("unlisted"))
			unlisted.whole(t)
			f := &filler{unlisted: func(_ context.Context, q layout.PathRequest) (layout.Filling, error) {
				if q.Origin == "" {
					return nil, layout.ErrNoFill
				}
				return unlisted.filling(), nil
			}}
			s := &distribute.Server{Source: fx.memory(), Filler: f, Origins: func(h string) bool { return h == msHost || h == doHost }}
			s.Swap(fx.view(t))
			w := raw(t, s.Handler(), tc.target, tc.host)
			if w.Code != tc.status || tc.body != "" && w.Body.String() != tc.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, tc.status, tc.body)
			}
			var want []layout.PathRequest
			if tc.path != "" {
				want = []layout.PathRequest{{Origin: tc.origin, Path: tc.path, Query: tc.rest}}
				if strings.Contains(tc.path, "_"+sumA) {
					want[0].SHA1, _ = layout.ParseSHA1(sumA)
				}
			}
			if diff := cmp.Diff(want, f.paths); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
		})
	}
}

// raw sends a request line as it stands.
func raw(t testing.TB, h http.Handler, target, host string) *httptest.ResponseRecorder {
	t.Helper()
	if host == "" {
		host = "ferry.lan:8530"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestNothingIsFetched serves what is here by its publisher's path and dials for
// nothing, as on a far side.
func TestNothingIsFetched(t *testing.T) {
	fx := publishers(t)
	listed := fx.updates[1].Files[0]
	fx.updates = append(fx.updates, &layout.Update{ID: "test:listed", Folder: "Software/l", Files: []layout.File{{
		Name: "l.exe", URL: "https://one.example/l.exe", SHA1: layout.SHA1{0xaa}, SHA256: layout.Digest{0xbb}}}},
		&layout.Update{ID: "test:twin", Folder: "Software/t", Files: []layout.File{{Name: "t.exe", SHA256: listed.SHA256}}})
	fx.meta.Absent = []layout.Digest{{0xbb}}
	var missed []distribute.Miss
	s := &distribute.Server{Source: fx.memory(), Missed: func(m distribute.Miss) { missed = append(missed, m) }}
	s.Swap(fx.view(t))
	list := distribute.Miss{Update: "test:listed", File: "l.exe", SHA1: layout.SHA1{0xaa}, SHA256: layout.Digest{0xbb}, URL: "https://one.example/l.exe"}
	sum, _ := layout.ParseSHA1(strings.Repeat("7", 40))
	path := "/d/x_" + sum.String() + ".cab"
	for _, tc := range []struct {
		target string
		status int
		want   []distribute.Miss
	}{
		{"/dl/tool.exe?cacheHostOrigin=one.example", 200, nil},
		{"/c/msdownload/Update/a_" + sumA + ".cab", 200, nil},
		{"/Software/t/t.exe", 200, nil},
		{"/Software/l/l.exe", 404, []distribute.Miss{list}},
		{"/l.exe", 404, []distribute.Miss{list}},
		{"/objects/sha256/" + layout.Digest{0xbb}.String(), 404, []distribute.Miss{list}},
		{"/objects/sha256/" + layout.Digest{0xcc}.String(), 404, []distribute.Miss{{SHA256: layout.Digest{0xcc}}}},
		{layout.ContentPath(sum, "cab"), 404, []distribute.Miss{{SHA1: sum}}},
		{path, 404, []distribute.Miss{{SHA1: sum, URL: path}}},
		{path + "?cacheHostOrigin=" + doHost, 404, []distribute.Miss{{SHA1: sum, URL: "//" + doHost + path}}},
		{"/favicon.ico", 404, nil},
		{"/Software/none.exe", 404, nil},
		{"/objects/sha256/nothing", 404, nil},
		{guidURI + "?cacheHostOrigin=" + doHost, 404, nil},
	} {
		missed = nil
		if w := raw(t, s.Handler(), tc.target, ""); w.Code != tc.status {
			t.Errorf("%s: status %d, want %d", tc.target, w.Code, tc.status)
		}
		if diff := cmp.Diff(tc.want, missed); diff != "" {
			t.Errorf("%s: missed (-want +got):\n%s", tc.target, diff)
		}
	}
}

// TestRingsHavePublishersPaths serves the file of a ring's own view.
func TestRingsHavePublishersPaths(t *testing.T) {
	fx := publishers(t)
	all := fx.view(t)
	fx.updates = nil
	s := &distribute.Server{Source: fx.memory()}
	s.Swap(fx.view(t), distribute.Ring{Name: "test", View: all})
	path := "/c/msdownload/Update/a_" + sumA + ".cab"
	for target, want := range map[string]int{path: 404, "/rings/test" + path: 200, "/rings/other" + path: 404} {
		if w := raw(t, s.Handler(), target, ""); w.Code != want {
			t.Errorf("%s: status %d, want %d", target, w.Code, want)
		}
	}
}

// TestLoop refuses a request that this server sent itself.
func TestLoop(t *testing.T) {
	fx := newFixture()
	s := &distribute.Server{Source: fx.memory(), Loop: func(r *http.Request) bool { return r.Header.Get("Via") != "" }}
	s.Swap(fx.view(t))
	if w := ask(s.Handler(), w2kPath, http.Header{"Via": {"1.1 patchferry-x"}}); w.Code != http.StatusLoopDetected {
		t.Errorf("status %d", w.Code)
	}
	if w := ask(s.Handler(), w2kPath, nil); w.Code != http.StatusOK {
		t.Errorf("without it: status %d", w.Code)
	}
}

// TestNoProxy refuses what asks for a tunnel.
func TestNoProxy(t *testing.T) {
	_, srv := serveFixture(t)
	conn := dial(t, srv.addr)
	send(t, conn, "CONNECT "+msHost+":443 HTTP/1.1\r\nHost: "+msHost+":443\r\n\r\n")
	if res := receive(t, conn); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("CONNECT: %s", res.Status)
	}
}

// TestRevokedWhileFetched answers 410 for a file that is taken back before or after its
// digest is known.
func TestRevokedWhileFetched(t *testing.T) {
	content := []byte("cold")
	fx := coldFixture(t, content)
	fx.meta.Revoked = append(fx.meta.Revoked, layout.Revoked{SHA256: layout.DigestOf(content)})
	g := newGrowing(t, content)
	g.whole(t)
	s := &distribute.Server{Source: fx.memory(), Filler: new(filler).hands(g)}
	s.Swap(fx.view(t))
	if w := ask(s.Handler(), coldPath, nil); w.Code != http.StatusOK {
		t.Errorf("before anybody knows: status %d", w.Code)
	}
	g.sum = layout.DigestOf(content)
	if w := ask(s.Handler(), coldPath, nil); w.Code != http.StatusGone || bytes.Contains(w.Body.Bytes(), content) {
		t.Errorf("when it is known: status %d", w.Code)
	}
	fx.updates[len(fx.updates)-1].Files[0].SHA256 = layout.DigestOf(content)
	s.Swap(fx.view(t))
	if w := ask(s.Handler(), coldPath, nil); w.Code != http.StatusGone {
		t.Errorf("when the catalog states it: status %d", w.Code)
	}
}

// FuzzPublishersPath sends any target and Host: whatever a Filler is asked for comes
// from an allowed origin, has a path that every server reads alike, and no word of how
// the origin was named.
func FuzzPublishersPath(f *testing.F) {
	fx := publishers(f)
	view := fx.view(f)
	for _, target := range []string{"/c/x_" + sumA + ".cab", guidURI + "?P1=1&cacheHostOrigin=" + doHost, "/x%2f..%5c?cacheHostOrigin=[::1]:80", "//x/%2e%2e/",
		"/rings/test/c?cachehost%4Frigin=a%00"} {
		f.Add(target, msHost)
		f.Add(target, "ferry.lan:8530")
	}
	f.Fuzz(func(t *testing.T, target, host string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		asked := &filler{}
		s := &distribute.Server{Source: fx.memory(), Filler: asked, Origins: func(h string) bool { return h == doHost || h == msHost }}
		s.Swap(view, distribute.Ring{Name: "test", View: view})
		r := &http.Request{Method: http.MethodGet, URL: u, Host: host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		for _, q := range asked.paths {
			if err := sane(q); err != nil {
				t.Errorf("%q at %q: %+v: %v", target, host, q, err)
			}
		}
	})
}

func sane(q layout.PathRequest) error {
	if q.Origin != "" && q.Origin != doHost && q.Origin != msHost {
		return fmt.Errorf("origin is not allowed")
	}
	segments := strings.Split(q.Path, "/")
	if len(segments) < 2 || segments[0] != "" || slices.ContainsFunc(segments[1:], func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return fmt.Errorf("segments %q", segments)
	}
	if strings.ContainsAny(q.Path, "\\\x00\r\n") || !utf8.ValidString(q.Path) {
		return fmt.Errorf("path has what servers read differently")
	}
	values, _ := url.ParseQuery(q.Query)
	for key := range values {
		if strings.EqualFold(key, "cacheHostOrigin") {
			return fmt.Errorf("query names the origin")
		}
	}
	return nil
}
