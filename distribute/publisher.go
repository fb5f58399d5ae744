package distribute

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"patchferry/layout"
)

// A path of a publisher leads to a file of the catalog in three ways, and each of them
// ends at a digest that the catalog states or at the URL that it has from its source:
// nothing that a request says makes a file be handed out under a name that is not its
// own.
//
// Where the request says which origin is meant, the file must be listed at that origin
// with that path. Where it does not, every file with that path, at whatever origin, must
// have the same bytes. And a name that ends in a SHA-1 is for the file with that SHA-1,
// whoever hands it out.

// published returns the file that a publisher's path leads to, or nil.
func (v *View) published(w wish) *file {
	if w.path == "" {
		return nil
	}
	all := v.atPath(w.path)
	exactly := slices.ContainsFunc(all, func(n uint32) bool { return v.pathOf(&v.files[n]) == w.path })
	var match *file
	for _, n := range all {
		f := &v.files[n]
		if exactly && v.pathOf(f) != w.path || w.origin != "" && v.hostOf(f) != w.origin || !v.queryFits(f, w.query) {
			continue
		}
		if match != nil && !v.sameContent(match, f) {
			return nil
		}
		match = better(match, f)
	}
	if match == nil {
		return v.summed(w.path)
	}
	return match
}

// Lists reports whether a publisher's URL leads to a file of the view.
func (v *View) Lists(u *url.URL) bool {
	host, ok := hostPort(u.Host)
	return ok && v.published(wish{origin: host, path: publisherPath(u, u.Path), query: u.RawQuery}) != nil
}

// queryFits reports whether a query can be for a file. It names nothing, unless the
// catalog's own URL has one.
func (v *View) queryFits(f *file, query string) bool {
	own := v.queryOf(f)
	return own == "" || own == query
}

// atPath returns the files with that publisher's path, in any case.
func (v *View) atPath(path string) []uint32 {
	compare := func(n uint32, path string) int { return compareNames(v.pathOf(&v.files[n]), path) }
	from, found := slices.BinarySearchFunc(v.byPath, path, compare)
	if !found {
		return nil
	}
	to := from
	for to < len(v.byPath) && compare(v.byPath[to], path) == 0 {
		to++
	}
	return v.byPath[from:to]
}

// summed returns the file whose SHA-1 the last part of a path states, or nil.
func (v *View) summed(path string) *file {
	d, ext, ok := sumInName(path)
	if !ok {
		return nil
	}
	return v.content(d, ext)
}

// routeOrigin finds what answers a request that says which origin it is for. Where it
// says so in its query, a path may also be one of this server: what stands there is told
// apart by digest, or is another server's like this one.
func (s *Server) routeOrigin(path string, named bool) (class, func(*answer)) {
	kind, own := classPublisher, s.withView(s.serveNothing)
	if named && ownPath(path) {
		kind, own = s.routeOwn(path)
	}
	if kind == classProbe || kind == classPage {
		return kind, own
	}
	return kind, s.withView(func(a *answer, v *View) {
		if f := v.published(s.wishOf(a.r, a.path)); f != nil {
			s.serveFile(a, v, f)
			return
		}
		own(a)
	})
}

func (s *Server) serveNothing(a *answer, v *View) { s.serveElse(a, v, "There is no such file here.") }

// serveElse answers a request for which this server has no path of its own: it may be
// for a publisher's. Why says what is wrong where it is for none.
func (s *Server) serveElse(a *answer, v *View, why string) {
	w := s.wishOf(a.r, a.path)
	if f := v.published(w); f != nil {
		s.serveFile(a, v, f)
		return
	}
	if w.origin == "" && ownPath(w.path) {
		a.fail(http.StatusNotFound, why)
		return
	}
	s.serveUnlisted(a, v, w, why)
}

// ownPath reports whether a path begins as one of this server does.
func ownPath(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch strings.ToLower(first) {
	case "software", "driver", "drivers", "bulletins", "install", "objects", "content", "rings", "status", "metrics", "healthz", "readyz", "":
		return true
	}
	return false
}

// serveUnlisted answers for a publisher's path that leads to no file of the catalog.
func (s *Server) serveUnlisted(a *answer, v *View, w wish, why string) {
	miss := missedPath(w)
	if w.origin != "" && s.Filler != nil && (s.Origins == nil || !s.Origins(w.origin)) {
		s.metrics.refused.Inc()
		a.fail(http.StatusForbidden, "Files of that origin are not handed out here.")
		return
	}
	if w.path == "" || len(w.query) > maxQuery {
		a.fail(http.StatusNotFound, why)
		return
	}
	if s.Filler == nil {
		s.missed(miss)
		a.fail(http.StatusNotFound, why)
		return
	}
	q := layout.PathRequest{Origin: w.origin, Path: w.path, Query: w.query}
	q.SHA1, _, _ = sumInName(w.path)
	q.Start, q.End = a.wantedFirst(0)
	s.serveFilling(a, v, order{
		name: w.path[strings.LastIndexByte(w.path, '/')+1:],
		why:  why,
		fill: func(ctx context.Context) (layout.Filling, error) { return s.Filler.Unlisted(ctx, q) },
		miss: miss,
	})
}
