package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// idPrefix begins every catalog line: the id is the first member.
const idPrefix = `{"id":"`

// AppendLine appends u as one line of a catalog, with the newline that ends
// it, and returns the longer slice. A line is the JSON of u: members in the
// order of the fields of Update, no blanks, times in UTC, and <, > and & as
// they are. Equal updates make equal bytes. Text that is not valid UTF-8 is
// written with U+FFFD in its place, but in an id it is an error.
//
// It is an error too if the id is not "<source>:<native id>".
func AppendLine(dst []byte, u *Update) ([]byte, error) {
	if err := checkID(u.ID); err != nil {
		return dst, err
	}
	line, err := appendJSON(dst, u, "")
	if err != nil {
		return dst, fmt.Errorf("encode update %s: %w", u.ID, err)
	}
	return line, nil
}

// ParseLine reads one line of a catalog, with or without the newline that
// ends it. It is strict: members that this version does not know, members that
// stand twice and bytes after the object are errors. A catalog that names
// more was written by a newer version, and passing over what that version
// held important is not for a reader to decide.
func ParseLine(line []byte) (*Update, error) {
	if _, err := LineID(line); err != nil {
		return nil, err
	}
	if u := parsePlain(line); u != nil {
		return u, nil
	}
	u := new(Update)
	if err := decodeJSON(line, u, false); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return nil, fmt.Errorf("catalog line has the member %s, which version %d does not know: it needs a newer version", name, Version)
		}
		return nil, fmt.Errorf("parse catalog line: %w", err)
	}
	return u, nil
}

// LineID returns the id of the update that a catalog line holds, without
// reading the rest of it. It is an error if the line does not begin with an
// id, as every line that AppendLine wrote does.
func LineID(line []byte) (string, error) {
	rest, ok := bytes.CutPrefix(line, []byte(idPrefix))
	if !ok {
		return "", errors.New("catalog line does not begin with an id")
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return "", errors.New("catalog line ends inside its id")
	}
	id := string(rest[:end])
	if strings.IndexByte(id, '\\') >= 0 {
		// An escaped quote may have ended the search early: leave it to the
		// decoder, which stops at the first value.
		var err error
		if id, err = escapedID(line[len(idPrefix)-1:]); err != nil {
			return "", err
		}
	}
	return id, checkID(id)
}

func escapedID(b []byte) (string, error) {
	var id string
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&id); err != nil {
		return "", fmt.Errorf("id of a catalog line: %w", err)
	}
	return id, nil
}

// maxID is the longest id in bytes. The longest real one has 51.
const maxID = 512

func checkID(id string) error {
	source, native, ok := strings.Cut(id, ":")
	if !ok || source == "" || native == "" {
		return fmt.Errorf("update id %q is not <source>:<native id>", clip(id))
	}
	if len(id) > maxID {
		return fmt.Errorf("update id %q has %d bytes, more than %d", clip(id), len(id), maxID)
	}
	if !utf8.ValidString(id) {
		return fmt.Errorf("update id %q is not valid UTF-8", clip(id))
	}
	return nil
}

// clip cuts text from outside for an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
