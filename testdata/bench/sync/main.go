// Command sync measures patchferry sync, as a whole process, beside other ways
// to bring the same files here: a single pass that does the least that has to
// be done, aria2c and curl. It prints tables with the ratios to reach (docs/numbers.md).
//
//	go run ./testdata/bench/sync [-rounds 5] [-only NAME] [-program FILE]
//
// It is started in the root of the module, where it builds patchferry, unless
// -program names one. It needs Linux; aria2c and curl take part where they are
// installed. The publisher is a process of its own on a free port of
// 127.0.0.1. Everything is kept in a temporary folder, on whose disk much
// depends: TMPDIR chooses it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	rounds := flag.Int("rounds", 5, "alternating rounds of each job; the median counts")
	only := flag.String("only", "", "run only the jobs whose name contains this")
	program := flag.String("program", "", "the patchferry to measure; empty builds one")
	role := flag.String("role", "", "what this process is for the benchmark that started it")
	name := flag.String("content", "", "for -role publisher: the files")
	away := flag.Duration("away", 0, "for -role publisher: the round trip")
	wrong := flag.Bool("wrong", false, "for -role publisher: misbehave")
	dir := flag.String("dir", "", "for -role floor: folder with a list of URLs")
	sha1 := flag.Bool("sha1", false, "for -role floor: SHA-1 as well")
	fsync := flag.Bool("fsync", false, "for -role floor: sync each file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *role {
	case "":
		err = runAll(ctx, *rounds, *only, *program)
	case "publisher":
		err = publish(ctx, *name, *away, *wrong)
	case "floor":
		err = runFloor(ctx, *dir, *sha1, *fsync)
	default:
		err = fmt.Errorf("no role %q", *role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench sync:", err)
		os.Exit(1)
	}
}

// job is one table.
type job struct {
	name    string
	content string
	args    []string // of the publisher
	run     func(ctx context.Context, b *bench) error
}

var jobs = [...]job{
	{"600 files, 50 ms away", "mixed", []string{"-away", "50ms"}, func(ctx context.Context, b *bench) error {
		return b.race(ctx, 1.15, floor, ours, aria2, curl)
	}},
	{"a faulty publisher", "mixed", []string{"-away", "5ms", "-wrong"}, faulty},
	{"killed half-way", "mixed", []string{"-away", "50ms"}, killed},
	{"nothing new, 100,000 files", "tiny", nil, idle},
	{"start on 250,000 updates", "tiny", nil, startServing},
	{"hash and admit 1 GiB in 256 files", "large", nil, func(ctx context.Context, b *bench) error {
		return b.race(ctx, 0, floor1, ours, durable)
	}},
}

// bench is what the runs of one job share.
type bench struct {
	rounds  int
	root    string // a folder for runs
	program string
	content *content
	remote  *remote
	runs    int
}

func runAll(ctx context.Context, rounds int, only, program string) error {
	root, err := os.MkdirTemp("", "patchferry-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if program == "" {
		program = filepath.Join(root, "patchferry")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/patchferry")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build patchferry in the module's root: %w: %s", err, out)
		}
	}
	for _, j := range jobs {
		if !strings.Contains(j.name, only) {
			continue
		}
		b := &bench{rounds: rounds, root: filepath.Join(root, "runs"), program: program}
		if err := errors.Join(runJob(ctx, b, j), os.RemoveAll(b.root)); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	return nil
}

func runJob(ctx context.Context, b *bench, j job) error {
	var err error
	if b.content, err = contentOf(j.content); err != nil {
		return err
	}
	if b.remote, err = startPublisher(ctx, append([]string{"-content", j.content}, j.args...)...); err != nil {
		return fmt.Errorf("start the publisher: %w", err)
	}
	defer b.remote.stop()
	fmt.Printf("\n%s: %d files, %.0f MB\n", j.name, len(b.content.files), float64(b.content.bytes)/1e6)
	return j.run(ctx, b)
}

// newDir makes a folder for one run. It stays until the job is over: a file
// system that has just removed thousands of files is slow to make new ones.
func (b *bench) newDir() (string, error) {
	b.runs++
	dir := filepath.Join(b.root, fmt.Sprintf("run-%d", b.runs))
	return dir, os.MkdirAll(dir, 0o755)
}

// row collects the runs of one contender.
type row struct {
	contender
	elapsed, cpu, rss, sent []float64
	wrong                   []float64
	exit                    int
}

// runOnce lets a contender bring the content into a new folder, and checks
// every file.
func (b *bench) runOnce(ctx context.Context, r *row) error {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	cmd, err := r.prepare(ctx, b, dir)
	if err != nil {
		return err
	}
	c, err := b.remote.measure(cmd)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	found, err := r.files(dir)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", r.name, err, c.message)
	}
	wrong := 0
	for _, f := range b.content.files {
		if !found[f.sha256] {
			wrong++
		}
	}
	r.exit = c.exit
	r.wrong = append(r.wrong, float64(wrong))
	r.elapsed = append(r.elapsed, c.elapsed.Seconds())
	r.cpu = append(r.cpu, c.cpu.Seconds())
	r.rss = append(r.rss, float64(c.rss)/(1<<20))
	r.sent = append(r.sent, float64(c.sent.Bytes)/float64(b.content.bytes))
	return nil
}

// race measures contenders in turn; the first is what the others are held
// against, and want is the most that ours may take of its time.
func (b *bench) race(ctx context.Context, want float64, contenders ...contender) error {
	rows, err := b.alternate(ctx, contenders)
	if err != nil {
		return err
	}
	fmt.Printf("%-22s %9s %7s %7s %8s %9s %9s %7s\n", "", "wall s", "ratio", "want", "CPU s", "RSS MiB", "bytes", "wrong")
	for _, r := range rows {
		target := ""
		if r.name == ours.name && want > 0 {
			target = fmt.Sprintf("<=%.2f", want)
		}
		fmt.Printf("%-22s %9.2f %6.2fx %7s %8.2f %9.0f %8.3fx %7.0f\n", r.name, median(r.elapsed),
			ratio(r.elapsed, rows[0].elapsed), target, median(r.cpu), median(r.rss), median(r.sent), slices.Max(r.wrong))
	}
	return nil
}

// alternate runs each contender that is installed once a round.
func (b *bench) alternate(ctx context.Context, contenders []contender) ([]*row, error) {
	var rows []*row
	for _, c := range contenders {
		if program, _, _ := strings.Cut(c.name, " "); c.name == aria2.name || c.name == curl.name {
			if _, err := exec.LookPath(program); err != nil {
				fmt.Printf("%s is not installed\n", program)
				continue
			}
		}
		rows = append(rows, &row{contender: c})
	}
	for range b.rounds {
		for _, r := range rows {
			if err := b.runOnce(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// ratio returns the median of the ratios of the rounds: what else the machine
// did meanwhile was much the same within a round.
func ratio(a, b []float64) float64 {
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i]/b[i])
	}
	return median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
