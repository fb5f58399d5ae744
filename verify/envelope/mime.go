package envelope

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"strings"
)

const (
	maxFields    = 1000 // lines of a header
	maxField     = 16 << 10
	maxFieldName = 200
	maxBoundary  = 200
)

// entity is a mail, or a part of one: a header and a body (RFC 2045 section 2.4).
type entity struct {
	raw    []byte            // all of it
	fields map[string]string // of the header, by name in lower case; those of MIME and a few more
	body   []byte
}

// kept are the fields that an entity needs, or a mail is known by.
var kept = map[string]bool{
	"content-type": true, "content-transfer-encoding": true, "mime-version": true,
	"from": true, "to": true, "subject": true, "date": true, "sender": true, "received": true,
	"return-path": true, "message-id": true, "delivered-to": true,
}

// readEntity takes a header off b. It is an error where lines before the first
// blank one are no fields, or a field that says how to read the body stands
// twice: two readers would take it for two texts.
func readEntity(b []byte) (entity, error) {
	e := entity{raw: b, fields: map[string]string{}}
	rest, name := b, ""
	for n := 0; len(rest) > 0; n++ {
		line, after := cutLine(rest)
		line = bytes.TrimSuffix(line, []byte("\r"))
		rest = after
		if len(line) == 0 {
			break
		}
		if n >= maxFields {
			return e, fmt.Errorf("its header has more than %d lines", maxFields)
		}
		if n > 0 && (line[0] == ' ' || line[0] == '\t') {
			if err := e.unfold(name, line); err != nil {
				return e, err
			}
			continue
		}
		var value []byte
		var ok bool
		if name, value, ok = field(line); !ok {
			return e, errors.New("its header has a line that is no field")
		}
		if err := e.add(name, string(bytes.TrimSpace(value))); err != nil {
			return e, err
		}
	}
	e.body = rest
	return e, nil
}

func (e *entity) add(name, value string) error {
	if !kept[name] {
		return nil
	}
	_, twice := e.fields[name]
	switch {
	case !strings.HasPrefix(name, "content-"):
		value = "" // that it is there says enough
	case twice:
		return fmt.Errorf("its header has the field %s twice", name)
	case len(value) > maxField:
		return fmt.Errorf("the field %s of its header has more than %d bytes", name, maxField)
	}
	e.fields[name] = value
	return nil
}

// unfold joins a further line to a field.
func (e *entity) unfold(name string, line []byte) error {
	if !kept[name] || !strings.HasPrefix(name, "content-") {
		return nil
	}
	value := e.fields[name] + " " + string(bytes.TrimSpace(line))
	delete(e.fields, name)
	return e.add(name, value)
}

// field splits a line of a header (RFC 5322 section 2.2). Its name comes in
// lower case.
func field(line []byte) (name string, value []byte, ok bool) {
	raw, value, ok := bytes.Cut(line, []byte(":"))
	raw = bytes.TrimRight(raw, " \t") // as RFC 822 allowed
	if !ok || len(raw) == 0 || len(raw) > maxFieldName {
		return "", nil, false
	}
	for _, c := range raw {
		if c <= ' ' || c >= 0x7f {
			return "", nil, false
		}
	}
	return strings.ToLower(string(raw)), value, true
}

// mediaType returns the type of the entity in lower case and its parameters.
// Where there is none it is fallback.
func (e *entity) mediaType(fallback string) (string, map[string]string) {
	value := e.fields["content-type"]
	if value == "" {
		return fallback, nil
	}
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return looseMediaType(value)
	}
	return kind, params
}

