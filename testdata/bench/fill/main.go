// Command fill measures servers that fetch a file from far away while many ask
// for it: patchferry and the caches that are best at it, as real processes, each
// beside the same origin and asked by the same clients. It prints a table for
// each scene with what is to be reached (README.md beside this file).
//
//	go run ./testdata/bench/fill [-rounds 3] [-scene NAME,…] [-contender NAME,…]
//	    [-size 200000000] [-rate 50000000] [-delay 20ms] [-program FILE]
//
// It is started in the root of the module, where it builds patchferry, unless
// -program names one. It needs Linux; nginx, varnishd, squid and traffic_server
// take part where they are installed. Whatever it starts listens on free ports of
// 127.0.0.1 and ends with it. Caches lie in temporary folders: TMPDIR chooses the
// disk.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// flags are what all processes of one run are told.
type flags struct {
	rounds           int
	scenes, contends string
	size             int64
	rate             float64
	delay            time.Duration
	program, role    string
	job              string
}

func main() {
	var f flags
	flag.IntVar(&f.rounds, "rounds", 3, "alternating rounds of each scene; medians count")
	flag.StringVar(&f.scenes, "scene", "", "only these scenes, with commas between")
	flag.StringVar(&f.contends, "contender", "", "only these contenders, with commas between")
	flag.Int64Var(&f.size, "size", 200e6, "bytes of the file")
	flag.Float64Var(&f.rate, "rate", 50e6, "bytes a second of the line")
	flag.DurationVar(&f.delay, "delay", 20*time.Millisecond, "before the first byte of each answer of the origin")
	flag.StringVar(&f.program, "program", "", "the patchferry to measure; empty builds one")
	flag.StringVar(&f.role, "role", "", "what this process is for the benchmark that started it")
	flag.StringVar(&f.job, "job", "", "for -role hosts: what to do")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch f.role {
	case "":
		err = runAll(ctx, &f)
	case "origin":
		err = runOrigin(ctx, newContent(f.size), f.rate, f.delay)
	case "hosts":
		err = runHosts(ctx, newContent(f.size), f.job)
	default:
		err = fmt.Errorf("no role %q", f.role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench fill:", err)
		os.Exit(1)
	}
}

// longest is how long a scene may take.
const longest = 3 * time.Minute

// job is what the process of the clients is told.
type job struct {
	Scene, Addr, Path, Control, Origin string
}

// runHosts plays one scene and prints what each client saw.
func runHosts(ctx context.Context, c *content, text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	i := slices.IndexFunc(scenes[:], func(s scene) bool { return s.name == j.Scene })
	if i < 0 {
		return fmt.Errorf("no scene %q", j.Scene)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done within %s", longest))
	defer cancel()
	h := &hosts{addr: j.Addr, path: j.Path, content: c, control: j.Control, origin: j.Origin}
	all, err := scenes[i].play(ctx, h)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// chosen reports whether a name is in a list that is empty or has commas.
func chosen(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}
