package script

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// cmdForbidden are constructs that one of the systems from Windows 2000 on, or
// Wine 8, does not have or reads in its own way.
var cmdForbidden = []struct {
	what    string
	pattern *regexp.Regexp
	outside bool // of quotes alone
}{
	{"a chain of && or ||", regexp.MustCompile(`&&|\|\|`), true},
	{"if errorlevel, a signed comparison", regexp.MustCompile(`(?i)\bif\s+(not\s+)?errorlevel\b`), true},
	{"status of a called script", regexp.MustCompile(`(?i)\bcall\s+"?[^:\s"]\S*\.(cmd|bat)`), false},
	{"find, findstr, timeout, choice, where or robocopy", regexp.MustCompile(`(?i)^\s*(find|findstr|timeout|choice|where|robocopy)(\.exe)?\s`), true},
	{"reg query /f", regexp.MustCompile(`(?i)%REG%\s+query\b.*\s/f\b`), false},
	{"set /p from a file", regexp.MustCompile(`(?i)set /p\b.*<\s*"`), false},
	{"a block in parentheses", regexp.MustCompile(`\($|(?i)\belse\b|^\s*[()]`), true},
	{"start behind if", regexp.MustCompile(`(?i)^if\b.*\bstart\s`), true},
	{"a loop variable that is a modifier", regexp.MustCompile(`(?i)\bfor\b[^%]*%%[^g-m]`), false},
	{"delayed expansion", regexp.MustCompile(`!`), false},
	{"a handle number by accident", regexp.MustCompile(`[^ \t"^][0-9]>|[a-zA-Z%]>`), true},
	{"a restart", regexp.MustCompile(`(?i)\bshutdown(\.exe)?\s+[-/]|/forcerestart`), true},
	{"the current directory", regexp.MustCompile(`(?i)^\s*(pushd|cd|chdir)\b`), true},
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

// cmdOnce begin the names of labels below which a run comes once, or where a package is
// fetched: elsewhere no jump goes back. Labels are looked for from the line of a jump on,
// and then from the beginning: of a set for hundreds of packages that is half a megabyte
// for each such jump, and a package made six of them.
var cmdOnce = []string{"argument_", "begin", "end", "host", "download", "helper", "qchain"}

// cmdFacts is what one line of a script is found to be, by itself.
type cmdFacts struct {
	label                string
	problems             []string
	jumps, assigns, uses []string
}

// cmdLint holds scripts to the rules for what runs from Windows 2000 to 11. It
// remembers lines, of which most stand in every script.
type cmdLint map[string]*cmdFacts

// lintCmd returns what breaks the rules in one script.
func lintCmd(script []byte) []string { return make(cmdLint).script(script) }

func (l cmdLint) script(script []byte) []string {
	var problems []string
	bad := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
	}
	if !bytes.HasSuffix(script, []byte("\r\n")) {
		bad(0, "no line end at the end")
	}
	labels, blocks, uses := make(map[string][]int), make(map[string]string), make(map[string]int)
	var jumps []cmdJumps
	var below string // label
	part := 0        // that a copy of a label may stand in
	assigned := make(map[string]bool)
	lines := strings.Split(strings.TrimSuffix(string(script), "\r\n"), "\r\n")
	for i, line := range lines {
		facts := l.line(line)
		for _, problem := range facts.problems {
			bad(i+1, "%s: %.200q", problem, line)
		}
		if facts.label != "" {
			below = facts.label
			if strings.HasPrefix(below, "part_") {
				part = i + 1
			}
			if at := labels[below]; len(at) > 0 && at[len(at)-1] >= part {
				bad(i+1, "label %s is in line %d already", below, at[len(at)-1])
			}
			labels[below] = append(labels[below], i+1)
			block := blockOf(lines[i+1:])
			if first, ok := blocks[below]; ok && first != block {
				bad(i+1, "label %s has other lines below it than in line %d", below, labels[below][0])
			}
			blocks[below] = block
		}
		for _, name := range facts.jumps {
			jumps = append(jumps, cmdJumps{name, below, i + 1})
		}
		for _, name := range facts.assigns {
			assigned[name] = true
		}
		for _, name := range facts.uses {
			uses[name] = i + 1
		}
	}
	for _, jump := range jumps {
		at := labels[jump.to]
		if !lands(jump.to, labels) {
			bad(jump.line, "no label %s", jump.to)
		}
		once := slices.ContainsFunc(cmdOnce, func(once string) bool { return strings.HasPrefix(jump.below, once) })
		if len(at) > 0 && at[len(at)-1] < jump.line && !once {
			bad(jump.line, "a jump back to %s", jump.to)
		}
	}
	for name, n := range uses {
		if !assigned[name] && !cmdOfHost[name] && !strings.HasPrefix(name, "key_") { // those are set by what a key is called
			bad(n, "%%%s%% is never set", name)
		}
	}
	return problems
}

