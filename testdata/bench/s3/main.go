// Command s3 measures a store in a bucket beside other ways to bring the same
// files into the same bucket and back: minio-go's own FPutObject and FGetObject,
// which check nothing, also with a SHA-256 afterwards, and rclone copy. It prints tables with the ratios to reach (docs/numbers.md).
//
//	go run ./testdata/bench/s3 [-engine versitygw|minio|ceph] [-rounds 5] [-only NAME] [-at-once 4]
//
// It is started in the root of the module and starts the engine itself, by the
// scripts of testdata/engines; with -endpoint it takes one that runs, with the
// keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It needs Linux; rclone
// takes part where it is installed. Everything is kept in a temporary folder, on
// whose disk much depends: TMPDIR chooses it. Contenders take turns within a
// round, each in a process of its own; medians count.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	b := &bench{}
	flag.StringVar(&b.engine, "engine", "versitygw", "the engine to start: versitygw, minio or ceph")
	flag.StringVar(&b.endpoint, "endpoint", "", "an engine that runs (http://HOST:PORT), in place of one that is started")
	flag.IntVar(&b.rounds, "rounds", 5, "alternating rounds of each job; the median counts")
	flag.IntVar(&b.atOnce, "at-once", 4, "how many files each contender moves at a time")
	only := flag.String("only", "", "run only the jobs whose name contains this")
	role := flag.String("role", "", "what this process is for the benchmark that started it")
	m := &move{}
	flag.StringVar(&m.dir, "dir", "", "for a role: the folder of the files")
	flag.StringVar(&m.prefix, "prefix", "", "for a role: the prefix in the bucket")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // the engine is to be stopped
	defer stop()
	var err error
	if *role == "" {
		err = b.runAll(ctx, *only)
	} else {
		m.endpoint, m.atOnce = b.endpoint, b.atOnce
		err = m.play(ctx, *role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench s3:", err)
		os.Exit(1)
	}
}

// bucket is where everything is put.
const bucket = "bench"

// bench is what the jobs share.
type bench struct {
	engine, endpoint string
	rounds, atOnce   int
	root             string // of everything that is written
	runs             int
}

// job is one set of files.
type job struct {
	name        string
	files, size int
	run         func(ctx context.Context, b *bench, set string) error
}

var jobs = [...]job{
	{"512 files of 1 MiB", 512, 1 << 20, race},
	{"4 files of 256 MiB", 4, 256 << 20, race},
	{"memory, files of 256 MiB", 8, 256 << 20, memory},
}

func (b *bench) runAll(ctx context.Context, only string) (err error) {
	if b.root, err = os.MkdirTemp("", "pf-bench-"); err != nil { // short: sockets of Ceph lie below it
		return err
	}
	defer os.RemoveAll(b.root)
	if b.endpoint == "" {
		e := engine{script: "testdata/engines/" + b.engine + ".sh", dir: b.root + "/engine"}
		defer e.stop()
		if b.endpoint, err = e.start(ctx); err != nil {
			return err
		}
	}
	if err := makeBucket(ctx, b.endpoint); err != nil {
		return err
	}
	for _, j := range jobs {
		if !strings.Contains(j.name, only) {
			continue
		}
		set, err := b.makeSet(j.files, j.size)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s, %s, %d at once\n", b.engine, j.name, b.atOnce)
		if err := j.run(ctx, b, set); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
		if err := os.RemoveAll(set); err != nil {
			return err
		}
	}
	return nil
}

// newDir makes a folder for one run.
func (b *bench) newDir() (string, error) {
	b.runs++
	dir := fmt.Sprintf("%s/run-%d", b.root, b.runs)
	return dir, os.Mkdir(dir, 0o755)
}
