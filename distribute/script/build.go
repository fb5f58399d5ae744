package script

import (
	"path"
	"slices"
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
	Bases       []string // what CheckBase refuses is left out, with a note
	Ring        string
	Edition     Edition
	Overrides   []Override
	Superseded  bool // also those that others of the set supersede
	Optional    bool // BuildFor: also drivers, feature packs, tools, upgrades and applications
	HeldOnly    bool // without files that are only listed: where nobody can bring them
}

// Build plans a set of the updates: what is run in which order, and what is left
// out and why. The result does not depend on the order of the updates.
func Build(updates []*layout.Update, o Options) *Set {
	return build(nil, updates, o)
}

// BuildFor plans what a kind of host needs of the updates, all of which may be
// for others. Where its language is empty only what has none is in the set.
// Drivers, feature packs and the like are needed by nobody in particular and are
// left out, unless the options ask for them.
func BuildFor(h Host, updates []*layout.Update, o Options) *Set {
	return build(&h, updates, o)
}

// May reports whether an update may be for a kind of host, as far as its record
// says: BuildFor looks no further at one for which it does not. Of those that
// remain many are for others, which the names of their files tell (Gate): 32-bit
// programs are for 64-bit systems too, and packages of .NET in English for all
// languages.
func (h Host) May(u *layout.Update) bool {
	if len(u.OS) > 0 && !slices.ContainsFunc(u.OS, h.OS.Matches) {
		return false
	}
	if len(u.Arch) > 0 && h.Arch != "" && !slices.Contains(u.Arch, h.Arch) && !slices.Contains(u.Arch, "x86") {
		return false
	}
	if u.Language == "" || u.Language == h.Language {
		return true
	}
	return slices.ContainsFunc(u.Files, func(f layout.File) bool { return f.Language != "" || f.Kind == "" || f.Kind == layout.KindDotNet })
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

func build(h *Host, updates []*layout.Update, o Options) *Set {
	p := planner{host: h, options: &o}
	for _, u := range updates {
		p.add(u)
	}
	slices.SortFunc(p.drafts, byName)
	s := &Set{
		Name: reduce(o.Name, letters+"-", 64), Title: title(o.Title), Place: o.Place, Ring: reduce(o.Ring, letters+"-", maxWord), Edition: o.Edition,
	}
	for _, base := range o.Bases {
		if CheckBase(base) {
			s.Bases = append(s.Bases, base)
			continue
		}
		s.Notes = append(s.Notes, "a base that is neither a plain URL nor a UNC path is left out: "+title(base))
	}
	drafts, left := withoutCopies(p.drafts)
	p.left = append(p.left, left...)
	if !o.Superseded {
		drafts, left = withoutSuperseded(drafts)
		p.left = append(p.left, left...)
	}
	nameItems(drafts)
	drafts, notes := inOrder(drafts)
	s.Notes = append(s.Notes, notes...)
	for i, d := range drafts {
		d.Order = 10 * (i + 1)
		s.Items = append(s.Items, d.Item)
	}
	slices.SortFunc(p.left, compareLeft)
	s.Left = slices.Compact(p.left)
	return s
}

// planner makes drafts of items from updates.
type planner struct {
	host    *Host // nil: for all hosts
	options *Options
	drafts  []*draft
	left    []Left
}

// draft is an item with what is needed to plan it.
type draft struct {
	Item
	update *layout.Update
	file   *layout.File
	pack   pack // the service pack that it is
	stack  bool // a servicing stack update
	phase  int
	step   int // within the phase
}

// add makes drafts of the files of an update, or notes why there is none.
func (p *planner) add(u *layout.Update) {
	if p.host != nil && !p.host.May(u) {
		return
	}
	files := packages(u)
	if len(files) == 0 {
		p.leave(u, nil, "it names no file")
		return
	}
	if p.host != nil && !p.options.Optional && optional(u) {
		p.leave(u, nil, "a host may want it or not: ask for it by name")
		return
	}
	sets := gather(u, files, p.options.Overrides)
	for i := range sets {
		p.file(u, &sets[i])
	}
}

func (p *planner) leave(u *layout.Update, f *layout.File, why string) {
	l := Left{Update: u.ID, Why: why}
	if f != nil {
		l.File = f.Name
	}
	p.left = append(p.left, l)
}

// packages returns the files of an update that came from its publisher.
func packages(u *layout.Update) []*layout.File {
	var files []*layout.File
	for i := range u.Files {
		if f := &u.Files[i]; f.In == "" {
			files = append(files, f)
		}
	}
	return files
}

// optional reports whether an update is one that a host may want or not.
func optional(u *layout.Update) bool {
	switch u.Classification {
	case layout.FeaturePack, layout.Tool, layout.Upgrade, layout.Application, layout.DriverUpdate, layout.DriverSet, layout.Firmware:
		return true
	}
	return u.Type == layout.Drivers
}

// file makes a draft of a file with its members.
func (p *planner) file(u *layout.Update, g *grouped) {
	name := layout.ParseName(g.file.Name)
	gate, problem := gateOf(u, g.file, g.kind, name)
	if p.host != nil && !gate.admits(*p.host) {
		return
	}
	if g.override != nil && g.override.Skip {
		problem = "an [[override]] leaves it out"
	}
	if problem == "" && p.options.HeldOnly {
		problem = notHere(g)
	}
	if problem != "" {
		p.leave(u, g.file, problem)
		return
	}
	d := &draft{update: u, file: g.file, stack: isStack(u, g.file)}
	d.Item = Item{
		Update: u.ID, Title: title(u.Title), Path: g.file.Path(u), Name: path.Base(g.file.Path(u)),
		Size: g.file.Size, SHA256: g.file.SHA256, SHA1: g.file.SHA1, MD5: g.file.MD5,
		Kind: g.kind, Gate: gate, Released: released(u.Released), KB: articleOf(u, name),
	}
	if d.Title == "" {
		d.Title = title(d.Name)
	}
	for _, m := range g.members {
		d.Members = append(d.Members, Member{
			Path: m.Path(u), Name: path.Base(m.Path(u)), Size: m.Size, SHA256: m.SHA256, SHA1: m.SHA1, MD5: m.MD5,
		})
	}
	if problem := d.complete(g.override); problem != "" {
		p.leave(u, g.file, problem)
		return
	}
	p.drafts = append(p.drafts, d)
}

// complete plans how an item is run, told and removed, or says why it cannot be.
func (d *draft) complete(o *Override) string {
	if problem := d.checkNames(); problem != "" {
		return problem
	}
	if d.Kind == layout.KindServicePack {
		if problem := d.servicePack(); problem != "" {
			return problem
		}
	}
	var problem string
	told := o != nil && o.Kind != ""
	if d.Kind == layout.KindCAB && !told && !serviced(d.file) {
		return "a cabinet that does not say that DISM can add it"
	}
	if d.Run, problem = runOf(d, o); problem != "" {
		return problem
	}
	if d.Detect, problem = detectOf(d); problem != "" {
		return problem
	}
	d.Reboot = restarts(d, recipeFor(d.Kind))
	d.Remove = removeOf(d)
	place(d)
	return ""
}

// checkNames says why an item's names cannot stand in a script, or its bytes
// cannot be checked.
func (d *draft) checkNames() string {
	if !safePath(d.Path) {
		return badName
	}
	unchecked := d.SHA256.IsZero() && d.SHA1.IsZero() && d.MD5.IsZero()
	for _, m := range d.Members {
		if !safePath(m.Path) {
			return badName
		}
		unchecked = unchecked || m.SHA256.IsZero() && m.SHA1.IsZero() && m.MD5.IsZero()
	}
	if unchecked {
		return "no digest of it is known, so that a host could not check it"
	}
	return ""
}

// servicePack narrows the gate of a service pack to hosts that lack it.
func (d *draft) servicePack() string {
	d.pack = servicePackOf(d.update, d.file)
	if d.pack.level == 0 {
		return "the number of this service pack is not known"
	}
	if len(d.Gate.OS) == 0 {
		d.Gate.OS = slices.Clone(d.pack.families)
	}
	if len(d.Gate.OS) == 0 {
		return "the system that this service pack is for is not known"
	}
	// Its own number among the systems is what it makes of them.
	if len(d.Gate.Arch) == 0 && slices.Equal(familiesOf(d.Gate.OS), []layout.OS{"windowsxp"}) {
		d.Gate.Arch = []layout.Arch{"x86"} // XP for x64 has the packs of Server 2003
	}
	d.Gate.OS, d.Gate.MinSP, d.Gate.MaxSP = familiesOf(d.Gate.OS), d.pack.least, d.pack.level-1
	return ""
}

func notHere(g *grouped) string {
	if !g.file.Held || slices.ContainsFunc(g.members, func(m *layout.File) bool { return !m.Held }) {
		return "it is not here"
	}
	return ""
}

// released returns a day, or none where it is not one.
func released(d layout.Date) layout.Date {
	if _, err := layout.ParseDate(string(d)); err != nil {
		return ""
	}
	return d
}

// articleOf returns the digits of the article that a file is for. What it leaves
// on a host is called by its own name, not by that of its record.
func articleOf(u *layout.Update, name layout.NameParts) string {
	if name.KB != "" || !only(u.KB, "0123456789", 8) {
		return name.KB
	}
	return u.KB
}
