package mirror

import (
	"strings"

	"patchferry/layout"
)

// asked is one name of what is looked for, read in every way that it allows.
type asked struct {
	text   string
	kb     string // digits
	folded string
	sha256 layout.Digest
	sha1   layout.SHA1
}

func parseAsked(names []string) []asked {
	all := make([]asked, len(names))
	for i, name := range names {
		a := asked{text: name, kb: strings.TrimLeft(strings.ToUpper(name), "KBQ"), folded: layout.Fold(name)}
		lower := strings.ToLower(name)
		if d, err := layout.ParseDigest(strings.TrimPrefix(lower, "sha256:")); err == nil {
			a.sha256 = d
		}
		if d, err := layout.ParseSHA1(strings.TrimPrefix(lower, "sha1:")); err == nil {
			a.sha1 = d
		}
		all[i] = a
	}
	return all
}

// How well a file fits what was asked for: a better one puts others out.
const (
	fitsNot    = iota
	fitsListed // but is not held
	fitsName   // by the publisher's name, where it stands under another
	fitsWell
)

// fits says how well all names fit one file of an update.
func fits(names []asked, u *layout.Update, f *layout.File) int {
	worst := fitsWell
	for i := range names {
		worst = min(worst, names[i].fits(u, f))
	}
	if !f.Held {
		worst = min(worst, fitsListed)
	}
	return worst
}

func (a *asked) fits(u *layout.Update, f *layout.File) int {
	switch {
	case u.ID == a.text, u.KB != "" && u.KB == a.kb:
		if !f.From.IsZero() {
			return fitsListed // an update is meant by its packages, not by what is in them
		}
		return fitsWell
	case !a.sha256.IsZero() && f.SHA256 == a.sha256, !a.sha1.IsZero() && f.SHA1 == a.sha1:
		return fitsWell
	case layout.Fold(f.Entry()) == a.folded:
		return fitsWell
	case layout.Fold(f.Name) == a.folded:
		return fitsName
	}
	return fitsNot
}