// line looks at one line, unless it did before.
func (l cmdLint) line(line string) *cmdFacts {
	if known := l[line]; known != nil {
		return known
	}
	f := &cmdFacts{}
	l[line] = f
	if strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		f.problems = append(f.problems, "not printable ASCII")
	}
	if len(line) >= 2000 {
		f.problems = append(f.problems, fmt.Sprintf("%d characters", len(line)))
	}
	label := cmdLabel.FindStringSubmatch(line)
	switch {
	case label != nil:
		f.label = strings.ToLower(label[1])
	case strings.HasPrefix(line, ":"):
		f.problems = append(f.problems, "no label")
	case strings.HasPrefix(line, "rem"):
		// cmd reads "%" and "/?" there, and a caret at its end joins the next line to it.
		if strings.ContainsAny(strings.ReplaceAll(line, "%SystemRoot%", ""), `%^&<>|!`) || strings.Contains(line, "/?") {
			f.problems = append(f.problems, "a comment that cmd reads")
		}
	default:
		f.command(line)
		f.variables(line)
	}
	return f
}

// command looks at a line that is neither label nor comment.
func (f *cmdFacts) command(line string) {
	outside := unquoted(line)
	before, said, echoes := strings.Cut(outside, "echo ")
	for _, rule := range cmdForbidden {
		at := line
		if rule.outside {
			at = outside
		}
		// What echo prints is no command, however it reads.
		if echoes && rule.outside {
			at = before
		}
		if rule.pattern.MatchString(at) {
			f.problems = append(f.problems, rule.what)
		}
	}
	if !(echoes && strings.Contains(said, "^")) && strings.Count(line, `"`)%2 != 0 {
		f.problems = append(f.problems, "a quote too few")
	}
	// One command a line; only redirections of ours stand outside of quotes.
	for _, ours := range []string{"2^>nul", ">nul", "2>&1", "2>nul", "<nul", ">>", "^&", "^<", "^>", "^|", "^^"} {
		outside = strings.ReplaceAll(outside, ours, "")
	}
	if strings.ContainsAny(strings.TrimPrefix(outside, ">"), `&|<>^`) {
		f.problems = append(f.problems, "a character that cmd reads, outside of quotes")
	}
	if strings.HasPrefix(line, "set ") { // all of it is a value
		return
	}
	for _, m := range cmdJump.FindAllStringSubmatch(before, -1) {
		f.jumps = append(f.jumps, strings.ToLower(m[1]))
	}
}

// variables finds what a line sets and what it uses.
func (f *cmdFacts) variables(line string) {
	for _, m := range cmdAssign.FindAllStringSubmatch(line, -1) {
		f.assigns = append(f.assigns, strings.ToLower(m[1]))
	}
	if m := cmdCleared.FindStringSubmatch(line); m != nil {
		for name := range words(m[1]) {
			f.assigns = append(f.assigns, name)
		}
	}
	line = cmdLoop.ReplaceAllString(line, "")
	for _, m := range cmdRead.FindAllStringSubmatch(line, -1) {
		f.uses = append(f.uses, strings.ToLower(m[1]))
	}
	for _, m := range cmdDefined.FindAllStringSubmatch(line, -1) {
		f.uses = append(f.uses, strings.ToLower(m[1]))
	}
}

// cmdJumps is a jump from a line, below a label.
type cmdJumps struct {
	to, below string
	line      int
}

// blockOf returns the lines up to the next label, without comments.
func blockOf(lines []string) string {
	var block strings.Builder
	for _, line := range lines {
		if strings.HasPrefix(line, ":") {
			break
		}
		if !strings.HasPrefix(line, "rem") {
			block.WriteString(line + "\n")
		}
	}
	return block.String()
}

// lands reports whether a jump has its label. A jump to a computed label has at
// least one that begins like it.
func lands(jump string, labels map[string][]int) bool {
	if jump == "eof" || len(labels[jump]) > 0 {
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
