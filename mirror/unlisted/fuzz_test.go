package unlisted_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"path"
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/fill"
	"patchferry/mirror/unlisted"
)

// announced is a Dial that tells of each connection.
func announced(c chan<- struct{}) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c <- struct{}{}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// recorder is an origin that notes what it is asked for, and has nothing.
type recorder struct{ asked []string }

var errNothing = errors.New("nothing is here")

func (r *recorder) Part(_ context.Context, q layout.PartRequest) (layout.Part, error) {
	r.asked = append(r.asked, q.URL)
	return layout.Part{}, errNothing
}

// FuzzGet: whatever a host sends, only that very path of the allowed host is asked for.
func FuzzGet(f *testing.F) {
	for _, seed := range []layout.PathRequest{
		{Path: guid, Query: "P1=1&P2=2"}, {Path: scan}, {Path: "/a/../b"}, {Path: "//evil.example/x"}, {Path: `/a\b`},
		{Path: "/a?b#c", Query: "d#e"}, {Path: "/%2e%2e/x"}, {Path: "/x", Query: "a\r\nHost: evil.example"}, {Path: "/@evil.example/x"}, {Path: "/ ", Query: `\`},
	} {
		f.Add(seed.Path, seed.Query)
	}
	c, err := unlisted.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close()
	r := &recorder{}
	c.Publisher = func(string) (fill.Origin, *url.URL) { return r, &url.URL{Scheme: "http", Host: "a.example", Path: "/"} }
	f.Fuzz(func(t *testing.T, p, query string) {
		r.asked = nil
		_, err := c.Get(t.Context(), layout.PathRequest{Origin: "a.example", Path: p, Query: query})
		if errors.Is(err, layout.ErrNoFill) && len(r.asked) == 0 {
			return
		}
		if !errors.Is(err, errNothing) || len(r.asked) == 0 {
			t.Fatalf("got %v after %q", err, r.asked)
		}
		for _, asked := range r.asked {
			u, err := url.Parse(asked)
			if err != nil || u.Scheme != "http" || u.Host != "a.example" || u.Path != p || u.RawQuery != query || u.Fragment != "" || u.User != nil {
				t.Errorf("%q with %q: asked for %q: %+v, %v", p, query, asked, u, err)
			}
			if path.Clean(u.Path) != u.Path || strings.ContainsAny(asked, " \r\n\\") {
				t.Errorf("%q with %q: asked for %q", p, query, asked)
			}
		}
	})
}

// FuzzRecord: what is read of a record can be handed out.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"url":"http://a.example/x","validators":{},"size":5,"sha256":"` + strings.Repeat("0", 64) + `","etag":"\"a\"","modified":"2026-01-01T00:00:00Z","at":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"format":1,"size":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		size, etag, err := unlisted.Decode(bytes.NewReader(b))
		if err == nil && (size < 0 || !strings.HasPrefix(etag, `"`) || !strings.HasSuffix(etag, `"`)) {
			t.Errorf("got %d bytes, %s", size, etag)
		}
	})
}
