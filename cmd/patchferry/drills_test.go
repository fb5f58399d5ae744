package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestScalePageIsItsDrill: the commands that docs/scale.md shows are those that
// were run, letter by letter.
func TestScalePageIsItsDrill(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join("..", "..", "testdata", "drills", "scale.sh"))
	if err != nil {
		t.Fatal(err)
	}
	run := strings.Split(string(script), "\n")
	shown := 0
	for i, line := range strings.Split(string(page), "\n") {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		shown++
		// audit ends with 4 where it finds something, and the drill wants it to.
		if !slices.Contains(run, command) && !slices.Contains(run, "fails 4 "+command) {
			t.Errorf("scale.md:%d: %s: no line of the drill", i+1, command)
		}
	}
	if shown < 15 {
		t.Errorf("the page shows %d commands; it has lost its form", shown)
	}
}
