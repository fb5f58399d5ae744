// Command transfer measures patchferry export and import, as whole processes,
// beside other ways to bring the same files over a gap: a single pass that
// copies and hashes, tar with sha256sum, restic and borg. It prints tables with
// the ratios to reach (docs/numbers.md).
//
//	go run ./testdata/bench/transfer [-rounds 5] [-only NAME] [-files 2000] [-bytes 1073741824] [-program FILE]
//
// It is started in the root of the module, where it builds patchferry, unless
// -program names one. It needs Linux; restic and borg take part where they are
// installed. Everything is kept in a temporary folder, on whose disk much
// depends: TMPDIR chooses it. Contenders take turns within a round, and what
// they wrote is on disk before the clock stops; medians count.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	var b bench
	flag.IntVar(&b.rounds, "rounds", 5, "alternating rounds of each job; the median counts")
	flag.IntVar(&b.files, "files", 2000, "how many files cross the gap")
	flag.Int64Var(&b.bytes, "bytes", 1<<30, "how many bytes they have")
	flag.StringVar(&b.program, "program", "", "the patchferry to measure; empty builds one")
	only := flag.String("only", "", "run only the jobs whose name contains this")
	from := flag.String("from", "", "for -role floor: the folder to copy")
	to := flag.String("to", "", "for -role floor: where to")
	role := flag.String("role", "", "what this process is for the benchmark that started it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *role {
	case "":
		err = b.runAll(ctx, *only)
	case "floor":
		err = copyAll(ctx, *from, *to)
	default:
		err = fmt.Errorf("no role %q", *role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench transfer:", err)
		os.Exit(1)
	}
}

// bench is what the jobs share: a near side that holds the files, the pinned
// key of which every far side is given, and one bundle of them.
type bench struct {
	rounds  int
	files   int
	bytes   int64
	program string
	root    string // of everything that is written
	runs    int
	near    *site
	bundle  string // a full bundle that every import reads
	volumes string // the same in five volumes
}

// job is one table.
type job struct {
	name string
	run  func(context.Context, *bench) error
}

var jobs = [...]job{
	{"export", func(ctx context.Context, b *bench) error {
		return b.race(ctx, exportFloor, exportPlain, exportRead, exportTar, exportRestic, exportBorg)
	}},
	{"import", func(ctx context.Context, b *bench) error {
		return b.race(ctx, importFloor, importOurs, importTar, importRestic, importBorg)
	}},
	{"five volumes", fiveVolumes},
}

func (b *bench) runAll(ctx context.Context, only string) (err error) {
	if b.root, err = os.MkdirTemp("", "patchferry-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.root)
	if b.program == "" {
		b.program = filepath.Join(b.root, "patchferry")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program, "./cmd/patchferry")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build patchferry in the module's root: %w: %s", err, out)
		}
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, j := range jobs {
		if !strings.Contains(j.name, only) {
			continue
		}
		fmt.Printf("\n%s: %d files, %.0f MB\n", j.name, b.files, float64(b.bytes)/1e6)
		if err := j.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	return nil
}

// newDir makes a folder for one run.
func (b *bench) newDir() (string, error) {
	b.runs++
	dir := filepath.Join(b.root, fmt.Sprintf("run-%d", b.runs))
	return dir, os.MkdirAll(dir, 0o755)
}
