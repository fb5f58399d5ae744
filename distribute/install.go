package distribute

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"sort"
	"strings"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// installPlace is what a path below /install/ leads to: a folder of folders, a set,
// or both.
type installPlace struct {
	path    string // canonical, with slashes at both ends
	set     *wanted
	folders names
}

// names are those of the folders in a folder, in the order of compareNames.
type names struct {
	n  int
	at func(int) string
}

func someNames(list []string) names {
	return names{n: len(list), at: func(i int) string { return list[i] }}
}

const noSuchScript = "There are no such scripts. /install/ lists what there is."

// serveInstall answers below /install/: listings, and the files of sets.
func (s *Server) serveInstall(a *answer, v *View) {
	at, err := v.installAt(a.path)
	if err != nil {
		s.failInstall(a, err)
		return
	}
	if strings.HasSuffix(a.path, "/") && at != nil {
		s.listInstall(a, v, at)
		return
	}
	if at != nil {
		a.redirect(at.path)
		return
	}
	dir, name := path.Split(strings.TrimSuffix(a.path, "/"))
	if at, err = v.installAt(dir); err != nil {
		s.failInstall(a, err)
		return
	}
	if at == nil || at.set == nil || strings.HasSuffix(a.path, "/") {
		s.serveElse(a, v, noSuchScript)
		return
	}
	set, ok := s.makeSet(a, v, at.set)
	if !ok {
		return
	}
	if f := set.file(name); f != nil {
		s.serveMade(a, v, f)
		return
	}
	s.serveElse(a, v, noSuchScript)
}

// installAt finds a folder below /install/, in any case, with or without a slash at
// its end; nil where there is none. An error says that it is a selection, and a wrong one.
func (v *View) installAt(p string) (*installPlace, error) {
	parts := strings.Split(strings.Trim(p, "/"), "/")
	if len(parts) == 1 {
		return &installPlace{path: "/install/", set: hostsFiles(), folders: someNames([]string{"bulletins", "hosts", "updates"})}, nil
	}
	switch layout.Fold(parts[1]) {
	case "hosts":
		return v.hostsAt(parts[2:]), nil
	case "bulletins":
		return v.bulletinsAt(parts[2:]), nil
	case "updates":
		return v.updatesAt(parts[2:]), nil
	case "select":
		return v.selectAt(parts[2:])
	}
	return nil, nil
}

// hostsAt finds a folder below install/hosts.
func (v *View) hostsAt(parts []string) *installPlace {
	if len(parts) > 3 {
		return nil
	}
	at := "/install/hosts/"
	var below []string
	for _, h := range v.hosts() {
		words := strings.Split(script.HostPlace(h), "/")[2:]
		if !slices.EqualFunc(words[:len(parts)], parts, strings.EqualFold) {
			continue
		}
		if len(parts) == len(words) {
			set := v.hostSet(h)
			return &installPlace{path: "/" + set.place + "/", set: set}
		}
		if len(below) == 0 {
			at = path.Join(at, path.Join(words[:len(parts)]...)) + "/"
		}
		if next := words[len(parts)]; !slices.Contains(below, next) {
			below = append(below, next)
		}
	}
	if len(below) == 0 && len(parts) > 0 {
		return nil
	}
	return &installPlace{path: at, folders: someNames(below)}
}

// bulletinsAt finds a folder below install/bulletins.
func (v *View) bulletinsAt(parts []string) *installPlace {
	switch len(parts) {
	case 0:
		var all []string
		for name := range v.groupsUnder(bulletinGroup) {
			all = append(all, name)
		}
		return &installPlace{path: "/install/bulletins/", folders: someNames(all)}
	case 1:
		if id, g := v.group(bulletinGroup, parts[0]); g != nil {
			set := v.bulletinSet(id, g)
			return &installPlace{path: "/" + set.place + "/", set: set}
		}
	}
	return nil
}

// updatesAt finds a folder below install/updates.
func (v *View) updatesAt(parts []string) *installPlace {
	switch len(parts) {
	case 0:
		return &installPlace{path: "/install/updates/", folders: names{n: len(v.homes), at: func(i int) string { return v.homeName(v.homes[i]) }}}
	case 1:
		if f := v.home(parts[0]); f != nil {
			set := v.updateSet(f)
			return &installPlace{path: "/" + set.place + "/", set: set}
		}
	}
	return nil
}

// makeSet returns a set, or answers why there is none now.
func (s *Server) makeSet(a *answer, v *View, w *wanted) (*madeSet, bool) {
	ctx, cancel := context.WithTimeoutCause(a.r.Context(), orElse(s.BeginTimeout, defaultBeginTimeout), errNotYet)
	defer cancel()
	o := s.Install
	if ring := strings.TrimPrefix(a.root, ringsPath); ring != "" && ring != o.Ring {
		o = ForRing(o, ring)
	}
	set, err := v.made.get(ctx, s.making, w.key(o.Ring), func() ([]script.File, error) { return v.make(w, o, s.Filler != nil) })
	if err != nil {
		s.failInstall(a, err)
		return nil, false
	}
	return set, true
}

