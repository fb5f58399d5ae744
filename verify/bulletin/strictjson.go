package bulletin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"patchferry/layout"
)

// Limits of a JSON document, far above those of the largest real one of 4 MiB.
// They bound what it can become in memory.
const (
	maxJSONDepth   = 100
	maxJSONTokens  = 250_000 // names, values and brackets, in the whole document
	maxJSONMembers = 1_000   // in one object
)

// decodeStrict reads the one JSON value that text is into v. It refuses what
// two readers could read in two ways: members that stand twice in one object
// (without regard to case, as encoding/json matches them), text that is not
// UTF-8, and anything behind the value. Members that v does not have are
// ignored.
func decodeStrict(text string, v any) error {
	if !utf8.ValidString(text) {
		return errors.New("not UTF-8")
	}
	if err := checkJSON(text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), v)
}

// scope is an object or array that is open.
type scope struct {
	names map[string]bool // of an object; nil for an array
	value bool            // a name was read, its value comes next
}

// checkJSON walks a JSON text without keeping it.
func checkJSON(text string) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var open []scope
	for tokens := 0; ; tokens++ {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && tokens > 0 && len(open) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("the JSON ends too early")
		case err != nil:
			return err
		case tokens == maxJSONTokens:
			return fmt.Errorf("more than %d names and values", maxJSONTokens)
		}
		if open, err = follow(open, token); err != nil {
			return err
		}
	}
}

// follow brings the open scopes up to date with the next token.
func follow(open []scope, token json.Token) ([]scope, error) {
	if token == json.Delim('}') || token == json.Delim(']') {
		return open[:len(open)-1], nil
	}
	if len(open) > 0 {
		inner := &open[len(open)-1]
		if name, isName := token.(string); isName && inner.names != nil && !inner.value {
			inner.value = true
			return open, inner.add(name)
		}
		inner.value = false
	}
	if len(open) == maxJSONDepth {
		return open, fmt.Errorf("more than %d levels", maxJSONDepth)
	}
	switch token {
	case json.Delim('{'):
		open = append(open, scope{names: make(map[string]bool)})
	case json.Delim('['):
		open = append(open, scope{})
	}
	return open, nil
}

func (s *scope) add(name string) error {
	folded := layout.Fold(name)
	if s.names[folded] {
		return fmt.Errorf("member %q stands twice", clean(name, maxName))
	}
	if len(s.names) == maxJSONMembers {
		return fmt.Errorf("an object has more than %d members", maxJSONMembers)
	}
	s.names[folded] = true
	return nil
}
