package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
)

// followEvery is how often a server looks for a new state.
const followEvery = time.Second

func (a *app) serveCommand() *cobra.Command {
	var listen, ring string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Hand updates to hosts over HTTP",
		Example: "  patchferry serve\n  patchferry serve --listen 127.0.0.1:8530",
		Long: `Serve the catalog tree (/Software, /Drivers), objects by digest
(/objects/sha256/…) and the WSUS content layout (/Content/…) over HTTP, or https
where the configuration names a certificate. A sync that publishes is seen within
a second, and so is an import; requests that are running end with the catalog they
began with. Sources that do not answer for too long, and transfer bundles that are
overdue, are looked for every hour (hooks.on_stale); what is stale is served all the
same, and the start page says so.

Sockets that systemd hands over are used in place of the address. SIGTERM lets
running downloads finish for the drain time and is exit status 0.

On a near side a file that the catalog lists and that is not here is fetched when a
host first asks for it, once for all who ask, and handed out meanwhile (fill.mode,
docs/fill.md). What hosts asked for and did not get, patchferry want prints.

Where the store is a bucket, any number of servers may read it, each with a work
directory and a cache of its own (serve.cache, serve.cache_size). While the bucket
is away a server goes on with what its cache has, and says so; it also starts from
there (docs/replicas.md).

Hosts get what the last ring shows, or --ring; below /rings/NAME/ every ring has
the same paths (docs/rings.md). What is held back is 404, what was revoked 410.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			own := make(map[string]string)
			if cmd.Flags().Changed("listen") {
				own["listen"] = listen
			}
			l, err := a.load(cmd, own)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), &l.Config, ring)
		},
	}
	ringFlag(cmd, &ring, "the `RING` that is served at the root; by default the last")
	cmd.Flags().StringVar(&listen, "listen", "", "`ADDRESS` to listen on, host:port, in place of the configured one")
	return cmd
}

// serve runs until it is told to stop.
func (a *app) serve(ctx context.Context, c *config.Config, ring string) error {
	root, err := chosenRing(c, ring)
	if err != nil {
		return err
	}
	s, err := a.openService(ctx, c, root)
	if err != nil {
		return err
	}
	defer s.Close() // what came is durable already
	if err := a.announce(c, s.listeners); err != nil {
		return err
	}
	if text := s.apart(); text != "" {
		a.note("%s", text)
	}
	if text := s.silence(); text != "" {
		a.note("%s", text)
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return withCode(exitInterrupted, errInterrupted)
	}
	return nil
}

// service is a server that listens and follows a store.
type service struct {
	follower
	listeners []net.Listener
	onDemand  *onDemand
	reports   *hostReports          // nil: none are taken
	beside    func(context.Context) // runs as long as the server
}

// openService loads the newest edition, so that an untrusted store is refused
// at once, and begins to listen.
func (a *app) openService(ctx context.Context, c *config.Config, root string) (*service, error) {
	log := a.logger(&c.Log)
	site, behind, err := openServed(c, log, func() (keptStore, error) { return openToRead(ctx, c) })
	if err != nil {
		return nil, err
	}
	server := &distribute.Server{
		Source:      site.store,
		Log:         log,
		MaxRequests: c.Serve.MaxRequests,
		DrainTime:   time.Duration(c.Serve.Drain),
		Install:     installOptions(c, root, root),
	}
	if c.Log.Access == nil || *c.Log.Access {
		server.Access = log
	}
	s := &service{follower: follower{site: site, replica: behind, server: server, work: c.Path(c.Work), rings: c.Rings.Names, root: root, log: log}}
	server.Supply, server.Health, server.Refill = s.supply, s.health, site.refill
	if behind != nil {
		behind.Expect = s.expect
	}
	if s.onDemand, err = a.openOnDemand(c, site, log); err != nil {
		return nil, errors.Join(err, site.Close())
	}
	s.onDemand.attach(server)
	if s.reports, err = openHostReports(c, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.reports.attach(c, server)
	s.before = s.onDemand.withhold
	s.beside = func(ctx context.Context) { a.watchStale(ctx, c) }
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.listeners, err = listen(ctx, c, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends what is fetched, and lets the store go.
func (s *service) Close() error { return errors.Join(s.onDemand.Close(), s.site.Close()) }

// run serves until ctx is done.
func (s *service) run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.server.Run(running, s.listeners...) })
	group.Go(func() error { s.watch(running); return nil })
	group.Go(func() error { s.beside(running); return nil })
	group.Go(func() error { s.onDemand.keep(running); return nil })
	group.Go(func() error { s.reports.keep(running); return nil })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// listen returns the sockets of systemd, or one on the configured address, with
// TLS where a certificate is configured.
func listen(ctx context.Context, c *config.Config, log *slog.Logger) ([]net.Listener, error) {
	named, err := distribute.SystemdListeners()
	if err != nil {
		return nil, fmt.Errorf("take the sockets of systemd: %w", err)
	}
	var listeners []net.Listener
	for _, some := range named {
		listeners = append(listeners, some...)
	}
	if len(listeners) == 0 {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", c.Listen)
		if err != nil {
			return nil, withHint(fmt.Errorf("listen on %s: %w", c.Listen, err), "patchferry serve --listen HOST:PORT with another port")
		}
		listeners = []net.Listener{l}
	}
	if c.TLS.Cert == "" {
		return listeners, nil
	}
	certificate := &distribute.Certificate{CertFile: c.Path(c.TLS.Cert), KeyFile: c.Path(c.TLS.Key), Log: log}
	for i, l := range listeners {
		secure, err := certificate.Listen(l)
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
			return nil, fmt.Errorf("use the certificate: %w", err)
		}
		listeners[i] = secure
	}
	return listeners, nil
}

// serveReport is what serve prints with --json once it listens (docs/json.md).
type serveReport struct {
	Listen string `json:"listen"`
	URL    string `json:"url"`
}

func (a *app) announce(c *config.Config, listeners []net.Listener) error {
	scheme := "http"
	if c.TLS.Cert != "" {
		scheme = "https"
	}
	for _, l := range listeners {
		r := serveReport{Listen: l.Addr().String(), URL: scheme + "://" + reachable(l.Addr()) + "/"}
		err := error(nil)
		if a.json {
			err = a.printJSON(r)
		} else {
			err = a.printf("serving %s\n", r.URL)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reachable returns an address that a person on this machine can open.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}
