package distribute

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"patchferry/layout"
)

// pageLength is how many entries one answer lists. A catalog may have 100,000
// updates in a folder.
const pageLength = 1000

// Listing is the JSON form of one page of a folder.
type Listing struct {
	Path    string  `json:"path"` // canonical, with a trailing slash
	Folders int     `json:"folders"`
	Files   int     `json:"files"`          // of entries, on all pages
	Missing int     `json:"missing"`        // files of the catalog that are not held and not in entries
	Entries []Entry `json:"entries"`        // folders, then files, each in the order of their folded names
	Next    string  `json:"next,omitempty"` // the next page, relative to this one
	// Run is what installs the update whose folder it is, on a share or medium that has the
	// tree: a path below its root.
	Run string `json:"run,omitempty"`
}

// Entry is one folder or file of a Listing.
type Entry struct {
	Name     string         `json:"name"`
	Type     string         `json:"type"`           // "folder" or "file"
	URL      string         `json:"url"`            // path, percent-encoded
	Size     *int64         `json:"size,omitempty"` // bytes; files alone, as all that follows
	SHA256   *layout.Digest `json:"sha256,omitempty"`
	SHA1     *layout.SHA1   `json:"sha1,omitempty"`
	Modified layout.Time    `json:"modified,omitzero"`
	Update   string         `json:"update,omitempty"`
	Revoked  bool           `json:"revoked,omitempty"` // taken back: the URL answers 410
	// Fill says that the file is not here yet, and fetched when somebody asks for it; its
	// size and its digests are then there as far as the catalog states them.
	Fill bool `json:"fill,omitempty"`
}

// Dir reports whether the entry is a folder.
func (e Entry) Dir() bool { return e.Type == "folder" }

// Bytes returns the size of a file, 0 for a folder.
func (e Entry) Bytes() int64 {
	if e.Size == nil {
		return 0
	}
	return *e.Size
}

//go:embed pages/listing.html
var listingText string

//go:embed pages/start.html
var startText string

//go:embed pages/empty.html
var emptyText string

//go:embed pages/style.css
var styleText string

//go:embed pages/status.html
var statusText string

var (
	listingPage = template.Must(template.New("listing").Funcs(pageFuncs).Parse(listingText))
	emptyPage   = template.Must(template.New("empty").Funcs(pageFuncs).Parse(emptyText))
	statusPage  = template.Must(template.New("status").Funcs(pageFuncs).Parse(statusText))
	startPage   = template.Must(template.New("start").Funcs(pageFuncs).Parse(startText))
)

var pageFuncs = template.FuncMap{
	"style": func() template.CSS { return template.CSS(styleText) },
	"bytes": func(n int64) string { return humanize.IBytes(uint64(n)) },
	"count": func(n int) string { return humanize.Comma(int64(n)) },
	"date":  func(t layout.Time) string { return t.Time().Format(time.DateOnly) },
}

// serveListing answers with one page of a folder, as HTML or JSON.
func (s *Server) serveListing(a *answer, v *View, at place) {
	run := runPath(at.path)
	at.path = a.root + at.path
	list := v.list(at, a.r.URL.Query().Get("after"), s.Filler != nil)
	if v.hasScripts(at.folder, s.Filler != nil) {
		set, ok := s.makeSet(a, v, v.folderSet(at.folder))
		if !ok {
			return
		}
		v.addMade(&list, at.folder, set, run)
	}
	sendListing(a, list)
}

