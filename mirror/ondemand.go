package mirror

import (
	"slices"

	"patchferry/layout"
)

// leaves reports whether a file that is not held is left for hosts to ask for: the
// sync fetches nothing, or nothing of this source but what a rule names, and no
// want file asks for it.
func (p *plan) leaves(w *want, u *layout.Update, f *layout.File) bool {
	if p.wanted != nil && len(p.wanted.index.find(u, f)) > 0 {
		return false
	}
	src := w.from.src
	return p.listOnly || src.OnDemand && !slices.ContainsFunc(src.Prefetch, func(sel layout.Selection) bool { return sel.Match(u) })
}

// left is how many files of the source the plan leaves for hosts to ask for. Of a
// list that was not read again the plan knows only how many there are fewer.
func (l *listing) left(p *plan) int {
	n := p.left[l.src.Name]
	if l.changed && l.err == nil {
		return n
	}
	return max(0, l.mem.Left+n)
}

// listedEvidence returns what is written of a file that is listed and not held:
// who will vouch for its bytes when they come, so that whoever brings them need not
// decide again (Filler). It has no time, since nothing was checked yet.
//
// What was written before stays where it says the same: a list that changes at
// another place must not change the evidence of every file in it.
func listedEvidence(f *layout.File, was *layout.Update, ev layout.Evidence) []layout.Evidence {
	ev.At = layout.Time{}
	if was == nil {
		return []layout.Evidence{ev}
	}
	for i := range was.Files {
		old := &was.Files[i]
		if old.Held || len(old.Evidence) != 1 || !sameStatement(old, f) {
			continue
		}
		if e := old.Evidence[0]; e.Grade == ev.Grade && e.Algorithm == ev.Algorithm && e.By == ev.By && e.Signer == ev.Signer {
			return old.Evidence
		}
	}
	return []layout.Evidence{ev}
}

// sameStatement reports whether two records state the same of a file.
func sameStatement(x, y *layout.File) bool {
	return x.Name == y.Name && x.URL == y.URL && x.Size == y.Size && x.SHA256 == y.SHA256 && x.SHA1 == y.SHA1 && x.MD5 == y.MD5
}
