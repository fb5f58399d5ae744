package upstream_test

import (
	"context"
	"net"
	"syscall"
	"testing"

	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

// TestHostThatIsDown must not cost each of its files all retries, and must
// come back with the first that succeeds.
func TestHostThatIsDown(t *testing.T) {
	body := content(50, 1000)
	inBubble(t, body, func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error) {
		c.PerHost, c.Retries = 2, 1
		p.Fault("/a.exe", hostile.Status{Code: 503})
		requests := func() int {
			before := p.Requests("/a.exe")
			wantError(t, fetch(), "fetch ", "503")
			return p.Requests("/a.exe") - before
		}
		for i := range 6 {
			if n := requests(); n != 2 {
				t.Errorf("got %d requests for file %d, want 2", n, i)
			}
		}
		if n := requests(); n != 1 {
			t.Errorf("got %d requests once the host is down, want 1", n)
		}
		p.Heal("/a.exe")
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		p.Fault("/a.exe", hostile.Status{Code: 503})
		if n := requests(); n != 2 {
			t.Errorf("got %d requests once the host is back, want 2", n)
		}
	})
}

// TestMissingFilesAreNoFailureOfTheHost keeps the retries of a host that
// answers.
func TestMissingFilesAreNoFailureOfTheHost(t *testing.T) {
	inBubble(t, content(51, 1000), func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error) {
		c.PerHost, c.Retries = 2, 1
		p.Fault("/a.exe", hostile.Status{Code: 404, Times: 10}, hostile.Status{Code: 503, Times: 1})
		for range 10 {
			wantError(t, fetch(), "fetch ", "404")
		}
		if err := fetch(); err != nil {
			t.Error(err)
		}
	})
}

// TestUnreachableHost counts refused connections.
func TestUnreachableHost(t *testing.T) {
	inBubble(t, content(52, 1000), func(t *testing.T, _ *hostile.Publisher, c *upstream.Client, fetch func() error) {
		c.PerHost, c.Retries = 1, 2
		dials := 0
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, syscall.ECONNREFUSED
		}
		for range 5 {
			wantError(t, fetch(), "fetch http://192.0.2.1/a.exe: ", "connection refused")
		}
		if want := 3*3 + 2*1; dials != want {
			t.Errorf("got %d connections, want %d", dials, want)
		}
	})
}
