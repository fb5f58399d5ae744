package script

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// cmdForbidden are constructs that one of the systems from Windows 2000 on, or
// Wine 8, does not have or reads in its own way.
var cmdForbidden = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a chain of && or ||", regexp.MustCompile(`&&|\|\|`)},
	{"if errorlevel, a signed comparison", regexp.MustCompile(`(?i)\bif\s+(not\s+)?errorlevel\b`)},
	{"status of a called script", regexp.MustCompile(`(?i)\bcall\s+"?[^:\s"]\S*\.(cmd|bat)`)},
	{"find, findstr, timeout, choice, where or robocopy", regexp.MustCompile(`(?i)^\s*(find|findstr|timeout|choice|where|robocopy)(\.exe)?\s`)},
	{"reg query /f", regexp.MustCompile(`(?i)%REG%\s+query\b.*\s/f\b`)},
	{"set /p from a file", regexp.MustCompile(`(?i)set /p\b.*<\s*"`)},
	{"a block in parentheses", regexp.MustCompile(`\($|(?i)\belse\b|^\s*[()]`)},
	{"start behind if", regexp.MustCompile(`(?i)^if\b.*\bstart\s`)},
	{"a loop variable that is a modifier", regexp.MustCompile(`(?i)\bfor\b[^%]*%%[^g-m]`)},
	{"delayed expansion", regexp.MustCompile(`!`)},
	{"a handle number by accident", regexp.MustCompile(`[^ \t"^][0-9]>|[a-zA-Z%]>`)},
	{"a restart", regexp.MustCompile(`(?i)\bshutdown(\.exe)?\s+[-/]|/forcerestart`)},
	{"the current directory", regexp.MustCompile(`(?i)^\s*(pushd|cd|chdir)\b`)},
}

var (
	cmdLabel   = regexp.MustCompile(`^:([A-Za-z0-9_]+)$`)
	cmdJump    = regexp.MustCompile(`(?i)\b(?:goto\s+:?|call\s+:)([A-Za-z0-9_%]+)`)
	cmdAssign  = regexp.MustCompile(`(?i)\bset (?:/[ap] )?"?([A-Za-z0-9_]+)[=+ ]`)
	cmdRead    = regexp.MustCompile(`%([A-Za-z][A-Za-z0-9_()]*)(?::[^%]*)?%`)
	cmdLoop    = regexp.MustCompile(`%%(~[$a-zA-Z:]*)?[g-m]|%%[0-9A-F]{2}`) // a loop's variable, a byte of a URL
	cmdDefined = regexp.MustCompile(`(?i)\bdefined ([A-Za-z0-9_]+)`)
	cmdCleared = regexp.MustCompile(`^for %%g in \(([A-Za-z0-9_ ]+)\) do set "%%g="$`)
)

// cmdOfHost are the variables that every host has, or the program asks for.
var cmdOfHost = words(`SystemRoot ERRORLEVEL RANDOM DATE TIME TEMP COMPUTERNAME ComSpec PROCESSOR_ARCHITECTURE PROCESSOR_ARCHITEW6432
	ProgramFiles ProgramFiles(x86) CommonProgramFiles CommonProgramFiles(x86) SystemDrive ProgramData ALLUSERSPROFILE`)

func words(s string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(s) {
		m[strings.ToLower(w)] = true
	}
	return m
}

