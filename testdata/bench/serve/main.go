// Command serve measures patchferry's HTTP server beside a tuned nginx on the
// same files in one run, and how fast a large catalog is ready to be served.
// It prints a table with the ratios to reach (docs/numbers.md).
//
//	go run ./testdata/bench/serve [-rounds 5] [-seconds 2] [-only NAME] [-view | -replica]
//
// With -replica it measures a server over a warm cache beside one over a directory,
// and two servers on a core each beside one.
//
// It needs Linux, nginx, wrk and taskset.
// The servers listen on free ports of 127.0.0.1 and end with the program.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 5, "alternating rounds of each job; the median counts")
	seconds := flag.Float64("seconds", 2, "length of a round")
	only := flag.String("only", "", "run only the jobs whose name contains this")
	viewOnly := flag.Bool("view", false, "measure only the catalog of 250,000 updates")
	replica := flag.Bool("replica", false, "measure servers over a cache")
	role := flag.String("role", "", "what this process is for the benchmark that started it")
	dir := flag.String("dir", "", "folder of files, for -role")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case *role != "":
		err = runRole(ctx, *role, *dir)
	case *replica:
		err = compareReplicas(ctx, *rounds, time.Duration(*seconds*float64(time.Second)), *only)
	case *viewOnly:
		err = measureView(ctx)
	default:
		err = compare(ctx, *rounds, time.Duration(*seconds*float64(time.Second)), *only)
		if err == nil && *only == "" {
			err = measureView(ctx)
		}
		if err == nil && *only == "" {
			err = compareReplicas(ctx, *rounds, time.Duration(*seconds*float64(time.Second)), *only)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench serve:", err)
		os.Exit(1)
	}
}

// job is one row of the table.
type job struct {
	name        string
	connections int
	load        func(addr string, j job, d time.Duration) (result, error)
	file        string
	ranges      bool
	throughput  float64 // least ratio to nginx
	cpu         float64 // most CPU per byte in ratio to nginx; 0: not asked
}

// result is what one round moved.
type result struct {
	requests int
	bytes    int64
	elapsed  time.Duration
}

var jobs = [...]job{
	{name: "1 MiB files", connections: 32, load: loadFiles, file: "1m", throughput: 1.2, cpu: 0.8},
	{name: "1 MiB ranges", connections: 32, load: loadFiles, file: "300m", ranges: true, throughput: 1.2, cpu: 0.8},
	{name: "1 MiB, 256 connections", connections: 256, load: loadFiles, file: "1m", throughput: 1.2, cpu: 0.8},
	{name: "300 MB files", connections: 6, load: loadFiles, file: "300m", throughput: 0.8},
	{name: "4 KiB files", connections: 32, load: loadSmall, file: "4k", throughput: 0.3},
	{name: "304", connections: 32, load: load304, file: "4k", throughput: 0.3},
}

// row collects the rounds of one job on one server.
type row struct {
	rate []float64 // MB/s, or requests/s where no bytes are moved
	cpu  []float64 // CPU seconds per GB, or per million requests
}

func compare(ctx context.Context, rounds int, length time.Duration, only string) error {
	dir, err := makeFiles()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, err := startOurs(ctx, dir)
	if err != nil {
		return err
	}
	defer ours.stop()
	peer, err := startNginx(ctx, dir)
	if err != nil {
		return err
	}
	defer peer.stop()
	fmt.Printf("%-24s %12s %12s %7s %7s   %10s %10s %7s %7s\n",
		"job", "patchferry", "nginx", "ratio", "want", "CPU s", "nginx", "ratio", "want")
	for _, j := range jobs {
		if !selected(j, only) {
			continue
		}
		if err := compareJob(ctx, j, ours, peer, rounds, length); err != nil {
			return err
		}
	}
	anon, err := ours.anonymous()
	if err != nil {
		return err
	}
	peak, err := ours.anonymousUnderLoad(256, dir)
	if err != nil {
		return err
	}
	fmt.Printf("anonymous memory at rest %.1f MB, at 256 connections %.1f MB (want at most 20)\n", anon, peak)
	return nil
}

// selected reports whether a job was asked for.
func selected(j job, only string) bool { return strings.Contains(j.name, only) }

func compareJob(ctx context.Context, j job, ours, peer *process, rounds int, length time.Duration) error {
	var rows [2]row
	for range rounds {
		for i, p := range [...]*process{ours, peer} {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := rows[i].measure(p, j, length); err != nil {
				return fmt.Errorf("%s on %s: %w", j.name, p.name, err)
			}
		}
	}
	a, b := median(rows[0].rate), median(rows[1].rate)
	c, d := median(rows[0].cpu), median(rows[1].cpu)
	wantCPU := "-"
	if j.cpu > 0 {
		wantCPU = fmt.Sprintf("<=%.1f", j.cpu)
	}
	fmt.Printf("%-24s %12.0f %12.0f %6.2fx %7s   %10.3f %10.3f %6.2fx %7s\n",
		j.name, a, b, a/b, fmt.Sprintf(">=%.1f", j.throughput), c, d, c/d, wantCPU)
	return nil
}

func (r *row) measure(p *process, j job, length time.Duration) error {
	before, err := p.cpuSeconds()
	if err != nil {
		return err
	}
	res, err := j.load(p.addr, j, length)
	if err != nil {
		return err
	}
	after, err := p.cpuSeconds()
	if err != nil {
		return err
	}
	amount := float64(res.bytes) / 1e6
	per := 1e3 // MB in a GB
	if j.file == "4k" {
		amount, per = float64(res.requests), 1e6
	}
	r.rate = append(r.rate, amount/res.elapsed.Seconds())
	r.cpu = append(r.cpu, (after-before)/amount*per)
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
