package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/sample"
)

// Where the demo serves, and where its publisher does when it runs alone,
// unless they are told otherwise.
const (
	demoListen      = "127.0.0.1:8530"
	publisherListen = "127.0.0.1:8531"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	dir, listen     string
	once, publisher bool
	noWine          bool
	logLevel        string
}

// demoReport is the last line of demo with --json (docs/demo.md).
type demoReport struct {
	Updates int   `json:"updates"` // in the catalog
	Files   int   `json:"files"`   // of these updates, held
	Bytes   int64 `json:"bytes"`   // of these files
	Fetched int   `json:"fetched"` // files that the host fetched from the far side and found right
	Refused int   `json:"refused"` // files that the near side did not let in
	// Bulletins are the documents whose signature was found right; Forged those
	// that were refused.
	Bulletins int `json:"bulletins"`
	Forged    int `json:"forged"`
	// Bundles went over the gap, in so many Volumes; Tampered were refused there.
	Bundles  int `json:"bundles"`
	Volumes  int `json:"volumes"`
	Tampered int `json:"tampered"`
	// Installed counts the hosts that installed the package for practice, under Wine.
	Installed int `json:"installed"`
}

const demoHelp = `Show the whole job on this machine, without the Internet. A publisher on loopback
offers some twenty sample updates and drivers and signed bulletins. A near side syncs
from it and writes transfer bundles to a folder, which is the disk. A far side imports
them, releases them from ring to ring, and serves; and a host fetches every file and
checks it. One file at the publisher is not what its list states, one bulletin was
changed after it was signed, one fingerprint has a misprint, and on a copy of the disk
one byte is flipped: all four are refused before your eyes.

The demo types the same commands as you would and shows them. It works in a temporary
directory, which it removes at the end, or in --dir DIR, which it leaves. After
the checks it serves until Ctrl-C. Anything that is not as it should be is exit
status 1.

With --publisher there is the publisher alone, over plain http on ` + publisherListen + `:
the list of its files goes to standard output, and it serves until Ctrl-C. Guides
that are typed along (docs/air-gap.md) use it in place of the Internet.`

func (a *app) demoCommand() *cobra.Command {
	o := demoOptions{}
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Show both sides on this machine, with sample updates",
		Long:    demoHelp,
		Example: "  patchferry demo\n  patchferry demo --once --json\n  patchferry demo --publisher > offers.txt",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.publisher {
				return a.publish(cmd.Context(), o)
			}
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
	f.BoolVar(&o.noWine, "no-wine", false, "let no host install the package for practice under Wine")
	f.BoolVar(&o.publisher, "publisher", false, "only the publisher of the samples, for practice")
	cmd.MarkFlagsMutuallyExclusive("publisher", "dir")
	cmd.MarkFlagsMutuallyExclusive("publisher", "once")
	return cmd
}

// demo is one run of the demo.
type demo struct {
	app       *app
	opt       demoOptions
	out       io.Writer // what people read: standard output, unless that is for the summary
	dir       string    // of everything
	near, far machine
	disk      string // what is carried from one to the other
	publisher sample.Publisher
	mails     []sample.Mail // that it has sent
	report    demoReport
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

// show runs both sides and what goes between them, in the order of the work.
func (d *demo) show(ctx context.Context) error {
	for _, scene := range []func(context.Context) error{
		d.initNear, d.syncs, d.believe, d.idle, d.forge, // demo_near.go, demo_bulletins.go
		d.export, d.initFar, d.crossOver, d.promote, // demo_cross.go
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	server, err := d.serve(ctx)
	if err != nil {
		return err
	}
	err = d.visits(ctx, server.url) // and what the next day brings
	if err == nil {
		err = d.install(ctx, server.url)
	}
	if err == nil {
		err = d.conclude(server.url)
	}
	if err != nil || d.opt.once {
		return errors.Join(err, server.stop())
	}
	return server.wait(ctx)
}

// conclude prints the summary.
func (d *demo) conclude(url string) error {
	r := d.report
	d.say("\nDone: %s with %s (%s) crossed the gap in %s and were fetched and checked.",
		plural(r.Updates, "update", "updates"), plural(r.Fetched, "file", "files"), humanize.Bytes(uint64(r.Bytes)), plural(r.Bundles, "bundle", "bundles"))
	d.say("Refused: %s that was not what its list states, %s that was forged, a misprinted fingerprint, and %s with one byte changed.",
		plural(r.Refused, "file", "files"), plural(r.Forged, "bulletin", "bulletins"), plural(r.Tampered, "bundle", "bundles"))
	if !d.opt.once {
		d.say("Look around at %s, or type the commands above in another terminal. Ctrl-C ends the demo.", url)
	}
	if d.app.json {
		return errors.Join(d.told, d.app.printJSON(r))
	}
	return d.told
}
