package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// oursConfig is a source of one update whose file is fetched when somebody asks, and
// room for hardly more than one file that no list names.
const oursConfig = `
[[source]]
name = "bench"
kind = "updates"
path = "list.jsonl"
hosts = [%[1]q]
fill = "on-demand"

[unlisted]
origins = [%[1]q]
quota = "%[2]dB"
`

// ours runs patchferry as a site with a thin line runs it.
func ours(ctx context.Context, b *bench, dir string) (*process, string, error) {
	config := filepath.Join(dir, "patchferry.toml")
	run := func(args ...string) error {
		out, err := exec.CommandContext(ctx, b.program, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("patchferry %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := run("init", "near", "--dir", dir, "--no-passphrase"); err != nil {
		return nil, "", err
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, "", err
	}
	text = fmt.Appendf(text, oursConfig, b.origin.addr, b.size*5/4)
	if err := os.WriteFile(config, text, 0o644); err != nil {
		return nil, "", err
	}
	list, err := json.Marshal(map[string]any{"id": "one", "os": []string{"windowsxp"}, "files": []any{
		map[string]any{"size": b.size, "sha256": b.digest, "url": "http://" + b.origin.addr + filePath}}})
	if err != nil {
		return nil, "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "list.jsonl"), append(list, '\n'), 0o644); err != nil {
		return nil, "", err
	}
	if err := run("--config", config, "--progress", "none", "sync", "--metadata-only"); err != nil {
		return nil, "", err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	proc, err := launch(ctx, "patchferry", dir, exec.Command(b.program, "--config", config, "serve", "--listen", addr))
	if err != nil {
		return nil, "", err
	}
	proc.addr = addr
	if err := proc.await(ctx, "/readyz"); err != nil {
		proc.stop()
		return nil, "", err
	}
	return proc, "/objects/sha256/" + b.digest, nil
}
