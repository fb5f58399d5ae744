package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/sample"
)

// demoListen is where the demo serves unless it is told otherwise.
const demoListen = "127.0.0.1:8530"

// demoOptions are the flags of demo.
type demoOptions struct {
	dir, listen string
	once        bool
	logLevel    string
}

// demoReport is the last line of demo with --json (docs/demo.md).
type demoReport struct {
	Updates int   `json:"updates"` // in the catalog
	Files   int   `json:"files"`   // of these updates, held
	Bytes   int64 `json:"bytes"`   // of these files
	Fetched int   `json:"fetched"` // files that the host fetched and found right
	Refused int   `json:"refused"` // files that the near side did not let in
	// Bulletins are the documents whose signature was found right; Forged those
	// that were refused.
	Bulletins int `json:"bulletins"`
	Forged    int `json:"forged"`
}

func (a *app) demoCommand() *cobra.Command {
	o := demoOptions{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole job on this machine, with sample updates",
		Long: `Show the whole job on this machine, without the Internet: a publisher on loopback
with some twenty sample updates and drivers and signed bulletins, a new near side that
syncs from it and serves, and a host that fetches every file and checks it. One file
at the publisher is not what its list states, one bulletin was changed after it was
signed, and one fingerprint has a misprint; all three are refused before your eyes.

The demo types the same commands as you would and shows them. It works in a temporary
directory, which it removes at the end, or in --dir DIR, which it leaves. After
the checks it serves until Ctrl-C. Anything that is not as it should be is exit
status 1.`,
		Example: "  patchferry demo\n  patchferry demo --once --json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.logLevel = "error"
			if cmd.Flag("log-level").Changed {
				o.logLevel = *a.flags["log.level"]
			}
			return a.demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "work in `DIR`, new or empty, and leave it there")
	f.StringVar(&o.listen, "listen", "", "`ADDRESS` to serve on, host:port (default "+demoListen+"; with --once any free port)")
	f.BoolVar(&o.once, "once", false, "end after the checks")
	return cmd
}

// demo is one run of the demo.
type demo struct {
	app       *app
	opt       demoOptions
	out       io.Writer // what people read: standard output, unless that is for the summary
	dir       string
	config    string
	publisher sample.Publisher
	mails     []sample.Mail // that it has sent
	steps     int
	told      error // of telling the story: the first that went wrong
}

// demo shows everything, and then serves. What fails is exit status 1, whatever
// it would be of the command that failed.
func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	if o.listen == "" && o.once {
		o.listen = "127.0.0.1:0"
	}
	o.listen = cmp.Or(o.listen, demoListen)
	ctx, stop := survivable(ctx)
	defer stop()
	d := &demo{app: a, opt: o, out: a.stdout}
	if a.json {
		d.out = a.stderr
	}
	if err := checkFree(ctx, o.listen); err != nil {
		return err
	}
	if err := d.makeDir(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.clean()) }()
	if err := d.publisher.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.publisher.Close()) }()
	err = d.show(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return withCode(exitInterrupted, context.Cause(ctx))
	}
	return withCode(exitFailed, err)
}

// survivable has two more signals end the demo in order, for it leaves a
// directory behind where it is killed: a terminal that is closed ends the
// context, and a reader of the story that went away is an error of writing.
func survivable(ctx context.Context) (context.Context, func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	stop := func() { signal.Stop(broken) }
	if signal.Ignored(syscall.SIGHUP) { // under nohup it shall go on
		return ctx, stop
	}
	ctx, stopHangup := signal.NotifyContext(ctx, syscall.SIGHUP)
	return ctx, func() {
		stopHangup()
		stop()
	}
}

// show runs the near side, the server and the host, in this order.
func (d *demo) show(ctx context.Context) error {
	if err := d.initNear(ctx); err != nil {
		return err
	}
	refused, err := d.syncs(ctx)
	if err != nil {
		return err
	}
	server, err := d.serve(ctx)
	if err != nil {
		return err
	}
	report, err := d.visit(ctx, server.url, refused)
	report.Bulletins, report.Forged = len(d.mails)+1, 1 // or forge had failed
	if err == nil {
		err = d.conclude(report, server.url)
	}
	if err != nil || d.opt.once {
		return errors.Join(err, server.stop())
	}
	return server.wait(ctx)
}

// conclude prints the summary.
func (d *demo) conclude(r demoReport, url string) error {
	d.say("\nDone: %s with %s (%s) fetched and checked, %s refused; %s rightly signed, %d forged and refused.",
		plural(r.Updates, "update", "updates"), plural(r.Fetched, "file", "files"), humanize.Bytes(uint64(r.Bytes)), plural(r.Refused, "file", "files"),
		plural(r.Bulletins, "bulletin", "bulletins"), r.Forged)
	if !d.opt.once {
		d.say("Look around at %s, or type the commands above in another terminal. Ctrl-C ends the demo.", url)
	}
	if d.app.json {
		return errors.Join(d.told, d.app.printJSON(r))
	}
	return d.told
}

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

// command runs a command of this program as a person would who typed it, but in
// this process: its results go to out. The configuration comes from the demo's
// own file alone, not from the environment.
func (d *demo) command(ctx context.Context, out io.Writer, args ...string) error {
	child := &app{stdin: d.app.stdin, stdout: out, stderr: d.app.stderr}
	for _, variable := range d.app.env {
		if !strings.HasPrefix(variable, "PATCHFERRY_") {
			child.env = append(child.env, variable)
		}
	}
	root := child.rootCommand()
	root.SetArgs(append([]string{"--config", d.config, "--log-level", d.opt.logLevel, "--progress", *d.app.flags["progress"]}, args...))
	root.SetOut(out)
	root.SetErr(d.app.stderr)
	return root.ExecuteContext(ctx)
}

// typed shows a command as one would type it.
func (d *demo) typed(words ...string) { d.say("   $ patchferry %s", strings.Join(words, " ")) }

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

func (d *demo) setDir(dir string) { d.dir, d.config = dir, filepath.Join(dir, "patchferry.toml") }

// clean removes what was not asked to be kept.
func (d *demo) clean() error {
	if d.opt.dir != "" {
		d.say("The near side stays in %s; to serve it again:\n$ patchferry --config %s serve", d.dir, shellWord(d.config))
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
