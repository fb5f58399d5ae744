package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"time"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/distribute"
	"patchferry/layout"
	"patchferry/mirror"
	"patchferry/mirror/fill"
	"patchferry/mirror/trusted"
	"patchferry/mirror/unlisted"
	"patchferry/mirror/upstream"
)

const (
	// askedFile is what hosts asked for and did not get, in the work directory.
	askedFile = "asked.jsonl"
	// saveEvery is how often a server writes down what it counts.
	saveEvery = 10 * time.Second
	// fillFolder is the folder of files that are on their way here, in the stage.
	fillFolder = "fill"
	// unlistedName is what counts say in place of a source of files that no catalog lists.
	unlistedName = "(unlisted)"
)

// onDemand is what a server does about files that hosts ask for and that are not
// here: on a near side it fetches them, everywhere it writes them down.
type onDemand struct {
	asked   *mirror.AskedList
	traffic *traffic
	log     *slog.Logger

	// What fetches; nil on a far side, and where nothing is to be fetched.
	filler   *mirror.Filler
	client   *upstream.Client
	origins  upstream.Origins
	unlisted *unlisted.Cache // nil: only what is listed is fetched
	withheld atomic.Pointer[withheld]
	shown    atomic.Pointer[distribute.View] // to hosts that ask for no ring
}

// openOnDemand wires what a side may do. What fetches is made for a near side alone.
func (a *app) openOnDemand(c *config.Config, s *site, log *slog.Logger) (o *onDemand, err error) {
	o = &onDemand{log: log}
	if o.asked, err = mirror.OpenAsked(c.WorkFile(askedFile)); err != nil {
		return nil, err
	}
	if o.traffic, err = openTraffic(c); err != nil {
		return nil, err
	}
	if c.Role == config.Far || c.Filling.Mode == config.FillOff {
		return o, nil
	}
	return o, o.openFiller(c, s)
}

// openFiller makes what fetches. A server that cannot hands out what is here.
func (o *onDemand) openFiller(c *config.Config, s *site) error {
	client, err := newClient(c, o.log)
	if err != nil {
		return err
	}
	m := &mirror.Mirror{Store: s.store, Trusted: s.reader, Work: c.Path(c.Work), Log: o.log, Clock: s.trust.Clock}
	if m.Sources, o.origins, err = sources(c, client); err != nil {
		return err
	}
	o.client = client
	o.filler = &mirror.Filler{Mirror: m, Verified: c.Filling.Mode == config.FillVerified, Revoked: o.revoked}
	stage, err := m.Stage()
	if err == nil {
		o.filler.Pool, err = fill.Open(filepath.Join(stage, fillFolder))
	}
	if err != nil {
		o.log.Warn("nothing is fetched for hosts", "err", err)
		return nil
	}
	pool := o.filler.Pool
	pool.Quota, err = fillQuota(c, stage)
	pool.Idle, pool.Patience = time.Duration(c.Filling.Idle), time.Duration(c.Filling.Patience)
	pool.Connections, pool.Log = c.Filling.Parts, o.log
	if err != nil {
		return err
	}
	return o.openUnlisted(c)
}

// openUnlisted makes what keeps files that no catalog lists, where the operator
// named hosts of them.
func (o *onDemand) openUnlisted(c *config.Config) error {
	if len(c.Unlisted.Origins) == 0 {
		return nil
	}
	origin, err := upstream.NewOrigin(unlistedName, nil, c.Unlisted.Origins)
	if err != nil {
		return err
	}
	origin.Rate, origin.Rates = c.Unlisted.Rate.Upstream()
	o.origins = append(o.origins, origin)
	cache, err := unlisted.Open(c.UnlistedPath())
	if err != nil {
		o.log.Warn("only what is listed is fetched for hosts", "err", err)
		return nil
	}
	cache.Quota, cache.Revalidate = int64(c.Unlisted.Quota), time.Duration(c.Unlisted.Revalidate)
	cache.Revoked = o.revoked
	cache.Changing, cache.Log = c.Unlisted.Changing, o.log
	cache.Fills.Idle, cache.Fills.Patience = time.Duration(c.Filling.Idle), time.Duration(c.Filling.Patience)
	cache.Fills.Connections, cache.Fills.Log = c.Filling.Parts, o.log
	allowed := upstream.Origins{origin}
	cache.Publisher = func(host string) (fill.Origin, *url.URL) {
		at, u := allowed.For(host)
		if at == nil {
			return nil, nil
		}
		return &upstream.Publisher{Client: o.client, Origin: at}, u
	}
	o.unlisted = cache
	o.filler.Elsewhere = func(ctx context.Context, q layout.PathRequest) (layout.Filling, error) {
		if o.withheld.Load().has(q) {
			return nil, fmt.Errorf("%s is listed, and kept from these hosts: %w", q.Path, layout.ErrNoFill)
		}
		if q.Origin == "" {
			q.Origin = c.Unlisted.Default
		}
		return cache.Get(ctx, q)
	}
	return nil
}

