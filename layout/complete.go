package layout

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Complete fills the empty fields of u from the names and URLs of its files:
// KB, OS, architecture, language and including service pack, the
// classification where the URL has its word (/secu/2015/07/), and for each
// file SHA-1, language and kind. What the source said stays.
//
// The update has a language only where all files are of that one; where they
// differ each file has its own. A KB, a service pack or a classification is
// taken only where the files do not contradict each other.
func Complete(u *Update) {
	var kb, pack one[string]
	var class one[Classification]
	var os []OS
	var arch []Arch
	langs := make([]Language, len(u.Files))
	for i := range u.Files {
		f := &u.Files[i]
		p := nameOrURL(f)
		fill(&f.SHA1, p.SHA1)
		kb.add(p.KB)
		pack.add(p.IncludedIn)
		class.add(urlClass(f.URL))
		os = append(os, p.OS...)
		arch = append(arch, p.Arch...)
		langs[i] = p.Language
	}
	fill(&u.KB, kb.value())
	fill(&u.IncludedIn, pack.value())
	fill(&u.Classification, class.value())
	if len(u.OS) == 0 {
		u.OS = sortOS(os)
	}
	if len(u.Arch) == 0 {
		u.Arch = sortArchs(arch)
	}
	fillLanguage(u, langs)
	for i := range u.Files {
		fill(&u.Files[i].Kind, KindOf(u.Files[i].Name, u))
	}
}

// nameOrURL returns what the name of a file says, and where that is silent
// what the last part of its URL does: WSUS knows files by short names and
// fetches them by long ones.
func nameOrURL(f *File) NameParts {
	p, u := ParseName(f.Name), ParseName(urlName(f.URL))
	fill(&p.KB, u.KB)
	fill(&p.Language, u.Language)
	fill(&p.IncludedIn, u.IncludedIn)
	fill(&p.SHA1, u.SHA1)
	if len(p.OS) == 0 {
		p.OS = u.OS
	}
	if len(p.Arch) == 0 {
		p.Arch = u.Arch
	}
	return p
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// one is a value on which all agree who say anything.
type one[T comparable] struct {
	v, zero T
	clash   bool
}

func (o *one[T]) add(v T) {
	switch {
	case v == o.zero:
	case o.v == o.zero:
		o.v = v
	case o.v != v:
		o.clash = true
	}
}

func (o *one[T]) value() T {
	if o.clash {
		return o.zero
	}
	return o.v
}

func fillLanguage(u *Update, langs []Language) {
	if u.Language != "" || len(langs) == 0 {
		return
	}
	for i := range langs {
		fill(&langs[i], u.Files[i].Language)
	}
	if !slices.ContainsFunc(langs, func(l Language) bool { return l != langs[0] }) {
		u.Language = langs[0]
		return
	}
	for i := range langs {
		fill(&u.Files[i].Language, langs[i])
	}
}

// urlName returns the last segment of a URL's path, unescaped, or "".
func urlName(raw string) string {
	if raw == "" {
		return ""
	}
	if u, err := url.Parse(raw); err == nil {
		raw = u.Path
	} else {
		raw, _, _ = strings.Cut(raw, "?")
	}
	name := path.Base(strings.TrimRight(raw, "/"))
	if name == "." || name == "/" {
		return ""
	}
	return name
}

// classInURL is the part of a Windows Update URL that has the class, and the
// year and month of the upload.
var classInURL = regexp.MustCompile(`(?i)/(secu|crup|svpk|uprl|updt|ftpk|defu|upgr)/(?:19|20)\d\d/\d\d?/`)

func urlClass(raw string) Classification {
	m := classInURL.FindStringSubmatch(raw)
	if m == nil {
		return ""
	}
	c, _ := ParseClassification(m[1])
	return c
}
