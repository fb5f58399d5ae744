package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/cmd/patchferry/internal/demo"
	"patchferry/mirror"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	once   bool
	dir    string
	listen string
}

// demoReport is the last line of demo with --json (docs/json.md).
type demoReport struct {
	Updates int    `json:"updates"`
	Files   int    `json:"files"`   // held
	Bytes   int64  `json:"bytes"`   // of them
	Fetched int    `json:"fetched"` // files that the host fetched and found right
	Dir     string `json:"dir,omitempty"`
	URL     string `json:"url,omitempty"`
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show all of it on this machine, with sample updates",
		Long: `Start a publisher on loopback with some twenty sample updates and drivers, set up a
mirror, sync, serve, and let a host of the LAN fetch and check every file. Then go
on serving, to be looked at with a browser, until Ctrl-C.

Without --dir everything is in a temporary directory, which is removed at the end.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.once, "once", false, "end after the host has checked everything")
	f.StringVar(&o.dir, "dir", "", "keep the mirror in `DIR`, which must be new")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDRESS` to serve on")
	return cmd
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "patchferry-demo-"); err != nil {
			return fmt.Errorf("make a directory for the demo: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	publisher, err := demo.StartPublisher(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()
	c, err := a.demoConfig(ctx, dir, publisher, o)
	if err != nil {
		return err
	}
	synced, err := a.demoSync(ctx, c)
	if err != nil {
		return err
	}
	return a.demoServe(ctx, c, o, synced)
}

// demoConfig sets up a mirror as init near does, and adds the publisher.
func (a *app) demoConfig(ctx context.Context, dir string, p *demo.Publisher, o demoOptions) (*config.Config, error) {
	r, err := a.initNear(ctx, setup{dir: dir, name: "demo", noPassphrase: true})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "publisher.pem"), p.CA, 0o644); err != nil {
		return nil, fmt.Errorf("write the publisher's certificate: %w", err)
	}
	content, err := os.ReadFile(r.Config)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	text := strings.Replace(string(content), "[fetch]\n", "[fetch]\nca = \"publisher.pem\"\n", 1)
	text = strings.Replace(text, `listen = ":8530"`, "listen = "+strconv.Quote(o.listen), 1)
	for _, s := range p.Sources() {
		text += fmt.Sprintf("\n[[source]]\nname = %q\nkind = %q\nurl = %q\n", s.Name, s.Kind, s.URL)
	}
	if err := os.WriteFile(r.Config, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	l, err := config.Load(config.Request{File: r.Config, Dir: r.Store})
	if err != nil {
		return nil, err
	}
	l.Log.Level = "warn" // the story is told on standard error
	a.note("1. set up a mirror in %s", dir)
	return &l.Config, nil
}

func (a *app) demoSync(ctx context.Context, c *config.Config) (*mirror.SyncReport, error) {
	a.note("2. sync: %d updates and drivers of three lists, each file checked", demo.Count)
	show := a.newDisplay(c.Progress)
	j, err := a.openJob(ctx, c, true, show)
	if err != nil {
		return nil, err
	}
	defer j.Close() // everything that was written is durable already
	show.start()
	report, err := j.Sync(ctx, mirror.SyncOptions{})
	show.stop()
	if err != nil {
		return nil, explain(err)
	}
	a.note("   published generation %d: %s, %s (%s)", report.Generation, plural(report.Counts.Updates, "update", "updates"),
		plural(report.Counts.Held, "file", "files"), humanize.Bytes(uint64(report.Counts.Bytes)))
	return report, nil
}

// demoServe serves, lets a host fetch everything, and goes on serving unless
// once was asked for.
func (a *app) demoServe(ctx context.Context, c *config.Config, o demoOptions, synced *mirror.SyncReport) error {
	service, err := a.openService(ctx, c)
	if err != nil {
		return err
	}
	defer service.site.Close() // it was only read
	url := "http://" + reachable(service.listeners[0].Addr()) + "/"
	a.note("3. serve on %s", url)
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- service.run(running) }()

	began := time.Now()
	checked, err := demo.Host{URL: url}.FetchAll(ctx)
	if err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	a.note("4. a host walked the catalog tree, fetched %s (%s, %d in two pieces) in %s, and found all of them right",
		plural(checked.Files, "file", "files"), humanize.Bytes(uint64(checked.Bytes)), checked.Resumed, time.Since(began).Round(time.Millisecond))
	r := demoReport{Updates: synced.Counts.Updates, Files: synced.Counts.Held, Bytes: synced.Counts.Bytes, Fetched: checked.Files, Dir: o.dir}
	if checked.Files != synced.Counts.Objects {
		err = fmt.Errorf("the host fetched %d files, the catalog has %d", checked.Files, synced.Counts.Objects)
	}
	if o.once || err != nil {
		stop()
		if err = errors.Join(err, <-ended); err != nil {
			return err
		}
		return a.printDemo(r)
	}
	r.URL = url
	if err := a.printDemo(r); err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	a.note("Open %s in a browser, or fetch with curl or aria2c. Ctrl-C ends the demo.", url)
	return <-ended
}

func (a *app) printDemo(r demoReport) error {
	if a.json {
		return a.printJSON(r)
	}
	return a.printf("%d updates, %d files (%s) mirrored; %d fetched and right\n",
		r.Updates, r.Files, humanize.Bytes(uint64(r.Bytes)), r.Fetched)
}
