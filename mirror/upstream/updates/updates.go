// Package updates reads patchferry's own format for publishers: JSON lines,
// one update a line, as docs/source-updates.md describes it. It states all
// that layout.Update can hold but what is not for a publisher to say: the
// folder, evidence, and whether a file is held.
//
// It is strict: a member that is not known, that stands twice or has the wrong
// type makes the line an error, so that a misspelled "sha256" does not pass
// for a file without digest. Words of the vocabularies are brought to their
// one form; those that are not known are kept.
package updates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"patchferry/layout"
	"patchferry/mirror/upstream"
)

// Limits of a list. What exceeds them is an error.
const (
	MaxLine  = 1 << 20 // bytes
	MaxLines = 5_000_000
	MaxFiles = 10_000 // of one update
	MaxID    = 200    // bytes of an id
)

// Parse yields the updates of the list r in its order. Empty lines are passed
// over. A line that cannot be used, or whose id came before, is yielded as a
// *upstream.LineError, and parsing goes on.
func Parse(r io.Reader, l upstream.List) iter.Seq2[*layout.Update, error] {
	return func(yield func(*layout.Update, error) bool) {
		p := &parser{list: l, seen: map[string]int{}}
		for line, err := range upstream.Lines(r, MaxLine, MaxLines) {
			var u *layout.Update
			if err == nil {
				u, err = p.line(line)
			}
			if (u != nil || err != nil) && !yield(u, err) {
				return
			}
		}
	}
}

type parser struct {
	list upstream.List
	seen map[string]int // line of each id
}

// line reads one line. It returns nil and no error where that is empty.
func (p *parser) line(line upstream.Line) (*layout.Update, error) {
	if len(bytes.TrimSpace(line.Text)) == 0 {
		return nil, nil
	}
	u, err := parseLine(line, p.list)
	if err == nil && p.seen[u.ID] > 0 {
		err = fmt.Errorf("id %q stands in line %d already", u.ID, p.seen[u.ID])
	}
	if err != nil {
		return nil, &upstream.LineError{Line: line.Number, Err: err}
	}
	p.seen[u.ID] = line.Number
	return u, nil
}

func parseLine(line upstream.Line, l upstream.List) (*layout.Update, error) {
	if !line.UTF8 {
		return nil, errors.New("not UTF-8")
	}
	var r record
	d := json.NewDecoder(bytes.NewReader(line.Text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil { // it also bounds the depth
		return nil, plain(err)
	}
	if err := checkMembers(line.Text); err != nil {
		return nil, err
	}
	return r.update(l)
}

// plain says what is wrong with a line in the words of the format, not in those
// of this program.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("not a JSON object but a JSON %s", wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("member %q must not be a JSON %s", wrong.Field, wrong.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON object does not end on its line")
	}
	return err
}

// checkMembers refuses members that stand twice in one object, of which
// encoding/json would take the last, and bytes after the object.
func checkMembers(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := value(d); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one JSON object")
	}
	return nil
}

func value(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return object(d)
	case json.Delim('['):
		return array(d)
	}
	return nil
}

func object(d *json.Decoder) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		key := layout.Fold(name)
		if seen[key] {
			return fmt.Errorf("member %.40q stands twice", name)
		}
		seen[key] = true
		if err := value(d); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func array(d *json.Decoder) error {
	for d.More() {
		if err := value(d); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}
