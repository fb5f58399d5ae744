package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// connections is how many everybody may have open.
const connections = 16

// contender is one way to bring a content into a folder.
type contender struct {
	name string
	// prepare makes what a run in dir needs, which is not measured, and
	// returns the command.
	prepare func(ctx context.Context, b *bench, dir string) (*exec.Cmd, error)
	// files finds what the run left, by digest.
	files func(dir string) (map[string]bool, error)
}

var (
	ours    = contender{"patchferry sync", prepareOurs, objects}
	floor   = contender{"one pass, no fsync", prepareFloor, digests}
	floor1  = contender{"one pass with SHA-1", prepareFloorSHA1, digests}
	durable = contender{"one pass, fsync", prepareDurable, digests}
	aria2   = contender{"aria2c", prepareAria2, digests}
	curl    = contender{"curl --parallel", prepareCurl, digests}
)

const oursConfig = `
[fetch]
connections = %[1]d
per_host = %[1]d

[[source]]
name = "bench"
kind = "updates"
path = "list.jsonl"
hosts = [%[2]q]
`

func prepareOurs(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
	if err := b.initSite(ctx, dir, fmt.Sprintf(oursConfig, connections, b.remote.addr)); err != nil {
		return nil, err
	}
	var list strings.Builder
	for _, f := range b.content.files {
		fmt.Fprintf(&list, `{"id":%q,"os":["windowsxp"],"files":[{"size":%d,"sha256":%q,"url":%q}]}`+"\n", f.name, f.size, f.sha256, b.remote.url(f.name))
	}
	if err := os.WriteFile(filepath.Join(dir, "list.jsonl"), []byte(list.String()), 0o644); err != nil {
		return nil, err
	}
	return b.patchferry(ctx, dir, "sync"), nil
}

// initSite makes a mirror in dir with more configuration.
func (b *bench) initSite(ctx context.Context, dir, more string) error {
	out, err := exec.CommandContext(ctx, b.program, "init", "near", "--dir", dir, "--no-passphrase").CombinedOutput()
	if err != nil {
		return fmt.Errorf("init: %w: %s", err, out)
	}
	name := filepath.Join(dir, "patchferry.toml")
	config, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text := strings.Replace(string(config), "[fetch]\n", "", 1) // its keys are comments
	return os.WriteFile(name, []byte(text+more), 0o644)
}

func (b *bench) patchferry(ctx context.Context, dir string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, b.program, append([]string{"--config", filepath.Join(dir, "patchferry.toml"), "--progress", "none"}, args...)...)
}

func prepareFloor(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
	return b.onePass(ctx, dir)
}

func prepareFloorSHA1(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
	return b.onePass(ctx, dir, "-sha1")
}

func prepareDurable(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
	return b.onePass(ctx, dir, "-sha1", "-fsync")
}

func (b *bench) onePass(ctx context.Context, dir string, flags ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := b.writeURLs(filepath.Join(dir, "urls"), "%[1]s %[2]s\n"); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, self, append([]string{"-role", "floor", "-dir", dir}, flags...)...), nil
}

// writeURLs writes a line for each file, of its URL, name and digest.
func (b *bench) writeURLs(path, format string) error {
	var urls strings.Builder
	for _, f := range b.content.files {
		line := strings.NewReplacer("%[1]s", b.remote.url(f.name), "%[2]s", f.name, "%[3]s", f.sha256).Replace(format)
		urls.WriteString(line)
	}
	return os.WriteFile(path, []byte(urls.String()), 0o644)
}

func prepareAria2(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
	urls := filepath.Join(dir, "urls")
	if err := b.writeURLs(urls, "%[1]s\n  out=%[2]s\n  checksum=sha-256=%[3]s\n"); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "aria2c", "--no-conf", "--quiet", "--dir", filepath.Join(dir, "files"), "--input-file", urls,
		"--max-concurrent-downloads", fmt.Sprint(connections), "--max-connection-per-server=1", "--split=1",
		"--file-allocation=none", "--disk-cache=64M", "--auto-save-interval=0", "--max-tries=6", "--retry-wait=1", "--continue=true"), nil
}

func prepareCurl(ctx context.Context, b *bench, dir string) (*exec.Cmd, error) {
	urls := filepath.Join(dir, "urls")
	if err := os.Mkdir(filepath.Join(dir, "files"), 0o755); err != nil {
		return nil, err
	}
	if err := b.writeURLs(urls, "url = \"%[1]s\"\noutput = \""+filepath.Join(dir, "files")+"/%[2]s\"\n"); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-immediate", "--parallel-max", fmt.Sprint(connections),
		"--retry", "5", "--retry-all-errors", "--continue-at", "-", "--config", urls), nil
}

// objects returns the digests of all objects of a store; the store names them.
func objects(dir string) (map[string]bool, error) {
	return walk(filepath.Join(dir, "store", "objects"))
}

// digests returns the digests of all files that a peer left.
func digests(dir string) (map[string]bool, error) { return walk(filepath.Join(dir, "files")) }

func walk(dir string) (map[string]bool, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		_, err = io.Copy(h, f)
		found[hex.EncodeToString(h.Sum(nil))] = true
		return err
	})
	return found, err
}
