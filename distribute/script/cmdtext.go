package script

import (
	"fmt"
	"strings"

	"patchferry/layout"
)

// What comes from outside enters a batch script by one of the functions of this
// file and by no other way. Text for people is made harmless; a value that does
// something is taken as it is or refused, for a name with one letter changed is
// another name.

// cmdText returns text for a comment: printable ASCII without what cmd reads, at
// most 100 characters. Everything else becomes "_", runs of blanks one blank.
func cmdText(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case r < ' ' || r > '~' || strings.ContainsRune(`%!^&<>|"?`, r):
			return '_'
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return strings.TrimSpace(s[:min(len(s), 100)])
}

// cmdHostile are the characters that mean something to cmd even between quotes,
// or end them; "*" and "?" name other files.
const cmdHostile = `%!^&<>|"*?`

// cmdMaxValue is the longest value, in bytes: a line of Windows 2000 has room for
// 2,047 characters, and a line of ours for two values.
const cmdMaxValue = 800

// cmdValue returns s for a place between quotes.
func cmdValue(s string) (string, error) {
	if len(s) > cmdMaxValue {
		return "", fmt.Errorf("%.40q… is longer than %d characters: it cannot stand in a script", s, cmdMaxValue)
	}
	for _, r := range s {
		if r < ' ' || r > '~' || strings.ContainsRune(cmdHostile, r) {
			return "", fmt.Errorf("%.200q has a character that cannot stand in a script: %q", s, r)
		}
	}
	return s, nil
}

// cmdWord returns s for any place at all: letters, digits, ".", "-" and "_".
func cmdWord(s string) (string, error) {
	for _, r := range s {
		if (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_", r) {
			return "", fmt.Errorf("%.200q has a character that cannot stand in a script: %q", s, r)
		}
	}
	if s == "" || len(s) > 200 {
		return "", fmt.Errorf("%.40q is not 1 to 200 characters long: it cannot stand in a script", s)
	}
	return s, nil
}

// cmdPlaces are the places that differ from host to host, as scripts write them.
var cmdPlaces = []struct{ name, written string }{
	{`%windir%\system32\`, `%SYS%\`}, // of the system's own word length
	{`%systemroot%\system32\`, `%SYS%\`},
	{`%windir%`, `%SystemRoot%`},
	{`%systemroot%`, `%SystemRoot%`},
	{`%systemdrive%`, `%SystemDrive%`},
	{`%programfiles%`, `%ProgramFiles%`},
	{`%programfiles(x86)%`, `%ProgramFiles(x86)%`},
	{`%commonprogramfiles%`, `%CommonProgramFiles%`},
	{`%commonprogramfiles(x86)%`, `%CommonProgramFiles(x86)%`},
	{`%programdata%`, `%ProgramData%`},
	{`%allusersprofile%`, `%ALLUSERSPROFILE%`},
}

// cmdPath returns a path of the host for a place between quotes. It may begin
// with one of cmdPlaces.
func cmdPath(s string) (string, error) {
	prefix, rest := "", strings.ReplaceAll(s, "/", `\`)
	for _, p := range cmdPlaces {
		if len(rest) >= len(p.name) && strings.EqualFold(rest[:len(p.name)], p.name) {
			prefix, rest = p.written, rest[len(p.name):]
			break
		}
	}
	rest, err := cmdValue(rest)
	return prefix + rest, err
}

// cmdArgs returns arguments for the end of a command, one blank between them,
// those with blanks in quotes: /log:"a b", NAME="a b". Quotes of their own stay
// where they are even.
func cmdArgs(args []string) (string, error) {
	words := make([]string, 0, len(args))
	for _, a := range args {
		if _, err := cmdValue(strings.ReplaceAll(a, `"`, "")); err != nil {
			return "", err
		}
		if strings.ContainsAny(a, "()") { // they stand outside of the quotes of the line that sets them
			return "", fmt.Errorf("%.200q has a parenthesis, which cannot stand in an argument", a)
		}
		switch quotes := strings.Count(a, `"`); {
		case quotes%2 != 0:
			return "", fmt.Errorf("%.200q has a quote too few: it cannot stand in a script", a)
		case quotes == 0 && (a == "" || strings.ContainsAny(a, " ,;")):
			i := strings.IndexAny(a, "=:") + 1
			a = a[:i] + `"` + a[i:] + `"`
		}
		words = append(words, a)
	}
	line := strings.Join(words, " ")
	if len(line) > cmdMaxValue {
		return "", fmt.Errorf("arguments %.40q… are longer than %d characters", line, cmdMaxValue)
	}
	return line, nil
}

// cmdSetLine returns a line that sets a variable to a value that is safe already.
func cmdSetLine(name, value string) string { return `set "` + name + "=" + value + `"` }

// cmdLanguages are the ids of Windows with our codes, as many a line as Windows
// 2000 reads.
func cmdLanguages() []string {
	var lines []string
	line := ""
	for _, l := range layout.Languages() {
		if l.LCID <= 0 || l.LCID > 0xffff {
			continue
		}
		word := fmt.Sprintf("%04X.%s", l.LCID, l.Language)
		if len(line)+len(word) > 700 {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// cmdHelper returns the lines that write helper.vbs, each an echo of one of its
// lines.
func cmdHelper() ([]string, error) {
	source, err := cmdTemplates.ReadFile("cmd/helper.vbs")
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(source)) {
		lines = append(lines, "echo "+cmdEcho(strings.TrimRight(line, "\r\n")))
	}
	return lines, nil
}

// cmdEcho returns a line as echo prints it: outside of quotes what cmd reads has
// a caret before it.
func cmdEcho(s string) string {
	var b strings.Builder
	quoted := false
	for _, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '%':
			b.WriteRune('%')
		case !quoted && strings.ContainsRune("^&<>|", r):
			b.WriteRune('^')
		}
		b.WriteRune(r)
	}
	return b.String()
}
