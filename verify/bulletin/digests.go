package bulletin

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchferry/layout"
)

// The forms of a line that states the SHA-256 of a file: of sha256sum (two
// blanks, or a blank and a star), of BSD and "openssl dgst", and with the name
// of the algorithm in front. In each pattern the groups are named sum and name.
var digestLines = [...]*regexp.Regexp{
	regexp.MustCompile(`^(?P<sum>[0-9A-Fa-f]{64})[ \t]+\*?(?P<name>\S.*)$`),
	regexp.MustCompile(`(?i)^SHA-?256 ?\((?P<name>.+)\) ?= ?(?P<sum>[0-9a-f]{64})$`),
	regexp.MustCompile(`(?i)^SHA-?256:(?P<sum>[0-9a-f]{64})[ \t]+\*?(?P<name>\S.*)$`),
}

// statements are the digests that a document states of files.
type statements struct {
	sums map[string]layout.Digest
	torn map[string]bool // files of which it states two different ones
	many bool
}

func newStatements() *statements {
	return &statements{sums: make(map[string]layout.Digest), torn: make(map[string]bool)}
}

func (s *statements) add(name string, sum layout.Digest) {
	old, found := s.sums[name]
	switch {
	case found && old != sum:
		s.torn[name] = true
	case !found && len(s.sums) == maxFiles:
		s.many = true
	default:
		s.sums[name] = sum
	}
}

// files returns what is stated, in the order of names. A file with two
// different digests is left out and is an error, which comes beside the rest;
// too many files are an error and none is returned.
func (s *statements) files() ([]layout.Stated, error) {
	if s.many {
		return nil, fmt.Errorf("read digests: more than %d files, none of them is taken", maxFiles)
	}
	var files []layout.Stated
	for name, sum := range s.sums {
		if !s.torn[name] {
			files = append(files, layout.Stated{Name: name, SHA256: sum})
		}
	}
	slices.SortFunc(files, func(a, b layout.Stated) int { return strings.Compare(a.Name, b.Name) })
	return files, tornError(s.torn)
}

// readDigests returns the files whose digests the lines state.
func readDigests(lines []line) ([]layout.Stated, error) {
	s := newStatements()
	for _, l := range lines {
		if name, sum, ok := digestOf(l.text); ok {
			s.add(name, sum)
		}
	}
	return s.files()
}

// digestOf reads one line. A name that cannot be shown as it is, or that has
// the escapes of sha256sum, is no name of a file of ours.
func digestOf(text string) (name string, sum layout.Digest, ok bool) {
	if len(text) < 64 || len(text) > maxFileName+80 {
		return "", sum, false
	}
	for _, p := range digestLines {
		m := p.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		sum, err := layout.ParseDigest(m[p.SubexpIndex("sum")])
		name = m[p.SubexpIndex("name")]
		return name, sum, err == nil && isFileName(name)
	}
	return "", sum, false
}

// isFileName reports whether s can be taken, as it is, for the name of a file.
func isFileName(s string) bool {
	return s != "" && len(s) <= maxFileName && clean(s, maxFileName) == s
}

// tornError names the files of which a text states two digests.
func tornError(torn map[string]bool) error {
	if len(torn) == 0 {
		return nil
	}
	var some []string
	for name := range torn {
		some = append(some, fmt.Sprintf("%q", name))
	}
	slices.Sort(some)
	if len(some) > 5 {
		some = append(some[:5], fmt.Sprintf("and %d more", len(some)-5))
	}
	return errors.New("read digests: two different digests for " + strings.Join(some, ", "))
}
