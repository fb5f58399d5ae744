package upstream_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

var quiet = log.New(io.Discard, "", 0)

// memory is a listener whose connections are pipes, for tests under the fake
// clock of synctest.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case m.conns <- theirs:
		return mine, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble runs f with a client of a publisher of body at
// http://192.0.2.1/a.exe, under a fake clock.
func inBubble(t *testing.T, body []byte, f func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := hostile.NewHandler(map[string][]byte{"/a.exe": body})
		m := newMemory()
		s := &http.Server{Handler: p, ErrorLog: quiet}
		go s.Serve(m)
		c := &upstream.Client{Dial: m.dial}
		w := layout.Want{URL: "http://192.0.2.1/a.exe", Path: filepath.Join(dir, "file")}
		o := origin(t, w.URL)
		f(t, p, c, func() error {
			_, err := c.Fetch(t.Context(), o, w)
			if read, _ := os.ReadFile(w.Path); err == nil && !bytes.Equal(read, body) {
				t.Error("the file has other bytes")
			}
			if err == nil {
				err = new(upstream.Publisher).Discard(w.Path) // else the next call finds it
			}
			return err
		})
		c.Close()
		s.Close()
	})
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name, value string
		most        time.Duration
		wait        time.Duration
		err         string
	}{
		{name: "seconds", value: "90", wait: 90 * time.Second},
		{name: "date", value: "Sat, 01 Jan 2000 00:02:00 GMT", wait: 2 * time.Minute},
		{name: "as long as allowed", value: "300", wait: 5 * time.Minute},
		{name: "longer than allowed", value: "301", err: "asks to wait 5m1s, longer than 5m0s"},
		{name: "longer than configured", value: "2", most: time.Second, err: "asks to wait 2s, longer than 1s"},
		{name: "date of another day", value: "Sun, 02 Jan 2000 00:00:00 GMT", err: "asks to wait 24h0m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, content(30, 1000), func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error) {
				c.MaxRetryAfter = tt.most
				p.Fault("/a.exe", hostile.Status{Code: 503, RetryAfter: tt.value, Times: 1})
				start := time.Now()
				err := fetch()
				if took := time.Since(start); took != tt.wait {
					t.Errorf("took %v, want %v", took, tt.wait)
				}
				if tt.err != "" {
					wantError(t, err, "fetch ", tt.err)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestBackOffGrowsAndIsBounded(t *testing.T) {
	inBubble(t, content(31, 1000), func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error) {
		c.Retries = 10
		p.Fault("/a.exe", hostile.Status{Code: 503})
		start := time.Now()
		wantError(t, fetch(), "fetch ", "503")
		// 0.5+1+2+4+8+16 and four times 30 seconds, each give or take half.
		if took := time.Since(start); took < 75*time.Second || took > 230*time.Second {
			t.Errorf("took %v", took)
		}
		if n := p.Requests("/a.exe"); n != 11 {
			t.Errorf("got %d requests, want 11", n)
		}
	})
}

func TestStallIsAMinuteOfSilence(t *testing.T) {
	tests := []struct {
		name        string
		fault       hostile.Fault
		least, most time.Duration
	}{
		{"in the body", hostile.Stall{At: 100_000, Times: 1}, time.Minute, 62 * time.Second},
		{"before the headers", hostile.Stall{At: -1, Times: 1}, time.Minute, 62 * time.Second},
		{"slow but alive", hostile.Slow{Chunk: 20_000, Pause: 59 * time.Second}, 9 * 59 * time.Second, 9 * 59 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, content(32, 200_000), func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error) {
				p.Fault("/a.exe", tt.fault)
				start := time.Now()
				if err := fetch(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < tt.least || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.least, tt.most)
				}
			})
		})
	}
}

// TestRate also shows that waiting for the rate is no stall.
func TestRate(t *testing.T) {
	for _, own := range []bool{false, true} {
		body := content(33, 1<<20)
		inBubble(t, body, func(t *testing.T, p *hostile.Publisher, c *upstream.Client, _ func() error) {
			o := origin(t, "http://192.0.2.1/")
			if own {
				o.Rate = 2 << 10
			} else {
				c.Rate = 2 << 10
			}
			start := time.Now()
			w := layout.Want{URL: "http://192.0.2.1/a.exe", Path: filepath.Join(t.TempDir(), "file")}
			if _, err := c.Fetch(t.Context(), o, w); err != nil {
				t.Fatal(err)
			}
			// 1 MiB less the first 128 KiB, at 2 KiB/s.
			if took := time.Since(start).Round(time.Second); took != 448*time.Second {
				t.Errorf("took %v, want 448s", took)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	inBubble(t, content(34, 1<<20), func(t *testing.T, p *hostile.Publisher, c *upstream.Client, fetch func() error) {
		now := time.Now()
		midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		opens := now.Sub(midnight) + 2*time.Hour
		c.Windows = []upstream.Window{{From: opens % (24 * time.Hour), To: (opens + 10*time.Minute) % (24 * time.Hour)}}
		// 16 pieces of a minute each: ten on the first day, the rest on the next.
		p.Fault("/a.exe", hostile.Slow{Chunk: 64 << 10, Pause: 50 * time.Second})
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(now); took < 26*time.Hour || took > 26*time.Hour+10*time.Minute {
			t.Errorf("took %v, want 26h and some minutes", took)
		}
		if n := p.Requests("/a.exe"); n != 2 {
			t.Errorf("got %d requests, want 2", n)
		}
	})
}

func TestParseWindow(t *testing.T) {
	hm := func(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }
	tests := []struct {
		text string
		want upstream.Window
		ok   bool
	}{
		{"22:00-06:00", upstream.Window{From: hm(22, 0), To: hm(6, 0)}, true},
		{"00:00-24:00", upstream.Window{From: 0, To: hm(24, 0)}, true},
		{" 9:30 - 17:45 ", upstream.Window{From: hm(9, 30), To: hm(17, 45)}, true},
		{"22:00", upstream.Window{}, false},
		{"25:00-06:00", upstream.Window{}, false},
		{"22:00-24:01", upstream.Window{}, false},
		{"-", upstream.Window{}, false},
	}
	for _, tt := range tests {
		got, err := upstream.ParseWindow(tt.text)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
		}
		if !tt.ok {
			continue
		}
		if again, err := upstream.ParseWindow(got.String()); err != nil || again != got {
			t.Errorf("%q: got %v, %v back", got.String(), again, err)
		}
	}
}
