package distribute

import (
	"net/http"
	"strings"

	"patchferry/layout"
)

// route finds what answers a request. One that says for which publisher it is goes
// there.
func (s *Server) route(r *http.Request) (class, func(*answer)) {
	if s.Loop != nil && s.Loop(r) {
		return classPublisher, func(a *answer) { a.fail(http.StatusLoopDetected, "This request was sent by this server.") }
	}
	origin, named, ok := s.origin(r)
	switch {
	case !ok:
		return classPublisher, func(a *answer) { a.fail(http.StatusBadRequest, originKey+" names no host.") }
	case origin != "":
		return s.routeOrigin(r.URL.Path, named)
	}
	return s.routeOwn(r.URL.Path)
}

// routeOwn finds what answers for a path. The first segment decides, in any case.
func (s *Server) routeOwn(path string) (class, func(*answer)) {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch strings.ToLower(first) {
	case "":
		if len(path) > 1 {
			return classPublisher, s.withView(func(a *answer, v *View) { s.serveElse(a, v, noSuchPath) })
		}
		return classPage, s.serveRoot
	case "healthz":
		return classProbe, s.serveAlive
	case "readyz":
		return classProbe, s.serveReady
	case "metrics":
		return classProbe, s.serveMetrics
	case "status":
		return classPage, s.serveStatus
	case "report":
		if s.Inbox != nil && isReport(path) {
			return classReport, s.serveReport
		}
	case "rings":
		return s.routeRing(path)
	}
	kind, handle := s.routeView(first)
	return kind, s.withView(handle)
}

// routeView finds what answers for a path of a view that begins so.
func (s *Server) routeView(first string) (class, func(*answer, *View)) {
	switch strings.ToLower(first) {
	case "objects":
		return classObject, s.serveObject
	case "content":
		return classContent, s.serveWSUS
	case installFolder:
		return classInstall, s.serveInstall
	}
	return classTree, s.serveTree
}

func (s *Server) serveTree(a *answer, v *View) {
	at, ok := v.find(a.path)
	if !ok {
		s.serveInFolder(a, v)
		return
	}
	if at.file != nil {
		s.serveFile(a, v, at.file)
		return
	}
	if !strings.HasSuffix(a.path, "/") {
		a.redirect(at.path)
		return
	}
	s.serveListing(a, v, at)
}

// serveInFolder answers for a path that leads to no file of the catalog: it may be that
// of a script in an update's own folder.
func (s *Server) serveInFolder(a *answer, v *View) {
	f, answered := s.madeIn(a, v)
	switch {
	case answered:
	case f != nil:
		s.serveMade(a, v, f)
	default:
		s.serveElse(a, v, v.whyNot(a.path))
	}
}

// serveObject answers /objects/sha256/<64 hex>, for objects of the view alone.
func (s *Server) serveObject(a *answer, v *View) {
	d, ok := objectPath(a.path)
	if !ok {
		s.serveElse(a, v, noSuchObject)
		return
	}
	if v.isRevoked(d) {
		a.fail(http.StatusGone, takenBack)
		return
	}
	f := v.object(d)
	switch {
	case f != nil && f.held():
		s.serveHeld(a, v.text.get(f.name), f, d.String())
	case f != nil:
		s.serveListed(a, v, f)
	default:
		s.missed(Miss{SHA256: d})
		a.fail(http.StatusNotFound, v.whyNoObject(d))
	}
}

const noSuchObject = "There is no such object in the catalog."

func (v *View) whyNoObject(d layout.Digest) string {
	if v.isAbsent(d) {
		return "The catalog lists this file, and its content is not here yet: the transfer bundle carried the catalog alone."
	}
	return noSuchObject
}

func objectPath(path string) (layout.Digest, bool) {
	const prefix = "/objects/sha256/"
	if len(path) < len(prefix) || !strings.EqualFold(path[:len(prefix)], prefix) {
		return layout.Digest{}, false
	}
	d, err := layout.ParseDigest(path[len(prefix):])
	return d, err == nil
}

// serveWSUS answers /Content/<XX>/<SHA1>.<ext>, where XX repeats the last two
// digits of the SHA-1, as WSUS lays out its own store.
func (s *Server) serveWSUS(a *answer, v *View) {
	const why = "There is no such file in the catalog."
	d, ext, ok := wsusPath(a.path)
	if !ok {
		s.serveElse(a, v, why)
		return
	}
	if f := v.content(d, ext); f != nil {
		s.serveFile(a, v, f)
		return
	}
	s.missed(Miss{SHA1: d})
	a.fail(http.StatusNotFound, why)
}

func wsusPath(path string) (layout.SHA1, string, bool) {
	const prefix = "/Content/XX/"
	if len(path) < len(prefix) || !strings.EqualFold(path[:9], prefix[:9]) || path[11] != '/' {
		return layout.SHA1{}, "", false
	}
	name, ext, _ := strings.Cut(path[len(prefix):], ".")
	d, err := layout.ParseSHA1(name)
	if err != nil || !strings.EqualFold(path[9:11], name[38:]) {
		return layout.SHA1{}, "", false
	}
	return d, layout.Fold(ext), true
}
