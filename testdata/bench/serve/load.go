package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const bigFile = 300e6 // bytes

// target is the path of a file on both servers.
func target(file string) string { return "/Software/ALL/com_microsoft.other/any/bench/" + file }

// loadFiles downloads a file, or 1 MiB of it at random, over and over on each
// connection. It reads with large buffers and parses the least, so that the
// server is what is measured.
func loadFiles(addr string, j job, length time.Duration) (result, error) {
	var total, requests atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, j.connections)
	start := time.Now()
	end := start.Add(length)
	for range j.connections {
		wg.Go(func() {
			c, err := dial(addr)
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			for time.Now().Before(end) {
				n, err := c.get(j, &total)
				if err != nil {
					errs <- err
					return
				}
				requests.Add(n)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	select {
	case err := <-errs:
		return result{}, err
	default:
		return result{requests: int(requests.Load()), bytes: total.Load(), elapsed: elapsed}, nil
	}
}

type client struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 4<<10), buf: make([]byte, 256<<10)}, nil
}

func (c *client) get(j job, total *atomic.Int64) (int64, error) {
	extra := ""
	if j.ranges {
		at := rand.Int64N(bigFile>>20) << 20
		extra = fmt.Sprintf("Range: bytes=%d-%d\r\n", at, at+1<<20-1)
	}
	_, err := io.WriteString(c.conn, "GET "+target(j.file)+" HTTP/1.1\r\nHost: bench\r\n"+extra+"\r\n")
	if err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, err
	}
	if res.StatusCode > 206 || res.ContentLength < 0 {
		return 0, errors.New(res.Status)
	}
	left := res.ContentLength
	head := int64(min(int64(c.r.Buffered()), left))
	if _, err := c.r.Discard(int(head)); err != nil {
		return 0, err
	}
	total.Add(head)
	for left -= head; left > 0; {
		n, err := c.conn.Read(c.buf[:min(left, int64(len(c.buf)))])
		total.Add(int64(n))
		left -= int64(n)
		if err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func loadSmall(addr string, j job, length time.Duration) (result, error) {
	return runWrk(addr, j, length)
}

// load304 asks for a file that it has: by date, which both servers know.
func load304(addr string, j job, length time.Duration) (result, error) {
	return runWrk(addr, j, length, notModified()...)
}

// notModified are the arguments of wrk for a file that it has.
func notModified() []string {
	return []string{"-H", "If-Modified-Since: " + fileTime.Format(http.TimeFormat)}
}

var wrkRequests = regexp.MustCompile(`(\d+) requests in ([\d.]+)s`)

// runWrk drives small requests with wrk, which costs less than the server
// does; a client in Go would be the larger half of what is measured.
func runWrk(addr string, j job, length time.Duration, args ...string) (result, error) {
	args = append(args, "-t", "2", "-c", strconv.Itoa(j.connections), "-d", strconv.Itoa(max(1, int(length.Seconds())))+"s",
		"http://"+addr+target(j.file))
	return wrk(exec.Command("wrk", args...))
}

// runWrkOn is runWrk with one thread on one core.
func runWrkOn(core int, addr string, j job, length time.Duration, args ...string) (result, error) {
	args = append(args, "-t", "1", "-c", strconv.Itoa(j.connections), "-d", strconv.Itoa(max(1, int(length.Seconds())))+"s",
		"http://"+addr+target(j.file))
	return wrk(exec.Command("taskset", append([]string{"-c", strconv.Itoa(core), "wrk"}, args...)...))
}

func wrk(cmd *exec.Cmd) (result, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := wrkRequests.FindSubmatch(out)
	if m == nil {
		return result{}, fmt.Errorf("wrk said: %s", out)
	}
	n, _ := strconv.Atoi(string(m[1]))
	s, _ := strconv.ParseFloat(string(m[2]), 64)
	return result{requests: n, elapsed: time.Duration(s * float64(time.Second))}, nil
}

var fileTime = time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)

// makeFiles makes the files as both servers find them: nginx by path, ours by
// digest.
func makeFiles() (string, error) {
	dir, err := os.MkdirTemp("", "patchferry-bench-")
	if err != nil {
		return "", err
	}
	tree := filepath.Join(dir, target(""))
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return dir, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers are nobody
		return dir, err
	}
	for name, size := range map[string]int{"4k": 4 << 10, "1m": 1 << 20, "300m": bigFile} {
		path := filepath.Join(tree, name)
		if err := writeRandom(path, size); err != nil {
			return dir, err
		}
		if err := os.Chtimes(path, fileTime, fileTime); err != nil {
			return dir, err
		}
		_, d, err := digestOf(path)
		if err != nil {
			return dir, err
		}
		if err := os.Link(path, filepath.Join(dir, d.String())); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

func writeRandom(path string, size int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	src := rand.NewChaCha8([32]byte{byte(size >> 12)})
	if _, err := io.CopyN(f, src, int64(size)); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