// lintCmd holds a script to the rules for scripts that run from Windows 2000 to
// 11, and returns what breaks them.
func lintCmd(script []byte) []string {
	var problems []string
	bad := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
	}
	if bytes.Contains(bytes.ReplaceAll(script, []byte("\r\n"), nil), []byte("\r")) || !bytes.HasSuffix(script, []byte("\r\n")) {
		bad(0, "a line that does not end in CR LF")
	}
	labels := make(map[string]int)
	jumps := make(map[string]int)
	set := make(map[string]bool)
	read := make(map[string]int)
	for i, line := range strings.Split(strings.TrimSuffix(string(script), "\r\n"), "\r\n") {
		n := i + 1
		if strings.Contains(line, "\n") {
			bad(n, "a line end without CR")
		}
		if len(line) >= 2000 {
			bad(n, "%d characters", len(line))
		}
		if j := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }); j >= 0 {
			bad(n, "%q is not printable ASCII", line[j:])
		}
		if label := cmdLabel.FindStringSubmatch(line); label != nil {
			name := strings.ToLower(label[1])
			if first := labels[name]; first > 0 {
				bad(n, "label %s is in line %d already", name, first)
			}
			labels[name] = n
			continue
		}
		if strings.HasPrefix(line, ":") {
			bad(n, "%q is no label", line)
		}
		if strings.HasPrefix(line, "rem") {
			lintComment(line, n, bad)
			continue
		}
		lintLine(line, n, bad)
		for _, m := range cmdJump.FindAllStringSubmatch(line, -1) {
			jumps[strings.ToLower(m[1])] = n
		}
		lintVariables(line, n, set, read)
	}
	for jump, n := range jumps {
		if !lands(jump, labels) {
			bad(n, "no label %s", jump)
		}
	}
	for name, n := range read {
		if !set[name] && !cmdOfHost[name] {
			bad(n, "%%%s%% is never set", name)
		}
	}
	return problems
}

// lands reports whether a jump has its label. A jump to a computed label has at
// least one that begins like it.
func lands(jump string, labels map[string]int) bool {
	if jump == "eof" || labels[jump] > 0 {
		return true
	}
	stem, _, computed := strings.Cut(jump, "%")
	for label := range labels {
		if computed && strings.HasPrefix(label, stem) {
			return true
		}
	}
	return false
}

// lintComment looks at a comment: cmd reads "%" and "/?" there, and a caret at
// its end joins the next line to it.
func lintComment(line string, n int, bad func(int, string, ...any)) {
	if strings.ContainsAny(strings.ReplaceAll(line, "%SystemRoot%", ""), `%^&<>|!`) || strings.Contains(line, "/?") {
		bad(n, "a comment that cmd reads: %q", line)
	}
}

func lintLine(line string, n int, bad func(int, string, ...any)) {
	outside := unquoted(line)
	for _, f := range cmdForbidden {
		at := line
		if f.what == "a handle number by accident" || f.what == "a chain of && or ||" {
			at = outside
		}
		// What echo writes to another file is no command here, nor is text for people.
		if _, text, ok := strings.Cut(line, "echo "); ok {
			at = strings.TrimSuffix(at, text)
			if f.what == "a restart" || f.what == "delayed expansion" {
				at = line
			}
		}
		if f.pattern.MatchString(at) {
			bad(n, "%s: %q", f.what, line)
		}
	}
	if !strings.Contains(line, "echo ") && strings.Count(line, `"`)%2 != 0 {
		bad(n, "a quote too few: %q", line)
	}
	// One command a line; only redirections of ours stand outside of quotes.
	bare := outside
	for _, ours := range []string{"2^>nul", ">nul", "2>&1", "2>nul", "<nul", ">>", "^&", "^<", "^>", "^|", "^^"} {
		bare = strings.ReplaceAll(bare, ours, "")
	}
	bare = strings.TrimPrefix(bare, ">")
	if strings.ContainsAny(bare, `&|<>^`) {
		bad(n, "a character that cmd reads, outside of quotes: %q", line)
	}
}

// unquoted returns a line without what stands between quotes.
func unquoted(line string) string {
	var b strings.Builder
	inside := false
	for _, r := range line {
		if r == '"' {
			inside = !inside
		}
		if r == '"' || !inside {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func lintVariables(line string, n int, set map[string]bool, read map[string]int) {
	for _, m := range cmdAssign.FindAllStringSubmatch(line, -1) {
		set[strings.ToLower(m[1])] = true
	}
	if m := cmdCleared.FindStringSubmatch(line); m != nil {
		for name := range words(m[1]) {
			set[name] = true
		}
	}
	line = cmdLoop.ReplaceAllString(line, "")
	for _, m := range cmdRead.FindAllStringSubmatch(line, -1) {
		read[strings.ToLower(m[1])] = n
	}
	for _, m := range cmdDefined.FindAllStringSubmatch(line, -1) {
		read[strings.ToLower(m[1])] = n
	}
}
