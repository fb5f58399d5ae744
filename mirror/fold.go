package mirror

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"patchferry/layout"
)

// fold makes a listed file held that was brought because a host asked for it, and
// reports whether it did.
func (p *plan) fold(update string, f *layout.File) bool {
	b := p.bound.find(update, f)
	best := f.Best()
	if b == nil || f.Held || best == nil {
		return false
	}
	if err := p.checked(b.Binding, f); err != nil {
		b.why, b.open = err.Error(), !decides(err)
		return false
	}
	*f = foldAs(*f, b.Binding, *best)
	b.folded = true
	p.unseen[f.SHA256] = true
	p.folded++
	p.keep(f)
	return true
}

// decides reports whether an error says something of a binding, and not of a store
// that did not answer.
func decides(err error) bool {
	_, mismatch := errors.AsType[*layout.MismatchError](err)
	return mismatch || isMissing(err) || errors.Is(err, errUnbelieved)
}

// foldAs returns a listed file as it is held from now on.
func foldAs(f layout.File, b *layout.Binding, ev layout.Evidence) layout.File {
	held := holdAs(f, gotOf(b, &f), ev, b.At)
	held.Tag = b.Tag
	if !b.Modified.IsZero() {
		held.Modified = b.Modified // hosts were told so
	}
	return held
}

// foldOld folds what hosts asked for of an update whose list did not change.
func (p *plan) foldOld(u *layout.Update) (changed bool) {
	if p.bound == nil || len(p.bound.byUpdate[u.ID]) == 0 {
		return false
	}
	for i := range u.Files {
		if p.fold(u.ID, &u.Files[i]) {
			p.left[sourceOf(u.ID)]-- // than its source remembers
			changed = true
		}
	}
	return changed
}

// adopt makes listed files held whose content the store has for another update, and
// reports whether there are any.
func (p *plan) adopt(u *layout.Update) (changed bool) {
	for i := range u.Files {
		f := &u.Files[i]
		best := f.Best()
		if f.Held || best == nil || best.Grade == layout.GradeFirstUse || best.Grade == layout.GradeCapture {
			continue
		}
		h := p.held[f.SHA256]
		if h == nil && !f.SHA1.IsZero() {
			h = p.bySHA1[f.SHA1]
		}
		if h == nil {
			continue
		}
		got := layout.Got{Size: h.size, SHA256: h.sha256, SHA1: h.sha1, MD5: f.MD5}
		if check(*f, got) == nil {
			*f = holdAs(*f, got, *best, p.now)
			p.unseen[f.SHA256] = true
			changed = true
		}
	}
	return changed
}

// sums hashes what is written to it, as files from outside are hashed.
type sums struct {
	io.Writer
	sha256, sha1, md5 hash.Hash
}

func newSums() *sums {
	s := &sums{sha256: sha256.New(), sha1: sha1.New(), md5: md5.New()}
	s.Writer = io.MultiWriter(s.sha256, s.sha1, s.md5)
	return s
}

func (s *sums) got(size int64) layout.Got {
	got := layout.Got{Size: size}
	s.sha256.Sum(got.SHA256[:0])
	s.sha1.Sum(got.SHA1[:0])
	s.md5.Sum(got.MD5[:0])
	return got
}
