package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/mirror"
	"patchferry/mirror/trusted"
	"patchferry/mirror/upstream"
	"patchferry/mirror/upstream/links"
	"patchferry/mirror/upstream/metalink"
	"patchferry/mirror/upstream/updates"
)

// job is the mirror of this machine, made for one command that may change it.
type job struct {
	*mirror.Mirror
	site *site
}

// openJob wires a mirror. With publishes it can sign; then the keys are opened,
// which may ask for the passphrase. show, which may be nil, is told of progress.
func (a *app) openJob(ctx context.Context, c *config.Config, publishes bool, show *display) (*job, error) {
	s, err := openSite(c)
	if err != nil {
		return nil, err
	}
	log := a.logger(&c.Log)
	client, err := newClient(c, log)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	m := &mirror.Mirror{
		Store:   s.store,
		Trusted: s.reader,
		Work:    c.Path(c.Work),
		Select:  c.Selection(&config.Source{}),
		Grace:   noneIfZero(c.Prune.Grace),
		Keep:    noneIfZero(c.Prune.Keep),
		Log:     log,
		Client:  client,
	}
	if show != nil {
		m.Progress, m.Client.Progress = show.event, show.arrived
	}
	for i := range c.Sources {
		if c.Sources[i].IsEnabled() {
			m.Sources = append(m.Sources, source(c, &c.Sources[i]))
		}
	}
	if publishes {
		keys, err := a.openSigners(ctx, c)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		m.Origin = keys.origin
		m.Writer = &trusted.Writer{Reader: s.reader, Signer: keys.site, Actor: actor(c)}
	}
	return &job{Mirror: m, site: s}, nil
}

// Close ends idle connections and lets the store go.
func (j *job) Close() error {
	j.Client.Close()
	return j.site.Close()
}

// noneIfZero says "none" as mirror does: the operator's 0 is no time at all,
// and not the default.
func noneIfZero(d config.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return time.Duration(d)
}

func newClient(c *config.Config, log *slog.Logger) (*upstream.Client, error) {
	cl := &upstream.Client{
		Log:         log,
		Connections: c.Fetch.Connections,
		PerHost:     c.Fetch.PerHost,
		Rate:        int64(c.Fetch.Rate),
		Stall:       time.Duration(c.Fetch.Stall),
		Retries:     c.Fetch.Retries,
		UserAgent:   "patchferry/" + currentBuild().Version,
	}
	if cl.Retries == 0 {
		cl.Retries = -1 // 0 would be the default
	}
	for _, w := range c.Fetch.Windows {
		cl.Windows = append(cl.Windows, upstream.Window{
			From: time.Duration(w.From) * time.Minute,
			To:   time.Duration(w.To) * time.Minute,
		})
	}
	if c.Fetch.Proxy != "" {
		cl.Proxy, _ = url.Parse(c.Fetch.Proxy) // config has checked it
	}
	if c.Fetch.CA == "" {
		return cl, nil
	}
	certificates, err := os.ReadFile(c.Path(c.Fetch.CA))
	if err != nil {
		return nil, fmt.Errorf("read fetch.ca: %w", err)
	}
	if cl.RootCAs, err = x509.SystemCertPool(); err != nil {
		cl.RootCAs = x509.NewCertPool() // a system without any
	}
	if !cl.RootCAs.AppendCertsFromPEM(certificates) {
		return nil, withHint(usageError("read fetch.ca: %s holds no certificate in PEM", c.Path(c.Fetch.CA)), "openssl x509 -in FILE -text")
	}
	return cl, nil
}

// source returns a source as mirror knows it.
func source(c *config.Config, s *config.Source) mirror.Source {
	parsers := map[config.Kind]mirror.ParseFunc{
		"links": links.Parse, "metalink": metalink.Parse, "updates": updates.Parse,
	}
	sel := c.Selection(s)
	return mirror.Source{
		Name:   s.Name,
		Kind:   string(s.Kind),
		Parse:  parsers[s.Kind],
		URL:    s.URL,
		Path:   c.Path(s.Path),
		Trust:  mirror.Trust(s.Trust),
		Hosts:  s.Hosts,
		Rate:   int64(s.Rate),
		Select: &sel,
	}
}

// actor is what the log of states calls whoever runs this.
func actor(c *config.Config) string {
	if c.Actor != "" {
		return c.Actor
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "patchferry"
}

// explain gives the error of a job its exit status and the next command.
func explain(err error) error {
	switch {
	case errors.Is(err, mirror.ErrLocked):
		return withHint(withCode(exitLocked, err), "wait until it has ended, then the same command again")
	case errors.Is(err, mirror.ErrAltered):
		return withHint(withCode(exitUntrusted, err), "patchferry audit --remove, then patchferry sync --recheck")
	case errors.Is(err, mirror.ErrAudit):
		return withHint(err, "patchferry sync --recheck")
	case errors.Is(err, mirror.ErrGrace):
		return withCode(exitPart, err)
	case errors.Is(err, mirror.ErrPartial):
		return withCode(exitPart, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return withHint(err, "make space on the disk of %s, then the same command goes on where it stopped", diskOf(err))
	case errors.Is(err, syscall.EROFS):
		return withHint(err, "make the disk of %s writable, then the same command again; patchferry serve works meanwhile", diskOf(err))
	}
	return err
}

// diskOf names the disk that failed by a folder on it, as far as err tells.
func diskOf(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok && filepath.IsAbs(path.Path) {
		return filepath.Dir(path.Path)
	}
	return "the store or the work directory"
}

// plural counts things for people.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
