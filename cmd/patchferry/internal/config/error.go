package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	File    string // "" where the value did not come from the file
	Line    int    // 1 for the first line of File
	Key     string // "fetch.rate", "source[2].url"
	Value   string // as it was given
	Origin  string // where the value came from, where that is not the file: "PATCHFERRY_STORE"
	Problem string // what is wrong, and what is allowed
	Context string // the line with a mark below, for people
}

// Error says what is wrong, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Origin != "":
		fmt.Fprintf(&b, "%s: ", e.Origin)
	case e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	case e.File != "":
		fmt.Fprintf(&b, "%s: ", e.File)
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		if e.Value != "" {
			fmt.Fprintf(&b, " = %s", e.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// ErrNone is returned where there is no configuration file and none was
// named.
var ErrNone = errors.New("no configuration was found")

// decodeErrors turns what the TOML decoder says into errors of ours, with its
// drawing of the place kept as it is.
func decodeErrors(file string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []error
		for i := range unknown.Errors {
			all = append(all, unknownKey(file, &unknown.Errors[i]))
		}
		return errors.Join(all...)
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		line, _ := bad.Position()
		return &Error{
			File: file, Line: line, Key: strings.Join(bad.Key(), "."),
			Problem: strings.TrimPrefix(bad.Error(), "toml: "), Context: bad.String(),
		}
	}
	return &Error{File: file, Problem: err.Error()}
}

func unknownKey(file string, e *toml.DecodeError) error {
	line, _ := e.Position()
	key := strings.Join(e.Key(), ".")
	problem := "no such key"
	if near := nearest(key, keyNames()); near != "" {
		problem += "; did you mean " + near + "?"
	}
	return &Error{File: file, Line: line, Key: key, Problem: problem, Context: e.String()}
}

func keyNames() []string {
	var names []string
	for _, k := range Keys() {
		names = append(names, k.Name)
		for i, c := range k.Name {
			if c == '.' {
				names = append(names, k.Name[:i])
			}
		}
	}
	return names
}

// nearest returns the candidate that differs from s in the fewest letters, or
// "" where none is near enough to be meant.
func nearest(s string, candidates []string) string {
	best, distance := "", 3
	for _, c := range candidates {
		if d := letters(s, c); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// letters counts the letters that must be added, dropped or replaced to make b
// of a.
func letters(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
