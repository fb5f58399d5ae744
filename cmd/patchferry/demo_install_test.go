package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDemoInstalls has a host under Wine install the package for practice from the
// far side's tree, find it there, and report it.
func TestDemoInstalls(t *testing.T) {
	judge(t, "wine")
	judge(t, "wineserver")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var story, summary bytes.Buffer
	if got := run(t.Context(), []string{"demo", "--once", "--json"}, strings.NewReader(""), &summary, &story, nil); got != exitDone {
		t.Fatalf("the demo exits %d:\n%s", got, story.String())
	}
	var r demoReport
	if err := json.Unmarshal(summary.Bytes(), &r); err != nil || r.Installed != 1 {
		t.Errorf("got %s (%v), want that one host installed\n%s", summary.String(), err, story.String())
	}
	for _, want := range []string{
		`(?m)^ +C:\\> \\\\far\\updates\\install\\updates\\\S+\\install\.cmd /report http://`,
		`id=KB9000001 state=ok rc=0 kind=msu`,
		`id=KB9000001 state=installed kind=msu`,
		`(?m)Windows Vista SP2 .* production .* 1 installed$`,
	} {
		if !regexp.MustCompile(want).Match(story.Bytes()) {
			t.Errorf("the story lacks %s", want)
		}
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v left behind (%v), want nothing", left, err)
	}
}
