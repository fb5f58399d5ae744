package upstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

// TestPartsHaveConnectionsOfTheirOwn keeps all connections of syncs busy, and then
// all of fills.
func TestPartsHaveConnectionsOfTheirOwn(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a.exe": body, "/b.exe": other})
	b.client.PerHost, b.client.Fills, b.client.Stall = 1, 2, time.Minute
	b.client.FillStall = time.Minute
	limited, enough := context.WithTimeout(t.Context(), time.Minute) // where a slot is missing
	defer enough()
	free := make(chan struct{})
	b.publisher.Fault("/b.exe", hostile.Hold{At: 1000, Until: free})
	var wg sync.WaitGroup
	wg.Go(func() {
		w := b.want("/b.exe", other)
		if _, err := b.client.Fetch(t.Context(), b.origin, w); err != nil {
			t.Error(err)
		}
	})
	p := &upstream.Publisher{Client: b.client, Origin: b.origin}
	ask := func(ctx context.Context) (layout.Part, error) {
		return p.Part(ctx, layout.PartRequest{URL: b.publisher.URL("/a.exe"), Start: 0, End: 600_000})
	}
	one, err := ask(limited)
	if err != nil {
		t.Fatal(err)
	}
	two, err := ask(limited)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	third := make(chan error)
	go func() {
		_, err := ask(ctx)
		third <- err
	}()
	cancel()
	if err := <-third; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v for one more than Fills, want it to wait", err)
	}
	if _, err := io.Copy(io.Discard, one.Body); err != nil { // and it is not closed
		t.Error(err)
	}
	three, err := ask(limited)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []layout.Part{one, two, three} {
		p.Body.Close()
	}
	close(free)
	wg.Wait()
}

// TestPartsReuseConnections asks for a file in pieces, so many at once.
func TestPartsReuseConnections(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a.exe": body})
	const workers = 8
	b.client.Fills, b.client.FillStall = workers, time.Minute
	var dialled atomic.Int64
	b.client.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	p := &upstream.Publisher{Client: b.client, Origin: b.origin}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for k := range 20 {
				start := int64(i*20+k) * 5000
				got, err := p.Part(t.Context(), layout.PartRequest{URL: b.publisher.URL("/a.exe"), Start: start, End: start + 5000})
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, got.Body)
				got.Body.Close()
			}
		})
	}
	wg.Wait()
	if n := dialled.Load(); n > workers {
		t.Errorf("got %d connections for %d parts at once", n, workers)
	}
	if n := b.publisher.Bytes("/a.exe"); n != workers*20*5000 {
		t.Errorf("got %d bytes", n)
	}
	if n := b.publisher.Twice("/a.exe"); n != 0 {
		t.Errorf("got %d bytes twice", n)
	}
}

// TestPartEndsWithItsContext cancels while the origin is silent.
func TestPartEndsWithItsContext(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a.exe": body})
	b.client.FillStall = time.Hour
	b.publisher.Fault("/a.exe", hostile.Hold{At: 1000})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	p := &upstream.Publisher{Client: b.client, Origin: b.origin}
	got, err := p.Part(ctx, layout.PartRequest{URL: b.publisher.URL("/a.exe"), End: -1})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("nobody wants it any more")
	n := 0
	buf := make([]byte, 100)
	for err == nil {
		var k int
		k, err = got.Body.Read(buf)
		if n += k; n == 1000 {
			cancel(why)
		}
	}
	if n != 1000 || !errors.Is(err, why) {
		t.Errorf("got %d bytes, then %v; want 1000, then %v", n, err, why)
	}
	got.Body.Close()
}

// TestPartAddresses answers look-ups with other addresses than the operator meant.
func TestPartAddresses(t *testing.T) {
	for _, to := range []string{"10.0.0.1", "127.0.0.1", "169.254.169.254", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"} {
		c := &upstream.Client{
			Resolve: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr(to)}, nil
			},
			Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
				t.Errorf("dialled %s", addr)
				return nil, errors.New("no further")
			},
		}
		o, err := upstream.NewOrigin("xp", nil, []string{"*.dl.example"})
		if err != nil {
			t.Fatal(err)
		}
		p := &upstream.Publisher{Client: c, Origin: o}
		_, err = p.Part(t.Context(), layout.PartRequest{URL: "http://a.dl.example/x", End: -1})
		if !is[*upstream.AddressError](err) || again(err) {
			t.Errorf("%s: got %v", to, err)
		}
		c.Close()
	}
}