// looseMediaType reads what mime.ParseMediaType refuses: parameters that old
// programs forgot to quote. One that stands twice is none.
func looseMediaType(value string) (string, map[string]string) {
	kind, rest, _ := strings.Cut(value, ";")
	params := map[string]string{}
	twice := map[string]bool{}
	for rest != "" {
		var one string
		one, rest = cutParameter(rest)
		key, v, ok := strings.Cut(one, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || twice[key] {
			continue
		}
		if _, found := params[key]; found {
			twice[key] = true
			delete(params, key)
			continue
		}
		params[key] = strings.Trim(strings.TrimSpace(v), `"`)
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// cutParameter cuts s behind the first semicolon that is not quoted.
func cutParameter(s string) (one, rest string) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// split returns the parts between the lines of a boundary, each without the
// line end before the next such line, which belongs to that (RFC 2046 section
// 5.1.1). What stands before the first and after the last is no part. The line
// that ends them all may be missing, as in a mail that was cut short.
func split(body []byte, boundary string) ([][]byte, error) {
	boundary = strings.TrimRight(boundary, " \t")
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, errors.New("its parts have no usable boundary")
	}
	mark := []byte("--" + boundary)
	var parts [][]byte
	start := -1 // of the part that is being read
	for at := 0; at < len(body); {
		line, after := cutLine(body[at:])
		next := len(body) - len(after)
		between, last := delimits(line, mark)
		if between || last {
			if start >= 0 {
				parts = append(parts, trimLineEnd(body[start:at]))
			}
			start = next
		}
		if last {
			return parts, nil
		}
		at = next
	}
	if start >= 0 {
		parts = append(parts, body[start:])
	}
	return parts, nil
}

// delimits reports whether a line stands between two parts, or after the last.
func delimits(line, mark []byte) (between, last bool) {
	rest, ok := bytes.CutPrefix(line, mark)
	if !ok {
		return false, false
	}
	rest = trimBlanks(rest)
	return len(rest) == 0, string(rest) == "--"
}

func trimLineEnd(b []byte) []byte {
	if rest, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		return bytes.TrimSuffix(rest, []byte("\r"))
	}
	return b
}

// decoded returns the body of an entity without its transfer encoding.
func (e *entity) decoded() ([]byte, error) {
	name := strings.ToLower(e.fields["content-transfer-encoding"])
	if i := strings.IndexAny(name, " ;(\t"); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "", "7bit", "8bit", "binary":
		return e.body, nil
	case "quoted-printable":
		return unquote(e.body)
	case "base64":
		return unbase64(e.body)
	}
	return nil, fmt.Errorf("its transfer encoding %.40q is not one of RFC 2045", name)
}

// unquote undoes quoted-printable (RFC 2045 section 6.7). Line ends stay what
// they are, blanks before them were added on the way, and bytes that should
// have been encoded are kept: the package mime/quotedprintable would refuse
// some of both.
func unquote(b []byte) ([]byte, error) {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		line, rest := cutLine(b)
		ending := b[len(line) : len(b)-len(rest)]
		if cr, ok := bytes.CutSuffix(line, []byte("\r")); ok {
			ending, line = b[len(cr):len(b)-len(rest)], cr
		}
		b = rest
		line = bytes.TrimRight(line, " \t")
		line, soft := bytes.CutSuffix(line, []byte("="))
		var err error
		if out, err = appendUnquoted(out, line); err != nil {
			return nil, err
		}
		if !soft {
			out = append(out, ending...)
		}
	}
	return out, nil
}

func appendUnquoted(out, line []byte) ([]byte, error) {
	for len(line) > 0 {
		if line[0] != '=' {
			out = append(out, line[0])
			line = line[1:]
			continue
		}
		if len(line) < 3 || hexDigit(line[1]) < 0 || hexDigit(line[2]) < 0 {
			return nil, errors.New("its quoted-printable text has an = that stands for nothing")
		}
		out = append(out, byte(hexDigit(line[1])<<4|hexDigit(line[2])))
		line = line[3:]
	}
	return out, nil
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// unbase64 undoes base64 (RFC 2045 section 6.8). What is not of its alphabet is
// an error and not passed over: lists add their footers so, as text that one
// program skips and another reads.
func unbase64(b []byte) ([]byte, error) {
	dense := make([]byte, 0, len(b))
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			dense = append(dense, c)
		}
	}
	dense = bytes.TrimRight(dense, "=")
	n, err := base64.RawStdEncoding.Decode(dense, dense)
	if err != nil {
		return nil, errors.New("its base64 text holds something else")
	}
	return dense[:n], nil
}