// ForRing returns the options for scripts of another ring than that which hosts get
// who ask for none. The bases that are servers lead to what the ring shows; a share is
// named as it is.
func ForRing(o script.Options, ring string) script.Options {
	o.Ring = ring
	o.Bases = slices.Clone(o.Bases)
	for i, base := range o.Bases {
		if strings.Contains(base, "://") {
			o.Bases[i] = strings.TrimSuffix(base, "/") + ringsPath + ring
		}
	}
	return o
}

// failInstall answers where there is no set.
func (s *Server) failInstall(a *answer, err error) {
	wrong, isWrong := errors.AsType[*selectionError](err)
	_, isMany := errors.AsType[*tooManyError](err)
	switch {
	case isWrong:
		a.fail(http.StatusBadRequest, wrong.Error()+". "+selectionHelp)
	case isMany:
		a.fail(http.StatusBadRequest, "The selection is too wide: "+err.Error()+". "+selectionHelp)
	case errors.Is(err, errNotYet):
		a.busy(retryBusy, "The scripts are being made. Ask again.")
	case errors.Is(err, context.Canceled): // nobody is there to be answered
	default:
		s.log().Error("scripts could not be made", "path", a.r.URL.Path, "err", err)
		a.fail(http.StatusInternalServerError, "The scripts could not be made. The log of this server says why.")
	}
}

// serveMade answers with a file that was made here, under the rules of content.
func (s *Server) serveMade(a *answer, v *View, f *madeFile) {
	s.serveContent(a, content{
		name: f.Name, size: int64(len(f.Data)), sha256: f.sha256, mediaType: mediaType(f.Name),
		valid: validators{etag: `"` + f.sha256.String() + `"`, modified: v.meta.Created.Time()},
		bytes: madeBytes{s, f.Data},
	})
}

// mediaType returns the type of a file of a set.
func mediaType(name string) string {
	switch layout.Fold(path.Ext(name)) {
	case ".json":
		return "application/json"
	case ".meta4":
		return "application/metalink4+xml"
	case ".txt", ".lst":
		return "text/plain; charset=us-ascii"
	}
	if path.Ext(name) == "" { // SHA256SUMS and the like
		return "text/plain; charset=us-ascii"
	}
	return octets
}

// madeBytes are those of a file that was made here.
type madeBytes struct {
	server *Server
	data   []byte
}

func (m madeBytes) check(context.Context) error                  { return nil }
func (m madeBytes) open(context.Context, bodyPlan) (body, error) { return m, nil }
func (m madeBytes) fail(a *answer, err error)                    { a.fail(http.StatusInternalServerError, err.Error()) }
func (m madeBytes) broken(a *answer, err error) {
	m.server.log().Error("a script could not be sent", "err", err)
}
func (m madeBytes) close() {}
func (m madeBytes) sendPart(_ context.Context, a *answer, _ int, r byteRange) error {
	return m.server.copyTo(a, io.LimitReader(bytes.NewReader(m.data[r.start:]), r.length), r.length)
}

// listInstall answers with one page of a folder below /install/.
func (s *Server) listInstall(a *answer, v *View, at *installPlace) {
	list := Listing{Path: a.root + at.path, Folders: at.folders.n, Entries: []Entry{}}
	base := escapedPath(list.Path)
	after := a.r.URL.Query().Get("after")
	name, wasFolder := strings.CutSuffix(after, "/")
	first := 0
	if wasFolder {
		first = sort.Search(at.folders.n, func(i int) bool { return compareNames(at.folders.at(i), name) > 0 })
	}
	for i := first; i < at.folders.n && len(list.Entries) <= pageLength; i++ {
		list.Entries = append(list.Entries, folderEntry(base, at.folders.at(i)))
	}
	if at.set != nil {
		set, ok := s.makeSet(a, v, at.set)
		if !ok {
			return
		}
		list.Files = len(set.files)
		list.Entries = append(list.Entries, v.madeEntries(base, set)...)
	}
	list.cut()
	sendListing(a, list)
}

// madeEntries lists the files of a set.
func (v *View) madeEntries(base string, set *madeSet) []Entry {
	var all []Entry
	for i := range set.files {
		f := &set.files[i]
		size := int64(len(f.Data))
		all = append(all, Entry{
			Name: f.Name, Type: "file", URL: base + url.PathEscape(f.Name), Size: &size, SHA256: &f.sha256,
			Modified: v.meta.Created,
		})
	}
	return all
}

// madeIn finds a file that is made for an update's own folder: the path names one, and
// the update has none of that name. nil: there is none.
func (s *Server) madeIn(a *answer, v *View) (f *madeFile, answered bool) {
	dir, name := path.Split(a.path)
	if ext := layout.Fold(path.Ext(name)); ext != ".cmd" && ext != ".txt" {
		return nil, false // no set has others here, and misses are many
	}
	at, ok := v.find(dir)
	if !ok || !v.hasScripts(at.folder, s.Filler != nil) {
		return nil, false
	}
	set, ok := s.makeSet(a, v, v.folderSet(at.folder))
	if !ok {
		return nil, true
	}
	return set.file(name), false
}

// hasScripts reports whether a folder is an update's, or an alias of it, and has a file
// that can be handed out.
func (v *View) hasScripts(f *folder, fills bool) bool {
	if f.update == 0 {
		return false
	}
	for i := f.files.first; i < f.files.end(); i++ {
		if v.files[i].shown(fills) && !v.files[i].revoked() {
			return true
		}
	}
	return false
}
