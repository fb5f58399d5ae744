package main

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// runFloor is the least that has to be done: get each file, hash it while it
// comes, write it. It checks nothing and survives nothing.
func runFloor(ctx context.Context, dir string, withSHA1, durable bool) error {
	urls, err := os.Open(filepath.Join(dir, "urls"))
	if err != nil {
		return err
	}
	defer urls.Close()
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(connections)
	lines := bufio.NewScanner(urls)
	for lines.Scan() {
		url, name, _ := strings.Cut(lines.Text(), " ")
		jobs.Go(func() error { return onePass(ctx, client, url, filepath.Join(files, name), withSHA1, durable) })
	}
	return jobs.Wait()
}

func onePass(ctx context.Context, client *http.Client, url, path string, withSHA1, durable bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sums := []hash.Hash{sha256.New()}
	if withSHA1 {
		sums = append(sums, sha1.New())
	}
	to := []io.Writer{f}
	for _, h := range sums {
		to = append(to, h)
	}
	if _, err := io.CopyBuffer(io.MultiWriter(to...), resp.Body, make([]byte, 128<<10)); err != nil {
		return err
	}
	if durable {
		return f.Sync()
	}
	return nil
}