// revoked reports whether a content was taken back.
func (o *onDemand) revoked(d layout.Digest) bool {
	v := o.shown.Load()
	return v != nil && v.Revokes(d)
}

// withhold keeps from hosts as unlisted files what their ring does not show.
func (o *onDemand) withhold(ctx context.Context, state *trusted.State, shown *trusted.Shown, view *distribute.View) error {
	o.shown.Store(view)
	if o.unlisted == nil {
		return nil
	}
	w, err := withhold(ctx, o.filler.Mirror.Trusted, state, shown, view)
	if err == nil {
		o.withheld.Store(w)
	}
	return err
}

// fillQuota returns the bound of files that are here in part: the configured one, or
// half of what is free.
func fillQuota(c *config.Config, stage string) (int64, error) {
	if c.Filling.Quota > 0 {
		return int64(c.Filling.Quota), nil
	}
	free, err := freeBytes(stage)
	if errors.Is(err, errors.ErrUnsupported) {
		return cacheElsewhere, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the room on the disk of %s: %w", stage, err)
	}
	return int64(min(free, math.MaxInt64) / 2), nil
}

// attach gives a server what it tells and asks.
func (o *onDemand) attach(server *distribute.Server) {
	server.Missed = func(m distribute.Miss) {
		o.asked.Note(mirror.Asked{Update: m.Update, File: m.File, SHA256: m.SHA256, SHA1: m.SHA1, URL: m.URL}, time.Now())
	}
	o.traffic.server = server
	server.LANBefore = o.traffic.before.LAN
	if o.filler == nil {
		return
	}
	o.traffic.origins = o.origins
	server.Filler = o.filler
	server.Outside = o.traffic.outside
	server.Origins = func(host string) bool {
		origin, _ := o.origins.For(host)
		return origin != nil
	}
	server.Loop = func(r *http.Request) bool { return o.client.Looped(r.Header) }
	server.Fills = o.fills
}

// fills says how fetching goes.
func (o *onDemand) fills() distribute.Fills {
	if o.filler.Pool == nil {
		return distribute.Fills{}
	}
	s := o.filler.Pool.Stats()
	sum := distribute.Fills{Running: s.Running, PartialFiles: s.Running + s.Partial, PartialBytes: s.PartBytes}
	if o.unlisted != nil {
		u := o.unlisted.Stats()
		sum.Running += u.Fills.Running
		sum.PartialFiles += u.Fills.Running + u.Fills.Partial
		sum.PartialBytes += u.Fills.PartBytes
		sum.UnlistedFiles, sum.UnlistedBytes = u.Files, u.Bytes
	}
	return sum
}

// keep writes down what is counted, until ctx is done and once more then.
func (o *onDemand) keep(ctx context.Context) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			o.save()
			return
		case <-ticker.C:
			o.save()
		}
	}
}

// save writes down what is counted. What it cannot write costs no host anything.
func (o *onDemand) save() {
	if err := errors.Join(o.asked.Save(time.Now()), o.traffic.save(o.fillsNow())); err != nil {
		o.log.Warn("what hosts asked for is not written down", "err", err)
	}
}

func (o *onDemand) fillsNow() distribute.Fills {
	if o.filler == nil {
		return distribute.Fills{}
	}
	return o.fills()
}

// Close ends what is fetched; what is here of it is kept, and so are the counts.
func (o *onDemand) Close() error {
	o.save()
	if o.filler == nil {
		return nil
	}
	var err error
	if o.filler.Pool != nil {
		err = o.filler.Pool.Close()
	}
	if o.unlisted != nil {
		err = errors.Join(err, o.unlisted.Close())
	}
	o.client.Close()
	return err
}
