package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"patchferry/cmd/patchferry/internal/sample"
	"patchferry/layout"
)

// The share that the demo makes of the far side's tree, as hosts name it.
const (
	demoServerName = "far"
	demoShare      = "updates"
)

// wineWithin is how long one program may take under Wine, on a machine that is busy
// with other things.
const wineWithin = 2 * time.Minute

// wineBusy is what Wine says of about one program in three hundred, whichever that is,
// on a machine that is busy with other things.
const wineBusy = "ShellExecuteEx failed: Internal error."

// install makes the tree for a share, prints the command by which a host installs an
// update, and where Wine is present has a host do so and report it.
func (d *demo) install(ctx context.Context, url string) error {
	d.step("Hosts install from a share, or over HTTP. Make the tree with its scripts; the one package that can really be\n   installed is %s, for practice.", "KB"+sample.PracticeKB)
	share := filepath.Join(d.dir, demoShare)
	if err := d.do(ctx, d.far, "tree", "--to", share); err != nil {
		return err
	}
	u, err := d.practice(ctx)
	if err != nil {
		return err
	}
	folder := `\\` + demoServerName + `\` + demoShare + `\` + `install\updates\` + path.Base(u.Folder)
	d.say("\n   On a host, as administrator; one start-up script for all machines would be install\\this-host.cmd:")
	typed := fmt.Sprintf(`%s\install.cmd /report %sreport`, folder, url)
	d.say(`   C:\> %s`, typed)
	w, why := d.newWine(share)
	if w == nil {
		d.say("   %s, so no host does.", why)
		return nil
	}
	defer w.end()
	if err := w.begin(ctx); err != nil {
		d.say("   Wine does not start here (%v), so no host does.", err)
		return nil
	}
	d.say("   Wine plays the host, a Windows Vista: that has no program for SHA-256, so the script checks the size and says so.")
	if err := w.play(ctx, d, folder, typed); err != nil {
		return err
	}
	d.report.Installed++
	d.say("\n   What the host reported has come to the far side:")
	return d.do(ctx, d.far, "hosts", "list")
}

// practice returns the update that can be installed, as the far side has it.
func (d *demo) practice(ctx context.Context) (*layout.Update, error) {
	var out bytes.Buffer
	if err := d.command(ctx, &out, d.far, "--json", "show", "KB"+sample.PracticeKB); err != nil {
		return nil, err
	}
	var shown struct {
		Update layout.Update `json:"update"`
	}
	if err := json.NewDecoder(&out).Decode(&shown); err != nil {
		return nil, fmt.Errorf("read what the far side has of KB%s: %w", sample.PracticeKB, err)
	}
	return &shown.Update, nil
}

// wine is a Windows of the demo, with nothing in it but what Wine brings.
type wine struct {
	program, server string
	dir, share      string
	env             []string
}

// newWine returns nil, and why, where none is to be had.
func (d *demo) newWine(share string) (*wine, string) {
	if d.opt.noWine {
		return nil, "Wine was not asked for"
	}
	program, err := exec.LookPath("wine")
	if err != nil {
		return nil, "There is no Wine on this machine"
	}
	server, err := exec.LookPath("wineserver")
	if err != nil {
		return nil, "There is no whole Wine on this machine (wineserver is missing)"
	}
	w := &wine{program: program, server: server, dir: filepath.Join(d.dir, "host"), share: share}
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "DISPLAY", "WAYLAND_DISPLAY", "WINEPREFIX", "WINEARCH", "WINEDEBUG", "HOME", "TMPDIR":
		default:
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "WINEPREFIX="+filepath.Join(w.dir, "prefix"), "WINEDEBUG=-all", "HOME="+w.dir, "no_proxy=*")
	return w, ""
}

// begin starts it as a Windows Vista that sees the share. Later ones check SHA-256 by
// certutil, which Wine has in name alone.
func (w *wine) begin(ctx context.Context) error {
	prefix := filepath.Join(w.dir, "prefix")
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return err
	}
	// A server that stays spares each program the start of a system.
	for _, line := range [][]string{{w.server, "-p"}, {w.program, "wineboot", "-i"}, {w.program, "winecfg", "/v", "vista"}} {
		if _, err := w.run(ctx, line[0], line[1:]...); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(line, " "), err)
		}
	}
	unc := filepath.Join(prefix, "dosdevices", "unc", demoServerName)
	if err := os.MkdirAll(unc, 0o755); err != nil {
		return err
	}
	return os.Symlink(w.share, filepath.Join(unc, demoShare))
}

// end ends all of it.
func (w *wine) end() {
	cmd := exec.Command(w.server, "-k")
	cmd.Env = w.env
	_ = cmd.Run() // it ends by itself where nobody has it end
}

// run runs a program and returns what it said. That goes to a file: services that a
// program starts would keep a pipe open.
func (w *wine) run(ctx context.Context, program string, args ...string) (string, error) {
	said, err := os.Create(filepath.Join(w.dir, "said.txt"))
	if err != nil {
		return "", err
	}
	defer said.Close()
	ctx, cancel := context.WithTimeout(ctx, wineWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.env, w.dir, said, said
	err = cmd.Run()
	text, readErr := os.ReadFile(said.Name())
	return string(text), errors.Join(err, readErr)
}

// play installs, installs again, validates and shows what the host says.
func (w *wine) play(ctx context.Context, d *demo, folder, install string) error {
	validate := folder + `\validate.cmd`
	for _, scene := range []struct{ line, want string }{
		{install, "state=ok"},
		{install, "state=installed"},
		{validate, "state=installed"},
	} {
		if scene.line == validate {
			d.say(`   C:\> %s`, validate)
		}
		text, err := w.run(ctx, w.program, "cmd", "/c", scene.line)
		if strings.Contains(text, wineBusy) {
			d.say("   Wine did not start the package; once more.")
			text, err = w.run(ctx, w.program, "cmd", "/c", scene.line)
		}
		if err == nil && !strings.Contains(text, scene.want) {
			err = fmt.Errorf("it does not say %s", scene.want)
		}
		if err != nil {
			return fmt.Errorf("under Wine, %s: %w\n%s", scene.line, err, text)
		}
		for line := range strings.Lines(text) {
			d.say("   %s", strings.TrimRight(line, "\r\n"))
		}
	}
	return nil
}
