package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout"
	"patchferry/layout/store/s3"
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
	site    *site
	client  *upstream.Client // nil on a far side
	origins upstream.Origins // of the lists of updates
	keys    signers          // to publish with
}

// openJob wires a mirror. With publishes it can sign; then the keys are opened,
// which may ask for the passphrase. show, which may be nil, is told of progress.
func (a *app) openJob(ctx context.Context, c *config.Config, publishes bool, show *display) (*job, error) {
	s, err := openSite(ctx, c)
	if err != nil {
		return nil, err
	}
	j := &job{site: s, Mirror: &mirror.Mirror{
		Store:      s.store,
		Trusted:    s.reader,
		Work:       c.Path(c.Work),
		Select:     c.Selection(&config.Source{}),
		Grace:      noneIfZero(c.Prune.Grace),
		Keep:       noneIfZero(c.Prune.Keep),
		Log:        a.logger(&c.Log),
		Judge:      keptJudge(c, s.trust),
		Rings:      c.Rings.Names,
		Land:       c.LandRing(),
		Clock:      s.trust.Clock,
		KeepPacked: c.Fetch.Extract != nil && !*c.Fetch.Extract,
	}}
	if show != nil {
		j.Progress = show.event
	}
	if c.Role != config.Far { // a far side has nobody to ask, and nothing to ask with
		err = j.connect(c, show)
	}
	if err == nil && publishes {
		err = errors.Join(proven(ctx, s.store), a.sign(ctx, c, j))
	}
	if err != nil {
		if closed := s.Close(); closed != nil {
			j.Log.Warn("close the store", "err", closed)
		}
		return nil, err
	}
	return j, nil
}

// connect gives the mirror its sources, and each source its way to the
// publisher.
func (j *job) connect(c *config.Config, show *display) (err error) {
	if j.client, err = newClient(c, j.Log); err != nil {
		return err
	}
	if show != nil {
		j.client.Progress = show.arrived
	}
	for i := range c.Sources {
		if !c.Sources[i].IsEnabled() || !c.Sources[i].Kind.Announces() {
			continue
		}
		src, err := bulletinSource(c, &c.Sources[i], j.client, j.site.trust)
		if err != nil {
			return err
		}
		j.Bulletins = append(j.Bulletins, src)
	}
	j.Sources, j.origins, err = sources(c, j.client)
	return err
}

// sources returns the lists of updates of a configuration, and what files of each
// may be fetched from.
func sources(c *config.Config, client *upstream.Client) (all []mirror.Source, origins upstream.Origins, err error) {
	for i := range c.Sources {
		if !c.Sources[i].IsEnabled() || c.Sources[i].Kind.Announces() {
			continue
		}
		src, origin, err := source(c, &c.Sources[i], client)
		if err != nil {
			return nil, nil, err
		}
		all, origins = append(all, src), append(origins, origin)
	}
	return all, origins, nil
}

// sign gives the mirror the keys to publish with.
func (a *app) sign(ctx context.Context, c *config.Config, j *job) error {
	keys, err := a.openSigners(ctx, c)
	if err != nil {
		return err
	}
	j.keys = keys
	if keys.origin != nil { // not an interface that holds nothing
		j.Origin = keys.origin
	}
	stage, err := j.Stage() // of the mirror: a store that is no directory has none
	if err != nil {
		return fmt.Errorf("make the stage: %w", err)
	}
	j.Writer = &trusted.Writer{Reader: j.site.reader, Signer: keys.site, Actor: actor(c), Stage: stage, Clock: j.Clock}
	return nil
}

// Close ends idle connections and lets the store go.
func (j *job) Close() error {
	if j.client != nil {
		j.client.Close()
	}
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

// parse is the function of a source's format.
type parse func(io.Reader, upstream.List) iter.Seq2[*layout.Update, error]

// source returns a source as mirror knows it, bound to what it may talk to.
func source(c *config.Config, s *config.Source, client *upstream.Client) (mirror.Source, *upstream.Origin, error) {
	var at *url.URL
	if s.URL != "" {
		at, _ = url.Parse(s.URL) // config has checked it
	}
	origin, err := upstream.NewOrigin(s.Name, at, s.Hosts)
	if err != nil {
		return mirror.Source{}, nil, withCode(exitUsage, err)
	}
	origin.Rate, origin.Rates = s.Rate.Upstream()
	formats := map[config.Kind]parse{"links": links.Parse, "metalink": metalink.Parse, "updates": updates.Parse}
	list := upstream.NewList(s.Name, at, s.Path)
	sel := c.Selection(s)
	return mirror.Source{
		Name: s.Name,
		Kind: string(s.Kind),
		Parse: func(r io.Reader) iter.Seq2[*layout.Update, error] {
			return formats[s.Kind](r, list)
		},
		Upstream: &upstream.Publisher{Client: client, Origin: origin},
		URL:      s.URL,
		Path:     c.Path(s.Path),
		Trust:    mirror.Trust(s.Trust),
		Select:   &sel,
		OnDemand: s.Fill == config.OnDemand,
		Prefetch: c.PrefetchOf(s),
	}, origin, nil
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
	if senseless, ok := errors.AsType[*mirror.RingError](err); ok {
		return explainRing(senseless)
	}
	if refusal, ok := errors.AsType[*mirror.ImportError](err); ok && refusal.Next != "" {
		err = withHint(err, "%s", refusal.Next)
	}
	if refusal, ok := errors.AsType[*mirror.ReceiptError](err); ok && refusal.Next != "" {
		err = withHint(err, "%s", refusal.Next)
	}
	if space, ok := errors.AsType[*mirror.SpaceError](err); ok {
		return withHint(err, "make %s of space on the disk of %s, then the same command again", humanize.Bytes(uint64(space.Need-space.Free)), space.Dir)
	}
	switch {
	case errors.Is(err, s3.ErrNotHonoured):
		return withHint(err, "patchferry doctor")
	case errors.Is(err, mirror.ErrAlready):
		return withCode(exitAlready, err)
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
