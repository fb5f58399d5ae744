package distribute

import (
	"net/http"
	"net/url"
	"strings"
)

// Ring is the view that one group of hosts is given, below /rings/NAME/.
// Rings that show the same may share one view. A view of its own costs some
// 50 MiB of memory at 250,000 updates; objects are the store's and cost nothing.
type Ring struct {
	Name string // lower-case letters, digits and hyphens
	View *View
}

// ringsPath is the folder of the rings.
const ringsPath = "/rings/"

const noSuchRing = "There is no such ring."

// routeRing finds what answers for a path below /rings/: the catalog tree, the
// objects and the WSUS content of one ring, what takes the reports of its hosts, or the
// list of them.
func (s *Server) routeRing(path string) (class, func(*answer)) {
	if s.view.Load() == nil { // then there are no rings either
		return classTree, func(a *answer) { a.busy(retryBusy, s.empty()) }
	}
	if len(path) < len(ringsPath) {
		return classTree, func(a *answer) { a.redirect(ringsPath) }
	}
	if len(path) == len(ringsPath) {
		return classTree, s.serveRings
	}
	name, rest, whole := strings.Cut(path[len(ringsPath):], "/")
	name = strings.ToLower(name)
	if !whole {
		return classTree, func(a *answer) { s.redirectRing(a, name) }
	}
	if s.Inbox != nil && isReport("/"+rest) {
		return classReport, func(a *answer) { s.serveRingReport(a, name) }
	}
	first, _, _ := strings.Cut(rest, "/")
	kind, handle := s.routeView(first)
	return kind, func(a *answer) {
		v := s.ring(name)
		if v == nil {
			a.fail(http.StatusNotFound, noSuchRing)
			return
		}
		a.root, a.path = ringsPath+name, "/"+rest
		handle(a, v)
	}
}

// ring returns the view of a ring, or nil.
func (s *Server) ring(name string) *View {
	rings := s.rings.Load()
	if rings == nil {
		return nil
	}
	for _, r := range *rings {
		if r.Name == name {
			return r.View
		}
	}
	return nil
}

// serveRingReport takes a report as /report does: it says itself of which ring it is.
func (s *Server) serveRingReport(a *answer, name string) {
	if s.ring(name) == nil {
		a.fail(http.StatusNotFound, noSuchRing)
		return
	}
	s.serveReport(a)
}

func (s *Server) redirectRing(a *answer, name string) {
	if s.ring(name) == nil {
		a.fail(http.StatusNotFound, noSuchRing)
		return
	}
	a.redirect(ringsPath + name + "/")
}

// serveRings lists the rings.
func (s *Server) serveRings(a *answer) {
	entries := s.ringEntries()
	if len(entries) == 0 {
		a.fail(http.StatusNotFound, "There is no such path in the catalog.")
		return
	}
	sendListing(a, Listing{Path: ringsPath, Folders: len(entries), Entries: entries})
}

// ringEntries returns the folders of the rings, in the order of release.
func (s *Server) ringEntries() []Entry {
	rings := s.rings.Load()
	if rings == nil {
		return nil
	}
	var entries []Entry
	for _, r := range *rings {
		entries = append(entries, Entry{Name: r.Name, Type: "folder", URL: ringsPath + url.PathEscape(r.Name) + "/"})
	}
	return entries
}

// sendListing answers with a listing, as HTML or JSON.
func sendListing(a *answer, list Listing) {
	if wantsJSON(a.r) {
		a.json(list)
		return
	}
	a.html(listingPage, struct {
		Listing
		Crumbs []crumb
		After  bool
	}{list, crumbs(list.Path), a.r.URL.Query().Get("after") != ""})
}
