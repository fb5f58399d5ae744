package upstream_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

func TestOriginAllows(t *testing.T) {
	tests := []struct {
		name, list string
		hosts      []string
		url        string
		err        string // empty: allowed
	}{
		{name: "own host", list: "https://a.example/l.txt", url: "https://a.example/x"},
		{name: "own host over http", list: "https://a.example/l.txt", url: "http://A.EXAMPLE./x"},
		{name: "own host, other port", list: "https://a.example/l.txt", url: "https://a.example:8443/x", err: `hosts = ["a.example:8443"]`},
		{name: "own port", list: "http://a.example:8080/l.txt", url: "http://a.example:8080/x"},
		{name: "own port only", list: "http://a.example:8080/l.txt", url: "http://a.example/x", err: `hosts = ["a.example"]`},
		{name: "other host", list: "https://a.example/l.txt", url: "https://b.example/x", err: `hosts = ["b.example"]`},
		{name: "host below", list: "https://a.example/l.txt", url: "https://b.a.example/x", err: `hosts = ["b.a.example"]`},
		{name: "written host", hosts: []string{"B.example"}, url: "https://b.example/x"},
		{name: "written port", hosts: []string{"10.1.2.3:8080"}, url: "http://10.1.2.3:8080/x"},
		{name: "written port, other", hosts: []string{"10.1.2.3:8080"}, url: "http://10.1.2.3/x", err: `hosts = ["10.1.2.3"]`},
		{name: "mapped address", hosts: []string{"10.1.2.3"}, url: "http://[::ffff:10.1.2.3]/x"},
		{name: "octal address", hosts: []string{"127.0.0.1"}, url: "http://0177.0.0.1/x", err: `hosts = ["0177.0.0.1"]`},
		{name: "IPv6", hosts: []string{"[2001:db8::1]:8080"}, url: "http://[2001:DB8:0::1]:8080/x"},
		{name: "IPv6 without brackets", hosts: []string{"2001:db8::1"}, url: "https://[2001:db8::1]/x"},
		{name: "nothing written", url: "https://a.example/x", err: `hosts = ["a.example"]`},
		{name: "pattern", hosts: []string{"*.dl.example.net"}, url: "https://a.b.DL.example.net/x"},
		{name: "pattern, the domain itself", hosts: []string{"*.dl.example.net"}, url: "https://dl.example.net/x", err: `hosts = ["dl.example.net"]`},
		{name: "pattern, part of a name", hosts: []string{"*.dl.example.net"}, url: "https://a.evildl.example.net/x", err: "hosts"},
		{name: "pattern, other port", hosts: []string{"*.dl.example.net:8080"}, url: "http://a.dl.example.net/x", err: "hosts"},
		{name: "pattern, written port", hosts: []string{"*.dl.example.net:8080"}, url: "http://a.dl.example.net:8080/x"},
		{name: "user", hosts: []string{"a.example"}, url: "https://u@a.example/x", err: "user name or password"},
		{name: "scheme", hosts: []string{"a.example"}, url: "ftp://a.example/x", err: "neither http nor https"},
		{name: "no host", hosts: []string{"a.example"}, url: "http:///x", err: "names no host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list *url.URL
			if tt.list != "" {
				list = mustURL(t, tt.list)
			}
			o, err := upstream.NewOrigin("xp", list, tt.hosts)
			if err != nil {
				t.Fatal(err)
			}
			err = o.Allows(mustURL(t, tt.url))
			if tt.err != "" {
				wantError(t, err, "", tt.err)
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewOriginRefuses(t *testing.T) {
	for _, host := range []string{"", "http://a.example", "a.example/x", "*.example", "*.", "*", "a.*.example", "*.*.example", "a b", "u@a.example", "a.example:", "a.example:http", "a.example:0", "a.example:70000", ":80"} {
		if _, err := upstream.NewOrigin("xp", nil, []string{host}); err == nil {
			t.Errorf("%q: got no error", host)
		}
	}
	if _, err := upstream.NewOrigin("xp", mustURL(t, "ftp://a.example/"), nil); err == nil {
		t.Error("got no error for ftp")
	}
}

// TestAddresses checks what a permitted name may lead to.
func TestAddresses(t *testing.T) {
	tests := []struct {
		name    string
		hosts   []string
		host    string // asked for
		leadsTo []string
		dialled string // empty: refused
		err     string
	}{
		{name: "public", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"192.0.2.1"}, dialled: "192.0.2.1:80"},
		{name: "private, name written", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"10.0.0.1"}, dialled: "10.0.0.1:80"},
		{name: "CGNAT, name written", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"100.64.1.1"}, dialled: "100.64.1.1:80"},
		{name: "ULA, name written", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"fd00::1"}, dialled: "[fd00::1]:80"},
		{name: "loopback, name written", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"127.0.0.1"}, dialled: "127.0.0.1:80"},
		{name: "address written", hosts: []string{"169.254.7.7"}, host: "169.254.7.7", leadsTo: nil, dialled: "169.254.7.7:80"},
		{name: "metadata service", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"169.254.169.254"}, err: "leads to 169.254.169.254, a link-local address"},
		{name: "link-local", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"fe80::1%eth0"}, err: "link-local"},
		{name: "mapped", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"::ffff:169.254.1.1"}, err: "link-local"},
		{name: "NAT64", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"64:ff9b::a9fe:a9fe"}, err: "link-local"},
		{name: "6to4", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"2002:a9fe:a9fe::1"}, err: "link-local"},
		{name: "NAT64 of a public address", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"64:ff9b::c000:201"}, dialled: "[64:ff9b::c000:201]:80"},
		{name: "unspecified", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"0.0.0.0"}, err: "unspecified"},
		{name: "unspecified v6", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"::"}, err: "unspecified"},
		{name: "multicast", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"224.0.0.1"}, err: "multicast"},
		{name: "broadcast", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"255.255.255.255"}, err: "reserved"},
		{name: "pattern, public", hosts: []string{"*.dl.example"}, host: "a.dl.example", leadsTo: []string{"192.0.2.1"}, dialled: "192.0.2.1:80"},
		{name: "pattern, private", hosts: []string{"*.dl.example"}, host: "a.dl.example", leadsTo: []string{"10.0.0.1"}, err: "private"},
		{name: "some refused", hosts: []string{"a.example"}, host: "a.example", leadsTo: []string{"169.254.1.1", "192.0.2.1"}, dialled: "192.0.2.1:80"},
		{name: "no address", hosts: []string{"a.example"}, host: "a.example", leadsTo: nil, err: "no address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dialled := ""
			c := &upstream.Client{
				Retries: -1,
				Resolve: func(context.Context, string) ([]netip.Addr, error) {
					var found []netip.Addr
					for _, a := range tt.leadsTo {
						found = append(found, netip.MustParseAddr(a))
					}
					return found, nil
				},
				Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
					dialled = addr
					return nil, errors.New("no further")
				},
			}
			o, err := upstream.NewOrigin("xp", nil, tt.hosts)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Fetch(t.Context(), o, layout.Want{URL: "http://" + tt.host + "/x", Path: filepath.Join(t.TempDir(), "x")})
			if dialled != tt.dialled {
				t.Errorf("dialled %q, want %q", dialled, tt.dialled)
			}
			if tt.err == "" {
				tt.err = "no further"
			}
			wantError(t, err, "fetch http://"+tt.host+"/x: ", tt.err)
		})
	}
}

