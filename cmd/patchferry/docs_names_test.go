package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocsNameWhatExists finds that every command of ours, and every flag of
// it, that a document shows in code exists. What make docs writes need not be
// looked at.
func TestDocsNameWhatExists(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join("..", "..", "README.md"), filepath.Join("..", "..", "configs", "README.md"))
	root := commandTree()
	found := 0
	for _, name := range pages {
		if filepath.Base(name) == "commands.md" {
			continue
		}
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range shownCommands(string(page)) {
			found++
			for _, problem := range notOurs(root, line) {
				t.Errorf("%s: %s: %s", filepath.Base(name), line, problem)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d commands were found; the documents have lost their form", found)
	}
}

// TestDocsNamesAreFound finds that what does not exist is noticed.
func TestDocsNamesAreFound(t *testing.T) {
	const page = "Type `patchferry fly DIR`, not patchferry swim, or\n\n```\n$ ./patchferry export --to DIR --by-air  # --comment\nbin/patchferry --config x bundle burn; patchferry status --due\n```\n"
	var got []string
	for _, line := range shownCommands(page) {
		got = append(got, notOurs(commandTree(), line)...)
	}
	if want := []string{"no command fly", "no flag --by-air", "no command burn"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDocsExamples finds that every command that does something shows how it is
// typed, in words that exist.
func TestDocsExamples(t *testing.T) {
	root := commandTree()
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Name() == "completion" { // cobra's own
			return
		}
		for _, below := range cmd.Commands() {
			look(below)
		}
		if cmd.Example == "" && !cmd.HasSubCommands() {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, line := range shownCommands("```\n" + cmd.Example + "\n```\n") {
			for _, problem := range notOurs(root, line) {
				t.Errorf("%s: its example %q: %s", cmd.CommandPath(), line, problem)
			}
		}
	}
	look(root)
}

var (
	codeIn     = regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]+`")
	commandIn  = regexp.MustCompile(`(?m)(?:^|[ \x60/])patchferry ((?:[^;|&#()<>\x60\n]|'[^'\n]*')+)`)
	flagIn     = regexp.MustCompile(`--[a-z][a-z-]*`)
	globalFlag = regexp.MustCompile(`^(?:--(?:config|log-level|progress)[ =]\S+ |--json )+`)
)

// shownCommands returns what stands after the name of the program in the code
// of a page.
func shownCommands(page string) (lines []string) {
	for _, code := range codeIn.FindAllString(page, -1) {
		for _, m := range commandIn.FindAllStringSubmatch(code, -1) {
			if line := globalFlag.ReplaceAllString(m[1], ""); regexp.MustCompile(`^(?:[a-z]|--)`).MatchString(line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// notOurs says which words of a command line are no command or flag.
func notOurs(root *cobra.Command, line string) (problems []string) {
	words := strings.Fields(line)
	cmd := root
	for len(words) > 0 && cmd.HasSubCommands() {
		i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == words[0] })
		if i < 0 {
			break
		}
		cmd, words = cmd.Commands()[i], words[1:]
	}
	if cmd.HasSubCommands() && len(words) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) {
		return []string{"no command " + words[0]}
	}
	for _, name := range flagIn.FindAllString(strings.Join(words, " "), -1) {
		cmd.InitDefaultHelpFlag()
		if cmd.Flag(name[2:]) == nil && cmd.InheritedFlags().Lookup(name[2:]) == nil {
			problems = append(problems, "no flag "+name)
		}
	}
	return problems
}