// runPath returns the path of the script in an update's folder as Windows spells it.
func runPath(folder string) string {
	return strings.ReplaceAll(strings.TrimPrefix(folder, "/"), "/", `\`) + "install.cmd"
}

// addMade puts the scripts that stand in an update's folder behind its own files, on
// the last page, and the command that runs them on each.
func (v *View) addMade(list *Listing, f *folder, set *madeSet, run string) {
	for _, e := range v.madeEntries(escapedPath(list.Path), set) {
		if v.fileIn(f, e.Name) != nil {
			continue // the update has a file of that name
		}
		list.Files++
		if e.Name == "install.cmd" {
			list.Run = run
		}
		if list.Next == "" {
			list.Entries = append(list.Entries, e)
		}
	}
}

// list makes the page that begins after the entry of that name; the name of a
// folder ends in a slash. Files that are not here are in it if they are fetched when
// somebody asks for them.
func (v *View) list(at place, after string, fills bool) Listing {
	f := at.folder
	list := Listing{Path: at.path, Folders: int(f.folders.n), Entries: []Entry{}}
	for i := f.files.first; i < f.files.end(); i++ {
		if v.files[i].shown(fills) {
			list.Files++
			continue
		}
		list.Missing++
	}
	base := escapedPath(at.path)
	firstFolder, firstFile := v.after(f, after)
	for i := firstFolder; i < f.folders.end() && len(list.Entries) <= pageLength; i++ {
		name := v.text.get(v.folders[i].name)
		list.Entries = append(list.Entries, folderEntry(base, name))
	}
	for i := firstFile; i < f.files.end() && len(list.Entries) <= pageLength; i++ {
		if v.files[i].shown(fills) {
			list.Entries = append(list.Entries, v.fileEntry(base, &v.files[i]))
		}
	}
	list.cut()
	return list
}

// cut ends the page where there is at least one entry more than it may have.
func (l *Listing) cut() {
	if len(l.Entries) <= pageLength {
		return
	}
	l.Entries = l.Entries[:pageLength]
	last := l.Entries[pageLength-1]
	name := last.Name
	if last.Dir() {
		name += "/"
	}
	l.Next = "?after=" + url.QueryEscape(name)
}

// escapedPath returns a path, or a name, as it stands in a URL.
func escapedPath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func folderEntry(base, name string) Entry {
	return Entry{Name: name, Type: "folder", URL: base + url.PathEscape(name) + "/"}
}

// shown reports whether a listing has the file.
func (f *file) shown(fills bool) bool { return f.held() || fills && f.fillable() }

func (v *View) fileEntry(base string, f *file) Entry {
	e := Entry{
		Name: v.text.get(f.name), Type: "file",
		Update: v.text.get(v.updates[f.update]), Revoked: f.revoked(), Fill: !f.held(),
		Modified: layout.At(f.modifiedTime()),
	}
	e.URL = base + url.PathEscape(e.Name)
	if f.held() || f.size > 0 {
		e.Size = &f.size
	}
	if !f.sha256.IsZero() {
		e.SHA256 = &f.sha256
	}
	if !f.sha1.IsZero() {
		e.SHA1 = &f.sha1
	}
	return e
}

// after returns the first folder and the first file behind a name.
func (v *View) after(f *folder, name string) (folders, files uint32) {
	if name == "" {
		return f.folders.first, f.files.first
	}
	name, isFolder := strings.CutSuffix(name, "/")
	behind := func(r run, nameOf func(uint32) span) uint32 {
		lo, hi := r.first, r.end()
		for lo < hi {
			mid := lo + (hi-lo)/2
			if compareNames(v.text.get(nameOf(mid)), name) <= 0 {
				lo = mid + 1
				continue
			}
			hi = mid
		}
		return lo
	}
	if isFolder {
		return behind(f.folders, func(i uint32) span { return v.folders[i].name }), f.files.first
	}
	return f.folders.end(), behind(f.files, func(i uint32) span { return v.files[i].name })
}

// crumb is one folder on the way from the root.
type crumb struct{ Name, URL string }

func crumbs(path string) []crumb {
	var all []crumb
	at := "/"
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		at += name + "/"
		all = append(all, crumb{Name: name, URL: (&url.URL{Path: at}).EscapedPath()})
	}
	return all
}

// Start is the JSON form of the start page.
type Start struct {
	Generation uint64      `json:"generation"` // 0: the ring that hosts get shows nothing yet
	Created    layout.Time `json:"created,omitzero"`
	Counts     ViewCounts  `json:"counts"`
	Entries    []Entry     `json:"entries"`           // the folders of the catalog tree
	Rings      []Entry     `json:"rings,omitempty"`   // the folders of the rings
	Streams    []Stream    `json:"streams,omitempty"` // that bring the catalog over a gap
	// ClockBehind is how many seconds this machine's clock lies before the newest
	// transfer bundle that was accepted.
	ClockBehind int64 `json:"clock_behind,omitempty"`
	// Store says what is wrong with the store behind this server.
	Store *Behind `json:"store,omitempty"`
	// Traffic says what hosts were sent and what came from outside for it, where this
	// server fetches from outside.
	Traffic *Traffic `json:"traffic,omitempty"`
	stale   []Stream
}

// Stale returns the streams that are overdue, for the page.
func (s Start) Stale() []Stream { return s.stale }

// serveStart answers /.
func (s *Server) serveStart(a *answer, v *View) {
	list := v.list(place{path: "/", folder: &v.folders[0]}, "", false)
	supply := s.supply()
	start := Start{
		Generation: v.meta.Generation, Created: v.meta.Created, Counts: v.counts, Entries: list.Entries, Rings: s.ringEntries(),
		Streams: supply.Streams, ClockBehind: int64(supply.ClockBehind.Seconds()), stale: supply.Stale(), Store: s.health().behind(),
	}
	if s.Filler == nil {
		start.Counts.Fills = 0
	}
	if t := s.traffic(); t.Here() {
		start.Traffic = &t
	}
	if wantsJSON(a.r) {
		a.json(start)
		return
	}
	a.html(startPage, start)
}

// wantsJSON reports whether a program asks: by ?format=json, or by an Accept
// header that names JSON and not HTML.
func wantsJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "json"
	}
	accept := strings.ToLower(r.Header.Get("Accept"))
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

func (a *answer) json(value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		a.fail(http.StatusInternalServerError, err.Error())
		return
	}
	a.header().Set("Vary", "Accept")
	a.whole(http.StatusOK, "application/json", append(body, '\n'))
}

// pagePolicy lets a page have its own style and nothing else.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (a *answer) html(page *template.Template, data any) { a.page(http.StatusOK, page, data) }

func (a *answer) page(status int, page *template.Template, data any) {
	var body bytes.Buffer
	if err := page.Execute(&body, data); err != nil {
		a.fail(http.StatusInternalServerError, err.Error())
		return
	}
	h := a.header()
	h.Set("Vary", "Accept")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	a.whole(status, "text/html; charset=utf-8", body.Bytes())
}
