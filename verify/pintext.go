package verify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"patchferry/layout"
)

// The pin file is ours and meant for an editor. One pin a line, "#" begins a
// comment line:
//
//	# the near side, read out by phone on 2026-11-20
//	0123…CDEF purpose=origin added-by="Ann" added-at=2026-11-20T08:30:00Z note="headquarters"
//
// After the fingerprint come members in any order, each at most once:
// purpose, source, legacy, not-before, not-after, note, added-by, added-at. A
// value with blanks stands in double quotes and is escaped as in Go.

// maxPinFile is the largest pin file in bytes.
const maxPinFile = 1 << 20

// ReadPins reads a pin file. Anything it does not understand is an error that
// names the line; there is no pin that is skipped.
func ReadPins(r io.Reader) (*Pins, error) {
	limited := &io.LimitedReader{R: r, N: maxPinFile + 1}
	scanner := bufio.NewScanner(limited)
	scanner.Buffer(nil, 64<<10)
	pins := &Pins{}
	line := 0
	for scanner.Scan() {
		line++
		if err := pins.addLine(scanner.Text()); err != nil {
			return nil, fmt.Errorf("pins line %d: %w", line, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("pins line %d: %w", line+1, err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("pins: more than %d bytes", maxPinFile)
	}
	return pins, nil
}

// WriteTo writes the pin file. Lines that were read are written as they were,
// comments included.
func (ps *Pins) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, l := range ps.lines {
		b.WriteString(l.raw)
		b.WriteByte('\n')
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (ps *Pins) addLine(raw string) error {
	text := strings.TrimSpace(raw)
	if text == "" || strings.HasPrefix(text, "#") {
		ps.lines = append(ps.lines, pinLine{raw: raw})
		return nil
	}
	pin, err := parsePin(text)
	if err != nil {
		return err
	}
	if err := ps.Add(*pin); err != nil {
		return err
	}
	ps.lines[len(ps.lines)-1].raw = raw
	return nil
}

func parsePin(text string) (*Pin, error) {
	first, rest := text, ""
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		first, rest = text[:i], text[i:]
	}
	fpr, err := ParseFingerprint(first)
	if err != nil {
		return nil, err
	}
	pin := &Pin{Fingerprint: fpr}
	seen := map[string]bool{}
	for rest = strings.TrimLeft(rest, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		var name, value string
		name, value, rest, err = nextMember(rest)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
		if err := pin.set(name, value); err != nil {
			return nil, err
		}
	}
	return pin, nil
}

// nextMember cuts "name", `name=value` or `name="value"` off s.
func nextMember(s string) (name, value, rest string, err error) {
	end := strings.IndexAny(s, "= \t")
	if end < 0 {
		return s, "", "", nil
	}
	name = s[:end]
	if s[end] != '=' {
		return name, "", s[end:], nil
	}
	s = s[end+1:]
	if !strings.HasPrefix(s, `"`) {
		end = strings.IndexAny(s, " \t")
		if end < 0 {
			end = len(s)
		}
		return name, s[:end], s[end:], nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", "", fmt.Errorf("%s: the quoted value does not end", name)
	}
	value, err = strconv.Unquote(quoted)
	if err != nil {
		return "", "", "", fmt.Errorf("%s: %w", name, err)
	}
	rest = s[len(quoted):]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return "", "", "", fmt.Errorf("%s: no blank after the quoted value", name)
	}
	return name, value, rest, nil
}

func (p *Pin) set(name, value string) (err error) {
	switch name {
	case "purpose":
		p.Purpose = Purpose(value)
	case "source":
		p.Source = value
	case "legacy":
		p.Legacy = true
		if value != "" {
			return errors.New("legacy takes no value")
		}
	case "not-before":
		p.NotBefore, err = layout.ParseDate(value)
	case "not-after":
		p.NotAfter, err = layout.ParseDate(value)
	case "note":
		p.Note = value
	case "added-by":
		p.AddedBy = value
	case "added-at":
		err = p.AddedAt.UnmarshalText([]byte(value))
	default:
		return fmt.Errorf("unknown member %q", name)
	}
	return err
}

func formatPin(p *Pin) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s purpose=%s", p.Fingerprint, p.Purpose)
	if p.Legacy {
		b.WriteString(" legacy")
	}
	for _, m := range []struct{ name, value string }{
		{"source", p.Source},
		{"not-before", string(p.NotBefore)}, {"not-after", string(p.NotAfter)},
		{"added-by", p.AddedBy}, {"added-at", p.AddedAt.String()},
		{"note", p.Note},
	} {
		if m.value == "" {
			continue
		}
		fmt.Fprintf(&b, " %s=%s", m.name, quoteValue(m.value))
	}
	line := b.String()
	back, err := parsePin(line)
	if err != nil {
		return "", err
	}
	if *back != *p {
		return "", errors.New("a value cannot be written on one line")
	}
	return line, nil
}

func quoteValue(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:*?/+", r)
	})
	if plain {
		return s
	}
	return strconv.Quote(s)
}
