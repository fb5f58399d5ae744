package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchferry/distribute/hosttest"
	"patchferry/mirror/upstream/hostile"
)

// TestHostilePublisherWithReaders is everything that a publisher can do to a file
// while hosts read it: those who read it whole, and BITS and Delivery Optimization.
// None of them ever has a file that is not the right one, whatever they were told; where
// the fault is one that a fetch gets over, all of them have it.
func TestHostilePublisherWithReaders(t *testing.T) {
	const size = 3<<20 + 17
	right := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(right) // it cannot fail
	wrong := bytes.Clone(right)
	wrong[size-1]++
	elsewhere := hostile.New(map[string][]byte{"/x.exe": right})
	t.Cleanup(elsewhere.Close)
	tests := []struct {
		name   string
		faults []hostile.Fault
		gets   bool // all hosts have the file in the end
	}{
		{name: "cuts the body now and then", faults: []hostile.Fault{hostile.Cut{At: 500_000, Times: 3}}, gets: true},
		{name: "states a longer length", faults: []hostile.Fault{hostile.Length{By: 10}}},
		{name: "states a shorter length", faults: []hostile.Fault{hostile.Length{By: -10}}},
		{name: "ignores ranges", faults: []hostile.Fault{hostile.NoRange{}}, gets: true},
		{name: "ignores ranges and cuts the body once", faults: []hostile.Fault{hostile.NoRange{}, hostile.Cut{At: 1 << 20, Times: 1}}, gets: true},
		{name: "answers with another range", faults: []hostile.Fault{hostile.WrongRange{By: 1}}},
		{name: "changes the file", faults: []hostile.Fault{hostile.Cut{At: 1 << 20, Times: 1}, hostile.Change{To: wrong}}},
		{name: "changes the file and keeps its validators", faults: []hostile.Fault{hostile.Cut{At: 1 << 20, Times: 1}, hostile.Change{To: wrong, SameValidators: true}}},
		{name: "answers 404", faults: []hostile.Fault{hostile.Status{Code: http.StatusNotFound}}},
		{name: "answers 503 for ever", faults: []hostile.Fault{hostile.Status{Code: http.StatusServiceUnavailable}}},
		{name: "answers 503 once", faults: []hostile.Fault{hostile.Status{Code: http.StatusServiceUnavailable, Times: 1}}, gets: true},
		{name: "answers 429 for a day", faults: []hostile.Fault{hostile.Status{Code: http.StatusTooManyRequests, RetryAfter: "86400"}}},
		{name: "sends HTML", faults: []hostile.Fault{hostile.HTML{}}},
		{name: "sends HTML without a type", faults: []hostile.Fault{hostile.HTML{Type: "-"}}},
		{name: "sends a wrong byte at the start", faults: []hostile.Fault{hostile.WrongBytes{At: 7}}},
		{name: "sends a wrong byte at the end", faults: []hostile.Fault{hostile.WrongBytes{At: size - 1}}},
		{name: "redirects to another host", faults: []hostile.Fault{hostile.Redirect{To: elsewhere.URL("/x.exe")}}},
		{name: "redirects to a private address", faults: []hostile.Fault{hostile.Redirect{To: "http://10.0.0.1/x.exe"}}},
		{name: "redirects for ever", faults: []hostile.Fault{hostile.Redirect{To: filledName}}},
		{name: "has a weak entity tag", faults: []hostile.Fault{hostile.WeakETag{}}, gets: true},
		{name: "has no validators", faults: []hostile.Fault{hostile.NoValidators{}}, gets: true},
		{name: "states no length", faults: []hostile.Fault{hostile.NoLength{}}, gets: true},
		{name: "states no length and ends the connection", faults: []hostile.Fault{hostile.NoLength{Close: true}}, gets: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, p := onDemandMirror(t, map[string][]byte{filledName: right})
			impatient(t, dir)
			for _, f := range tt.faults {
				p.Fault(filledName, f)
			}
			c := &crowd{url: serveMirror(t, dir), right: right}
			c.read(t, tt.gets)
			if tt.gets && int(c.have.Load()) != c.hosts {
				t.Errorf("%d of %d hosts have the file", c.have.Load(), c.hosts)
			}
			if !tt.gets && c.have.Load() > 0 {
				t.Errorf("%d hosts have the file: the fault did nothing", c.have.Load())
			}
		})
	}
}

// impatient makes a mirror that waits three seconds for a publisher.
func impatient(t *testing.T, dir string) {
	t.Helper()
	name := filepath.Join(dir, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("\n[fill]\n"), []byte("\n[fill]\npatience = \"3s\"\n"), 1)
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
}

// crowd is hosts of all kinds that read one file.
type crowd struct {
	url   string
	right []byte
	hosts int
	have  atomic.Int32 // hosts that have the file
}

// read lets every host try; where the file is to be had, until it has it.
func (c *crowd) read(t *testing.T, untilHad bool) {
	t.Helper()
	var wg sync.WaitGroup
	for n := range 12 {
		c.hosts++
		wg.Go(func() {
			host := []func(*testing.T) ([]byte, error){c.whole, c.bits(), c.optimized}[n%3]
			for {
				got, err := host(t)
				if err == nil {
					if !bytes.Equal(got, c.right) {
						t.Errorf("host %d is done with %d bytes that are another file's (%x)", n, len(got), sha256.Sum256(got))
					}
					c.have.Add(1)
					return
				}
				if !untilHad || t.Context().Err() != nil {
					return
				}
				time.Sleep(100 * time.Millisecond) // as a host does that is told to come again
			}
		})
	}
	wg.Wait()
}

func (c *crowd) whole(t *testing.T) ([]byte, error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+filledName[1:], nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return got, err
}

// bits returns a host with a job that lives through its errors, as long as they are of
// the kind after which BITS goes on; else it begins another.
func (c *crowd) bits() func(*testing.T) ([]byte, error) {
	job := &hosttest.BITS{URL: c.url + filledName[1:]}
	return func(t *testing.T) ([]byte, error) {
		err := job.Run(t.Context())
		got := job.Content()
		if err != nil && !errors.Is(err, hosttest.ErrAgain) {
			job = &hosttest.BITS{URL: job.URL}
		}
		return got, err
	}
}

func (c *crowd) optimized(t *testing.T) ([]byte, error) {
	d := &hosttest.DeliveryOptimization{
		Addr: c.url[len("http://") : len(c.url)-1], Path: filledName, Size: int64(len(c.right)), Pieces: hosttest.PiecesOf(c.right),
		Query: func(n int) string { return fmt.Sprint("P1=", n) },
	}
	return d.Fetch(t.Context())
}
