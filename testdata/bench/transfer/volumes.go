package main

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
)

// fiveVolumes measures how long it takes to know whose a bundle of five volumes
// is, before any payload is read, and how long to see that it is imported
// already.
func fiveVolumes(ctx context.Context, b *bench) error {
	volumes, err := filepath.Glob(filepath.Join(b.volumes, "vol-*"))
	if err != nil {
		return err
	}
	if len(volumes) != 5 {
		return fmt.Errorf("the bundle has %d volumes, want 5", len(volumes))
	}
	var header, again []float64
	for range b.rounds {
		c, err := measure(exec.CommandContext(ctx, b.program, "bundle", "inspect", "--key", filepath.Join(b.near.dir, "keys", "origin.asc"), b.volumes))
		if err != nil {
			return err
		}
		header = append(header, c.elapsed.Seconds())
	}
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	far, err := b.newFar(ctx, dir)
	if err != nil {
		return err
	}
	first, err := measure(far.command(ctx, "import", b.volumes))
	if err != nil {
		return err
	}
	for range b.rounds {
		before, err := newest(far.dir)
		if err != nil {
			return err
		}
		cmd := far.command(ctx, "import", b.volumes)
		c, _ := measure(cmd) // its status is 10, which is looked at
		if status := cmd.ProcessState.ExitCode(); status != alreadyImported {
			return fmt.Errorf("the second import ended with status %d, want %d", status, alreadyImported)
		}
		after, err := newest(far.dir)
		if err != nil {
			return err
		}
		if after != before {
			return fmt.Errorf("the second import wrote %s", after)
		}
		again = append(again, c.elapsed.Seconds())
	}
	fmt.Printf("%-26s %8.3f s (want <1)\n", "header, signatures checked", median(header))
	fmt.Printf("%-26s %8.2f s, CPU %.2f s, %d MiB resident\n", "import", first.elapsed.Seconds(), first.cpu.Seconds(), first.rss>>20)
	fmt.Printf("%-26s %8.3f s, nothing written\n", "import again", median(again))
	return nil
}

// alreadyImported is the exit status of an import of what is imported already.
const alreadyImported = 10

// newest names the file or folder below dir that was changed last, and when.
func newest(dir string) (string, error) {
	var name string
	var last int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if at := info.ModTime().UnixNano(); at > last {
			name, last = fmt.Sprintf("%s at %d", path, at), at
		}
		return nil
	})
	return name, err
}
