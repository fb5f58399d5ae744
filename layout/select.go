package layout

import (
	"path"
	"slices"
	"strings"
)

// Selection says which updates are wanted. An empty field wants all. An update
// that does not say its language, system or architecture is for all of them
// and is wanted with any; one without a classification is in no class, and so it
// is with severities and products.
type Selection struct {
	Languages       []Language
	OS              []OS // a family with or without a release (OS.Matches)
	Arch            []Arch
	Classifications []Classification
	Severities      []Severity
	Products        []string // patterns, as in Include, over the source's own words
	Since, Until    Date     // both days included; an update without a date is wanted

	// Include and Exclude are patterns over id, KB, title and file names,
	// without regard to case. "kb123456" is the article; a pattern with *, ?
	// or [ is one of path.Match for the whole of one of them, in which * stops
	// at no slash; any other text is looked for inside of them, as in WSUS
	// Offline's exclude lists, where a comment may follow a comma.
	// Include, where it is not empty, narrows what the other fields want;
	// Exclude wins over everything.
	Include, Exclude []string
}

// IsZero reports whether everything is wanted.
func (s *Selection) IsZero() bool {
	return len(s.Languages)+len(s.OS)+len(s.Arch)+len(s.Classifications)+len(s.Severities)+len(s.Products) == 0 &&
		len(s.Include)+len(s.Exclude) == 0 &&
		s.Since == "" && s.Until == ""
}

// Machines returns the part of the selection that says for which machines
// updates are wanted, and which ones never are: languages, systems,
// architectures and what is excluded. It wants whatever s wants, and besides
// what s leaves out for its class, its severity, its product, its day or its name.
func (s *Selection) Machines() Selection {
	return Selection{Languages: s.Languages, OS: s.OS, Arch: s.Arch, Exclude: s.Exclude}
}

// Match reports whether u is wanted.
func (s *Selection) Match(u *Update) bool {
	switch {
	case len(s.Languages) > 0 && !s.wantsLanguage(u):
	case len(s.OS) > 0 && len(u.OS) > 0 && !slices.ContainsFunc(u.OS, s.wantsOS):
	case len(s.Arch) > 0 && len(u.Arch) > 0 && !slices.ContainsFunc(u.Arch, s.wantsArch):
	case len(s.Classifications) > 0 && !slices.Contains(s.Classifications, u.Classification):
	case len(s.Severities) > 0 && !slices.Contains(s.Severities, u.Severity):
	case len(s.Products) > 0 && !s.wantsProduct(u):
	case u.Released != "" && s.Since != "" && u.Released < s.Since:
	case u.Released != "" && s.Until != "" && u.Released > s.Until:
	case len(s.Include) > 0 && !anyPattern(s.Include, u):
	case anyPattern(s.Exclude, u):
	default:
		return true
	}
	return false
}

// Files returns the files of u that are wanted: where files differ in
// language, those of the languages of the selection and those of none.
func (s *Selection) Files(u *Update) []File {
	var wanted []File
	for _, f := range u.Files {
		if len(s.Languages) == 0 || f.Language == "" || slices.Contains(s.Languages, f.Language) {
			wanted = append(wanted, f)
		}
	}
	return wanted
}

// wantsLanguage looks at the files of an update for all languages too: one
// whose files are all of others is not wanted.
func (s *Selection) wantsLanguage(u *Update) bool {
	if u.Language != "" {
		return slices.Contains(s.Languages, u.Language)
	}
	return len(u.Files) == 0 || len(s.Files(u)) > 0
}

func (s *Selection) wantsOS(os OS) bool {
	return os == "" || slices.ContainsFunc(s.OS, os.Matches)
}

func (s *Selection) wantsArch(a Arch) bool {
	return a == "" || slices.Contains(s.Arch, a)
}

func (s *Selection) wantsProduct(u *Update) bool {
	words := make([]string, 0, len(u.Products))
	for _, p := range u.Products {
		words = append(words, Fold(p))
	}
	return slices.ContainsFunc(s.Products, func(p string) bool { return matches(p, "", words) })
}

func anyPattern(patterns []string, u *Update) bool {
	if len(patterns) == 0 {
		return false
	}
	texts := make([]string, 0, 2+2*len(u.Files))
	texts = append(texts, Fold(u.ID), Fold(u.Title))
	for i := range u.Files {
		texts = append(texts, Fold(u.Files[i].Name))
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, u.KB, texts) })
}

func matches(pattern, kb string, texts []string) bool {
	glob := strings.ContainsAny(pattern, "*?[")
	if !glob {
		pattern, _, _ = strings.Cut(pattern, ",")
	}
	pattern = Fold(strings.TrimSpace(pattern))
	if pattern == "" {
		return false
	}
	if kb != "" && (pattern == kb || pattern == "kb"+kb) {
		return true
	}
	if glob {
		// A slash in an id is no boundary here.
		pattern = strings.ReplaceAll(pattern, "/", "\x00")
		if kb != "" {
			texts = append(texts, kb, "kb"+kb)
		}
		return slices.ContainsFunc(texts, func(t string) bool {
			ok, _ := path.Match(pattern, strings.ReplaceAll(t, "/", "\x00"))
			return ok
		})
	}
	// kb123456 must not find kb1234567.
	whole := strings.HasPrefix(pattern, "kb") && digits(pattern[2:])
	return slices.ContainsFunc(texts, func(t string) bool {
		return !whole && strings.Contains(t, pattern) || whole && containsArticle(t, pattern)
	})
}

// containsArticle reports whether t has the article with no more digits
// behind it.
func containsArticle(t, article string) bool {
	for {
		i := strings.Index(t, article)
		if i < 0 {
			return false
		}
		t = t[i+len(article):]
		if t == "" || t[0] < '0' || t[0] > '9' {
			return true
		}
	}
}

// CheckPattern reports why a pattern of Include or Exclude can match nothing.
func CheckPattern(pattern string) error {
	if strings.ContainsAny(pattern, "*?[") {
		_, err := path.Match(pattern, "")
		return err
	}
	return nil
}
