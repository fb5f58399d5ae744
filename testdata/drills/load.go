package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// patience is how long a host tries to get one file.
	patience = 3 * time.Minute
	// idle is how long it waits for a byte before it asks another server.
	idle = 20 * time.Second
	// pause is how long it waits before it asks again.
	pause = 200 * time.Millisecond
)

// load is hosts that fetch.
type load struct {
	files   []wanted
	servers []string
	clients int
	time    time.Duration // 0: every file once

	http  *http.Client
	score score
}

// wanted is a file as the publisher knows it.
type wanted struct {
	sha256 string
	size   int64
}

// read reads the list.
func (l *load) read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var w wanted
		for _, field := range strings.Fields(lines.Text()) {
			if digest, ok := strings.CutPrefix(field, "sha256="); ok {
				w.sha256 = digest
			}
			if size, ok := strings.CutPrefix(field, "size="); ok {
				w.size, err = strconv.ParseInt(size, 10, 64)
			}
		}
		if err != nil || w.sha256 == "" {
			return fmt.Errorf("%s: %q has no size and digest", name, lines.Text())
		}
		l.files = append(l.files, w)
	}
	return lines.Err()
}

// run fetches and prints what came of it. It is an error when a file was wrong
// or could not be had.
func (l *load) run(ctx context.Context) error {
	l.http = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost:   l.clients,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		ResponseHeaderTimeout: idle,
		DisableCompression:    true,
	}}
	l.score.begin()
	next := l.order()
	jobs, ctx := errgroup.WithContext(ctx)
	for i := range l.clients {
		jobs.Go(func() error {
			for w, ok := next(); ok; w, ok = next() {
				if err := l.fetch(ctx, i, w); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := jobs.Wait()
	l.score.print(os.Stdout)
	if err == nil && l.score.wrong.Load()+l.score.givenUp.Load() > 0 {
		return errors.New("not every file was had, or right")
	}
	return err
}

// order returns what hands out the files: each once, or any until the time is
// over.
func (l *load) order() func() (wanted, bool) {
	if l.time > 0 {
		end := time.Now().Add(l.time)
		return func() (wanted, bool) { return l.files[rand.IntN(len(l.files))], time.Now().Before(end) }
	}
	var at atomic.Int64
	return func() (wanted, bool) {
		i := at.Add(1) - 1
		if i >= int64(len(l.files)) {
			return wanted{}, false
		}
		return l.files[i], true
	}
}

// download is one file on its way to one host.
type download struct {
	wanted
	hash  hash.Hash
	have  int64
	etag  string
	began time.Time // of the wait for the next byte
}

// fetch gets one file whole, from whichever server gives it. What was had stays:
// another server goes on where the last one stopped.
func (l *load) fetch(ctx context.Context, client int, w wanted) error {
	d := &download{wanted: w, hash: sha256.New(), began: time.Now()}
	at, end := client%len(l.servers), time.Now().Add(patience)
	for try := 0; ; try++ {
		err := l.attempt(ctx, l.servers[at], d)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			l.score.finish(d)
			return nil
		}
		l.score.interrupted(err, d.have > 0)
		if time.Now().After(end) {
			l.score.givenUp.Add(1)
			return nil
		}
		at = (at + 1) % len(l.servers)
		time.Sleep(pause)
	}
}

// attempt asks one server for what is missing.
func (l *load) attempt(ctx context.Context, server string, d *download) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/objects/sha256/"+d.sha256, nil)
	if err != nil {
		return err
	}
	if d.have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.have))
		req.Header.Set("If-Range", d.etag)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // it was only read
	if err := d.begin(resp); err != nil {
		return err
	}
	watch := time.AfterFunc(idle, func() { cancel(errIdle) })
	defer watch.Stop()
	buffer := make([]byte, 128<<10)
	for {
		n, err := resp.Body.Read(buffer)
		if n > 0 {
			watch.Reset(idle)
			d.hash.Write(buffer[:n])
			d.have += int64(n)
			l.score.progress(d, n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

var errIdle = errors.New("no byte came")

// statusError is an answer that brings nothing.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// begin looks at an answer. A server that knows the file under another ETag
// would have to send it whole, which no replica may.
func (d *download) begin(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		return statusError(resp.StatusCode)
	}
	if d.have > 0 && resp.StatusCode == http.StatusOK {
		d.hash.Reset()
		d.have = 0
		return errors.New("another ETag")
	}
	d.etag = resp.Header.Get("ETag")
	return nil
}

// kind is what an interruption is called in the summary.
func kind(err error) string {
	var status statusError
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, errIdle):
		return "no byte for " + idle.String()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "cut off"
	}
	return err.Error()
}

// right reports whether the bytes are those that were wanted.
func (d *download) right() bool {
	return d.have == d.size && hex.EncodeToString(d.hash.Sum(nil)) == d.sha256
}
