package upstream_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchferry/layout"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/hostile"
)

// sizes returns n lengths from 32 KiB to 4 MiB, evenly spread over the powers
// of two between.
func sizes(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = int(32 << 10 * math.Pow(128, float64(i*7%n)/float64(n-1)))
	}
	return s
}

// BenchmarkFetch compares 600 files from a publisher 50 ms away, fetched,
// checked against stated digests and synced, with the floor: the same files
// received and hashed in one pass over as many connections, kept nowhere
// ("floor"), or written and synced ("floor-disk").
func BenchmarkFetch(b *testing.B) {
	const n = 600
	files := map[string][]byte{}
	digests := map[string]layout.Digest{}
	var paths []string
	total := 0
	for i, size := range sizes(n) {
		path := "/" + strconv.Itoa(i) + ".exe"
		files[path] = content(uint64(i), size)
		digests[path] = layout.DigestOf(files[path])
		paths = append(paths, path)
		total += size
	}
	p := hostile.NewHandler(files)
	p.Delay = 50 * time.Millisecond
	url := serve(b, p)
	run := func(name string, workers int, one func(dir, path string) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(total))
			for b.Loop() {
				dir := b.TempDir()
				each(b, workers, paths, func(path string) error { return one(dir, path) })
				os.RemoveAll(dir)
			}
		})
	}
	plain := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}}
	defer plain.CloseIdleConnections()
	run("floor", 8, func(_, path string) error { return floor(plain, url+path, io.Discard) })
	run("floor-disk", 8, func(dir, path string) error {
		f, err := os.Create(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := floor(plain, url+path, f); err != nil {
			return err
		}
		return f.Sync()
	})
	c := &upstream.Client{}
	defer c.Close()
	o := origin(b, url)
	// Eight connections as well: Client.PerHost. The other eight are syncing.
	run("fetch", 16, func(dir, path string) error {
		w := layout.Want{URL: url + path, Path: filepath.Join(dir, path), SHA256: digests[path], Size: int64(len(files[path]))}
		_, err := c.Fetch(b.Context(), o, w)
		return err
	})
}

func floor(c *http.Client, url string, w io.Writer) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	h := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(h, w), resp.Body, make([]byte, 128<<10))
	return err
}

// each runs one for every path, so many at once.
func each(b *testing.B, n int, paths []string, one func(path string) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(paths); i = next.Add(1) - 1 {
				if err := one(paths[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func serve(b *testing.B, h http.Handler) string {
	s := &http.Server{Handler: h, ErrorLog: quiet}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(l)
	b.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}

// BenchmarkPart reads a file of 64 MiB in parts of several lengths, one after the
// other, by reads of several lengths.
func BenchmarkPart(b *testing.B) {
	file := content(1, 64<<20)
	o := serve(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.exe", time.Unix(1e9, 0), bytes.NewReader(file))
	}))
	c := &upstream.Client{}
	defer c.Close()
	p := &upstream.Publisher{Client: c, Origin: origin(b, o)}
	for _, part := range []int64{256 << 10, 1 << 20, 16 << 20} {
		for _, size := range []int{32 << 10, 128 << 10, 512 << 10} {
			b.Run(fmt.Sprintf("part=%dKiB/read=%dKiB", part>>10, size>>10), func(b *testing.B) {
				buf := make([]byte, size)
				b.SetBytes(int64(len(file)))
				b.ReportAllocs()
				for b.Loop() {
					for at := int64(0); at < int64(len(file)); at += part {
						readPart(b, p, layout.PartRequest{URL: o + "/a.exe", Start: at, End: at + part}, buf)
					}
				}
			})
		}
	}
}

func readPart(b *testing.B, p *upstream.Publisher, r layout.PartRequest, buf []byte) {
	got, err := p.Part(b.Context(), r)
	if err != nil {
		b.Fatal(err)
	}
	defer got.Body.Close()
	if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, got.Body, buf); err != nil || n != r.End-r.Start {
		b.Fatalf("%d bytes, %v", n, err)
	}
}
