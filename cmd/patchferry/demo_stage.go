package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// say tells people something.
func (d *demo) say(format string, args ...any) {
	if _, err := fmt.Fprintf(d.out, format+"\n", args...); err != nil && d.told == nil {
		d.told = fmt.Errorf("tell what happens: %w", err)
	}
}

// step begins a chapter of the story.
func (d *demo) step(format string, args ...any) {
	d.steps++
	d.say("\n%d. "+format, append([]any{d.steps}, args...)...)
}

// machine is one side of the story.
type machine struct {
	name   string // as its prompt has it
	dir    string // all that it has
	config string
}

func newMachine(dir, name string) machine {
	return machine{name: name, dir: filepath.Join(dir, name), config: filepath.Join(dir, name, "patchferry.toml")}
}

// do shows a command at the prompt of a machine, and runs it.
func (d *demo) do(ctx context.Context, m machine, args ...string) error {
	d.typed(m, args...)
	return d.command(ctx, d.out, m, args...)
}

// command runs a command of this program as a person would who typed it, but in
// this process: its results go to out. The configuration is that of the machine
// alone, not of the environment.
func (d *demo) command(ctx context.Context, out io.Writer, m machine, args ...string) error {
	child := &app{stdin: d.app.stdin, stdout: out, stderr: d.app.stderr}
	for _, variable := range d.app.env {
		if !strings.HasPrefix(variable, "PATCHFERRY_") {
			child.env = append(child.env, variable)
		}
	}
	root := child.rootCommand()
	root.SetArgs(append([]string{"--config", m.config, "--log-level", d.opt.logLevel, "--progress", *d.app.flags["progress"]}, args...))
	root.SetOut(out)
	root.SetErr(d.app.stderr)
	return root.ExecuteContext(ctx)
}

// typed shows a command as one would type it on a machine.
func (d *demo) typed(m machine, args ...string) {
	var line strings.Builder
	for _, arg := range args {
		line.WriteString(" " + shellWord(arg))
	}
	d.say("   %s$ patchferry%s", m.name, line.String())
}

// refuses runs a command that must end with an exit status, and shows what it
// complains of.
func (d *demo) refuses(ctx context.Context, m machine, status int, args ...string) error {
	d.typed(m, args...)
	err := d.command(ctx, d.out, m, args...)
	if err == nil || exitCode(ctx, err) != status {
		return errors.Join(fmt.Errorf("%s: want exit status %d", strings.Join(args[:2], " "), status), err)
	}
	d.say("patchferry: %s", err)
	if hint := hintOf(err); hint != "" {
		d.say("next: %s", hint)
	}
	return nil
}

// shellWord returns s as one word of a shell.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// makeDir makes the directory in which all happens.
func (d *demo) makeDir() error {
	if d.opt.dir == "" {
		dir, err := os.MkdirTemp("", "patchferry-demo-")
		if err != nil {
			return fmt.Errorf("make a directory for the demo: %w", err)
		}
		d.setDir(dir)
		return nil
	}
	dir, err := filepath.Abs(d.opt.dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", d.opt.dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	inside, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into %s: %w", dir, err)
	}
	if len(inside) > 0 {
		return withHint(usageError("%s is not empty: the demo begins with nothing", dir), "patchferry demo --dir ANOTHER")
	}
	d.setDir(dir)
	return nil
}

// setDir puts two machines and a disk side by side.
func (d *demo) setDir(dir string) {
	d.dir, d.disk = dir, filepath.Join(dir, "disk")
	d.near, d.far = newMachine(dir, "near"), newMachine(dir, "far")
}

// clean removes what was not asked to be kept.
func (d *demo) clean() error {
	if d.opt.dir != "" {
		d.say("Both sides and the disk stay in %s; to serve the far side again:\n$ patchferry --config %s serve", d.dir, shellWord(d.far.config))
		return nil
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return withHint(fmt.Errorf("remove the demo's directory: %w", err), "remove %s yourself", d.dir)
	}
	return nil
}

// checkFree finds a port that is taken before the work, and not after it.
func checkFree(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return withHint(fmt.Errorf("the demo cannot serve on %s: %w", address, err), "patchferry demo --listen 127.0.0.1:0")
	}
	return l.Close()
}
