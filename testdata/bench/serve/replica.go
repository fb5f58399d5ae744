package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/layout/store"
)

// replicaJobs are those of a server over a warm cache beside one over a directory.
var replicaJobs = [...]job{
	{name: "1 MiB files", connections: 32, load: loadFiles, file: "1m"},
	{name: "1 MiB ranges", connections: 32, load: loadFiles, file: "300m", ranges: true},
	{name: "300 MB files", connections: 6, load: loadFiles, file: "300m"},
	{name: "4 KiB files", connections: 32, load: loadSmall, file: "4k"},
	{name: "304", connections: 32, load: load304, file: "4k"},
}

// compareReplicas measures a server over a warm cache beside one over the directory
// that the cache was filled from, and two servers on a core each beside one.
func compareReplicas(ctx context.Context, rounds int, length time.Duration, only string) error {
	dir, err := makeFiles()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := makeStore(ctx, dir); err != nil {
		return err
	}
	var servers []*process
	for _, role := range [...]string{"cache", "dir"} {
		p, err := startRole(ctx, role, dir)
		if err != nil {
			return err
		}
		defer p.stop()
		servers = append(servers, p)
	}
	fmt.Printf("%-24s %12s %12s %7s %7s   %10s %10s %7s %7s\n", "job", "warm cache", "directory", "ratio", "want", "CPU s", "directory", "ratio", "want")
	for _, j := range replicaJobs {
		if !selected(j, only) {
			continue
		}
		if err := comparePairs(ctx, j, servers, rounds, length); err != nil {
			return err
		}
	}
	return scale(ctx, dir, rounds, length, only)
}

// comparePairs measures two servers by turns. The ratio is the median of those of the
// rounds, so that what else the machine does counts for both.
func comparePairs(ctx context.Context, j job, servers []*process, rounds int, length time.Duration) error {
	var rows [2]row
	var rates, cpu []float64
	for i := range rounds {
		for k := range rows { // each is first every other time
			k = (k + i) % len(rows)
			if err := rows[k].measure(servers[k], j, length); err != nil {
				return fmt.Errorf("%s on %s: %w", j.name, servers[k].name, err)
			}
		}
		rates = append(rates, rows[0].rate[i]/rows[1].rate[i])
		cpu = append(cpu, rows[0].cpu[i]/rows[1].cpu[i])
	}
	fmt.Printf("%-24s %12.0f %12.0f %6.2fx %7s   %10.3f %10.3f %6.2fx %7s\n", j.name, median(rows[0].rate), median(rows[1].rate), median(rates), ">=1.0",
		median(rows[0].cpu), median(rows[1].cpu), median(cpu), "<=1.0")
	return ctx.Err()
}

// scale measures one server with its clients on one core, by turns on the first and
// the second, and two on two: each core has a server and the clients of that server,
// and nothing else of ours.
func scale(ctx context.Context, dir string, rounds int, length time.Duration, only string) error {
	var servers []*process
	for core := range 2 {
		p, err := startRole(ctx, "cache", dir, "taskset", "-c", strconv.Itoa(core))
		if err != nil {
			return err
		}
		defer p.stop()
		servers = append(servers, p)
	}
	fmt.Printf("\n%-24s %12s %12s %7s %7s   %12s %12s\n", "job", "two, 2 cores", "one, 1 core", "ratio", "want", "a CPU s: two", "one")
	for _, j := range replicaJobs {
		if j.ranges || j.file == "300m" || !selected(j, only) {
			continue
		}
		var one, two pinned
		var ratios []float64
		for i := range rounds {
			if err := errors.Join(one.measure(servers, []int{i % 2}, j, length), two.measure(servers, []int{0, 1}, j, length), ctx.Err()); err != nil {
				return err
			}
			ratios = append(ratios, two.rate[i]/one.rate[i])
		}
		fmt.Printf("%-24s %12.0f %12.0f %6.2fx %7s   %12.0f %12.0f\n", j.name, median(two.rate), median(one.rate), median(ratios), ">=1.8", median(two.perCPU), median(one.perCPU))
	}
	return nil
}

// pinned collects the rounds of servers that each have a core.
type pinned struct {
	rate   []float64 // requests a second, of all servers
	perCPU []float64 // requests for each second of processor time of the servers
}

// measure loads the servers of these cores at once, each with clients on its own
// core.
func (p *pinned) measure(servers []*process, cores []int, j job, length time.Duration) error {
	var args []string
	if j.name == "304" {
		args = notModified()
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var rate, requests, cpu float64
	var failed error
	for _, core := range cores {
		wg.Go(func() {
			before, err := servers[core].cpuSeconds()
			res, err2 := runWrkOn(core, servers[core].addr, j, length, args...)
			after, err3 := servers[core].cpuSeconds()
			mu.Lock()
			defer mu.Unlock()
			if failed = errors.Join(failed, err, err2, err3); failed == nil {
				rate += float64(res.requests) / res.elapsed.Seconds()
				requests += float64(res.requests)
				cpu += after - before
			}
		})
	}
	wg.Wait()
	p.rate, p.perCPU = append(p.rate, rate), append(p.perCPU, requests/cpu)
	return failed
}

// makeStore makes a store of the files.
func makeStore(ctx context.Context, dir string) (err error) {
	s, err := store.CreateDir(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, name := range fileNames {
		size, d, err := digestOf(filepath.Join(dir, target(name)))
		if err != nil {
			return err
		}
		f, err := os.Open(filepath.Join(dir, target(name)))
		if err != nil {
			return err
		}
		if err := errors.Join(s.Put(ctx, d, size, f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// serveStore serves the store, or a cache of its own before it, which is warm
// before the first request.
func serveStore(ctx context.Context, dir string, cached bool) (err error) {
	s, err := store.OpenDir(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if !cached {
		return serveFiles(ctx, dir, s)
	}
	folder, err := os.MkdirTemp(dir, "cache-")
	if err != nil {
		return err
	}
	c, err := store.OpenCache(folder, 1<<30, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var all []layout.Digest
	for _, name := range fileNames {
		_, d, err := digestOf(filepath.Join(dir, target(name)))
		if err != nil {
			return err
		}
		all = append(all, d)
	}
	if err := c.Keep(ctx, nil, all); err != nil {
		return err
	}
	return serveFiles(ctx, dir, c)
}

// serveFiles serves the files from a source.
func serveFiles(ctx context.Context, dir string, source distribute.Source) error {
	view, err := viewOf(dir)
	if err != nil {
		return err
	}
	return serveView(ctx, view, source)
}
