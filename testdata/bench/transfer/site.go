package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// site is one side of the gap.
type site struct {
	program, dir string
	fingerprint  string // of the origin
}

// command is patchferry at this site.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, s.program, append([]string{"--config", filepath.Join(s.dir, "patchferry.toml"), "--progress", "none"}, args...)...)
}

// run runs a command of the site and reads what it prints as JSON.
func (s *site) run(ctx context.Context, into any, args ...string) error {
	cmd := s.command(ctx, append(args, "--json")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("patchferry %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return json.NewDecoder(bytes.NewReader(out)).Decode(into)
}

// prepare makes the near side with everything that is to cross, and the bundles
// that far sides read.
func (b *bench) prepare(ctx context.Context) error {
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	b.near = &site{program: b.program, dir: dir}
	made := struct {
		Fingerprint string `json:"fingerprint"`
	}{}
	init := &site{program: b.program, dir: dir}
	cmd := exec.CommandContext(ctx, init.program, "init", "near", "--dir", dir, "--no-passphrase", "--json")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("init near: %w", err)
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return err
	}
	b.near.fingerprint = made.Fingerprint
	if err := b.fill(ctx); err != nil {
		return err
	}
	var r struct{ Dir string }
	if err := b.near.run(ctx, &r, "export", "--full", "--to", b.root); err != nil {
		return err
	}
	b.bundle = r.Dir
	size := fmt.Sprint(b.bytes/5 + b.bytes/20)
	if err := b.near.run(ctx, &r, "export", "--full", "--volume-size", size, "--to", b.root); err != nil {
		return err
	}
	b.volumes = r.Dir
	return nil
}

const source = `
[[source]]
name = "bench"
kind = "updates"
url = "http://%s/list"
trust = "first-use"
`

// fill syncs the files from a publisher in this process.
func (b *bench) fill(ctx context.Context) error {
	sizes := b.sizes()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	list := b.list(l.Addr().String(), sizes)
	mux := http.NewServeMux()
	modified := time.Date(2004, 4, 13, 17, 0, 0, 0, time.UTC)
	mux.HandleFunc("GET /list", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", modified, bytes.NewReader(list))
	})
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		var i int
		if _, err := fmt.Sscanf(r.PathValue("name"), fileName, &i); err != nil || i >= len(sizes) {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", modified, bytes.NewReader(body(i, sizes[i])))
	})
	srv := &http.Server{Handler: mux}
	defer srv.Close()
	go func() { _ = srv.Serve(l) }()

	config := filepath.Join(b.near.dir, "patchferry.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text = fmt.Appendf(text, source, l.Addr())
	if err := os.WriteFile(config, text, 0o644); err != nil {
		return err
	}
	cmd := b.near.command(ctx, "sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sync: %w: %s", err, out)
	}
	return nil
}

// sizes draws sizes between a tenth and nineteen tenths of the mean.
func (b *bench) sizes() []int64 {
	rng := rand.New(rand.NewPCG(1, 2))
	mean := b.bytes / int64(b.files)
	sizes := make([]int64, b.files)
	rest := b.bytes
	for i := range sizes[1:] {
		sizes[i] = mean/10 + rng.Int64N(mean*18/10)
		rest -= sizes[i]
	}
	sizes[len(sizes)-1] = max(rest, mean/10)
	return sizes
}

const fileName = "WindowsXP-KB%d-x86-ENU.exe"

// body makes the bytes of a file, which do not compress.
func body(i int, size int64) []byte {
	b := make([]byte, size)
	_, _ = io.ReadFull(rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, i))), b) // it has no end
	return b
}

func (b *bench) list(host string, sizes []int64) []byte {
	var list bytes.Buffer
	for i, size := range sizes {
		fmt.Fprintf(&list, `{"id":"%06d","kb":"%d","title":"Security Update for Windows XP (KB%d)","classification":"security_update","os":["windowsxp"],"arch":["x86"],"language":"EN","released":"2004-04-13","files":[{"name":"`+fileName+`","size":%d,"url":"http://%s/`+fileName+`"}]}`+"\n",
			i, 100000+i, 100000+i, i, size, host, i)
	}
	return list.Bytes()
}

// newFar sets up a far side that believes the near side.
func (b *bench) newFar(ctx context.Context, dir string) (*site, error) {
	far := &site{program: b.program, dir: filepath.Join(dir, "far")}
	cmd := exec.CommandContext(ctx, b.program, "init", "far", "--no-passphrase", "--dir", far.dir, "--name", "bench",
		"--origin-key", filepath.Join(b.near.dir, "keys", "origin.asc"), "--fingerprint", b.near.fingerprint)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("init far: %w: %s", err, out)
	}
	return far, nil
}
