package script

import (
	"path"
	"strings"

	"patchferry/layout"
)

// Host is a kind of host: the family of its system, its architecture and its
// language. Releases and service packs are told apart on the host (Gate).
type Host struct {
	OS       layout.OS
	Arch     layout.Arch
	Language layout.Language
}

// Options say what a set is called and where it stands.
type Options struct {
	Name, Title string
	Place       string
	Bases       []string
	Ring        string
	Edition     Edition
	Overrides   []Override
	Superseded  bool // also those that others of the set supersede
}

// Override changes how the updates that it matches are installed.
type Override struct {
	Match    string            // id, KB or pattern over file names, as in layout.Selection.Include
	Kind     layout.Kind       // "" keeps it
	Switches []string          // nil keeps them
	Codes    []layout.ExitCode // before the others
	Skip     bool              // leave them out
}

// Build plans a set of the updates.
func Build(updates []*layout.Update, o Options) *Set {
	s := &Set{Name: o.Name, Title: o.Title, Place: o.Place, Bases: o.Bases, Ring: o.Ring, Edition: o.Edition}
	for i, u := range updates {
		for j := range u.Files {
			f := &u.Files[j]
			s.Items = append(s.Items, Item{
				ID: "KB" + u.KB, Update: u.ID, KB: u.KB, Title: u.Title, Path: f.Path(u), Name: path.Base(f.Path(u)),
				Size: f.Size, SHA256: f.SHA256, SHA1: f.SHA1, MD5: f.MD5, Kind: f.Kind, Order: 10 * (i + 1), Released: u.Released,
			})
		}
	}
	return s
}

// BuildFor plans what a kind of host needs of the updates, all of which may be
// for others.
func BuildFor(h Host, updates []*layout.Update, o Options) *Set {
	want := layout.Selection{OS: []layout.OS{h.OS}, Arch: []layout.Arch{h.Arch}, Languages: []layout.Language{h.Language}}
	var mine []*layout.Update
	for _, u := range updates {
		if want.Match(u) {
			mine = append(mine, u)
		}
	}
	return Build(mine, o)
}

// HostPlace returns the folder of the set of a kind of host, below the root of the
// tree: "install/hosts/windows2000/x86/EN"; without a language "…/ALL".
func HostPlace(h Host) string {
	lang := strings.ToUpper(string(h.Language))
	if lang == "" {
		lang = "ALL"
	}
	return "install/hosts/" + string(h.OS) + "/" + string(h.Arch) + "/" + lang
}
