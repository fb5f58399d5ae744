package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// faulty is a race for right files and not for time.
func faulty(ctx context.Context, b *bench) error {
	rows, err := b.alternate(ctx, []contender{ours, aria2, curl})
	if err != nil {
		return err
	}
	fmt.Printf("%-22s %9s %7s %9s %7s %6s %9s\n", "", "right", "want", "bytes", "want", "exit", "wall s")
	for _, r := range rows {
		right, bytes := "", ""
		if r.name == ours.name {
			right, bytes = fmt.Sprint(len(b.content.files)), "<=1.020"
		}
		fmt.Printf("%-22s %9.0f %7s %8.3fx %7s %6d %9.2f\n", r.name, float64(len(b.content.files))-slices.Max(r.wrong),
			right, slices.Max(r.sent), bytes, r.exit, median(r.elapsed))
	}
	return nil
}

// killed kills a sync when half of the bytes are sent, and runs it again.
func killed(ctx context.Context, b *bench) error {
	var sent, again []float64
	for range b.rounds {
		total, lost, err := b.killOnce(ctx)
		if err != nil {
			return err
		}
		sent = append(sent, float64(total)/float64(b.content.bytes))
		again = append(again, float64(total-lost)/float64(b.content.bytes))
	}
	fmt.Printf("%-22s %8.4fx of the bytes; without what the kill caught between the two processes %.4fx, at most %.4fx (want <=1.005)\n",
		ours.name, median(sent), median(again), slices.Max(again))
	return nil
}

// killOnce returns how many bytes were sent in all, and how many of them never
// reached the process that was killed: they waited in the buffers of the
// connections.
func (b *bench) killOnce(ctx context.Context) (total, lost int64, err error) {
	dir, err := b.newDir()
	if err != nil {
		return 0, 0, err
	}
	cmd, err := prepareOurs(ctx, b, dir)
	if err != nil {
		return 0, 0, err
	}
	if err := b.remote.reset(); err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	err = b.waitFor(b.content.bytes / 2)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed, as asked for
	if err != nil {
		return 0, 0, err
	}
	first, err := b.remote.stats()
	if err != nil {
		return 0, 0, err
	}
	arrived, err := onDisk(filepath.Join(dir, "store"))
	if err != nil {
		return 0, 0, err
	}
	again, err := b.remote.measure(b.patchferry(ctx, dir, "sync"))
	if err != nil {
		return 0, 0, err
	}
	if again.exit != 0 {
		return 0, 0, fmt.Errorf("sync after the kill: exit %d: %s", again.exit, again.message)
	}
	return first.Bytes + again.sent.Bytes, first.Bytes - arrived, nil
}

// waitFor waits until so many bytes were sent, and then for a moment that has
// nothing to do with what was sent last.
func (b *bench) waitFor(bytes int64) error {
	for {
		s, err := b.remote.stats()
		if err != nil {
			return err
		}
		if s.Bytes >= bytes {
			time.Sleep(rand.N(50 * time.Millisecond))
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

// onDisk returns how many bytes of files are below dir, each counted once
// whatever its names, journals and documents apart.
func onDisk(dir string) (int64, error) {
	var sum int64
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(filepath.Ext(path), ".json") {
			return err
		}
		info, err := d.Info()
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

const idleConfig = `
[[source]]
name = "bench"
kind = "updates"
url = %q
trust = "first-use"
`

// idle syncs a catalog of 100,000 files, and again when nothing is new.
func idle(ctx context.Context, b *bench) error {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	if err := b.initSite(ctx, dir, fmt.Sprintf(idleConfig, b.remote.url("list"))); err != nil {
		return err
	}
	var elapsed, cpu, rss []float64
	for i := range b.rounds + 1 {
		c, err := b.remote.measure(b.patchferry(ctx, dir, "sync"))
		if err != nil {
			return err
		}
		if c.exit != 0 {
			return fmt.Errorf("sync: exit %d: %s", c.exit, c.message)
		}
		if i == 0 {
			fmt.Printf("%-22s %8.2f s, CPU %.2f s, %d MiB resident\n", "first sync", c.elapsed.Seconds(), c.cpu.Seconds(), c.rss>>20)
			continue
		}
		if c.sent.Lists != 1 || c.sent.Requests != 0 {
			return fmt.Errorf("%d requests of the list and %d of files, want 1 and 0", c.sent.Lists, c.sent.Requests)
		}
		elapsed = append(elapsed, c.elapsed.Seconds())
		cpu = append(cpu, c.cpu.Seconds())
		rss = append(rss, float64(c.rss)/(1<<20))
	}
	fmt.Printf("%-22s %8.3f s (want <1), CPU %.3f s, %.0f MiB resident, one request\n", "second sync", median(elapsed), median(cpu), median(rss))
	return nil
}
