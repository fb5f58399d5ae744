package main

import (
	"fmt"
	"strings"
)

// Lines to type begin so in CHECK.txt, and no other line does: nothing that
// others wrote begins a line. Those that need another program than gpg, zstd
// and what every system has begin otherwise, so that the rest can be run as one
// script.
const (
	runMark   = "    $ "
	otherMark = "    + "

	checkColumns = 88
)

// checklist writes CHECK.txt.
type checklist struct {
	b     strings.Builder
	steps int
}

// step begins the next step.
func (c *checklist) step(title string) {
	c.steps++
	fmt.Fprintf(&c.b, "\n%d. %s\n", c.steps, title)
}

// say writes a paragraph, broken into lines. It is one line of words, whatever
// they hold.
func (c *checklist) say(format string, args ...any) {
	c.wrap("   ", fmt.Sprintf(format, args...))
}

func (c *checklist) wrap(indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(oneLine(text, 0)) {
		if len(line) > len(indent) && len(line)+1+len(word) > checkColumns {
			c.b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	c.b.WriteString(line + "\n")
}

// run writes a line to type, and what it answers when all is well.
func (c *checklist) run(expect, line string) { c.line(runMark, expect, line) }

// other is run for a line that needs a program which not everybody has.
func (c *checklist) other(expect, line string) { c.line(otherMark, expect, line) }

func (c *checklist) line(mark, expect, line string) {
	c.b.WriteString(mark + line + "\n")
	if expect != "" {
		c.wrap("      = ", expect)
	}
}

// quoteShell returns s as one word of a POSIX shell, whatever it holds.
func quoteShell(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._/:-", r)
	})
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// sha256Of is the part of a line that stands for the digest of a file. It is
// put between quotes that are matched as well, so that nothing fits where the
// file is missing.
func sha256Of(name string) string {
	return "$(sha256sum < " + quoteShell(name) + " | cut -c1-64)"
}

// validBy is the part of a line that demands a good signature of one of some
// certificates.
func validBy[T ~string](signers ...T) string {
	var all []string
	for _, s := range signers {
		all = append(all, string(s))
	}
	return "grep -E 'VALIDSIG .* (" + strings.Join(all, "|") + ")$'"
}
