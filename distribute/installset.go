package distribute

import (
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// installFolder is the folder of the scripts, below the root of the tree.
const installFolder = "install"

// wanted is a set of scripts that somebody asks for: what is in it, how it is called
// and where it stands.
type wanted struct {
	place string // below the root of the tree, spelled as the catalog does
	name  string // of the set: letters, digits, hyphens
	title string
	kind  wantedKind
	host  script.Host // of a set for hosts
	of    []uint32    // the updates that may be in it
	match func(*layout.Update) bool
	most  int // updates; 0: any number
}

type wantedKind uint8

const (
	collection wantedKind = iota // updates together
	forHosts                     // what a kind of host needs of them
	ownScripts                   // what stands in an update's own folder
	anyHost                      // what is the same for every host
)

// key identifies what is made, in one ring.
func (w *wanted) key(ring string) string { return fmt.Sprint(w.kind, "/", ring, "/", w.place) }

// tooManyError says that a selection has more updates than one set may have.
type tooManyError struct{ most int }

func (e *tooManyError) Error() string {
	return fmt.Sprintf("it selects more than %d updates", e.most)
}

// hostSet is all that a kind of host needs.
func (v *View) hostSet(h script.Host) *wanted {
	lang := string(h.Language)
	if lang == "" {
		lang = "ALL"
	}
	return &wanted{
		place: script.HostPlace(h), name: setName("host", string(h.OS), string(h.Arch), lang),
		title: fmt.Sprintf("All updates for %s, %s, language %s", h.OS.Label(), h.Arch, lang),
		kind:  forHosts, host: h, of: v.forHost(h),
	}
}

// bulletinSet is what a bulletin names, as the catalog spells it.
func (v *View) bulletinSet(id string, g *group) *wanted {
	return &wanted{
		place: installFolder + "/bulletins/" + id, name: setName("bulletin", id), title: "All updates of " + id,
		of: v.members[g.members.first:g.members.end()],
	}
}

// updateSet is one update, with all files of a set.
func (v *View) updateSet(f *folder) *wanted {
	name := v.text.get(f.name)
	return &wanted{place: installFolder + "/updates/" + name, name: setName("update", name), title: name, of: []uint32{f.update - 1}}
}

// folderSet is what stands in an update's own folder, or in an alias of it: the same.
func (v *View) folderSet(f *folder) *wanted {
	u := f.update - 1
	return &wanted{place: v.text.get(v.updates[u]), name: setName("update", v.text.get(f.name)), kind: ownScripts, of: []uint32{u}}
}

// hostsFiles is what is the same for every host.
func hostsFiles() *wanted { return &wanted{place: installFolder, name: "this-host", kind: anyHost} }

// setName makes the name of a set of words: letters, digits and hyphens, at most 60
// bytes and, where that is less than all of it, a digest's.
func setName(words ...string) string {
	all := strings.Join(words, "-")
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (lower(byte(r)) >= 'a' && lower(byte(r)) <= 'z' || r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, all)
	if len(name) <= 60 {
		return name
	}
	return strings.TrimRight(name[:51], "-") + "-" + layout.DigestOf([]byte(all)).String()[:8]
}

// plainText turns text into ASCII, for titles.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// make makes the files of a set. fills says that files are fetched when hosts ask for
// them.
func (v *View) make(w *wanted, o script.Options, fills bool) ([]script.File, error) {
	o = v.named(w, o)
	if w.kind == anyHost {
		return script.AnyHost(o)
	}
	set, err := v.plan(w, o, fills)
	if err != nil {
		return nil, err
	}
	switch {
	case w.kind != ownScripts:
		return set.Files()
	case len(set.Items) == 0:
		return nil, nil // nothing in the folder can be installed by a script
	}
	return set.FolderFiles()
}

// plan says what is in a set. An update's own folder names no edition, so that it
// changes only when the update does.
func (v *View) plan(w *wanted, o script.Options, fills bool) (*script.Set, error) {
	var updates []*layout.Update
	var left []script.Left
	for u, err := range v.packed.Some(eachOf(w.of)) {
		if err != nil {
			return nil, err
		}
		if w.match != nil && !w.match(u) || w.kind == forHosts && !w.host.May(u) {
			continue
		}
		if w.most > 0 && len(updates) == w.most {
			return nil, &tooManyError{w.most}
		}
		left = append(left, v.withhold(u, fills)...)
		updates = append(updates, u)
	}
	if w.kind == ownScripts {
		o.Edition = script.Edition{}
		if len(updates) == 1 {
			o.Place, o.Title, o.Name = updates[0].Folder, plainText(updates[0].Title), setName("update", path.Base(updates[0].Folder))
		}
	}
	var set *script.Set
	if w.kind == forHosts {
		set = script.BuildFor(w.host, updates, o)
	} else {
		set = script.Build(updates, o)
	}
	set.Left = append(set.Left, left...)
	return set, nil
}

// Set plans the set that stands in a folder below install/, as a Tree has it: what
// scripts of a ring are made from. No such set is an error that matches fs.ErrNotExist.
func (v *View) Set(place string, o script.Options) (*script.Set, error) {
	at, err := v.installAt(place)
	if err != nil {
		return nil, err
	}
	if at == nil || at.set == nil || at.set.kind == anyHost {
		return nil, fmt.Errorf("%s: %w", place, fs.ErrNotExist)
	}
	return v.plan(at.set, v.named(at.set, o), false)
}

// Home returns the name of the folder of the one update that the view has, and whether
// it has one alone.
func (v *View) Home() (string, bool) {
	if len(v.homes) != 1 || v.counts.Updates != 1 {
		return "", false
	}
	return v.homeName(v.homes[0]), true
}

// Together plans a set of all updates of the view.
func (v *View) Together(name, place string, o script.Options) (*script.Set, error) {
	w := &wanted{place: place, name: setName(name), title: name}
	for i := range v.packed.Len() {
		w.of = append(w.of, uint32(i))
	}
	return v.plan(w, v.named(w, o), false)
}

// named fills in what tells one set from another.
func (v *View) named(w *wanted, o script.Options) script.Options {
	o.Name, o.Title, o.Place, o.HeldOnly = w.name, plainText(w.title), w.place, true
	o.Edition = script.Edition{Generation: v.meta.Generation, State: v.meta.State, Root: v.meta.Digest, Created: v.meta.Created}
	return o
}

func eachOf(places []uint32) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, n := range places {
			if !yield(int(n)) {
				return
			}
		}
	}
}

// withhold takes from an update the files that no script may run: those that were
// taken back, and those that were taken out of another file, which is run instead. It
// marks as held what will be fetched when a host asks for it, where its size is
// known beforehand.
func (v *View) withhold(u *layout.Update, fills bool) []script.Left {
	var left []script.Left
	u.Files = slices.DeleteFunc(u.Files, func(f layout.File) bool {
		if f.From.IsZero() && v.isRevoked(f.SHA256) {
			left = append(left, script.Left{Update: u.ID, Why: f.Entry() + " was taken back"})
			return true
		}
		return !f.From.IsZero()
	})
	for i := range u.Files {
		f := &u.Files[i]
		if f.Held || !fills || f.Size <= 0 || u.Folder == "" {
			continue
		}
		if at, ok := v.find(f.Path(u)); ok && at.file != nil && at.file.fillable() {
			f.Held = true
		}
	}
	return left
}