func TestDialTriesTheNextAddress(t *testing.T) {
	body := content(20, 1000)
	b := newBench(t, map[string][]byte{"/a.exe": body})
	port := mustURL(t, b.publisher.URL("/")).Port()
	b.origin = origin(t, "http://a.example:"+port+"/")
	b.client.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	b.client.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "[2001:db8::1]:"+port {
			<-ctx.Done() // a black hole
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	w := b.want("/a.exe", body)
	w.URL = "http://a.example:" + port + "/a.exe"
	if _, err := b.client.Fetch(t.Context(), b.origin, w); err != nil {
		t.Error(err)
	}
}

// TestNothingLeaks follows a permitted redirect and looks at what the second
// host is told.
func TestNothingLeaks(t *testing.T) {
	body := content(21, 1000)
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Referer", "Cookie", "Authorization"} {
			if v := r.Header.Get(h); v != "" {
				t.Errorf("got %s: %s", h, v)
			}
		}
		w.Write(body)
	}))
	defer second.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b", Path: "/"})
		http.Redirect(w, r, second.URL+"/other%20name.exe?secret", http.StatusFound)
	}))
	defer first.Close()
	o := origin(t, first.URL, mustURL(t, second.URL).Host)
	c := &upstream.Client{}
	defer c.Close()
	w := layout.Want{URL: first.URL + "/a.exe?token=1", Path: filepath.Join(t.TempDir(), "file")}
	if _, err := c.Fetch(t.Context(), o, w); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	body := content(22, 1000)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		w.Write(body)
	}))
	secure.Config.ErrorLog = quiet
	defer secure.Close()
	o := origin(t, secure.URL, mustURL(t, plain.URL).Host)
	w := layout.Want{URL: secure.URL + "/a.exe", Path: filepath.Join(t.TempDir(), "file")}

	stranger := &upstream.Client{}
	defer stranger.Close()
	_, err := stranger.Fetch(t.Context(), o, w)
	wantError(t, err, "fetch "+w.URL, "certificate")

	c := &upstream.Client{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	defer c.Close()
	got, err := c.Fetch(t.Context(), o, w)
	if err != nil || got.TLSKey.IsZero() {
		t.Errorf("got key %s, %v", got.TLSKey, err)
	}
	w.URL = secure.URL + "/down"
	_, err = c.Fetch(t.Context(), o, w)
	wantError(t, err, "fetch "+w.URL, "refused: it leaves https")
}

func TestProxy(t *testing.T) {
	body := content(23, 1000)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		w.Write(body)
	}))
	defer proxy.Close()
	c := &upstream.Client{Proxy: mustURL(t, proxy.URL)}
	defer c.Close()
	w := layout.Want{URL: "http://a.example/a.exe", Path: filepath.Join(t.TempDir(), "file")}
	if _, err := c.Fetch(t.Context(), origin(t, "http://a.example/"), w); err != nil {
		t.Fatal(err)
	}
	if got := asked.Load(); got != "http://a.example/a.exe" {
		t.Errorf("the proxy was asked for %v", got)
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
