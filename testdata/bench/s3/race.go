package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// contender is one way into the bucket and back.
type contender struct {
	name    string
	program string                                                            // that must be installed; empty is this one
	up      func(ctx context.Context, b *bench, dir, prefix string) *exec.Cmd // nil: as the one before, and not measured
	down    func(ctx context.Context, b *bench, dir, prefix string) *exec.Cmd
}

var contenders = [...]contender{
	{"patchferry", "", self("ours up"), self("ours down")},
	{"minio-go FPut, FGet", "", self("plain up"), self("plain down")},
	{"the same, then SHA-256", "", nil, self("hashed down")},
	{"rclone copy", "rclone",
		func(ctx context.Context, b *bench, dir, prefix string) *exec.Cmd {
			return rclone(ctx, b, dir, ":s3:"+bucket+"/"+prefix)
		},
		func(ctx context.Context, b *bench, dir, prefix string) *exec.Cmd {
			return rclone(ctx, b, ":s3:"+bucket+"/"+prefix, dir)
		}},
}

// self is this program in a role.
func self(role string) func(ctx context.Context, b *bench, dir, prefix string) *exec.Cmd {
	return func(ctx context.Context, b *bench, dir, prefix string) *exec.Cmd {
		return exec.CommandContext(ctx, "/proc/self/exe", "-role", role, "-endpoint", b.endpoint,
			"-at-once", fmt.Sprint(b.atOnce), "-dir", dir, "-prefix", prefix)
	}
}

func rclone(ctx context.Context, b *bench, from, to string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "rclone", "copy", "--transfers", fmt.Sprint(b.atOnce), "--s3-no-check-bucket", from, to)
	cmd.Env = append(os.Environ(), "RCLONE_CONFIG=/dev/null", "RCLONE_S3_PROVIDER=Other", "RCLONE_S3_ENV_AUTH=true",
		"RCLONE_S3_REGION=us-east-1", "RCLONE_S3_ENDPOINT="+b.endpoint)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "AWS_CA_BUNDLE=") }) // it ends rclone 1.60
	return cmd
}

// row collects the runs of one contender in one direction.
type row struct {
	name              string
	elapsed, cpu, rss []float64
}

// race moves a set into the bucket and back by each contender in turn; the
// second, minio-go, is what the others are held against.
func race(ctx context.Context, b *bench, set string) error {
	var here []contender
	for _, c := range contenders {
		if _, err := exec.LookPath(c.program); c.program != "" && err != nil {
			fmt.Printf("%s is not installed\n", c.program)
			continue
		}
		here = append(here, c)
	}
	up, down := make([]row, len(here)), make([]row, len(here))
	for range b.rounds {
		for i, c := range here {
			up[i].name, down[i].name = c.name, c.name
			if err := b.thereAndBack(ctx, c, set, &up[i], &down[i]); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	_, size, err := below(set)
	if err != nil {
		return err
	}
	print("upload", up, size)
	print("download", down, size)
	return nil
}

// thereAndBack measures one run in both directions, and checks that everything
// arrived.
func (b *bench) thereAndBack(ctx context.Context, c contender, set string, up, down *row) error {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	prefix := filepath.Base(dir)
	files, size, err := below(set)
	if err != nil {
		return err
	}
	if c.up == nil {
		c.up, up = self("plain up"), &row{}
	}
	if err := up.measure(c.up(ctx, b, set, prefix)); err != nil {
		return err
	}
	there, bytes, err := weigh(ctx, b.endpoint, prefix)
	if err != nil || there < files || bytes < size {
		return fmt.Errorf("%d files of %d bytes went up, want %d of %d (%v)", there, bytes, files, size, err)
	}
	if err := down.measure(c.down(ctx, b, dir, prefix)); err != nil {
		return err
	}
	if there, bytes, err := below(dir); err != nil || there < files || bytes < size {
		return fmt.Errorf("%d files of %d bytes came down, want %d of %d (%v)", there, bytes, files, size, err)
	}
	return empty(ctx, b.endpoint, prefix)
}

func (r *row) measure(cmd *exec.Cmd) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	syscall.Sync() // what others wrote is not this one's to wait for
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(cmd.Path), err, output.String())
	}
	r.elapsed = append(r.elapsed, time.Since(start).Seconds())
	r.cpu = append(r.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.rss = append(r.rss, float64(usage.Maxrss)/1024)
	}
	return nil
}

// below counts the files of a folder.
func below(dir string) (files int, bytes int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, 0, err
		}
		files, bytes = files+1, bytes+info.Size()
	}
	return files, bytes, err
}

// print prints one direction. A ratio is of speed: more is better.
func print(direction string, rows []row, size int64) {
	fmt.Printf("%-24s %8s %8s %7s %6s %7s %8s\n", direction, "wall s", "MB/s", "ratio", "want", "CPU s", "RSS MiB")
	for i, r := range rows {
		if len(r.elapsed) == 0 {
			continue
		}
		want := ""
		if i == 0 {
			want = ">=1.0"
		}
		fmt.Printf("%-24s %8.2f %8.0f %6.2fx %6s %7.2f %8.0f\n", r.name, median(r.elapsed), float64(size)/1e6/median(r.elapsed),
			ratio(rows[min(1, len(rows)-1)].elapsed, r.elapsed), want, median(r.cpu), median(r.rss))
	}
}

// memory says how much each upload at a time costs.
func memory(ctx context.Context, b *bench, set string) error {
	fmt.Printf("%-24s %8s\n", "upload at a time", "RSS MiB")
	for _, n := range []int{1, 2, 4, 8} {
		var r row
		prefix := fmt.Sprintf("memory-%d", n)
		one := *b
		one.atOnce = n
		if err := r.measure(self("ours up")(ctx, &one, set, prefix)); err != nil {
			return err
		}
		fmt.Printf("%-24d %8.0f\n", n, r.rss[0])
		if err := empty(ctx, b.endpoint, prefix); err != nil {
			return err
		}
	}
	return nil
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
