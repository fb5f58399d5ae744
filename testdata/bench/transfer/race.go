package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// contender is one way over the gap. Its command leaves everything on disk.
type contender struct {
	name    string
	program string  // that must be installed; empty is one that is always there
	want    float64 // the most that it may take of the first contender's time; 0 is none
	prepare func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error)
}

// row collects the runs of one contender.
type row struct {
	contender
	elapsed, cpu, rss []float64
}

// race measures contenders in turn; the first is what the others are held
// against.
func (b *bench) race(ctx context.Context, contenders ...contender) error {
	var rows []*row
	for _, c := range contenders {
		if c.program != "" {
			if _, err := exec.LookPath(c.program); err != nil {
				fmt.Printf("%s is not installed\n", c.program)
				continue
			}
		}
		rows = append(rows, &row{contender: c})
	}
	for range b.rounds {
		for _, r := range rows {
			if err := b.runOnce(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	fmt.Printf("%-26s %8s %7s %7s %8s %9s\n", "", "wall s", "ratio", "want", "CPU s", "RSS MiB")
	for _, r := range rows {
		want := ""
		if r.want > 0 {
			want = fmt.Sprintf("<=%.2f", r.want)
		}
		fmt.Printf("%-26s %8.2f %6.2fx %7s %8.2f %9.0f\n", r.name, median(r.elapsed), ratio(r.elapsed, rows[0].elapsed), want, median(r.cpu), median(r.rss))
	}
	return nil
}

// runOnce measures one run in a new folder, and checks that as many bytes came
// over as were to.
func (b *bench) runOnce(ctx context.Context, r *row) error {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	defer empty(dir)
	cmd, err := r.prepare(ctx, b, dir)
	if err != nil {
		return err
	}
	before, err := bytesBelow(dir)
	if err != nil {
		return err
	}
	syscall.Sync() // what others wrote is not this one's to wait for
	c, err := measure(cmd)
	if err != nil {
		return err
	}
	after, err := bytesBelow(dir)
	if err != nil {
		return err
	}
	if after-before < b.bytes {
		return fmt.Errorf("%d bytes came over, want %d", after-before, b.bytes)
	}
	r.elapsed = append(r.elapsed, c.elapsed.Seconds())
	r.cpu = append(r.cpu, c.cpu.Seconds())
	r.rss = append(r.rss, float64(c.rss)/(1<<20))
	return nil
}

// empty gives the room of a run back. Its files stay: a file system that has
// just removed thousands of files is slow to make new ones.
func empty(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		_ = os.Chmod(path, 0o644)
		return os.Truncate(path, 0)
	})
}

// cost is what one run took.
type cost struct {
	elapsed, cpu time.Duration
	rss          int64 // most bytes resident
}

func measure(cmd *exec.Cmd) (cost, error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	c := cost{elapsed: time.Since(start)}
	if err != nil {
		return c, fmt.Errorf("run %s: %w: %s", filepath.Base(cmd.Path), err, output.String())
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.rss = usage.Maxrss << 10
	}
	return c, nil
}

// bytesBelow sums up the files below a folder, each once whatever its names.
func bytesBelow(dir string) (sum int64, err error) {
	seen := make(map[uint64]bool)
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !seen[st.Ino] {
			seen[st.Ino] = true
			sum += info.Size()
		}
		return nil
	})
	return sum, err
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
