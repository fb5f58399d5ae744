package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// appendJSON appends v as encoding/json writes it, but with <, > and & as
// they are, which keeps URLs readable. It leaves the newline that ends it.
func appendJSON(dst []byte, v any, indent string) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return dst, err
	}
	return buf.Bytes(), nil
}

// decodeJSON reads the one JSON value that b holds into v and refuses bytes
// after it and member names that stand twice in one object. Two readers that
// pick different ones of two equal names would see different documents under
// one signature.
func decodeJSON(b []byte, v any, unknown bool) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if !unknown {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON ends too early")
		}
		return err
	}
	end := int(dec.InputOffset())
	if rest := bytes.TrimLeft(b[end:], " \t\r\n"); len(rest) > 0 {
		return fmt.Errorf("%d bytes after the JSON", len(rest))
	}
	m := members{b: b[:end]}
	m.value()
	if m.twice != "" {
		return fmt.Errorf("member %q stands twice", m.twice)
	}
	return nil
}

// members looks for names that stand twice in one object of valid JSON. Names
// are compared as encoding/json matches them to fields: without regard to
// case.
type members struct {
	b     []byte
	i     int
	names [][]byte // of the objects that are open, as written, innermost last
	twice string
}

// value steps over one value. The decoder has limited the depth already.
func (m *members) value() {
	m.space()
	if m.i >= len(m.b) {
		return
	}
	switch m.b[m.i] {
	case '{':
		m.object()
	case '[':
		m.array()
	case '"':
		m.text()
	default:
		for m.i < len(m.b) && !strings.ContainsRune(",]} \t\r\n", rune(m.b[m.i])) {
			m.i++
		}
	}
}

func (m *members) object() {
	first := len(m.names)
	m.i++
	for m.more('}') {
		m.names = append(m.names, m.text())
		m.space()
		m.i++ // the colon
		m.value()
	}
	m.check(m.names[first:])
	m.names = m.names[:first]
}

func (m *members) array() {
	m.i++
	for m.more(']') {
		m.value()
	}
}

// more steps over blanks and a comma and reports whether the container goes
// on; if not, it steps over its end.
func (m *members) more(end byte) bool {
	m.space()
	if m.i < len(m.b) && m.b[m.i] == ',' {
		m.i++
		m.space()
	}
	if m.i < len(m.b) && m.b[m.i] != end {
		return true
	}
	m.i++
	return false
}

func (m *members) space() {
	for m.i < len(m.b) {
		switch m.b[m.i] {
		case ' ', '\t', '\r', '\n':
			m.i++
		default:
			return
		}
	}
}

// text steps over a string and returns it with its quotes.
func (m *members) text() []byte {
	start := m.i
	m.i++
	for m.i < len(m.b) {
		switch m.b[m.i] {
		case '\\':
			m.i += 2
		case '"':
			m.i++
			return m.b[start:m.i]
		default:
			m.i++
		}
	}
	return m.b[start:]
}

// fewNames is up to where comparing each with each beats sorting.
const fewNames = 24

func (m *members) check(names [][]byte) {
	for _, n := range names {
		if bytes.IndexByte(n, '\\') >= 0 {
			m.checkMany(names)
			return
		}
	}
	if len(names) > fewNames {
		m.checkMany(names)
		return
	}
	for i, n := range names {
		for _, o := range names[:i] {
			if bytes.EqualFold(n, o) {
				m.twice = string(n[1 : len(n)-1])
				return
			}
		}
	}
}

func (m *members) checkMany(names [][]byte) {
	folded := make([]string, len(names))
	for i, n := range names {
		var s string
		if json.Unmarshal(n, &s) != nil {
			s = string(n)
		}
		folded[i] = Fold(s)
	}
	slices.Sort(folded)
	for i := 1; i < len(folded); i++ {
		if folded[i] == folded[i-1] {
			m.twice = folded[i]
			return
		}
	}
}