// TestTraffic counts what came, for whom and from whom.
func TestTraffic(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a.exe": body, "/b.exe": other})
	if _, err := b.client.Fetch(t.Context(), b.origin, b.want("/b.exe", other)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.part(t, 5000, 6000, layout.Validators{}); err != nil {
		t.Fatal(err)
	}
	b.publisher.Fault("/a.exe", hostile.Cut{At: 300, Times: 1})
	if _, _, err := b.part(t, 6000, 7000, layout.Validators{}); err == nil {
		t.Error("got no error of a cut")
	}
	own := b.origin
	b.origin = origin(t, b.publisher.URL("/"))
	if _, _, err := b.part(t, 7000, 7100, layout.Validators{}); err != nil {
		t.Fatal(err)
	}
	if got, want := own.Traffic(), (upstream.Traffic{Sync: int64(len(other)), Fill: 1300}); got != want {
		t.Errorf("got %+v of the source, want %+v", got, want)
	}
	if got, want := b.client.Traffic(), (upstream.Traffic{Sync: int64(len(other)), Fill: 1400}); got != want || got.Total() != int64(len(other))+1400 {
		t.Errorf("got %+v in all, want %+v", got, want)
	}
}

// TestLooped leads a server's own requests back to it.
func TestLooped(t *testing.T) {
	b := newBench(t, map[string][]byte{"/a.exe": body})
	stranger := &upstream.Client{}
	defer stranger.Close()
	via := []string{}
	b.publisher.Hook = func(r *http.Request) {
		via = append(via, r.Header.Get("Via"))
		if !b.client.Looped(r.Header) || stranger.Looped(r.Header) {
			t.Errorf("Via %q: got it wrong whose it is", r.Header.Get("Via"))
		}
		r.Header.Set("Via", "1.0 fred, "+r.Header.Get("Via")+" (mirror), 1.1 proxy.example")
		if !b.client.Looped(r.Header) || stranger.Looped(r.Header) {
			t.Errorf("Via %q: got it wrong whose it is", r.Header.Get("Via"))
		}
		r.Header.Set("Via", "1.1 fred, 1.1, ,")
		if b.client.Looped(r.Header) {
			t.Errorf("Via %q: got a loop", r.Header.Get("Via"))
		}
	}
	if _, _, err := b.part(t, 0, 1000, layout.Validators{}); err != nil {
		t.Fatal(err)
	}
	w := b.want("/a.exe", body)
	w.Path = filepath.Join(b.dir, "a")
	if _, err := b.client.Fetch(t.Context(), b.origin, w); err != nil {
		t.Fatal(err)
	}
	if len(via) != 2 || via[0] != via[1] || len(via[0]) != len("1.1 patchferry-0123456789abcdef") {
		t.Errorf("got Via %q, want the same pseudonym twice", via)
	}
	if b.client.Looped(http.Header{}) {
		t.Error("got a loop without Via")
	}
}

func TestOriginsFor(t *testing.T) {
	sources := upstream.Origins{
		origin(t, "https://a.example/l.txt", "10.1.2.3:8080", "[2001:db8::1]:8443"),
		origin(t, "http://b.example:8080/l.txt", "*.b.example"),
	}
	unlisted, err := upstream.NewOrigin("unlisted", nil, []string{"*.dl.example.net", "a.example"})
	if err != nil {
		t.Fatal(err)
	}
	all := append(sources, unlisted)
	tests := []struct {
		host string
		want int // -1: nobody
		is   string
	}{
		{"a.example", 0, "http://a.example/"},
		{"A.Example.", 0, "http://a.example/"},
		{"a.example:80", 0, "http://a.example/"},
		{"a.example:443", 0, "https://a.example/"},
		{"a.example:8080", -1, ""},
		{"b.example", -1, ""},
		{"b.example:8080", 1, "http://b.example:8080/"},
		{"x.b.example", 1, "http://x.b.example/"},
		{"7.au.DL.example.net", 2, "http://7.au.dl.example.net/"},
		{"dl.example.net", -1, ""},
		{"evildl.example.net", -1, ""},
		{"*.dl.example.net", -1, ""},
		{"*.x.dl.example.net", -1, ""},
		{"10.1.2.3:8080", 0, "http://10.1.2.3:8080/"},
		{"10.1.2.3", -1, ""},
		{"[::ffff:10.1.2.3]:8080", 0, "http://10.1.2.3:8080/"},
		{"[2001:DB8::1]:8443", 0, "http://[2001:db8::1]:8443/"},
		{"[2001:db8::1%25eth0]:8443", -1, ""},
		{"0x0a010203:8080", -1, ""},
		{"10.66051:8080", -1, ""},
		{"u@a.example", -1, ""},
		{"a.example/x", -1, ""},
		{"a.example#.dl.example.net", -1, ""},
		{"evil.example?.dl.example.net", -1, ""},
		{"evil.example\\.dl.example.net", -1, ""},
		{"evil.example%2f.dl.example.net", -1, ""},
		{"evil.example%00.dl.example.net", -1, ""},
		{"evil.example\r\nx.dl.example.net", -1, ""},
		{"x..dl.example.net", -1, ""},
		{".dl.example.net", -1, ""},
		{"localhost", -1, ""},
		{"127.0.0.1", -1, ""},
		{"", -1, ""},
		{":80", -1, ""},
		{"a.example:", -1, ""},
		{"a.example:99999", -1, ""},
	}
	for _, tt := range tests {
		o, u := all.For(tt.host)
		got := ""
		if u != nil {
			got = u.String()
		}
		if (o != nil) != (tt.want >= 0) || got != tt.is {
			t.Errorf("%q: got %q of %v, want %q", tt.host, got, o, tt.is)
			continue
		}
		if o != nil && o != all[tt.want] {
			t.Errorf("%q: got source %q, want number %d", tt.host, o.Source(), tt.want)
		}
	}
}

// FuzzOriginsFor: what is allowed is allowed again in its one form, and is a URL of
// just that host.
func FuzzOriginsFor(f *testing.F) {
	o, err := upstream.NewOrigin("xp", nil, []string{"*.dl.example.net", "a.example:8080", "2001:db8::1", "10.1.2.3"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"x.dl.example.net", "a.example:8080", "[2001:db8::1]", "10.1.2.3:443", "evil?.dl.example.net", "x.dl.example.net.:443"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		_, u := upstream.Origins{o}.For(host)
		if u == nil {
			return
		}
		port := ""
		if u.Scheme == "https" {
			port = ":443"
		}
		if _, again := (upstream.Origins{o}).For(u.Host + port); again == nil || *again != *u {
			t.Errorf("%q is %v, and then %v", host, u, again)
		}
		if read := mustURL(t, u.String()); *read != *u || read.Path != "/" || read.User != nil {
			t.Errorf("%q is %+v, which is read as %+v", host, u, read)
		}
	})
}
