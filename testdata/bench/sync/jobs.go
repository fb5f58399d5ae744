package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
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
	var sent []float64
	for range b.rounds {
		n, err := b.killOnce(ctx)
		if err != nil {
			return err
		}
		sent = append(sent, float64(n)/float64(b.content.bytes))
	}
	fmt.Printf("%-22s %8.4fx of the bytes, at most %.4fx (want <=1.005)\n", ours.name, median(sent), slices.Max(sent))
	return nil
}

func (b *bench) killOnce(ctx context.Context) (int64, error) {
	dir, err := b.newDir()
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	cmd, err := prepareOurs(ctx, b, dir)
	if err != nil {
		return 0, err
	}
	if err := b.remote.reset(); err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for {
		s, err := b.remote.stats()
		if err != nil {
			return 0, err
		}
		if s.Bytes >= b.content.bytes/2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(rand.N(50 * time.Millisecond)) // else it always hits what was sent last
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed, as asked for
	first, err := b.remote.stats()
	if err != nil {
		return 0, err
	}
	again, err := b.remote.measure(b.patchferry(ctx, dir, "sync"))
	if err != nil {
		return 0, err
	}
	if again.exit != 0 {
		return 0, fmt.Errorf("sync after the kill: exit %d: %s", again.exit, again.message)
	}
	return first.Bytes + again.sent.Bytes, nil
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
	defer os.RemoveAll(dir)
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
