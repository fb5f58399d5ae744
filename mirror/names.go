package mirror

import (
	"path"
	"strings"

	"patchferry/layout"
)

// listMerger reads the spools of several lists in the order of ids. Every id
// begins with its source's name, so no two lists share one.
type listMerger struct {
	lists []*listing
	next  []int
}

func mergeLists(lists []*listing) *listMerger {
	g := &listMerger{}
	for _, l := range lists {
		if l.changed && l.err == nil {
			g.lists = append(g.lists, l)
		}
	}
	g.next = make([]int, len(g.lists))
	return g
}

// nextBefore returns the first update left whose id is less than id, or of
// all where id is ""; nil when there is none.
func (g *listMerger) nextBefore(id string) (*listing, *layout.Update, error) {
	best := -1
	for i, l := range g.lists {
		if g.next[i] == len(l.entries.lines) {
			continue
		}
		if best < 0 || g.id(i) < g.id(best) {
			best = i
		}
	}
	if best < 0 || (id != "" && g.id(best) >= id) {
		return nil, nil, nil
	}
	g.next[best]++
	u, err := g.lists[best].entries.update(g.next[best] - 1)
	return g.lists[best], u, err
}

// take returns the update with that id if it is the next of its list.
func (g *listMerger) take(id string) (*layout.Update, error) {
	for i, l := range g.lists {
		if g.next[i] < len(l.entries.lines) && g.id(i) == id {
			g.next[i]++
			return l.entries.update(g.next[i] - 1)
		}
	}
	return nil, nil
}

func (g *listMerger) id(i int) string { return g.lists[i].entries.lines[g.next[i]].id }

// nameEntries keeps the names under which the files of was stand in its
// folder, and finds names for the files that are new in u.
func nameEntries(u, was *layout.Update) {
	if was == nil {
		layout.NameEntries(u)
		return
	}
	taken := map[string]bool{}
	var unnamed []*layout.File
	for i := range u.Files {
		f := &u.Files[i]
		if f.In != "" { // has its name from where it was taken out, in a folder of its own
			top, _, _ := strings.Cut(f.In, "/")
			taken[layout.Fold(top)] = true
			continue
		}
		old := sameEntry(was, f)
		if old == nil || taken[layout.Fold(old.Entry())] {
			unnamed = append(unnamed, f)
			continue
		}
		f.As = old.As
		if f.Name != old.Name {
			f.As = old.Entry()
		}
		taken[layout.Fold(old.Entry())] = true
	}
	for _, f := range unnamed {
		name := layout.SafeName(f.Name)
		for n := 0; taken[layout.Fold(name)]; n++ {
			name = marked(f.Name, layout.DigestOf([]byte(f.URL + "\n" + f.SHA1.String() + f.SHA256.String())).String()[n:n+8])
		}
		taken[layout.Fold(name)] = true
		f.As = ""
		if name != f.Name {
			f.As = name
		}
	}
}

// sameEntry finds the file of was that f is, held or only listed.
func sameEntry(was *layout.Update, f *layout.File) *layout.File {
	for i := range was.Files {
		if was.Files[i].In != "" {
			continue
		}
		if f.Held && was.Files[i].Held && was.Files[i].SHA256 == f.SHA256 && was.Files[i].As == f.As {
			return &was.Files[i]
		}
	}
	for i := range was.Files {
		if was.Files[i].In == "" && was.Files[i].URL == f.URL && was.Files[i].Name == f.Name {
			return &was.Files[i]
		}
	}
	return nil
}

// marked puts a mark before the extension: "a.exe" and "2f" give "a~2f.exe".
func marked(name, mark string) string {
	safe := layout.SafeName(name)
	ext := path.Ext(safe)
	return layout.SafeName(safe[:len(safe)-len(ext)] + "~" + mark + ext)
}

// keepCaptures appends to u the captures of was that u does not have: every
// version of a file that changes in place is kept, newest first.
func keepCaptures(u, was *layout.Update) {
	here := map[layout.Digest]bool{}
	for i := range u.Files {
		here[u.Files[i].SHA256] = true
	}
	for _, f := range was.Files {
		if f.Held && f.From.IsZero() && f.Best().Grade == layout.GradeCapture && !here[f.SHA256] {
			u.Files = append(u.Files, f)
		}
	}
}

// keepExtracted appends to u what was taken out of the packages that it still holds,
// but for those of which something was lost: they are taken apart again.
func (p *plan) keepExtracted(u, was *layout.Update) {
	keep := map[layout.Digest]bool{}
	for i := range u.Files {
		if f := &u.Files[i]; f.Held && f.From.IsZero() {
			keep[f.SHA256] = true
		}
	}
	for i := range was.Files {
		if f := &was.Files[i]; !f.From.IsZero() && p.lost != nil && p.lost(f.SHA256) {
			keep[f.From] = false
		}
	}
	for i := range was.Files {
		if f := &was.Files[i]; !f.From.IsZero() && keep[f.From] {
			u.Files = append(u.Files, *f)
			p.present++
		}
	}
}

// addCapture makes the newly captured content file i of u and keeps the one
// before it under a dated name.
func addCapture(u *layout.Update, i int, now layout.File) {
	old := u.Files[i]
	if !old.Held || old.SHA256 == now.SHA256 {
		now.As = old.As
		u.Files[i] = now
		return
	}
	now.As = old.As
	u.Files[i] = now
	old.As = marked(old.Entry(), old.Best().At.Time().Format("20060102T150405Z"))
	u.Files = append(u.Files, layout.File{})
	copy(u.Files[i+2:], u.Files[i+1:])
	u.Files[i+1] = old
}
