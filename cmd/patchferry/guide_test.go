package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// guideStep is one command of a guide, or text to put at the end of a file.
type guideStep struct {
	line    int    // in the document
	prompt  string // "near$"
	command string
	status  int      // that is stated
	answer  []string // lines that are shown, in this order
	file    string   // to which the answer is to be added; then there is no command
}

var (
	guidePrompt = regexp.MustCompile(`^(near|far|server|publisher|host)?\$ (.+)$`)
	guideStatus = regexp.MustCompile(` +# exit status (\d+)$`)
)

// readGuide finds the steps in a document: in blocks of the kind console, and in
// blocks of the kind toml that name a file.
func readGuide(t *testing.T, page string) []guideStep {
	t.Helper()
	var steps []guideStep
	block := ""
	for i, line := range strings.Split(page, "\n") {
		if info, ok := strings.CutPrefix(line, "```"); ok {
			kind, file, _ := strings.Cut(info, " ")
			if block = kind; kind == "toml" && file != "" {
				steps = append(steps, guideStep{line: i + 1, file: file})
			}
			continue
		}
		m := guidePrompt.FindStringSubmatch(line)
		switch {
		case block == "console" && m != nil:
			s := guideStep{line: i + 1, prompt: m[1] + "$", command: m[2]}
			if status := guideStatus.FindStringSubmatch(s.command); status != nil {
				s.status, _ = strconv.Atoi(status[1])
			}
			steps = append(steps, s)
		case (block == "console" || block == "toml") && len(steps) > 0:
			last := &steps[len(steps)-1]
			last.answer = append(last.answer, line)
		}
	}
	if len(steps) < 20 {
		t.Fatalf("the guide has %d steps; it has lost its form", len(steps))
	}
	return steps
}

// bindings maps what a guide shows to what it is on this machine: fingerprints,
// digests, ids. What was seen once is the same ever after.
type bindings map[string]string

// variable is what differs from machine to machine: bound are fingerprints in
// both forms, digests, UUIDs, ids of updates and numbers of folders; free are
// times and sizes.
var (
	variable  = regexp.MustCompile(boundForm + `|` + freeForm + `|…`)
	boundForm = `(?:[0-9A-F]{4} ){9}[0-9A-F]{4}|\b[0-9A-F]{40}\b|\b[0-9a-f]{64}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\bmy:[0-9a-f]{16}\b|_[0-9]{10}\b`
	freeForm  = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d{4}-\d\d-\d\d|\b\d+(?:\.\d+)? [kMG]?B\b`
	isFree    = regexp.MustCompile(`^(?:` + freeForm + `)$`)
)

// replace puts what is known into text of the guide.
func (b bindings) replace(text string) string {
	shown := make([]string, 0, len(b))
	for s := range b {
		shown = append(shown, s)
	}
	slices.SortFunc(shown, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, s := range shown {
		pairs = append(pairs, s, b[s])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// compare finds the lines that are shown in an answer, in their order; other
// lines may stand between them, and columns be wider. What matches is bound.
func (b bindings) compare(shown []string, answer string) error {
	lines := strings.Split(answer, "\n")
	at := 0
	for _, want := range shown {
		if want = narrow(want); want == "" || want == "…" {
			continue
		}
		i := slices.IndexFunc(lines[at:], func(line string) bool { return b.match(want, narrow(line)) })
		if i < 0 {
			return fmt.Errorf("it does not say %q, or not at this place", want)
		}
		at += i + 1
	}
	return nil
}

// narrow leaves one blank between words.
func narrow(line string) string { return strings.Join(strings.Fields(line), " ") }

// match compares one line, and binds what it learns.
func (b bindings) match(shown, line string) bool {
	var pattern strings.Builder
	var names []string
	rest := shown
	for at := variable.FindStringIndex(rest); at != nil; at = variable.FindStringIndex(rest) {
		pattern.WriteString(regexp.QuoteMeta(b.replace(rest[:at[0]])))
		switch token := rest[at[0]:at[1]]; {
		case token == "…":
			pattern.WriteString(`.*`)
		case isFree.MatchString(token):
			pattern.WriteString(`(?:` + freeForm + `)`)
		case b[token] != "":
			pattern.WriteString(regexp.QuoteMeta(b[token]))
		default:
			names = append(names, token)
			pattern.WriteString(`(` + boundForm + `)`)
		}
		rest = rest[at[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(b.replace(rest)))
	m := regexp.MustCompile(`^` + pattern.String() + `$`).FindStringSubmatch(line)
	if m == nil {
		return false
	}
	for i, name := range names {
		b[name] = m[i+1]
		b[strings.ReplaceAll(name, " ", "")] = strings.ReplaceAll(m[i+1], " ", "")
	}
	return true
}

// TestGuideIsHeldToItsWords finds that the walk notices what is not so.
func TestGuideIsHeldToItsWords(t *testing.T) {
	const (
		paper = "C374 0FC5 69A6 FBB1 AAAA 0000 1111 2222 3333 4444"
		here  = "0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567"
	)
	tests := []struct {
		name   string
		shown  []string
		answer string
		wrong  bool
	}{
		{"the same", []string{"a", "b"}, "a\nb\n", false},
		{"shortened", []string{"a", "…", "c"}, "a\nb\nc\n", false},
		{"in another order", []string{"b", "a"}, "a\nb\n", true},
		{"missing", []string{"a"}, "b\n", true},
		{"a part of a line", []string{"imported"}, "imported main\n", true},
		{"sizes and times differ", []string{"12 kB at 2026-01-01T00:00:00Z"}, "1.4 MB at 2030-12-31T10:00:00Z\n", false},
		{"columns are wider", []string{"ok    clock  right"}, "  ok clock    right\n", false},
		{"numbers do not", []string{"12 files"}, "13 files\n", true},
		{"a fingerprint, twice the same", []string{"origin " + paper, "again " + paper}, "origin " + here + "\nagain " + here + "\n", false},
		{"a fingerprint in its other form", []string{"origin " + paper, "by " + strings.ReplaceAll(paper, " ", "")},
			"origin " + here + "\nby " + strings.ReplaceAll(here, " ", "") + "\n", false},
		{"another fingerprint", []string{"origin " + paper, "again " + paper}, "origin " + here + "\nagain " + paper + "\n", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := make(bindings).compare(tt.shown, tt.answer); (err != nil) != tt.wrong {
				t.Errorf("got %v, want an error: %t", err, tt.wrong)
			}
		})
	}
}
