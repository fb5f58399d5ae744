package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// updates is how many updates the catalog to be served has.
const updates = 250_000

const servedConfig = `
[[source]]
name = "bench"
kind = "updates"
path = "large.jsonl"
hosts = [%q]
`

// startServing measures how long the real server needs to start on a large catalog:
// cold, from the store, and with the index of its last run.
func startServing(ctx context.Context, b *bench) error {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	if err := b.initSite(ctx, dir, fmt.Sprintf(servedConfig, b.remote.addr)); err != nil {
		return err
	}
	line, err := b.writeLarge(filepath.Join(dir, "large.jsonl"))
	if err != nil {
		return err
	}
	c, err := b.remote.measure(b.patchferry(ctx, dir, "sync"))
	if err != nil {
		return err
	}
	if c.exit != 0 {
		return fmt.Errorf("sync: exit %d: %s", c.exit, c.message)
	}
	fmt.Printf("%-22s %8.2f s, CPU %.2f s, %d MiB resident; %d bytes an update\n", "first sync", c.elapsed.Seconds(), c.cpu.Seconds(), c.rss>>20, line)
	for _, start := range []struct {
		name string
		cold bool
		want int
	}{{"serve, cold", true, 20}, {"serve, with its index", false, 3}} {
		var elapsed, rss []float64
		for range b.rounds {
			e, r, err := b.serveOnce(ctx, dir, start.cold)
			if err != nil {
				return fmt.Errorf("%s: %w", start.name, err)
			}
			elapsed, rss = append(elapsed, e.Seconds()), append(rss, float64(r))
		}
		fmt.Printf("%-22s %8.2f s (want <%d), %.0f MiB resident at most (want <300)\n", start.name, median(elapsed), start.want, median(rss))
	}
	return nil
}

// writeLarge writes a list of updates as large as real ones, whose files are
// those of the content over and over, and returns the bytes of a line.
func (b *bench) writeLarge(name string) (int64, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	lines := json.NewEncoder(w)
	for i := range updates {
		content := b.content.files[i%len(b.content.files)]
		kb := 1_000_000 + i
		err = errors.Join(err, lines.Encode(map[string]any{
			"id": fmt.Sprintf("%08x-5c1b-4f6e-9d3a-%012x", uint32(i)*2654435761, i), "revision": 200, "kb": strconv.Itoa(kb),
			"title": fmt.Sprintf("2026-11 Cumulative Update for Windows 10 Version 1809 for x64-based Systems (KB%d)", kb), "description": strings.Repeat("Install this update to resolve issues. ", 9),
			"classification": "security_update", "severity": "Important", "products": []string{"Windows 10, version 1903 and later", "Windows 10 LTSB"},
			"os": []string{"windows10-1809"}, "arch": []string{"x64"}, "released": "2026-11-10", "cves": []string{"CVE-2026-10001", "CVE-2026-10002", "CVE-2026-10003"},
			"supersedes": []string{"5000001", "5000002", "5000003"}, "support_url": fmt.Sprintf("https://support.example/help/%d", kb),
			"files": []any{map[string]any{"name": fmt.Sprintf("windows10.0-kb%d-x64.msu", kb), "size": content.size, "sha256": content.sha256, "url": b.remote.url(content.name)}},
		}))
	}
	if err := errors.Join(err, w.Flush(), f.Close()); err != nil {
		return 0, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size() / updates, nil
}

// serveOnce starts the server, waits until it says that it listens, asks for a
// folder, and stops it. It returns the time to the first answer and the most
// memory that was resident, in MiB.
func (b *bench) serveOnce(ctx context.Context, dir string, cold bool) (time.Duration, int64, error) {
	if cold {
		if err := os.Remove(filepath.Join(dir, "work", "view.index")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, 0, err
		}
	}
	cmd := b.patchferry(ctx, dir, "serve", "--listen", "127.0.0.1:0", "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer cmd.Wait() // it is killed, or has ended by itself
	defer cmd.Process.Kill()
	var ready struct{ URL string }
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		return 0, 0, fmt.Errorf("the server does not say where it listens: %w", err)
	}
	resp, err := http.Get(ready.URL + "Software/?format=json")
	if err != nil {
		return 0, 0, err
	}
	elapsed := time.Since(start)
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("the server answers %s (%v)", resp.Status, err)
	}
	peak, err := peakMiB(cmd.Process.Pid)
	return elapsed, peak, errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
}

// peakMiB returns the most memory that a process had resident.
func peakMiB(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, errors.New("the kernel does not tell the peak of resident memory")
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib >> 10, err
}
