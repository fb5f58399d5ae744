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
	{name: "1 MiB files", connections: 32, load: loadFiles, file: "1m", throughput: 1},
	{name: "1 MiB ranges", connections: 32, load: loadFiles, file: "300m", ranges: true, throughput: 1},
	{name: "300 MB files", connections: 6, load: loadFiles, file: "300m", throughput: 1},
	{name: "4 KiB files", connections: 32, load: loadSmall, file: "4k", throughput: 1},
	{name: "304", connections: 32, load: load304, file: "4k", throughput: 1},
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
		if err := compareJob(ctx, j, servers[0], servers[1], rounds, length); err != nil {
			return err
		}
	}
	return scale(ctx, dir, rounds, length, only)
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
	fmt.Printf("\n%-24s %12s %12s %7s %7s\n", "job", "two, 2 cores", "one, 1 core", "ratio", "want")
	for _, j := range replicaJobs {
		if j.ranges || j.file == "300m" || !selected(j, only) {
			continue
		}
		var one, two []float64
		for range rounds {
			for _, cores := range [...][]int{{0}, {0, 1}, {1}, {0, 1}} {
				rate, err := loadPinned(ctx, servers, cores, j, length)
				if err != nil {
					return err
				}
				if len(cores) == 1 {
					one = append(one, rate)
				} else {
					two = append(two, rate)
				}
			}
		}
		a, b := median(two), median(one)
		fmt.Printf("%-24s %12.0f %12.0f %6.2fx %7s\n", j.name, a, b, a/b, ">=1.8")
	}
	return nil
}

// loadPinned loads the servers of these cores at once, each with clients on its own
// core, and returns their requests a second together.
func loadPinned(ctx context.Context, servers []*process, cores []int, j job, length time.Duration) (float64, error) {
	rates, errs := make([]float64, len(servers)), make([]error, len(servers))
	var args []string
	if j.name == "304" {
		args = notModified()
	}
	var wg sync.WaitGroup
	for _, core := range cores {
		wg.Go(func() {
			res, err := runWrkOn(core, servers[core].addr, j, length, args...)
			if err != nil {
				errs[core] = err
				return
			}
			rates[core] = float64(res.requests) / res.elapsed.Seconds()
		})
	}
	wg.Wait()
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum, errors.Join(append(errs, ctx.Err())...)
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
