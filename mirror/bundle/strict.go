package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep the JSON of a bundle may nest. Ours has three levels.
const maxDepth = 16

// decodeStrict reads the one JSON object that doc holds into v. It refuses what
// two readers could understand in two ways under one signature: bytes that are
// not UTF-8, member names that stand twice in one object, names that are not in
// lower case (encoding/json would match them to our fields, other readers
// not), and anything after the object. Members that v does not have are
// ignored.
func decodeStrict(doc []byte, v any) error {
	if !utf8.Valid(doc) {
		return errors.New("the JSON is not UTF-8")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(doc, " \t\r\n"), []byte("{")) {
		return errors.New("not a JSON object")
	}
	if !json.Valid(doc) {
		return errors.New("not one whole JSON object")
	}
	s := scanner{doc: doc}
	if err := s.value(0); err != nil {
		return err
	}
	return json.Unmarshal(doc, v)
}

// scanner steps over valid JSON and looks at the names of members.
type scanner struct {
	doc []byte
	at  int
}

func (s *scanner) value(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the JSON nests deeper than %d levels", maxDepth)
	}
	s.blanks()
	switch s.doc[s.at] {
	case '{':
		return s.object(depth)
	case '[':
		return s.array(depth)
	case '"':
		s.text()
	default: // a number, true, false or null
		for s.at < len(s.doc) && !strings.ContainsRune(",]} \t\r\n", rune(s.doc[s.at])) {
			s.at++
		}
	}
	return nil
}

func (s *scanner) object(depth int) error {
	var names []string
	s.at++
	for s.more('}') {
		name, err := memberName(s.text())
		if err != nil {
			return err
		}
		names = append(names, name)
		s.blanks()
		s.at++ // the colon
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return fmt.Errorf("member %q stands twice", clip(names[i]))
		}
	}
	return nil
}

func (s *scanner) array(depth int) error {
	s.at++
	for s.more(']') {
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// more steps over blanks and a comma and reports whether the container goes on;
// if not, it steps over its end.
func (s *scanner) more(end byte) bool {
	s.blanks()
	if s.doc[s.at] == ',' {
		s.at++
		s.blanks()
	}
	if s.doc[s.at] != end {
		return true
	}
	s.at++
	return false
}

func (s *scanner) blanks() {
	for strings.IndexByte(" \t\r\n", s.doc[s.at]) >= 0 {
		s.at++
	}
}

// text steps over a string and returns it with its quotes.
func (s *scanner) text() []byte {
	start := s.at
	for s.at++; s.doc[s.at] != '"'; s.at++ {
		if s.doc[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.doc[start:s.at]
}

// memberName returns the name that quoted holds. Names of the format are
// lower-case ASCII; an escape in one serves only to hide it.
func memberName(quoted []byte) (string, error) {
	name := string(quoted[1 : len(quoted)-1])
	for i := range len(name) {
		if c := name[i]; c == '\\' || c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return "", fmt.Errorf("member %q is not written in plain lower case", clip(name))
		}
	}
	return name, nil
}
