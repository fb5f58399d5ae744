package mirror

import (
	"fmt"
	"slices"

	"patchferry/layout"
)

// statements are the digests of files that documents signed by pinned keys
// state, in signatures of today's strength.
type statements struct {
	byDigest map[layout.Digest]*layout.Notice
	byName   map[string][]statement // by folded file name
}

type statement struct {
	bulletin *layout.Bulletin
	notice   *layout.Notice
	sha256   layout.Digest
}

// signedStatements gathers what the notices state.
func signedStatements(all []*layout.Notice) *statements {
	s := &statements{byDigest: map[layout.Digest]*layout.Notice{}, byName: map[string][]statement{}}
	for _, n := range all {
		if !n.Vouches() {
			continue
		}
		for i := range n.Bulletins {
			b := &n.Bulletins[i]
			for _, f := range b.Files {
				if s.byDigest[f.SHA256] == nil {
					s.byDigest[f.SHA256] = n
				}
				key := layout.Fold(f.Name)
				s.byName[key] = append(s.byName[key], statement{b, n, f.SHA256})
			}
		}
	}
	return s
}

// ContradictionError says that a signed bulletin states another digest of a
// file than the list that names it.
type ContradictionError struct {
	File   string
	Listed layout.Digest
	Notice string // id
	Signed layout.Digest
}

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("%s: the list states SHA-256 %s, but the signed document %s states %s; one of them is wrong, or the file was replaced and one of them is old", e.File, e.Listed, e.Notice, e.Signed)
}

// vouch looks for a signed statement of f, a file of u. It leaves the stated
// digest in f, where the list had none, and returns the evidence.
//
// A digest speaks for itself. A name speaks for a file only where the bulletin
// that states it announces the update: different files have equal names.
func (s *statements) vouch(u *layout.Update, f *layout.File) (ev layout.Evidence, ok bool, err error) {
	if n := s.byDigest[f.SHA256]; n != nil && !f.SHA256.IsZero() {
		return signedBy(n), true, nil
	}
	var said []statement
	for _, st := range s.byName[layout.Fold(f.Name)] {
		if announces(st.bulletin, u) {
			said = append(said, st)
		}
	}
	if len(said) == 0 {
		return ev, false, nil
	}
	if !f.SHA256.IsZero() {
		return ev, false, &ContradictionError{f.Name, f.SHA256, said[0].notice.ID, said[0].sha256}
	}
	differs := func(st statement) bool { return st.sha256 != said[0].sha256 }
	if slices.ContainsFunc(said, differs) {
		return ev, false, nil // it was replaced once; which one is meant, nobody says
	}
	f.SHA256 = said[0].sha256
	return signedBy(said[0].notice), true, nil
}

// announces reports whether the bulletin speaks of the update.
func announces(b *layout.Bulletin, u *layout.Update) bool {
	return u.KB != "" && slices.Contains(b.KBs, u.KB) || slices.Contains(u.Bulletins, b.Name)
}

func signedBy(n *layout.Notice) layout.Evidence {
	return layout.Evidence{
		Grade: layout.GradeSigned, Algorithm: "sha256", By: n.By,
		Document: n.Original.SHA256, TLSKey: n.TLSKey, Signer: n.Signer,
	}
}

// improve adds the evidence of signed statements to the held files of an
// update, once, and reports whether there was any to add.
func (s *statements) improve(u *layout.Update, now layout.Time) (better bool) {
	if s == nil || len(s.byDigest) == 0 {
		return false
	}
	for i := range u.Files {
		f := &u.Files[i]
		n := s.byDigest[f.SHA256]
		if !f.Held || n == nil {
			continue
		}
		signed := func(e layout.Evidence) bool { return e.Grade == layout.GradeSigned }
		if slices.ContainsFunc(f.Evidence, signed) {
			continue
		}
		ev := signedBy(n)
		ev.At = now
		f.Evidence = append(f.Evidence, ev)
		better = true
	}
	return better
}
