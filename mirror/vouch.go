package mirror

import (
	"fmt"

	"patchferry/layout"
)

// UnvouchedError says that a file may not enter because nothing vouches for
// its bytes.
type UnvouchedError struct {
	Source string
	File   string
	Why    string
}

func (e *UnvouchedError) Error() string {
	return fmt.Sprintf("nothing vouches for %s: %s; if you accept whatever is there the first time, write trust = \"first-use\" for source %s", e.File, e.Why, e.Source)
}

// PinError says that a file which was pinned when it was first used is now
// something else.
type PinError struct {
	Source string
	File   string
	Why    string
}

func (e *PinError) Error() string {
	return fmt.Sprintf("%s of source %s is pinned since it was first used, and changed: %s; if the publisher did replace it, exclude the update, sync, and include it again", e.File, e.Source, e.Why)
}

// vouch decides whether f may be fetched at all, and on whose word (docs/trust.md). It returns the evidence that admission will record, and
// leaves in f the digests that the bytes must have.
func (l *listing) vouch(f *layout.File) (layout.Evidence, error) {
	named := layout.ParseName(f.Name).SHA1
	if !named.IsZero() && !f.SHA1.IsZero() && f.SHA1 != named {
		l.problem(fmt.Errorf("%s: the list states SHA-1 %s and the name has %s; the name is the better witness", f.Name, f.SHA1, named))
	}
	stated := !f.SHA1.IsZero()
	if !named.IsZero() {
		f.SHA1 = named
	}
	ev := layout.Evidence{By: l.src.place(), Document: l.mem.List, TLSKey: l.mem.TLSKey}
	switch {
	case l.src.overChannel() && !f.SHA256.IsZero():
		ev.Grade, ev.Algorithm = layout.GradeChannel, "sha256"
	case l.src.overChannel() && (stated || !named.IsZero()):
		// A SHA-1 in the file name counts as the list does (law 3).
		ev.Grade, ev.Algorithm, ev.Weak = layout.GradeChannel, "sha1", true
	case l.src.Trust == TrustCapture:
		ev = layout.Evidence{Grade: layout.GradeCapture, By: f.URL}
	case l.src.Trust == TrustFirstUse:
		ev = layout.Evidence{Grade: layout.GradeFirstUse, By: f.URL}
	default:
		return ev, &UnvouchedError{Source: l.src.Name, File: f.Name, Why: l.whyUnvouched(f)}
	}
	return ev, nil
}

func (l *listing) whyUnvouched(f *layout.File) string {
	switch {
	case !l.src.overChannel() && (!f.SHA256.IsZero() || !f.SHA1.IsZero()):
		return "its digest is stated in a list that came over plain http, where anyone on the way could have changed both"
	case !f.MD5.IsZero():
		return "the list states only an MD5 digest, for which other files can be made"
	}
	return "the list states no SHA-256 or SHA-1 digest, and the name has none"
}

// sameContent reports whether the held file old is what the list now says of
// f: every digest that both have agrees, and at least one does; or the list
// states no digest and means the same URL.
func sameContent(old, f *layout.File) bool {
	agree := 0
	for _, pair := range [...]struct{ known, same bool }{
		{!f.SHA256.IsZero() && !old.SHA256.IsZero(), f.SHA256 == old.SHA256},
		{!f.SHA1.IsZero() && !old.SHA1.IsZero(), f.SHA1 == old.SHA1},
		{!f.MD5.IsZero() && !old.MD5.IsZero(), f.MD5 == old.MD5},
	} {
		if pair.known && !pair.same {
			return false
		}
		if pair.known {
			agree++
		}
	}
	if agree > 0 {
		return true
	}
	return f.SHA256.IsZero() && f.SHA1.IsZero() && f.MD5.IsZero() && f.URL == old.URL
}

// pinned reports whether first use is all that speaks for the held file.
func pinned(f *layout.File) bool {
	best := f.Best()
	return f.Held && best != nil && best.Grade == layout.GradeFirstUse
}
