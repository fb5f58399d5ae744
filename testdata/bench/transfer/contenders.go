package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// The ways to write the store onto a medium.
var (
	exportFloor = contender{name: "one pass, copy and hash", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return floor(ctx, filepath.Join(b.near.dir, "store", "objects"), dir)
	}}
	exportPlain = contender{name: "export --no-readback", want: 1.15, prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return b.near.command(ctx, "export", "--full", "--no-readback", "--to", dir), nil
	}}
	exportRead = contender{name: "export", want: 1.9, prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return b.near.command(ctx, "export", "--full", "--to", dir), nil
	}}
	exportTar = contender{name: "tar, then sha256sum", program: "tar", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return shell(ctx, dir, `tar -cf x.tar -C "$1" objects && sync x.tar && sha256sum x.tar > x.sum`, filepath.Join(b.near.dir, "store")), nil
	}}
	exportRestic = contender{name: "restic backup", program: "restic", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return shell(ctx, dir, resticHere+`restic -q init && restic -q backup --compression off "$1" && sync -f repo`, filepath.Join(b.near.dir, "store", "objects")), nil
	}}
	exportBorg = contender{name: "borg create", program: "borg", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return shell(ctx, dir, borgHere+`borg init -e none repo && borg create -C none repo::x "$1" && sync -f repo`, filepath.Join(b.near.dir, "store", "objects")), nil
	}}
)

// The ways to take it from there.
var (
	importFloor = contender{name: "one pass, copy and hash", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return floor(ctx, b.bundle, dir)
	}}
	importOurs = contender{name: "import", want: 1.15, prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		far, err := b.newFar(ctx, dir)
		if err != nil {
			return nil, err
		}
		return far.command(ctx, "import", b.bundle), nil
	}}
	importTar = contender{name: "sha256sum -c, then tar", program: "tar", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return b.beside(ctx, dir, exportTar, `sha256sum --quiet -c x.sum && tar -xf x.tar -C "$1" && sync -f "$1"`)
	}}
	importRestic = contender{name: "restic restore --verify", program: "restic", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return b.beside(ctx, dir, exportRestic, resticHere+`restic -q restore latest --verify --target "$1" && sync -f "$1"`)
	}}
	importBorg = contender{name: "borg extract", program: "borg", prepare: func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
		return b.beside(ctx, dir, exportBorg, borgHere+`repo=$PWD/repo && cd "$1" && borg extract "$repo"::x && sync -f "$1"`)
	}}
)

const (
	resticHere = `export HOME=$PWD RESTIC_REPOSITORY=$PWD/repo RESTIC_PASSWORD=bench; `
	borgHere   = `export HOME=$PWD BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes; `
)

// shell is a line of sh in a folder; $1 is the argument.
func shell(ctx context.Context, dir, line, argument string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-ec", line, "sh", argument)
	cmd.Dir = dir
	return cmd
}

// beside is a line of sh where another contender has written, once for all
// rounds; $1 is where it is to take it to.
func (b *bench) beside(ctx context.Context, dir string, writer contender, line string) (*exec.Cmd, error) {
	medium := filepath.Join(b.root, writer.program)
	if err := os.Mkdir(medium, 0o755); err == nil {
		cmd, err := writer.prepare(ctx, b, medium)
		if err != nil {
			return nil, err
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", writer.name, err, out)
		}
	}
	return shell(ctx, medium, line, dir), nil
}

// floor is this program as the floor.
func floor(ctx context.Context, from, to string) (*exec.Cmd, error) {
	self, err := os.Executable()
	return exec.CommandContext(ctx, self, "-role", "floor", "-from", from, "-to", to), err
}

// copyAll is the least that has to be done: each file copied once while it is
// hashed, and made durable, on all cores. It checks nothing and survives
// nothing.
func copyAll(ctx context.Context, from, to string) error {
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(2 * runtime.GOMAXPROCS(0))
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, path[len(from):])
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		jobs.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return copyHashed(path, target)
		})
		return nil
	})
	if failed := jobs.Wait(); failed != nil {
		return failed
	}
	return err
}

func copyHashed(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // it was only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close() // Sync said all there is to say
	sum := sha256.New()
	if _, err := io.CopyBuffer(io.MultiWriter(out, sum), struct{ io.Reader }{in}, make([]byte, 256<<10)); err != nil {
		return err
	}
	_ = sum.Sum(nil)
	return out.Sync()
}
