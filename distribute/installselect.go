package distribute

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"patchferry/distribute/script"
	"patchferry/layout"
)

// The limits of a selection in a path.
const (
	maxSelection = 256    // bytes of the expression
	maxSelected  = 20_000 // updates in its set
)

const selectionHelp = "A selection is os=windows2000,arch=x86,lang=EN,since=2004-01-01: os, arch, lang, class, severity and bulletin " +
	"(several words joined by +), since and until (a day); what it does not name may be anything."

// selectionError says what is wrong with a selection.
type selectionError struct{ why string }

func (e *selectionError) Error() string { return e.why }

// Selected is what a selection of the form os=windows2000,lang=EN,since=2004-01-01 wants.
type Selected struct {
	layout.Selection
	Bulletins []string
	text      string
}

// String returns the selection in its one spelling.
func (s *Selected) String() string { return s.text }

// Match reports whether u is wanted.
func (s *Selected) Match(u *layout.Update) bool {
	if len(s.Bulletins) > 0 && !slices.ContainsFunc(u.Bulletins, func(id string) bool {
		return slices.ContainsFunc(s.Bulletins, func(want string) bool { return strings.EqualFold(id, want) })
	}) {
		return false
	}
	return s.Selection.Match(u)
}

// ParseSelected reads a selection; its order makes no difference.
func ParseSelected(text string) (*Selected, error) {
	if len(text) > maxSelection {
		return nil, &selectionError{fmt.Sprintf("The selection is longer than %d bytes", maxSelection)}
	}
	s := new(Selected)
	seen := make(map[string]string)
	for term := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(term, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || value == "" {
			return nil, &selectionError{fmt.Sprintf("%q is not KEY=VALUE", term)}
		}
		if _, twice := seen[key]; twice {
			return nil, &selectionError{fmt.Sprintf("%q stands twice", key)}
		}
		words, err := s.take(key, strings.Split(value, "+"))
		if err != nil {
			return nil, err
		}
		slices.Sort(words)
		seen[key] = strings.Join(slices.Compact(words), "+")
	}
	for _, key := range selectionKeys {
		if value, ok := seen[key]; ok {
			s.text += cmp.Or(strings.Repeat(",", min(1, len(s.text))), "") + key + "=" + value
		}
	}
	return s, nil
}

// selectionKeys are the keys of a selection in the order in which they are spelled.
var selectionKeys = [...]string{"os", "arch", "lang", "class", "severity", "bulletin", "since", "until"}

// take reads the words of one key, and returns them as they are spelled.
func (s *Selected) take(key string, words []string) ([]string, error) {
	var spelled []string
	for _, w := range words {
		w, ok := s.word(key, strings.TrimSpace(w))
		if !ok || w == "" {
			return nil, &selectionError{fmt.Sprintf("%q is no %s", strings.Join(words, "+"), cmp.Or(selectionWords[key], "key of a selection: "+key))}
		}
		spelled = append(spelled, w)
	}
	if (key == "since" || key == "until") && len(words) > 1 {
		return nil, &selectionError{key + " is one day"}
	}
	return spelled, nil
}

var selectionWords = map[string]string{
	"os": "system", "arch": "architecture", "lang": "language", "class": "classification", "severity": "severity",
	"bulletin": "bulletin", "since": "day", "until": "day",
}

// word reads one word of a key.
func (s *Selected) word(key, w string) (string, bool) {
	switch key {
	case "os":
		os, ok := layout.ParseOS(w)
		s.OS = append(s.OS, os)
		return string(os), ok
	case "arch":
		arch, ok := layout.ParseArch(w)
		s.Arch = append(s.Arch, arch)
		return string(arch), ok
	case "lang":
		lang, ok := layout.ParseLanguage(w)
		s.Languages = append(s.Languages, lang)
		return cmp.Or(string(lang), "ALL"), ok // ALL is what has no language
	case "class":
		class, ok := layout.ParseClassification(w)
		s.Classifications = append(s.Classifications, class)
		return string(class), ok
	case "severity":
		severity, ok := layout.ParseSeverity(w)
		s.Severities = append(s.Severities, severity)
		return string(severity), ok
	case "bulletin":
		s.Bulletins = append(s.Bulletins, w)
		return w, w != "" && layout.SafeName(w) == w
	case "since":
		day, err := layout.ParseDate(w)
		s.Since = day
		return string(day), err == nil
	case "until":
		day, err := layout.ParseDate(w)
		s.Until = day
		return string(day), err == nil
	}
	return "", false
}

// selectAt finds a folder below install/select: each selection is one.
func (v *View) selectAt(parts []string) (*installPlace, error) {
	if len(parts) != 1 {
		return nil, nil
	}
	s, err := ParseSelected(parts[0])
	if err != nil {
		return nil, err
	}
	set := v.selectionSet(s)
	return &installPlace{path: "/" + set.place + "/", set: set}, nil
}

// selectionSet is what a selection wants.
func (v *View) selectionSet(s *Selected) *wanted {
	return &wanted{
		place: installFolder + "/select/" + s.text, name: setName("select", s.text), title: "Selection " + s.text,
		of: v.among(s.mayBe), match: s.Match, most: maxSelected,
	}
}

// mayBe reports whether a selection may want updates of a host group.
func (s *Selected) mayBe(of script.Host) bool {
	return (of.Arch == "" || len(s.Arch) == 0 || slices.Contains(s.Arch, of.Arch)) &&
		(of.Language == "" || len(s.Languages) == 0 || slices.Contains(s.Languages, of.Language)) &&
		(of.OS == "" || len(s.OS) == 0 || slices.ContainsFunc(s.OS, func(os layout.OS) bool { return os.Family() == of.OS }))
}
