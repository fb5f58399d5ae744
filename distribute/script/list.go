package script

import (
	"strconv"
	"strings"
)

// listColumns are the columns of updates.lst.
var listColumns = []string{"order", "id", "kb", "kind", "engine", "path", "size", "sha256", "sha1", "md5", "released", "title"}

// list writes updates.lst: a line an item, in order, for "for /f" of cmd.exe,
// which takes adjacent separators for one. So no field is ever empty ("-"), none
// has a "|", and all is ASCII with CRLF.
func (s *Set) list() ([]byte, error) {
	var b strings.Builder
	b.WriteString("#" + strings.Join(listColumns, "|") + "\r\n")
	packages := make(map[string]payload)
	for _, p := range s.payloads() {
		packages[p.path] = p
	}
	for i := range s.Items {
		it := &s.Items[i]
		p := packages[it.Path]
		fields := []string{
			strconv.Itoa(it.Order), it.ID, it.KB, string(it.Kind), string(it.Run.Engine), strings.ReplaceAll(it.Path, "/", `\`),
			strconv.FormatInt(it.Size, 10), p.sha256, p.sha1, p.md5, string(it.Released), it.Title,
		}
		for j, f := range fields {
			if j > 0 {
				b.WriteByte('|')
			}
			b.WriteString(listField(f))
		}
		b.WriteString("\r\n")
	}
	return []byte(b.String()), nil
}

// listField makes a field of a line: never empty, without the separator.
func listField(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(asciiLine(s), "|", "/"))
	if s == "" {
		return "-"
	}
	return s
}

// asciiLine returns s as one line of printable ASCII: a control character is a
// blank, any other character outside of ASCII a question mark.
func asciiLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > 0x7f:
			return '?'
		}
		return r
	}, s)
}
